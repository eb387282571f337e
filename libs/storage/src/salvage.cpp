#include "salvage.h"

#include <algorithm>
#include <array>
#include <utility>

#include "appmem/base/units.h"
#include "crc32c.h"
#include "little_endian.h"
#include "log_reader.h"

namespace appmem::storage {
namespace {

constexpr std::size_t kReadBytes = 1_MiB;
/// Values that look like headers of long records must not keep a repair busy for ever: it gives a
/// file up once it has computed checksums in vain over so many times its size.
constexpr std::uint64_t kChecksInVainMax = 64;

/// Before `bytes` was added, if it is `crc` afterwards: a CRC's register can be turned back. With
/// the bytes of a whole record and its CRC this gives the file's salt.
class ReverseCrc {
 public:
  ReverseCrc() {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      // What one byte does to a register of zeros, by the function itself.
      const char text = static_cast<char>(byte);
      const std::uint32_t entry = ~crc32c({&text, 1}, ~std::uint32_t{0});
      entries_[byte] = entry;
      by_top_byte_[entry >> 24U] = static_cast<std::uint8_t>(byte);
    }
  }
  [[nodiscard]] std::uint32_t before(std::string_view bytes, std::uint32_t crc) const {
    std::uint32_t reg = ~crc;
    for (std::size_t i = bytes.size(); i-- > 0;) {
      const std::uint8_t index = by_top_byte_[reg >> 24U];
      reg = ((reg ^ entries_[index]) << 8U) |
            (index ^ static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])));
    }
    return ~reg;
  }

 private:
  std::array<std::uint32_t, 256> entries_{};
  std::array<std::uint8_t, 256> by_top_byte_{};
};

std::string_view magic_of(Salvage::Kind kind) {
  return kind == Salvage::Kind::kContent ? format::kCheckpointMagic : format::kSegmentMagic;
}

Result<std::uint32_t> crc_of(File& file, std::uint64_t at, std::uint64_t bytes,
                             std::uint32_t salt) {
  std::string buffer;
  std::uint32_t crc = salt;
  while (bytes > 0) {
    buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kReadBytes, bytes)));
    const auto read = file.read_at(at, buffer);
    if (!read) return fail(read.error());
    if (*read == 0) return ~crc;  // the file has become shorter
    crc = crc32c(std::string_view(buffer).substr(0, *read), crc);
    at += *read;
    bytes -= *read;
  }
  return crc;
}

}  // namespace

Result<Salvage> Salvage::open(FileSystem& files, const std::string& path, const NamedFile& named,
                              Kind kind) {
  Salvage salvage(files, path, kind);
  if (auto begun = salvage.begin(named); !begun) return fail(std::move(begun).error());
  return salvage;
}

Result<void> Salvage::begin(const NamedFile& named) {
  last_ = kind_ == Kind::kContent ? 0 : named.sequence - 1;
  auto file = RecordFile::open(*files_, path_, magic_of(kind_));
  if (file) {
    directory_id_ = file->header().directory;
    file_ = *std::move(file);
    return {};
  }
  if (file.error().code != ErrorCode::kInvalidRequest) return fail(std::move(file).error());
  header_problem_ = file.error().message;
  auto raw = files_->open(path_, FileSystem::Open::kRead);
  if (!raw) return fail(std::move(raw).error());
  std::string head(format::kFileHeaderBytes, '\0');
  const auto read = (*raw)->read_at(0, head);
  if (!read) return fail(read.error());
  head.resize(*read);
  if (is_header_of_other_version(magic_of(kind_), head)) {
    return fail(ErrorCode::kUnavailable,
                path_ + ": " + header_problem_ + "; only the program that wrote it can repair it");
  }
  file_.reset();
  if (head.size() == format::kFileHeaderBytes) {
    const auto made_up = make_up_header(head, named);
    if (!made_up) return fail(made_up.error());
    if (*made_up) return {};
  }
  auto unread = RecordFile::open_with(*files_, path_, {});
  if (!unread) return fail(std::move(unread).error());
  file_ = *std::move(unread);
  finished_ = true;
  return {};
}

/// The salt is all that is needed of it.
Result<bool> Salvage::make_up_header(std::string_view head, const NamedFile& named) {
  const FileHeader raw = raw_file_header(head);
  auto fits = try_salt(raw.salt, named, format::kFileHeaderBytes);
  if (!fits || *fits) return fits;
  // That of the first record, if that one is whole: then the next one proves it, or the header.
  auto file = files_->open(path_, FileSystem::Open::kRead);
  if (!file) return fail(std::move(file).error());
  const auto size = (*file)->size();
  if (!size) return fail(size.error());
  std::string record(format::kRecordHeaderBytes, '\0');
  const auto read = (*file)->read_at(format::kFileHeaderBytes, record);
  if (!read) return fail(read.error());
  if (*read < record.size()) return false;
  const auto header = decode_record_header(record);
  const std::uint64_t end_max = *size - format::kFileHeaderBytes - format::kRecordHeaderBytes;
  if (!header || header->length > end_max) return false;
  const std::uint64_t next = format::kFileHeaderBytes + format::kRecordHeaderBytes + header->length;
  record.resize(static_cast<std::size_t>(next - format::kFileHeaderBytes));
  const auto whole = (*file)->read_at(format::kFileHeaderBytes, record);
  if (!whole) return fail(whole.error());
  if (*whole < record.size()) return false;
  const std::uint32_t salt =
      ReverseCrc().before(std::string_view(record).substr(format::kRecordLengthAt), header->crc);
  std::string mended(head);
  store_u32(mended.data() + format::kSaltAt, salt);
  if (decode_file_header(magic_of(kind_), mended)) {
    return try_salt(salt, named, format::kFileHeaderBytes);
  }
  return try_salt(salt, named, next);
}

/// Takes it when a record from `from` on is whole with it.
Result<bool> Salvage::try_salt(std::uint32_t salt, const NamedFile& named, std::uint64_t from) {
  auto file = RecordFile::open_with(*files_, path_, {.sequence = named.sequence, .salt = salt});
  if (!file) return fail(std::move(file).error());
  file_ = *std::move(file);
  const auto found = find_record(from);
  if (!found) return fail(found.error());
  checked_bytes_ = 0;
  if (*found) return true;
  file_.reset();
  return false;
}

Result<Salvage::Found> Salvage::next() {
  if (!header_problem_.empty()) {
    lost_from_ = 0;
    const std::uint64_t to = finished_ ? file_->size() : format::kFileHeaderBytes;
    return lose(Found::kLost, to, std::exchange(header_problem_, {}));
  }
  if (finished_) return Found::kEnd;
  return read_record();
}

Result<Salvage::Found> Salvage::read_record() {
  const auto found = file_->next();
  if (!found) return fail(found.error());
  lost_from_ = file_->offset();
  if (*found == RecordFile::Found::kEnd) {
    finished_ = true;
    if (kind_ != Kind::kContent) return Found::kEnd;
    return lose(Found::kLost, file_->size(), "the end of a checkpoint is missing");
  }
  return is_acceptable(*found) ? take_record() : lose_until_found();
}

/// Sets problem() where it is not.
bool Salvage::is_acceptable(RecordFile::Found found) {
  if (found != RecordFile::Found::kRecord) {
    problem_ = file_->problem();
    return false;
  }
  if (may_be(file_->record(), file_->offset())) return true;
  problem_ = file_->record().sequence == last_ + 1 ? "a record of another kind of file"
                                                   : gap_problem(last_);
  return false;
}

Result<Salvage::Found> Salvage::take_record() {
  const RecordHeader& record = file_->record();
  if (record.kind == format::RecordKind::kGroup) {
    if (file_->payload().size() >= sizeof(std::uint64_t)) {
      mark_ = std::max(mark_, load_u64(file_->payload().data()));
    }
    return Found::kMark;
  }
  if (record.kind == format::RecordKind::kEnd) {
    finished_ = true;
    return Found::kFinish;
  }
  last_ = record.sequence;
  const auto understood =
      read_operations(file_->payload(), values_, [&](const Operation& operation) -> Result<void> {
        const bool fits = kind_ != Kind::kContent || operation.kind == format::Operation::kSet ||
                          operation.kind == format::Operation::kCreate;
        return fits ? Result<void>() : fail(ErrorCode::kInvalidRequest, "a change in a checkpoint");
      });
  if (understood) return Found::kRecord;
  if (understood.error().code != ErrorCode::kInvalidRequest) return fail(understood.error());
  return lose(Found::kLost, file_->next_offset(), understood.error().message);
}

Salvage::Found Salvage::lose(Found as, std::uint64_t to, std::string problem) {
  lost_to_ = to;
  problem_ = std::move(problem);
  return as;
}

/// From the place that was read last.
Result<Salvage::Found> Salvage::lose_until_found() {
  if (kind_ == Kind::kLastSegment) {
    const auto behind = file_->highest_mark_behind();
    if (!behind) return fail(behind.error());
    // As SegmentReader::next.
    if (auto again = file_->reread(); !again) return fail(std::move(again).error());
    const auto found = file_->next();
    if (!found) return fail(found.error());
    if (is_acceptable(*found)) return take_record();
    std::string problem = problem_;
    if (std::max(*behind, mark_) <= last_) {
      finished_ = true;
      return lose(Found::kTorn, file_->size(), std::move(problem));
    }
  }
  std::string problem = problem_;
  const auto found = find_record(lost_from_ + 1);
  if (!found) return fail(found.error());
  finished_ = !*found;
  if (*found) file_->go_to(**found);
  return lose(Found::kLost, found->value_or(file_->size()), std::move(problem));
}

/// Whether a record may stand at `at`, by its kind and number: there is not room for any number of
/// them between the last one and it.
bool Salvage::may_be(const RecordHeader& record, std::uint64_t at) const {
  using RecordKind = format::RecordKind;
  const bool is_content = record.kind == RecordKind::kContent || record.kind == RecordKind::kEnd;
  if (is_content != (kind_ == Kind::kContent)) return false;
  const std::uint64_t between = at / format::kRecordHeaderBytes;
  return record.sequence > last_ && record.sequence - last_ <= between + 1;
}

Result<std::optional<std::uint64_t>> Salvage::find_record(std::uint64_t from) {
  auto file = files_->open(path_, FileSystem::Open::kRead);
  if (!file) return fail(std::move(file).error());
  const std::uint64_t size = file_->size();
  const std::uint32_t salt = file_->header().salt;
  std::string buffer;
  while (from + format::kRecordHeaderBytes <= size) {
    buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kReadBytes, size - from)));
    const auto read = (*file)->read_at(from, buffer);
    if (!read) return fail(read.error());
    if (*read < format::kRecordHeaderBytes) return std::optional<std::uint64_t>();
    const std::string_view bytes = std::string_view(buffer).substr(0, *read);
    const std::size_t count = bytes.size() - format::kRecordHeaderBytes + 1;
    for (std::size_t i = 0; i < count; ++i) {
      const auto header = decode_record_header(bytes.substr(i));
      const std::uint64_t at = from + i;
      if (!header || header->length > size - at - format::kRecordHeaderBytes) continue;
      if (!may_be(*header, at)) continue;
      const std::uint64_t behind =
          format::kRecordHeaderBytes - format::kRecordLengthAt + header->length;
      if (checked_bytes_ > kChecksInVainMax * size) return std::optional<std::uint64_t>();
      const auto crc = crc_of(**file, at + format::kRecordLengthAt, behind, salt);
      if (!crc) return fail(crc.error());
      if (*crc == header->crc) return std::optional(at);
      checked_bytes_ += behind;
    }
    from += count;
  }
  return std::optional<std::uint64_t>();
}

}  // namespace appmem::storage
