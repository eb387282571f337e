#include <algorithm>
#include <utility>

#include "appmem/base/check.h"
#include "appmem/base/limits.h"
#include "crc32c.h"
#include "little_endian.h"
#include "log_format.h"
#include "record.h"
#include "varint.h"

namespace appmem::storage {
namespace {

/// Of an operation: its byte and the namespace.
constexpr std::size_t kBeginningBytesMax = 1 + kVarintBytesMax;
/// Flags, key bytes, version, deadline, position, value bytes or an integer.
constexpr std::size_t kSetFieldsBytesMax = 1 + 5 * kVarintBytesMax;
/// Eleven pairs and the end.
constexpr std::size_t kSettingsBytesMax = 11 * (1 + kVarintBytesMax) + 1;

// The numbers of these are part of the format.
static_assert(static_cast<int>(ValueKind::kBytes) == 0);
static_assert(static_cast<int>(ValueKind::kInteger) == 1);
static_assert(static_cast<int>(ValueKind::kJson) == 2);
static_assert(static_cast<int>(core::ValueType::kAny) == 0);
static_assert(static_cast<int>(core::ValueType::kString) == 1);
static_assert(static_cast<int>(core::ValueType::kInt) == 2);
static_assert(static_cast<int>(core::ValueType::kJson) == 3);
static_assert(static_cast<int>(core::Persistence::kNone) == 0);
static_assert(static_cast<int>(core::Persistence::kSnapshot) == 1);
static_assert(static_cast<int>(core::Persistence::kWal) == 2);
static_assert(static_cast<int>(core::Eviction::kLru) == 0);
static_assert(static_cast<int>(core::Eviction::kS3Fifo) == 1);
static_assert(static_cast<int>(core::Eviction::kNone) == 2);

char* write_text(char* out, std::string_view text) {
  out = write_varint(out, text.size());
  return std::copy(text.begin(), text.end(), out);
}

char* write_beginning(char* out, format::Operation operation, NamespaceNumber ns) {
  *out++ = static_cast<char>(operation);
  return write_varint(out, ns);
}

char* write_setting(char* out, format::SettingTag tag, std::uint64_t value) {
  out = write_varint(out, static_cast<std::uint64_t>(tag));
  return write_varint(out, value);
}

char* write_setting(char* out, format::SettingTag tag, std::optional<std::uint64_t> value) {
  return value ? write_setting(out, tag, *value) : out;
}

/// One that is 0 in a file that does not name it.
template <typename T>
char* write_unless_zero(char* out, format::SettingTag tag, T value) {
  const auto number = static_cast<std::uint64_t>(value);
  return number != 0 ? write_setting(out, tag, number) : out;
}

/// Small numbers of either sign are short.
std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63U);
}

/// Milliseconds since 1970. What is due before that is as due at that moment.
std::uint64_t wall_ms(WallTime when) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(when.time_since_epoch().count(), 0));
}

}  // namespace

char* RecordBuffer::make_room(std::size_t bytes_max) {
  APPMEM_CHECK(open_);
  const std::size_t size = text_.size();
  text_.resize(size + bytes_max);
  return text_.data() + size;
}

void RecordBuffer::cut_behind(const char* end) {
  text_.resize(static_cast<std::size_t>(end - text_.data()));
}

void RecordBuffer::begin(format::RecordKind kind, std::uint64_t sequence) {
  APPMEM_CHECK(!open_);
  open_ = true;
  records_.push_back(text_.size());
  char* const header = make_room(format::kRecordHeaderBytes);
  // The length follows in end(), the CRC in seal().
  store_u64(header + format::kRecordLengthAt, static_cast<std::uint64_t>(kind)
                                                  << format::kRecordKindShift);
  store_u64(header + format::kRecordSequenceAt, sequence);
}

void RecordBuffer::end() {
  APPMEM_CHECK(open_);
  open_ = false;
  const std::size_t begin = records_.back();
  std::uint64_t length = text_.size() - begin - format::kRecordHeaderBytes;
  for (auto i = pieces_.rbegin(); i != pieces_.rend() && i->at > begin; ++i)
    length += i->bytes.size();  // nothing is compressed yet
  APPMEM_CHECK(length <= format::kRecordLengthMask);
  char* const field = text_.data() + begin + format::kRecordLengthAt;
  store_u64(field, load_u64(field) | length);
}

void RecordBuffer::set(NamespaceNumber ns, const SetFields& fields) {
  const ValueView& value = fields.value;
  APPMEM_CHECK(fields.key.size() <= kKeyBytesMax && value.bytes.size() <= kValueBytesMaxCeiling);
  std::uint8_t flags = static_cast<std::uint8_t>(value.kind);
  if (fields.deadline) flags |= format::kHasDeadline;
  if (fields.position) flags |= format::kHasPosition;

  char* out = make_room(kBeginningBytesMax + kSetFieldsBytesMax + fields.key.size());
  out = write_beginning(out, format::Operation::kSet, ns);
  const auto flags_at = static_cast<std::size_t>(out - text_.data());
  *out++ = static_cast<char>(flags);
  out = write_text(out, fields.key);
  out = write_varint(out, fields.version);
  if (fields.deadline) out = write_varint(out, wall_ms(*fields.deadline));
  if (fields.position) out = write_varint(out, *fields.position);
  if (value.kind == ValueKind::kInteger) {
    cut_behind(write_varint(out, zigzag(value.integer)));
    return;
  }
  cut_behind(write_varint(out, value.bytes.size()));
  add_value(value, flags_at);
}

void RecordBuffer::add_value(const ValueView& value, std::size_t flags_at) {
  const bool may_be_compressed = value.bytes.size() > compress_above_;
  if (value.shared != nullptr || may_be_compressed) {
    Piece& piece = pieces_.emplace_back();
    piece.at = text_.size();
    if (value.shared == nullptr) {
      piece.text_bytes = value.bytes.size();
    } else {
      piece.bytes = value.bytes;
      piece.shared = *value.shared;
      inserted_bytes_ += value.bytes.size();
    }
    if (may_be_compressed) {
      piece.flags_at = flags_at;
      ++uncompressed_;
    }
  }
  if (value.shared == nullptr) text_.append(value.bytes);
}

void RecordBuffer::remove(NamespaceNumber ns, std::string_view key) {
  APPMEM_CHECK(key.size() <= kKeyBytesMax);
  char* const out = make_room(kBeginningBytesMax + kVarintBytesMax + key.size());
  cut_behind(write_text(write_beginning(out, format::Operation::kDelete, ns), key));
}

void RecordBuffer::expire(NamespaceNumber ns, std::string_view key,
                          std::optional<WallTime> deadline) {
  APPMEM_CHECK(key.size() <= kKeyBytesMax);
  char* out = make_room(kBeginningBytesMax + 2 * kVarintBytesMax + key.size());
  out = write_text(write_beginning(out, format::Operation::kExpire, ns), key);
  cut_behind(write_varint(out, deadline ? wall_ms(*deadline) + 1 : 0));
}

void RecordBuffer::clear(NamespaceNumber ns) {
  cut_behind(write_beginning(make_room(kBeginningBytesMax), format::Operation::kClear, ns));
}

void RecordBuffer::describe(format::Operation operation, NamespaceNumber ns, std::string_view name,
                            const core::NamespaceSettings& settings, bool incomplete,
                            std::uint64_t entries) {
  using format::SettingTag;
  APPMEM_CHECK(operation == format::Operation::kCreate || operation == format::Operation::kAlter);
  APPMEM_CHECK(name.size() <= kNamespaceNameBytesMax);
  char* out = make_room(kBeginningBytesMax + kVarintBytesMax + name.size() + kSettingsBytesMax);
  out = write_text(write_beginning(out, operation, ns), name);
  out = write_unless_zero(out, SettingTag::kType, settings.type);
  out = write_unless_zero(out, SettingTag::kPersist, settings.persist);
  out = write_unless_zero(out, SettingTag::kEviction, settings.eviction);
  out = write_setting(out, SettingTag::kMaxBytes, settings.max_bytes);
  out = write_unless_zero(out, SettingTag::kReservedBytes, settings.reserved_bytes);
  out = write_setting(out, SettingTag::kMaxKeys, settings.max_keys);
  out = write_setting(out, SettingTag::kMaxValueBytes, settings.max_value_bytes);
  if (settings.default_ttl) {
    const std::int64_t ms = std::max<std::int64_t>(settings.default_ttl->count(), 0);
    out = write_setting(out, SettingTag::kDefaultTtlMs, static_cast<std::uint64_t>(ms));
  }
  out = write_unless_zero(out, SettingTag::kOwnerUid, settings.owner_uid);
  out = write_unless_zero(out, SettingTag::kIncomplete, incomplete ? 1 : 0);
  out = write_unless_zero(out, SettingTag::kEntries, entries);
  cut_behind(write_varint(out, static_cast<std::uint64_t>(SettingTag::kEnd)));
}

void RecordBuffer::drop(NamespaceNumber ns) {
  cut_behind(write_beginning(make_room(kBeginningBytesMax), format::Operation::kDrop, ns));
}

void RecordBuffer::put_u64(std::uint64_t value) {
  store_u64(make_room(sizeof value), value);
}

void RecordBuffer::put_varint(std::uint64_t value) {
  cut_behind(write_varint(make_room(kVarintBytesMax), value));
}

void RecordBuffer::put_payload(std::string_view payload) {
  APPMEM_CHECK(open_);
  text_.append(payload);
}

void RecordBuffer::compress(ValueCompressor& compressor) {
  APPMEM_CHECK(!open_);
  if (!has_uncompressed()) return;
  std::size_t record = 0;
  for (Piece& piece : pieces_) {
    if (piece.flags_at == 0) continue;
    while (record + 1 < records_.size() && records_[record + 1] <= piece.flags_at)
      ++record;
    compress(piece, records_[record], compressor);
    piece.flags_at = 0;
  }
  uncompressed_ = 0;
}

/// What it has instead is shorter, so that the record is, too.
void RecordBuffer::compress(Piece& piece, std::size_t record, ValueCompressor& compressor) {
  const std::string_view value = piece.text_bytes == 0
                                     ? piece.bytes
                                     : std::string_view(text_).substr(piece.at, piece.text_bytes);
  CompressedValue compressed = compressor.compress(value);
  if (compressed.text.empty()) return;
  inserted_bytes_ += compressed.text.size();
  inserted_bytes_ -= piece.bytes.size();
  skipped_bytes_ += piece.text_bytes;
  char* const length = text_.data() + record + format::kRecordLengthAt;
  store_u64(length, load_u64(length) - value.size() + compressed.text.size());
  char& flags = text_[piece.flags_at];
  flags = static_cast<char>(static_cast<std::uint8_t>(flags) | format::kIsCompressed);
  piece.skipped = piece.text_bytes;
  piece.bytes = compressed.text;
  piece.memory = std::move(compressed.memory);
  piece.shared = SharedBytes();
}

void RecordBuffer::seal(std::uint32_t salt) {
  APPMEM_CHECK(!open_);
  const std::string_view text = text_;
  auto piece = pieces_.begin();
  for (std::size_t i = 0; i < records_.size(); ++i) {
    const std::size_t begin = records_[i];
    const std::size_t end = i + 1 < records_.size() ? records_[i + 1] : text.size();
    std::size_t at = begin + format::kRecordLengthAt;
    std::uint32_t crc = salt;
    // A value that ends its record lies where the next one begins.
    for (; piece != pieces_.end() && piece->at <= end; ++piece) {
      crc = crc32c(text.substr(at, piece->at - at), crc);
      crc = crc32c(piece->bytes, crc);
      at = piece->at + piece->skipped;
    }
    crc = crc32c(text.substr(at, end - at), crc);
    store_u32(text_.data() + begin + format::kRecordCrcAt, crc);
  }
}

void RecordBuffer::gather(std::vector<std::string_view>& pieces) const {
  const std::string_view text = text_;
  std::size_t at = 0;
  for (const Piece& piece : pieces_) {
    if (piece.bytes.empty()) continue;  // it is in the text
    pieces.push_back(text.substr(at, piece.at - at));
    pieces.push_back(piece.bytes);
    at = piece.at + piece.skipped;
  }
  if (at != text.size()) pieces.push_back(text.substr(at));
}

void RecordBuffer::clear_all(std::size_t keep_bytes) {
  const auto forget = [keep_bytes](auto& items) {
    if (items.capacity() * sizeof(*items.data()) > keep_bytes) {
      std::exchange(items, {});
    } else {
      items.clear();
    }
  };
  forget(text_);
  forget(pieces_);
  forget(records_);
  inserted_bytes_ = 0;
  skipped_bytes_ = 0;
  uncompressed_ = 0;
  open_ = false;
}

}  // namespace appmem::storage
