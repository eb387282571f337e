#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/storage/file_system.h"
#include "log_files.h"
#include "record_file.h"

namespace appmem::storage {

/// Reads all whole records of a file that may be damaged, those behind the damage too, where they
/// can be found again (docs/formats/log.md, "Repair"). Thread safety: none.
class Salvage {
 public:
  enum class Kind : std::uint8_t {
    kContent,  // a checkpoint or snapshot
    kSegment,
    kLastSegment,  // which may have a torn tail
  };

  /// A header that is damaged is made up from the file's name and its first records. Errors: as
  /// FileSystem::open; kUnavailable: the file is of a version that this program does not know.
  static Result<Salvage> open(FileSystem& files, const std::string& path, const NamedFile& named,
                              Kind kind);

  enum class Found : std::uint8_t {
    kRecord,  // kChanges or kContent, with operations that are understood
    kMark,    // kGroup
    kFinish,  // kEnd
    kLost,    // the bytes from lost_from() to lost_to(); see problem()
    kTorn,    // the same, of the end of the log: it was never written whole
    kEnd,
  };
  Result<Found> next();

  /// Of kRecord, kMark and kFinish.
  [[nodiscard]] const RecordHeader& record() const { return file_->record(); }
  [[nodiscard]] std::string_view payload() const { return file_->payload(); }
  [[nodiscard]] std::uint64_t offset() const { return file_->offset(); }
  [[nodiscard]] std::uint64_t lost_from() const { return lost_from_; }
  [[nodiscard]] std::uint64_t lost_to() const { return lost_to_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// The directory's identity; nothing when the header is damaged.
  [[nodiscard]] std::optional<std::uint64_t> directory_id() const { return directory_id_; }
  /// Of a segment: the highest mark of those before it, to be set first; and including it.
  void set_mark(std::uint64_t mark) { mark_ = mark; }
  [[nodiscard]] std::uint64_t mark() const { return mark_; }

 private:
  Salvage(FileSystem& files, std::string path, Kind kind)
      : files_(&files), path_(std::move(path)), kind_(kind) {}

  Result<void> begin(const NamedFile& named);
  Result<bool> make_up_header(std::string_view head, const NamedFile& named);
  Result<bool> try_salt(std::uint32_t salt, const NamedFile& named, std::uint64_t from);
  Result<Found> read_record();
  bool is_acceptable(RecordFile::Found found);
  Result<Found> take_record();
  Found lose(Found as, std::uint64_t to, std::string problem);
  Result<Found> lose_until_found();
  Result<std::optional<std::uint64_t>> find_record(std::uint64_t from);
  [[nodiscard]] bool may_be(const RecordHeader& record, std::uint64_t at) const;

  FileSystem* files_;
  std::string path_;
  Kind kind_;
  std::optional<RecordFile> file_;
  ValueDecompressor values_;
  std::optional<std::uint64_t> directory_id_;
  std::uint64_t mark_ = 0;
  std::uint64_t last_ = 0;  // sequence number
  bool finished_ = false;   // kEnd was found, or nothing can be
  std::string header_problem_;
  std::uint64_t lost_from_ = 0;
  std::uint64_t lost_to_ = 0;
  std::string problem_;
  std::uint64_t checked_bytes_ = 0;  // in vain
};

}  // namespace appmem::storage
