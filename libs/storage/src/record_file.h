#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "appmem/storage/file_system.h"
#include "record.h"

namespace appmem::storage {

/// Reads the records of a segment or checkpoint one after the other, in as much memory as the
/// longest needs.
/// Thread safety: none.
class RecordFile {
 public:
  /// Opens the file and reads its header. `magic` as for decode_file_header.
  /// Errors: as FileSystem::open; kInvalidRequest: the header is bad, the message says how.
  static Result<RecordFile> open(FileSystem& files, const std::string& path,
                                 std::string_view magic);
  /// The same of a file whose header is known from elsewhere, and is not looked at.
  static Result<RecordFile> open_with(FileSystem& files, const std::string& path,
                                      const FileHeader& header);

  enum class Found : std::uint8_t {
    kRecord,  // its CRC fits
    kEnd,     // nothing follows but zeros
    kBad,     // what follows is no whole record; see problem()
  };
  /// Errors: as File::read_at.
  Result<Found> next();

  // Of the record that was found. Lifetime of the payload: until next().
  [[nodiscard]] const RecordHeader& record() const { return record_; }
  [[nodiscard]] std::string_view payload() const { return payload_; }
  /// Where it begins; or where the records end.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  /// Where it ends.
  [[nodiscard]] std::uint64_t next_offset() const { return next_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  /// The highest mark of any kGroup record that can be read from offset() on, wherever it stands;
  /// 0 when there is none. Errors: as File::read_at.
  Result<std::uint64_t> highest_mark_behind();

  /// next() goes on at `offset`.
  void go_to(std::uint64_t offset) { next_ = offset; }
  /// next() reads again from offset() on, what is in the file by then. Errors: as File::size.
  Result<void> reread();

  [[nodiscard]] const FileHeader& header() const { return header_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  RecordFile(std::unique_ptr<File> file, std::string path, std::uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}

  /// `bytes` from `offset` on, or as many as there are.
  Result<std::string_view> view(std::uint64_t offset, std::size_t bytes);
  Result<bool> only_zeros_from(std::uint64_t offset);

  std::unique_ptr<File> file_;
  std::string path_;
  std::uint64_t size_ = 0;
  FileHeader header_{};
  std::string buffer_;
  std::uint64_t buffer_offset_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t next_ = format::kFileHeaderBytes;
  RecordHeader record_{};
  std::string_view payload_;
  std::string problem_;
};

}  // namespace appmem::storage
