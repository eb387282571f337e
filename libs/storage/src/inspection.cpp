#include "appmem/storage/inspection.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "appmem/base/units.h"
#include "log_files.h"
#include "log_reader.h"
#include "record.h"
#include "record_file.h"

namespace appmem::storage {
namespace {

using Kind = InspectedFile::Kind;
using State = InspectedFile::State;

/// A daemon that works in the directory removes files while they are read. A verdict that may come
/// from that is looked at again so often.
constexpr int kAttemptsMax = 4;
/// Progress is told each time so much has been read.
constexpr std::uint64_t kProgressBytes = 1_MiB;

/// Which namespaces there are at each point of the log, as Recovery has them: which snapshots a
/// start reads depends on it.
class Namespaces {
 public:
  struct Known {
    std::string name;
    bool incomplete = false;
    core::Persistence persist = core::Persistence::kNone;
    std::uint64_t cleared = 0;
  };
  /// How a start looks at a namespace's newest snapshot.
  struct Use {
    bool header = false;
    bool content = false;
  };

  explicit Namespaces(const std::vector<NamedFile>& snapshots) {
    for (const NamedFile& file : snapshots)
      newest_[file.ns] = &file;  // ascending
  }

  void apply(const Operation& operation, std::uint64_t sequence) {
    switch (operation.kind) {
      case format::Operation::kCreate:
      case format::Operation::kAlter:
        return define(operation);
      case format::Operation::kDrop:
        known_.erase(operation.ns);
        return;
      case format::Operation::kClear:
        if (const auto found = known_.find(operation.ns); found != known_.end()) {
          found->second.cleared = sequence;
        }
        return;
      default:
        return;
    }
  }

  /// At the end of the log.
  void finish() {
    std::erase_if(known_, [](const auto& one) { return one.second.incomplete; });
    for (const auto& [number, known] : known_) {
      if (known.persist == core::Persistence::kSnapshot) use_snapshot(number, known);
    }
  }

  [[nodiscard]] Use use_of(const NamedFile& snapshot) const {
    const auto newest = newest_.find(snapshot.ns);
    const auto used = used_.find(snapshot.ns);
    if (used == used_.end() || newest->second->name != snapshot.name) return {};
    return used->second;
  }

 private:
  void define(const Operation& operation) {
    const auto known = known_.find(operation.ns);
    if (known != known_.end()) {
      const bool gets_log = known->second.persist == core::Persistence::kSnapshot &&
                            operation.settings.persist == core::Persistence::kWal;
      if (gets_log) use_snapshot(operation.ns, known->second);
      known->second.persist = operation.settings.persist;
      return;
    }
    const auto same_name = std::find_if(known_.begin(), known_.end(), [&](const auto& other) {
      return other.second.name == operation.name;
    });
    if (same_name != known_.end()) {
      if (same_name->first > operation.ns) return;
      known_.erase(same_name);
    }
    known_[operation.ns] = {.name = std::string(operation.name),
                            .incomplete = operation.incomplete,
                            .persist = operation.settings.persist};
  }

  void use_snapshot(NamespaceNumber number, const Known& known) {
    const auto newest = newest_.find(number);
    if (newest == newest_.end()) return;
    Use& use = used_[number];
    use.header = true;
    if (known.cleared <= newest->second->sequence) use.content = true;
  }

  std::map<NamespaceNumber, const NamedFile*> newest_;
  std::map<NamespaceNumber, Known> known_;
  std::map<NamespaceNumber, Use> used_;
};

class Verification {
 public:
  Verification(FileSystem& files, const std::string& directory, const InspectionProgress& progress)
      : files_(files), directory_(directory), progress_(progress) {}

  Result<Inspection> run() {
    for (int attempt = 1;; ++attempt) {
      auto before = files_.list(directory_);
      if (!before) return fail(std::move(before).error());
      found_ = {};
      has_gone_ = false;
      done_ = 0;
      told_ = 0;
      auto checked = check();
      if (!checked && checked.error().code == ErrorCode::kTimeout) {
        return fail(std::move(checked).error());
      }
      if (checked && !has_gone_ && found_.damage.empty()) break;
      // What is needed has not been read, and nothing was found in the rest.
      const bool is_unread = lost_track_ && found_.damage.empty();
      if (attempt < kAttemptsMax) {
        const auto after = files_.list(directory_);
        if (!after) return fail(after.error());
        if (is_unread || *after != *before) continue;
      }
      if (!checked) return fail(std::move(checked).error());
      if (!is_unread) break;
      return fail(ErrorCode::kBusy, directory_ +
                                        ": files were replaced faster than they could be read; "
                                        "try again when less is written");
    }
    for (const InspectedFile& file : found_.files) {
      found_.bytes += file.bytes;
      found_.records += file.records;
      found_.operations += file.operations;
    }
    return std::move(found_);
  }

 private:
  Result<void> check() {
    auto listed = list_directory(files_, directory_);
    if (!listed) return fail(std::move(listed).error());
    if (!listed->repair.empty()) found_.damage = unfinished_repair(directory_).message;
    if (auto counted = count_bytes(*listed); !counted) return counted;
    directory_id_ = 0;
    checkpoint_sequence_ = 0;
    needed_ = 0;
    mark_ = 0;
    last_ = 0;
    has_segments_ = false;
    lost_track_ = false;
    Namespaces namespaces(listed->snapshots);
    if (auto done = check_checkpoints(listed->checkpoints, namespaces); !done) return done;
    last_ = checkpoint_sequence_;
    if (auto done = check_segments(listed->segments, namespaces); !done) return done;
    found_.last_sequence = last_;
    // A start finds this where the last segment has nothing, or there is none.
    if (!lost_track_ && last_ < needed_) {
      const auto checkpoint = std::find_if(
          found_.files.begin(), found_.files.end(),
          [](const InspectedFile& file) { return file.kind == Kind::kCheckpoint && file.needed; });
      blame(*checkpoint, State::kDamaged, 0, short_log_problem(last_, needed_));
    }
    namespaces.finish();
    for (const NamedFile& file : listed->snapshots) {
      if (auto done = check_snapshot(file, namespaces.use_of(file)); !done) return done;
    }
    for (const std::string& name : listed->unfinished) {
      const auto bytes = sizes_.find(name);
      if (bytes == sizes_.end()) continue;
      found_.files.push_back(
          {.name = name, .kind = Kind::kUnfinished, .bytes = bytes->second, .end = bytes->second});
    }
    return {};
  }

  Result<void> count_bytes(const DirectoryListing& listed) {
    sizes_.clear();
    all_ = 0;
    std::vector<std::string> names = listed.unfinished;
    for (const auto* list : {&listed.checkpoints, &listed.segments, &listed.snapshots}) {
      for (const NamedFile& file : *list)
        names.push_back(file.name);
    }
    for (const std::string& name : names) {
      auto file = files_.open(path(name), FileSystem::Open::kRead);
      if (!file) {
        const auto gone = has_gone(name);
        if (!gone) return fail(gone.error());
        if (!*gone) return fail(std::move(file).error());
        continue;
      }
      const auto size = (*file)->size();
      if (!size) return fail(size.error());
      sizes_[name] = *size;
      all_ += *size;
    }
    return {};
  }

  /// Whether a file that could not be opened is not there any more.
  Result<bool> has_gone(const std::string& name) {
    const auto names = files_.list(directory_);
    if (!names) return fail(names.error());
    const bool gone = std::find(names->begin(), names->end(), name) == names->end();
    has_gone_ = has_gone_ || gone;
    return gone;
  }

  /// Opens a file and begins its report. Nothing when it has gone, or its header is bad.
  Result<std::optional<RecordFile>> open(const NamedFile& named, Kind kind, bool needed,
                                         std::string_view magic) {
    auto file = RecordFile::open(files_, path(named.name), magic);
    if (!file && file.error().code != ErrorCode::kInvalidRequest) {
      const auto gone = has_gone(named.name);
      if (!gone) return fail(gone.error());
      if (!*gone) return fail(std::move(file).error());
      if (needed) lost_track_ = true;
      return std::optional<RecordFile>();
    }
    InspectedFile& report = found_.files.emplace_back();
    report.name = named.name;
    report.kind = kind;
    report.needed = needed;
    report.bytes = file ? file->size() : sizes_[named.name];
    report.first_sequence = named.sequence;
    report.last_sequence = kind == Kind::kSegment ? named.sequence - 1 : named.sequence;
    if (file) return std::optional(*std::move(file));
    blame(report, State::kDamaged, 0, file.error().message);
    return std::optional<RecordFile>();
  }

  void blame(InspectedFile& report, State state, std::uint64_t at, std::string problem) {
    if (report.state == State::kDamaged) return;
    report.state = state;
    report.end = at;
    report.problem = std::move(problem);
    if (state != State::kDamaged || !report.needed) return;
    lost_track_ = true;
    if (found_.damage.empty())
      found_.damage = damage(path(report.name), at, report.problem).message;
  }

  Result<void> check_checkpoints(const std::vector<NamedFile>& checkpoints,
                                 Namespaces& namespaces) {
    for (const NamedFile& named : checkpoints) {
      const bool is_newest = named.name == checkpoints.back().name;
      auto file = open(named, Kind::kCheckpoint, is_newest, format::kCheckpointMagic);
      if (!file) return fail(std::move(file).error());
      if (!*file) {
        if (is_newest) checkpoint_sequence_ = named.sequence;
        continue;
      }
      if (auto wrong = misplaced(named, (*file)->header(), 0)) {
        blame(found_.files.back(), State::kDamaged, wrong->at, wrong->problem);
        if (is_newest) checkpoint_sequence_ = named.sequence;
        continue;
      }
      if (is_newest) {
        directory_id_ = (*file)->header().directory;
        checkpoint_sequence_ = (*file)->header().sequence;
      }
      const auto needed = check_content(**file, [&](const Operation& operation) {
        if (is_newest && operation.kind == format::Operation::kCreate) {
          namespaces.apply(operation, 0);
        }
      });
      if (!needed) return fail(needed.error());
      if (is_newest) needed_ = *needed;
    }
    return {};
  }

  /// Reads the file of the last report to its end. Returns up to which record it needs the log.
  Result<std::uint64_t> check_content(RecordFile& file, FunctionRef<void(const Operation&)> visit) {
    InspectedFile& report = found_.files.back();
    ContentReader reader(file);
    for (;;) {
      const auto found = reader.next([&](const Operation& operation) -> Result<void> {
        ++report.operations;
        visit(operation);
        return {};
      });
      if (!found) return fail(found.error());
      report.entries = reader.entries();
      if (*found == ContentReader::Found::kDamaged) {
        blame(report, State::kDamaged, file.offset(), reader.problem());
        return std::uint64_t{0};
      }
      if (auto told = tell(file.next_offset()); !told) return fail(std::move(told).error());
      report.end = file.next_offset();
      if (*found == ContentReader::Found::kEnd) return finish_file(report, reader.needed());
      ++report.records;
    }
  }

  Result<void> check_segments(const std::vector<NamedFile>& segments, Namespaces& namespaces) {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const bool is_last = i + 1 == segments.size();
      const bool needed = is_last || segments[i + 1].sequence > checkpoint_sequence_ + 1;
      if (auto done = check_segment(segments[i], is_last, needed, namespaces); !done) return done;
    }
    return {};
  }

  Result<void> check_segment(const NamedFile& named, bool is_last, bool needed,
                             Namespaces& namespaces) {
    auto opened = open(named, Kind::kSegment, needed, format::kSegmentMagic);
    if (!opened) return fail(std::move(opened).error());
    if (!*opened) {
      const bool is_there = !found_.files.empty() && found_.files.back().name == named.name;
      if (!is_there || !is_last) return {};
      return excuse_empty_segment(named);
    }
    RecordFile& file = **opened;
    InspectedFile& report = found_.files.back();
    if (file.header().sequence != named.sequence) {
      blame(report, State::kDamaged, format::kSequenceAt, "the file has another one's name");
      return {};
    }
    if (needed) check_place(file, report);
    has_segments_ = has_segments_ || needed;
    SegmentReader reader(file, is_last, mark_);
    for (;;) {
      const auto found = reader.next();
      if (!found) return fail(found.error());
      if (*found == SegmentReader::Found::kChanges) {
        const auto counted = count_changes(file, report, namespaces);
        if (!counted) return fail(counted.error());
        if (!*counted) return {};
        report.last_sequence = reader.last();
        continue;
      }
      if (report.state == State::kWhole) report.end = file.offset();
      if (*found == SegmentReader::Found::kTorn || *found == SegmentReader::Found::kDamaged) {
        const bool torn = *found == SegmentReader::Found::kTorn;
        blame(report, torn ? State::kTorn : State::kDamaged, file.offset(), reader.problem());
      }
      break;
    }
    if (needed) {
      mark_ = reader.mark();
      last_ = std::max(last_, reader.last());
      if (is_last && !lost_track_ && last_ < needed_) {
        blame(report, State::kDamaged, file.offset(), short_log_problem(last_, needed_));
      }
    }
    const auto finished = finish_file(report, 0);
    return finished ? Result<void>() : fail(finished.error());
  }

  /// A start removes the last segment when nothing was written to it.
  Result<void> excuse_empty_segment(const NamedFile& named) {
    const auto empty = has_no_records(files_, path(named.name));
    if (!empty) return fail(empty.error());
    if (!*empty) return {};
    InspectedFile& report = found_.files.back();
    if (found_.damage == damage(path(named.name), 0, report.problem).message) {
      found_.damage.clear();
      lost_track_ = false;
    }
    report.state = State::kTorn;
    return {};
  }

  /// Whether a segment follows those before it. Nothing is known of that behind damage.
  void check_place(const RecordFile& file, InspectedFile& report) {
    const FileHeader& header = file.header();
    if (directory_id_ != 0 && header.directory != directory_id_) {
      blame(report, State::kDamaged, format::kDirectoryAt, "it belongs to another directory");
    }
    directory_id_ = header.directory;
    const bool follows =
        has_segments_ ? header.sequence == last_ + 1 : header.sequence <= last_ + 1;
    if (follows || lost_track_) return;
    blame(report, State::kDamaged, format::kSequenceAt,
          missing_segment_problem(header.sequence, last_));
  }

  /// False when its operations cannot be understood.
  Result<bool> count_changes(const RecordFile& file, InspectedFile& report,
                             Namespaces& namespaces) {
    const std::uint64_t sequence = file.record().sequence;
    const bool counts = report.needed && sequence > checkpoint_sequence_;
    const auto visit = [&](const Operation& op) -> Result<void> {
      ++report.operations;
      if (op.kind == format::Operation::kSet) ++report.entries;
      if (counts) namespaces.apply(op, sequence);
      return {};
    };
    const auto shown = read_operations(file.payload(), values_, visit);
    if (!shown && shown.error().code != ErrorCode::kInvalidRequest) return fail(shown.error());
    if (!shown && (counts || !report.needed)) {
      blame(report, State::kDamaged, file.offset(), shown.error().message);
      return false;
    }
    ++report.records;
    if (report.state == State::kWhole) report.end = file.next_offset();
    if (auto told = tell(file.next_offset()); !told) return fail(std::move(told).error());
    return true;
  }

  Result<void> check_snapshot(const NamedFile& named, Namespaces::Use use) {
    auto file = open(named, Kind::kSnapshot, use.header, format::kCheckpointMagic);
    if (!file) return fail(std::move(file).error());
    if (!*file) return {};
    if (auto wrong = misplaced(named, (*file)->header(), directory_id_)) {
      blame(found_.files.back(), State::kDamaged, wrong->at, wrong->problem);
      return {};
    }
    found_.files.back().needed = use.content;
    const auto needed = check_content(**file, [](const Operation&) {});
    return needed ? Result<void>() : fail(needed.error());
  }

  Result<void> tell(std::uint64_t offset) {
    if (!progress_ || done_ + offset < told_ + kProgressBytes) return {};
    told_ = done_ + offset;
    if (progress_(std::min(told_, all_), all_)) return {};
    return fail(ErrorCode::kTimeout, "the verification was given up");
  }

  /// `value`, when whoever waits has been told.
  Result<std::uint64_t> finish_file(const InspectedFile& report, std::uint64_t value) {
    done_ += report.bytes;
    if (auto told = tell(0); !told) return fail(std::move(told).error());
    return value;
  }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  FileSystem& files_;
  const std::string& directory_;
  const InspectionProgress& progress_;
  Inspection found_;
  std::map<std::string, std::uint64_t> sizes_;
  ValueDecompressor values_;
  bool has_gone_ = false;
  std::uint64_t done_ = 0;
  std::uint64_t told_ = 0;
  std::uint64_t all_ = 0;

  // As Recovery has them.
  std::uint64_t directory_id_ = 0;
  std::uint64_t checkpoint_sequence_ = 0;
  std::uint64_t needed_ = 0;
  std::uint64_t mark_ = 0;
  std::uint64_t last_ = 0;
  bool has_segments_ = false;
  /// After damage, or where a file has gone: what follows cannot be judged by what was before.
  bool lost_track_ = false;
};

}  // namespace

std::string_view inspected_kind_name(InspectedFile::Kind kind) {
  constexpr std::string_view kNames[] = {"segment", "checkpoint", "snapshot", "unfinished"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view inspected_state_name(InspectedFile::State state) {
  constexpr std::string_view kNames[] = {"whole", "torn", "damaged"};
  return kNames[static_cast<std::size_t>(state)];
}

Result<Inspection> verify(FileSystem& files, const std::string& directory,
                          const InspectionProgress& progress) {
  return Verification(files, directory, progress).run();
}

}  // namespace appmem::storage
