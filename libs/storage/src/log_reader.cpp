#include "log_reader.h"

#include <algorithm>
#include <utility>

#include "appmem/base/units.h"
#include "little_endian.h"

namespace appmem::storage {
namespace {

constexpr std::size_t kReadBytes = 64_KiB;

/// 0 for a payload that is too short, which no mark has.
std::uint64_t mark_of(std::string_view payload) {
  return payload.size() < sizeof(std::uint64_t) ? 0 : load_u64(payload.data());
}

}  // namespace

SegmentReader::SegmentReader(RecordFile& file, bool is_last, std::uint64_t mark)
    : file_(file), is_last_(is_last), last_(file.header().sequence - 1), mark_(mark) {
}

Result<SegmentReader::Found> SegmentReader::next() {
  for (;;) {
    auto found = step();
    if (!found) return fail(std::move(found).error());
    if (*found == Step::kBad && is_last_) {
      // Known to have been on the disk, or never written whole?
      const auto behind = file_.highest_mark_behind();
      if (!behind) return fail(behind.error());
      // Where a daemon is writing just now, what has been found behind it was written later: by now
      // it is whole.
      if (auto again = file_.reread(); !again) return fail(std::move(again).error());
      found = step();
      if (!found) return fail(std::move(found).error());
      if (*found == Step::kBad) {
        return std::max(*behind, mark_) > last_ ? Found::kDamaged : Found::kTorn;
      }
    }
    switch (*found) {
      case Step::kChanges:
        return Found::kChanges;
      case Step::kEnd:
        return Found::kEnd;
      case Step::kBad:
      case Step::kForeign:
        return Found::kDamaged;
      case Step::kMark:
        break;
    }
  }
}

Result<SegmentReader::Step> SegmentReader::step() {
  const auto found = file_.next();
  if (!found) return fail(found.error());
  if (*found == RecordFile::Found::kEnd) return Step::kEnd;
  if (*found == RecordFile::Found::kBad) {
    problem_ = file_.problem();
    return Step::kBad;
  }
  const RecordHeader& record = file_.record();
  if (record.sequence != last_ + 1) {
    problem_ = gap_problem(last_);
    return Step::kBad;
  }
  if (record.kind == format::RecordKind::kGroup) {
    mark_ = std::max(mark_, mark_of(file_.payload()));
    return Step::kMark;
  }
  if (record.kind != format::RecordKind::kChanges) {
    problem_ = "a record of a checkpoint in the log";
    return Step::kForeign;
  }
  last_ = record.sequence;
  return Step::kChanges;
}

Result<ContentReader::Found> ContentReader::next(
    FunctionRef<Result<void>(const Operation&)> visit) {
  const auto next = file_.next();
  if (!next) return fail(next.error());
  if (*next == RecordFile::Found::kEnd) return complain("the end of a checkpoint is missing");
  if (*next == RecordFile::Found::kBad) return complain(file_.problem());
  if (file_.record().sequence != expected_++) return complain("a record is missing");
  if (file_.record().kind == format::RecordKind::kEnd) return read_end();
  if (file_.record().kind != format::RecordKind::kContent) {
    return complain("a record of the log in a checkpoint");
  }
  const auto shown =
      read_operations(file_.payload(), values_, [&](const Operation& operation) -> Result<void> {
        const bool is_set = operation.kind == format::Operation::kSet;
        if (!is_set && operation.kind != format::Operation::kCreate) {
          return fail(ErrorCode::kInvalidRequest, "a change in a checkpoint");
        }
        if (is_set) ++entries_;
        return visit(operation);
      });
  if (shown) return Found::kRecord;
  if (shown.error().code != ErrorCode::kInvalidRequest) return fail(shown.error());
  return complain(shown.error().message);
}

ContentReader::Found ContentReader::read_end() {
  std::string_view payload = file_.payload();
  const auto entries = take_varint(payload);
  const auto needed = take_varint(payload);
  if (!entries || !needed) return complain("the end of a checkpoint is cut off");
  if (*entries != entries_) return complain("entries are missing");
  needed_ = *needed;
  return Found::kEnd;
}

ContentReader::Found ContentReader::complain(std::string problem) {
  problem_ = std::move(problem);
  return Found::kDamaged;
}

std::string gap_problem(std::uint64_t last) {
  return "the record after " + std::to_string(last) + " is missing";
}

std::string missing_segment_problem(std::uint64_t first, std::uint64_t last) {
  return "the records before " + std::to_string(first) + " are missing: " + std::to_string(last) +
         " is the last one";
}

std::string short_log_problem(std::uint64_t last, std::uint64_t needed) {
  return "the log ends with record " + std::to_string(last) +
         ", but the checkpoint needs it up to " + std::to_string(needed);
}

Result<bool> has_no_records(FileSystem& files, const std::string& path) {
  auto file = files.open(path, FileSystem::Open::kRead);
  if (!file) return fail(std::move(file).error());
  std::string bytes(kReadBytes, '\0');
  for (std::uint64_t at = format::kFileHeaderBytes;;) {
    const auto read = (*file)->read_at(at, bytes);
    if (!read) return fail(read.error());
    if (*read == 0) return true;
    const std::string_view there = std::string_view(bytes).substr(0, *read);
    if (there.find_first_not_of('\0') != std::string_view::npos) return false;
    at += *read;
  }
}

}  // namespace appmem::storage
