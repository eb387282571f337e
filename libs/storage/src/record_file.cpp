#include "record_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "appmem/base/units.h"
#include "little_endian.h"

namespace appmem::storage {
namespace {

/// One read takes so much, or as much as a record needs.
constexpr std::size_t kReadBytes = 1_MiB;
constexpr std::size_t kMarkRecordBytes = format::kRecordHeaderBytes + 8;

}  // namespace

Result<RecordFile> RecordFile::open(FileSystem& files, const std::string& path,
                                    std::string_view magic) {
  auto file = open_with(files, path, {});
  if (!file) return file;
  const auto head = file->view(0, format::kFileHeaderBytes);
  if (!head) return fail(head.error());
  auto header = decode_file_header(magic, *head);
  if (!header) return fail(std::move(header).error());
  file->header_ = *header;
  return file;
}

Result<RecordFile> RecordFile::open_with(FileSystem& files, const std::string& path,
                                         const FileHeader& header) {
  auto opened = files.open(path, FileSystem::Open::kRead);
  if (!opened) return fail(std::move(opened).error());
  const auto size = (*opened)->size();
  if (!size) return fail(size.error());
  RecordFile file(*std::move(opened), path, *size);
  file.header_ = header;
  return file;
}

Result<RecordFile::Found> RecordFile::next() {
  offset_ = next_;
  if (offset_ >= size_) return Found::kEnd;
  auto head = view(offset_, format::kRecordHeaderBytes);
  if (!head) return fail(std::move(head).error());
  const bool empty = std::all_of(head->begin(), head->end(), [](char byte) { return byte == 0; });
  if (empty) {
    const auto zeros = only_zeros_from(offset_);
    if (!zeros) return fail(zeros.error());
    if (*zeros) return Found::kEnd;
    problem_ = "zeros stand where a record should begin";
    return Found::kBad;
  }
  if (head->size() < format::kRecordHeaderBytes) {
    problem_ = "the file ends within the header of a record";
    return Found::kBad;
  }
  const auto decoded = decode_record_header(*head);
  if (!decoded) {
    problem_ = "what stands there is no record";
    return Found::kBad;
  }
  const std::uint64_t left = size_ - offset_ - format::kRecordHeaderBytes;
  if (decoded->length > left) {
    problem_ = "the file ends within a record";
    return Found::kBad;
  }
  const auto bytes = static_cast<std::size_t>(format::kRecordHeaderBytes + decoded->length);
  auto whole = view(offset_, bytes);
  if (!whole) return fail(std::move(whole).error());
  if (whole->size() < bytes || !record_is_whole(*whole, header_.salt)) {
    problem_ = "the checksum of a record is wrong";
    return Found::kBad;
  }
  record_ = *decoded;
  payload_ = whole->substr(format::kRecordHeaderBytes);
  next_ = offset_ + bytes;
  return Found::kRecord;
}

Result<std::uint64_t> RecordFile::highest_mark_behind() {
  // The word of a mark's length and kind; where it stands, a mark may.
  constexpr std::uint64_t kWord =
      8 | std::uint64_t{static_cast<std::uint8_t>(format::RecordKind::kGroup)}
              << format::kRecordKindShift;
  std::array<char, sizeof kWord> word{};
  store_u64(word.data(), kWord);
  const std::string_view pattern(word.data(), word.size());
  std::uint64_t highest = 0;
  std::uint64_t at = offset_;
  while (at + kMarkRecordBytes <= size_) {
    const auto chunk = view(at, kReadBytes);
    if (!chunk) return fail(chunk.error());
    if (chunk->size() < kMarkRecordBytes) break;
    std::size_t from = format::kRecordLengthAt;
    while ((from = chunk->find(pattern, from)) != std::string_view::npos) {
      const std::size_t begin = from - format::kRecordLengthAt;
      if (begin + kMarkRecordBytes > chunk->size()) break;
      const std::string_view record = chunk->substr(begin, kMarkRecordBytes);
      if (record_is_whole(record, header_.salt)) {
        highest = std::max(highest, load_u64(record.data() + format::kRecordHeaderBytes));
      }
      ++from;
    }
    // The next chunk begins with what may have been cut here.
    at += chunk->size() - kMarkRecordBytes + 1;
  }
  return highest;
}

Result<void> RecordFile::reread() {
  const auto size = file_->size();
  if (!size) return fail(size.error());
  size_ = *size;
  buffer_.clear();
  next_ = offset_;
  return {};
}

Result<std::string_view> RecordFile::view(std::uint64_t offset, std::size_t bytes) {
  const std::uint64_t end = std::min(size_, offset + bytes);
  const bool there = offset >= buffer_offset_ && end <= buffer_offset_ + buffer_.size();
  if (!there) {
    const auto wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(std::max(bytes, kReadBytes), size_ - std::min(size_, offset)));
    buffer_.resize(wanted);
    buffer_offset_ = offset;
    const auto read = file_->read_at(offset, buffer_);
    if (!read) {
      buffer_.clear();
      return fail(read.error());
    }
    buffer_.resize(*read);
  }
  const std::size_t skip = static_cast<std::size_t>(offset - buffer_offset_);
  return std::string_view(buffer_).substr(std::min(skip, buffer_.size()), bytes);
}

Result<bool> RecordFile::only_zeros_from(std::uint64_t offset) {
  while (offset < size_) {
    const auto chunk = view(offset, kReadBytes);
    if (!chunk) return fail(chunk.error());
    if (chunk->empty()) break;
    // As fast as memory: each byte equals the one before it, and the first is zero.
    const std::string_view rest = chunk->substr(1);
    if (chunk->front() != '\0' || chunk->substr(0, rest.size()) != rest) return false;
    offset += chunk->size();
  }
  return true;
}

}  // namespace appmem::storage
