#pragma once

#include <cstdint>
#include <string>

#include "appmem/base/error.h"
#include "appmem/base/function_ref.h"
#include "record.h"
#include "record_file.h"

namespace appmem::storage {

/// Reads the changes of a segment one after the other, and judges what is no whole record: the torn
/// tail of the log, or damage (docs/formats/log.md, "Recovery").
/// Thread safety: none. Lifetime: less than the file's.
class SegmentReader {
 public:
  /// `mark`: the highest of the segments before this one.
  SegmentReader(RecordFile& file, bool is_last, std::uint64_t mark);

  enum class Found : std::uint8_t {
    kChanges,  // file.record() and file.payload() have them
    kEnd,
    kTorn,     // it and all behind it was never written whole; see problem()
    kDamaged,  // it was whole once; see problem()
  };
  /// Somebody may be writing to the file meanwhile. Errors: as File::read_at.
  Result<Found> next();

  /// The last record that was found; the one before the file's first at the beginning.
  [[nodiscard]] std::uint64_t last() const { return last_; }
  /// The highest mark so far: all records up to it have been on the disk.
  [[nodiscard]] std::uint64_t mark() const { return mark_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  enum class Step : std::uint8_t { kChanges, kMark, kEnd, kBad, kForeign };
  Result<Step> step();

  RecordFile& file_;
  const bool is_last_;
  std::uint64_t last_;
  std::uint64_t mark_;
  std::string problem_;
};

/// Reads the records of a checkpoint or snapshot one after the other, up to its end.
/// Thread safety: none. Lifetime: less than the file's.
class ContentReader {
 public:
  explicit ContentReader(RecordFile& file) : file_(file) {}

  enum class Found : std::uint8_t {
    kRecord,
    kEnd,      // it is whole
    kDamaged,  // see problem()
  };
  /// Shows the operations of the next record, of which those before something wrong have been shown
  /// when it is damaged. Errors: as File::read_at, or what `visit` returned, where that is not
  /// kInvalidRequest (which is damage).
  Result<Found> next(FunctionRef<Result<void>(const Operation&)> visit);

  [[nodiscard]] const std::string& problem() const { return problem_; }
  /// kSet so far.
  [[nodiscard]] std::uint64_t entries() const { return entries_; }
  /// The last record of the log that it needs. Precondition: kEnd was found.
  [[nodiscard]] std::uint64_t needed() const { return needed_; }

 private:
  Found complain(std::string problem);
  Found read_end();

  RecordFile& file_;
  ValueDecompressor values_;
  std::uint64_t expected_ = 1;
  std::uint64_t entries_ = 0;
  std::uint64_t needed_ = 0;
  std::string problem_;
};

/// What is wrong where the record that is due after `last` is another one.
std::string gap_problem(std::uint64_t last);
/// What is wrong where a segment begins with `first`, and the log ends with `last` before it.
std::string missing_segment_problem(std::uint64_t first, std::uint64_t last);
/// What is wrong where the log ends with `last`, and a checkpoint needs it up to `needed`.
std::string short_log_problem(std::uint64_t last, std::uint64_t needed);

/// Whether a segment has nothing behind its header, which is then of no worth: it is on the disk
/// before anything is written behind it. Errors: as File's.
Result<bool> has_no_records(FileSystem& files, const std::string& path);

}  // namespace appmem::storage
