#include "recovery.h"

#include <algorithm>
#include <array>
#include <utility>

#include "appmem/base/check.h"
#include "checkpoint_writer.h"
#include "log_reader.h"

namespace appmem::storage {
namespace {

constexpr std::string_view kDefaultName = "default";
/// What an entry takes in a file at least: no file can say that it has more of them.
constexpr std::uint64_t kEntryBytesMin = 7;

/// What was within its ceiling may take a little more in a store that is filled anew: it is put
/// back whatever that is, and nothing is evicted for it.
core::NamespaceSettings without_ceilings(core::NamespaceSettings settings) {
  settings.max_bytes.reset();
  settings.max_keys.reset();
  settings.reserved_bytes = 0;
  settings.eviction = core::Eviction::kNone;
  return settings;
}

}  // namespace

Recovery::Recovery(FileSystem& files, std::string directory, core::Store& store,
                   PendingLog& pending, Observer& observer, const Instant& now, std::size_t threads)
    : files_(files),
      directory_(std::move(directory)),
      store_(store),
      pending_(pending),
      observer_(observer),
      now_(now),
      queue_(store, now_, threads) {
}

Result<Recovered> Recovery::run(Replay& replay) {
  replay_ = &replay;
  auto settings = store_.namespace_settings(core::kDefaultNamespace);
  if (!settings) return fail(std::move(settings).error());
  default_settings_ = *settings;
  auto listed = list_directory(files_, directory_);
  if (!listed) return fail(std::move(listed).error());
  if (!listed->repair.empty()) return fail(unfinished_repair(directory_));
  snapshots_ = listed->snapshots;
  for (const std::string& name : listed->unfinished) {
    if (auto removed = remove(name); !removed) return fail(std::move(removed).error());
  }
  if (!listed->checkpoints.empty()) {
    const NamedFile& newest = listed->checkpoints.back();
    if (auto loaded = load_checkpoint(newest); !loaded) return fail(std::move(loaded).error());
    for (const NamedFile& old : listed->checkpoints) {
      if (old.name == newest.name) continue;
      if (auto removed = remove(old.name); !removed) return fail(std::move(removed).error());
    }
  }
  found_.last_sequence = found_.checkpoint_sequence;
  const std::vector<NamedFile>& segments = listed->segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool is_last = i + 1 == segments.size();
    // Wholly within the checkpoint: it was about to be removed.
    if (!is_last && segments[i + 1].sequence <= found_.checkpoint_sequence + 1) {
      if (auto removed = remove(segments[i].name); !removed) {
        return fail(std::move(removed).error());
      }
      continue;
    }
    if (auto done = replay_segment(segments[i], is_last); !done) {
      return fail(std::move(done).error());
    }
  }
  // Also where the last segment had nothing, or there is none.
  if (found_.last_sequence < needed_) {
    return fail(
        damage(path(found_.checkpoint), 0, short_log_problem(found_.last_sequence, needed_)));
  }
  if (auto dropped = drop_incomplete(); !dropped) return fail(std::move(dropped).error());
  for (const auto& [number, known] : known_) {
    if (known.settings.persist != core::Persistence::kSnapshot) continue;
    if (auto loaded = load_snapshot(number, known); !loaded) {
      return fail(std::move(loaded).error());
    }
  }
  if (auto settled = settle(); !settled) return fail(std::move(settled).error());
  for (const NamedFile& file : snapshots_) {
    const auto used = found_.snapshots.find(file.ns);
    if (used != found_.snapshots.end() && used->second.name == file.name) continue;
    if (auto removed = remove(file.name); !removed) return fail(std::move(removed).error());
  }
  if (auto synced = files_.sync_directory(directory_); !synced) {
    return fail(std::move(synced).error());
  }
  for (const auto& [number, known] : known_)
    pending_.set_number(known.id, number, known.cleared);
  pending_.number_from(next_number_);
  pending_.begin_after(found_.last_sequence);
  return std::move(found_);
}

Result<void> Recovery::load_checkpoint(const NamedFile& named) {
  const std::string whole_path = path(named.name);
  auto file = RecordFile::open(files_, whole_path, format::kCheckpointMagic);
  if (!file) {
    if (file.error().code != ErrorCode::kInvalidRequest) return fail(std::move(file).error());
    return fail(damage(whole_path, 0, file.error().message));
  }
  if (auto wrong = misplaced(named, file->header(), found_.directory_id)) {
    return fail(damage(whole_path, wrong->at, wrong->problem));
  }
  found_.directory_id = file->header().directory;
  found_.checkpoint_sequence = file->header().sequence;
  found_.checkpoint = named.name;
  found_.checkpoint_bytes = file->size();
  return read_content(*file, [&](const Operation& operation) -> Result<void> {
    if (operation.kind != format::Operation::kCreate) {
      found_.checkpoint_plain_bytes += plain_bytes(operation.key, operation.value);
      return apply(operation, operation.position.value_or(0));
    }
    auto defined = define(operation);
    return defined ? expect(operation, *file) : defined;
  });
}

Result<void> Recovery::expect(const Operation& operation, const RecordFile& file) {
  const auto known = known_.find(operation.ns);
  if (known == known_.end() || file.header().hash_seed == 0) return {};
  const std::uint64_t entries = std::min(operation.entries, file.size() / kEntryBytesMin);
  auto begun = store_.restore_begins(known->second.id, entries);
  if (begun) return begun;
  return fail(begun.error().code,
              "namespace \"" + known->second.name + "\": " + begun.error().message);
}

Result<void> Recovery::read_content(RecordFile& file,
                                    FunctionRef<Result<void>(const Operation&)> visit) {
  ContentReader reader(file);
  for (;;) {
    const auto found = reader.next(visit);
    if (!found) return fail(found.error());
    if (*found == ContentReader::Found::kDamaged) {
      return fail(damage(file.path(), file.offset(), reader.problem()));
    }
    if (*found == ContentReader::Found::kEnd) {
      needed_ = std::max(needed_, reader.needed());
      found_.entries += reader.entries();
      return queue_.drain();
    }
  }
}

Result<void> Recovery::load_snapshot(NamespaceNumber number, const Known& known) {
  const NamedFile* newest = nullptr;
  for (const NamedFile& file : snapshots_) {
    if (file.ns == number) newest = &file;
  }
  if (newest == nullptr) return {};
  const std::string whole_path = path(newest->name);
  auto file = RecordFile::open(files_, whole_path, format::kCheckpointMagic);
  if (!file) {
    if (file.error().code != ErrorCode::kInvalidRequest) return fail(std::move(file).error());
    return fail(damage(whole_path, 0, file.error().message));
  }
  if (auto wrong = misplaced(*newest, file->header(), found_.directory_id)) {
    return fail(damage(whole_path, wrong->at, wrong->problem));
  }
  // Cleared after that.
  const bool is_current = known.cleared <= newest->sequence;
  found_.snapshots[number] = {newest->name, is_current};
  if (!is_current) return {};
  if (auto cleared = store_.clear_namespace(known.id, now_); !cleared) {
    return fail(cleared.error());
  }
  return read_content(*file, [&](const Operation& operation) -> Result<void> {
    if (operation.ns != number) return {};
    if (operation.kind == format::Operation::kCreate) return expect(operation, *file);
    if (operation.kind != format::Operation::kSet) return {};
    // Of an entry that comes twice, the first is what it was at the moment of the snapshot.
    return restore(known.id, operation, 0, true);
  });
}

Result<void> Recovery::replay_segment(const NamedFile& named, bool is_last) {
  const std::string whole_path = path(named.name);
  auto file = RecordFile::open(files_, whole_path, format::kSegmentMagic);
  if (!file) {
    if (file.error().code != ErrorCode::kInvalidRequest) return fail(std::move(file).error());
    if (is_last) {
      const auto empty = has_no_records(files_, whole_path);
      if (!empty) return fail(empty.error());
      if (*empty) return remove(named.name);
    }
    return fail(damage(whole_path, 0, file.error().message));
  }
  const FileHeader& header = file->header();
  if (auto wrong = misplaced(named, header, found_.directory_id)) {
    return fail(damage(whole_path, wrong->at, wrong->problem));
  }
  found_.directory_id = header.directory;
  const bool follows = found_.segments.empty() ? header.sequence <= found_.last_sequence + 1
                                               : header.sequence == found_.last_sequence + 1;
  if (!follows) {
    return fail(damage(whole_path, format::kSequenceAt,
                       missing_segment_problem(header.sequence, found_.last_sequence)));
  }
  SegmentReader reader(*file, is_last, mark_);
  for (;;) {
    const auto found = reader.next();
    if (!found) return fail(found.error());
    if (*found == SegmentReader::Found::kEnd) break;
    if (*found == SegmentReader::Found::kDamaged) {
      return fail(damage(whole_path, file->offset(), reader.problem()));
    }
    if (*found == SegmentReader::Found::kTorn) {
      cut(*file, reader.problem());
      break;
    }
    const std::uint64_t last = reader.last();
    if (last <= found_.checkpoint_sequence) continue;
    ++found_.records;
    replay_->at(last);
    auto applied = read_operations(file->payload(), values_,
                                   [&](const Operation& op) { return apply(op, last); });
    if (applied) continue;
    if (applied.error().code != ErrorCode::kInvalidRequest) return fail(applied.error());
    return fail(damage(whole_path, file->offset(), applied.error().message));
  }
  if (auto drained = queue_.drain(); !drained) return drained;
  mark_ = reader.mark();
  const std::uint64_t last = reader.last();
  found_.last_sequence = std::max(found_.last_sequence, last);
  found_.segments.push_back({named.name, last, file->offset()});
  if (is_last) {
    if (found_.last_sequence < needed_) {
      return fail(
          damage(whole_path, file->offset(), short_log_problem(found_.last_sequence, needed_)));
    }
    // From here on it is one of those that are on the disk as a whole.
    auto opened = files_.open(whole_path, FileSystem::Open::kWrite);
    if (!opened) return fail(std::move(opened).error());
    if (auto shortened = (*opened)->truncate(file->offset()); !shortened) return shortened;
    if (auto synced = (*opened)->sync(); !synced) return synced;
    if (last < header.sequence) {
      found_.segments.pop_back();
      return remove(named.name);
    }
  }
  return {};
}

void Recovery::cut(const RecordFile& file, const std::string& problem) {
  found_.cut_bytes += file.size() - file.offset();
  const std::array<EventField, 3> fields{
      EventField::of("file", file.path()),
      EventField::of("offset", static_cast<std::int64_t>(file.offset())),
      EventField::of("bytes", static_cast<std::int64_t>(file.size() - file.offset()))};
  observer_.event(Severity::kWarning, "log_cut",
                  "cut off the end of the log, which had not been written whole: " + problem,
                  fields.data(), fields.size());
}

Result<void> Recovery::apply(const Operation& operation, std::uint64_t sequence) {
  using Kind = format::Operation;
  if (operation.kind == Kind::kSet) {
    const auto known = known_.find(operation.ns);
    // A namespace that is gone: the checkpoint was written after its end.
    if (known == known_.end()) return {};
    return restore(known->second.id, operation, sequence, false);
  }
  if (operation.kind == Kind::kDelete) {
    const auto known = known_.find(operation.ns);
    return known == known_.end() ? Result<void>()
                                 : queue_.remove(known->second.id, operation.key, sequence);
  }
  if (auto done = queue_.drain(); !done) return done;
  if (operation.kind == Kind::kCreate || operation.kind == Kind::kAlter) return define(operation);
  if (operation.kind == Kind::kDrop) return undefine(operation.ns);
  const auto known = known_.find(operation.ns);
  if (known == known_.end()) return {};
  const core::NamespaceId ns = known->second.id;
  switch (operation.kind) {
    case Kind::kExpire:
      return store_.restore_deadline(ns, operation.key, moment_of(operation.deadline), sequence,
                                     now_);
    case Kind::kClear:
      known->second.cleared = sequence;
      return store_.restore_clear(ns, sequence, now_);
    default:
      return {};
  }
}

Result<void> Recovery::restore(core::NamespaceId ns, const Operation& operation,
                               std::uint64_t sequence, bool if_absent) {
  return queue_.restore(ns,
                        {.key = operation.key,
                         .value = operation.value,
                         .version = operation.version,
                         .deadline = moment_of(operation.deadline),
                         .ticket = sequence},
                        if_absent);
}

std::optional<TimePoint> Recovery::moment_of(std::optional<WallTime> deadline) const {
  if (!deadline) return std::nullopt;
  return now_.at_wall(*deadline);
}

Result<void> Recovery::define(const Operation& operation) {
  next_number_ = std::max(next_number_, operation.ns + 1);
  auto known = known_.find(operation.ns);
  const auto explain = [&](const Error& error) {
    return fail(error.code, "namespace \"" + std::string(operation.name) + "\": " + error.message);
  };
  if (known == known_.end()) {
    const auto same_name = std::find_if(known_.begin(), known_.end(), [&](const auto& other) {
      return other.second.name == operation.name;
    });
    if (same_name != known_.end()) {
      // The later one is the one that lived on.
      if (same_name->first > operation.ns) return {};
      if (auto dropped = undefine(same_name->first); !dropped) return dropped;
    }
    core::NamespaceId id = core::kDefaultNamespace;
    if (operation.name == kDefaultName) {
      if (auto altered = store_.alter_namespace(id, without_ceilings(operation.settings), now_);
          !altered) {
        return explain(altered.error());
      }
    } else {
      const auto made =
          store_.create_namespace(operation.name, without_ceilings(operation.settings), now_);
      if (!made) return explain(made.error());
      id = *made;
    }
    known_[operation.ns] = {.id = id,
                            .name = std::string(operation.name),
                            .incomplete = operation.incomplete,
                            .settings = operation.settings};
    return {};
  }
  // What it had as snapshots goes on with a log.
  const bool gets_log = known->second.settings.persist == core::Persistence::kSnapshot &&
                        operation.settings.persist == core::Persistence::kWal;
  if (gets_log) {
    if (auto loaded = load_snapshot(operation.ns, known->second); !loaded) return loaded;
  }
  known->second.settings = operation.settings;
  if (auto altered =
          store_.alter_namespace(known->second.id, without_ceilings(operation.settings), now_);
      !altered) {
    return explain(altered.error());
  }
  return {};
}

Result<void> Recovery::settle() {
  for (const auto& [number, known] : known_) {
    auto altered = store_.alter_namespace(known.id, known.settings, now_);
    if (!altered) {
      return fail(altered.error().code,
                  "namespace \"" + known.name + "\": " + altered.error().message);
    }
  }
  return {};
}

Result<void> Recovery::undefine(NamespaceNumber number) {
  const auto known = known_.find(number);
  if (known == known_.end()) return {};
  const core::NamespaceId id = known->second.id;
  known_.erase(known);
  if (id != core::kDefaultNamespace) return store_.drop_namespace(id, now_);
  if (auto cleared = store_.clear_namespace(id, now_); !cleared) return fail(cleared.error());
  return store_.alter_namespace(id, default_settings_, now_);
}

Result<void> Recovery::drop_incomplete() {
  std::vector<NamespaceNumber> incomplete;
  for (const auto& [number, known] : known_) {
    if (known.incomplete) incomplete.push_back(number);
  }
  for (const NamespaceNumber number : incomplete) {
    if (auto dropped = undefine(number); !dropped) return dropped;
  }
  return {};
}

Result<void> Recovery::remove(const std::string& name) {
  return files_.remove(path(name));
}

}  // namespace appmem::storage
