#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "appmem/base/units.h"
#include "appmem/storage/inspection.h"
#include "content_file.h"
#include "log_files.h"
#include "log_reader.h"
#include "log_writer.h"
#include "record.h"
#include "record_file.h"
#include "salvage.h"
#include "utc_text.h"

namespace appmem::storage {
namespace {

/// So much is written at once.
constexpr std::uint64_t kWriteBytes = 1_MiB;
constexpr std::size_t kBytesKept = 4_MiB;
/// A record that is lost leaves an empty one. More than so many in a row are no damage but another
/// log's files.
constexpr std::uint64_t kMissingMax = 100'000'000;

/// A namespace whose making is lost, and that is made again.
struct Remade {
  std::string name;
  core::NamespaceSettings settings{.persist = core::Persistence::kWal,
                                   .eviction = core::Eviction::kNone};
  bool has_settings = false;  // as a later change of them says
};

/// What there is, and what becomes of it.
struct Plan {
  DirectoryListing listing;
  std::optional<std::uint64_t> directory_id;
  std::optional<NamedFile> checkpoint;
  std::uint64_t checkpoint_needs = 0;
  std::vector<NamedFile> snapshots;  // one of each namespace
  /// The first and last record of the log that is behind the checkpoint and whole; 0: there is none.
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  /// Up to here sequence numbers are in use.
  std::uint64_t used = 0;
  std::map<NamespaceNumber, Remade> remade;

  [[nodiscard]] std::uint64_t old_checkpoint_sequence() const {
    return checkpoint ? checkpoint->sequence : 0;
  }
  /// The new log begins behind it.
  [[nodiscard]] std::uint64_t checkpoint_sequence() const {
    if (first == 0) return std::max(used, old_checkpoint_sequence());
    return std::max(old_checkpoint_sequence(), first - 1);
  }
  [[nodiscard]] bool has_checkpoint() const {
    return checkpoint || !remade.empty() || checkpoint_sequence() > 0;
  }
};

class NobodyWaits final : public CheckpointOwner {
 public:
  bool go_on(std::uint64_t /*bytes*/) override { return true; }
  Result<void> wait_synced(std::uint64_t /*sequence*/) override { return {}; }
};

using ShowPayload = FunctionRef<Result<void>(std::string_view payload)>;
using ShowRecord = FunctionRef<Result<void>(std::uint64_t sequence, std::string_view payload)>;

/// All that is whole in a directory, in the order in which a start reads it. Notes what is lost.
class Source {
 public:
  Source(FileSystem& files, std::string directory) : files_(files), directory_(std::move(directory)) {}

  struct Content {
    /// What its end says; nothing where that is lost.
    std::optional<std::uint64_t> needed;
    bool whole = true;
  };
  /// Shows the payloads of a checkpoint's or snapshot's whole records.
  Result<Content> read_content(const NamedFile& named, ShowPayload show) {
    auto salvage = open(named, Salvage::Kind::kContent);
    if (!salvage) return fail(std::move(salvage).error());
    Content content;
    for (;;) {
      const auto found = salvage->next();
      if (!found) return fail(found.error());
      switch (*found) {
        case Salvage::Found::kRecord:
          if (auto shown = show(salvage->payload()); !shown) return fail(std::move(shown).error());
          break;
        case Salvage::Found::kFinish: {
          std::string_view payload = salvage->payload();
          static_cast<void>(take_varint(payload));
          content.needed = take_varint(payload);
          break;
        }
        case Salvage::Found::kLost:
          content.whole = false;
          has_losses = true;
          lost.push_back(part_of(named, *salvage));
          break;
        case Salvage::Found::kEnd:
          return content;
        case Salvage::Found::kMark:
        case Salvage::Found::kTorn:
          break;
      }
    }
  }

  /// Shows the whole records of the log behind `checkpoint`.
  Result<void> read_log(const std::vector<NamedFile>& segments, std::uint64_t checkpoint,
                        ShowRecord show) {
    last_ = checkpoint;
    checkpoint_ = checkpoint;
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const bool is_last = i + 1 == segments.size();
      if (!is_last && segments[i + 1].sequence <= checkpoint + 1) continue;
      if (auto read = read_segment(segments[i], is_last, show); !read) return read;
      if (!is_last && segments[i + 1].sequence > last_ + 1) {
        if (auto noted = note_missing(segments[i + 1].sequence - 1); !noted) return noted;
      }
      flush();
    }
    return {};
  }

  std::vector<LostPart> lost;
  bool has_losses = false;
  std::uint64_t cut_bytes = 0;
  std::uint64_t mark = 0;
  std::optional<std::uint64_t> directory_id;

 private:
  Result<Salvage> open(const NamedFile& named, Salvage::Kind kind) {
    auto salvage = Salvage::open(files_, directory_ + "/" + named.name, named, kind);
    if (salvage && !directory_id) directory_id = salvage->directory_id();
    return salvage;
  }

  static LostPart part_of(const NamedFile& named, const Salvage& salvage) {
    return {.file = named.name,
            .from = salvage.lost_from(),
            .to = salvage.lost_to(),
            .problem = salvage.problem()};
  }

  Result<void> read_segment(const NamedFile& named, bool is_last, ShowRecord show) {
    auto salvage =
        open(named, is_last ? Salvage::Kind::kLastSegment : Salvage::Kind::kSegment);
    if (!salvage) return fail(std::move(salvage).error());
    salvage->set_mark(mark);
    for (;;) {
      const auto found = salvage->next();
      if (!found) return fail(found.error());
      mark = std::max(mark, salvage->mark());
      switch (*found) {
        case Salvage::Found::kRecord: {
          const std::uint64_t sequence = salvage->record().sequence;
          if (sequence <= last_) break;
          if (sequence > last_ + 1) {
            if (auto noted = note_missing(sequence - 1); !noted) return noted;
          }
          flush();
          last_ = sequence;
          if (auto shown = show(sequence, salvage->payload()); !shown) return shown;
          break;
        }
        case Salvage::Found::kLost:
          pending_.push_back(part_of(named, *salvage));
          break;
        case Salvage::Found::kTorn:
          cut_bytes += salvage->lost_to() - salvage->lost_from();
          break;
        case Salvage::Found::kEnd:
          return is_last ? end_log(named) : Result<void>();
        case Salvage::Found::kMark:
        case Salvage::Found::kFinish:
          break;
      }
    }
  }

  /// What was lost at the end of the last segment.
  Result<void> end_log(const NamedFile& named) {
    if (pending_.empty()) return {};
    const auto empty = has_no_records(files_, directory_ + "/" + named.name);
    if (!empty) return fail(empty.error());
    if (*empty) {
      pending_.clear();
      return {};
    }
    if (auto noted = note_missing(std::max(mark, last_ + 1)); !noted) return noted;
    flush();
    return {};
  }

  /// The records behind the last one, up to `to`, are not there.
  Result<void> note_missing(std::uint64_t to) {
    if (to - last_ > kMissingMax) {
      return fail(ErrorCode::kUnavailable,
                  directory_ + ": more than " + std::to_string(kMissingMax) +
                      " records are missing after " + std::to_string(last_) +
                      ": these are the files of two logs; take those away that do not belong here");
    }
    has_losses = true;
    if (pending_.empty()) pending_.push_back({.problem = "there is no file with them"});
    pending_.front().first_missing = last_ + 1;
    pending_.front().last_missing = to;
    last_ = to;
    return {};
  }

  void flush() {
    for (LostPart& part : pending_)
      lost.push_back(std::move(part));
    pending_.clear();
  }

  FileSystem& files_;
  const std::string directory_;
  std::uint64_t checkpoint_ = 0;
  std::uint64_t last_ = 0;
  std::vector<LostPart> pending_;  // not yet known which records it has cost
};

/// Reads everything once, to know what is to be written.
class Survey {
 public:
  Survey(FileSystem& files, const std::string& directory)
      : files_(files), directory_(directory), source_(files, directory) {}

  Result<Plan> run() {
    auto listed = list_directory(files_, directory_);
    if (!listed) return fail(std::move(listed).error());
    plan_.listing = *std::move(listed);
    if (auto done = choose_checkpoint(); !done) return fail(std::move(done).error());
    if (plan_.checkpoint) {
      if (auto done = read_checkpoint(); !done) return fail(std::move(done).error());
    }
    const auto show = [&](std::uint64_t sequence, std::string_view payload) {
      if (plan_.first == 0) plan_.first = sequence;
      plan_.last = sequence;
      ++records_;
      return read_operations(payload, [&](const Operation& operation) -> Result<void> {
        note(operation);
        return {};
      });
    };
    auto read =
        source_.read_log(plan_.listing.segments, plan_.old_checkpoint_sequence(), show);
    if (!read) return fail(std::move(read).error());
    use(plan_.last);
    use(source_.mark);
    if (auto done = choose_snapshots(); !done) return fail(std::move(done).error());
    name_remade();
    plan_.directory_id = source_.directory_id;
    return std::move(plan_);
  }

  [[nodiscard]] std::uint64_t records() const { return records_; }
  Source& source() { return source_; }

 private:
  void use(std::uint64_t sequence) { plan_.used = std::max(plan_.used, sequence); }

  /// The newest one that is whole, if the log goes on from it; else the newest one.
  Result<void> choose_checkpoint() {
    const std::vector<NamedFile>& all = plan_.listing.checkpoints;
    for (auto one = all.rbegin(); one != all.rend(); ++one) {
      const auto whole = is_whole(*one);
      if (!whole) return fail(whole.error());
      const std::vector<NamedFile>& segments = plan_.listing.segments;
      const bool goes_on =
          one == all.rbegin() ||
          (!segments.empty() && segments.front().sequence <= one->sequence + 1);
      if (!*whole || !goes_on) continue;
      if (one != all.rbegin()) {
        source_.lost.push_back({.file = all.back().name,
                                .problem = "damaged; " + one->name + " and the log have it all"});
      }
      plan_.checkpoint = *one;
      return {};
    }
    if (!all.empty()) plan_.checkpoint = all.back();
    return {};
  }

  Result<bool> is_whole(const NamedFile& named) {
    auto file = RecordFile::open(files_, directory_ + "/" + named.name, format::kCheckpointMagic);
    if (!file) {
      if (file.error().code == ErrorCode::kInvalidRequest) return false;
      return fail(std::move(file).error());
    }
    ContentReader reader(*file);
    for (;;) {
      const auto found = reader.next([](const Operation&) { return Result<void>(); });
      if (!found) return fail(found.error());
      if (*found != ContentReader::Found::kRecord) return *found == ContentReader::Found::kEnd;
    }
  }

  Result<void> read_checkpoint() {
    use(plan_.checkpoint->sequence);
    const auto content = source_.read_content(*plan_.checkpoint, [&](std::string_view payload) {
      return read_operations(payload, [&](const Operation& operation) -> Result<void> {
        if (operation.position) use(*operation.position);
        note(operation);
        return {};
      });
    });
    if (!content) return fail(content.error());
    plan_.checkpoint_needs = content->needed.value_or(plan_.checkpoint->sequence);
    use(plan_.checkpoint_needs);
    return {};
  }

  /// Which namespaces are used whose making was lost.
  void note(const Operation& operation) {
    const NamespaceNumber ns = operation.ns;
    switch (operation.kind) {
      case format::Operation::kCreate:
        defined_.insert(ns);
        names_.insert(std::string(operation.name));
        return;
      case format::Operation::kDrop:
        defined_.erase(ns);
        plan_.remade.erase(ns);
        dropped_.insert(ns);
        return;
      case format::Operation::kAlter:
        return note_settings(operation);
      default:
        if (defined_.contains(ns) || dropped_.contains(ns) || !source_.has_losses) return;
        plan_.remade.try_emplace(ns);
        return;
    }
  }

  void note_settings(const Operation& operation) {
    names_.insert(std::string(operation.name));
    if (defined_.contains(operation.ns)) return;
    defined_.insert(operation.ns);
    auto remade = plan_.remade.find(operation.ns);
    const bool is_used = remade != plan_.remade.end();
    // Otherwise this makes it well enough, unless it was kept as snapshots and gets a log here.
    if (!is_used) {
      if (!source_.has_losses || !has_snapshot(operation.ns)) return;
      remade = plan_.remade.try_emplace(operation.ns).first;
    }
    remade->second.name = operation.name;
    remade->second.settings = operation.settings;
    remade->second.has_settings = true;
    if (!is_used) remade->second.settings.persist = core::Persistence::kSnapshot;
  }

  [[nodiscard]] bool has_snapshot(NamespaceNumber ns) const {
    const auto& all = plan_.listing.snapshots;
    return std::any_of(all.begin(), all.end(), [ns](const NamedFile& file) { return file.ns == ns; });
  }

  /// Of each namespace the newest one that is whole, else the newest one.
  Result<void> choose_snapshots() {
    std::map<NamespaceNumber, NamedFile> chosen;
    std::set<NamespaceNumber> are_whole;
    const std::vector<NamedFile>& all = plan_.listing.snapshots;
    for (const NamedFile& named : all) {
      const auto whole = is_whole(named);
      if (!whole) return fail(whole.error());
      if (!*whole && are_whole.contains(named.ns)) {
        source_.lost.push_back({.file = named.name, .problem = "damaged; an older one is used"});
        continue;
      }
      chosen[named.ns] = named;
      if (*whole) are_whole.insert(named.ns);
    }
    const bool was_lost = source_.has_losses;
    for (const auto& [ns, named] : chosen) {
      plan_.snapshots.push_back(named);
      use(named.sequence);
      const bool is_known = defined_.contains(ns) || dropped_.contains(ns);
      if (!is_known && was_lost && !plan_.remade.contains(ns)) {
        plan_.remade[ns].settings.persist = core::Persistence::kSnapshot;
      }
      if (are_whole.contains(ns)) continue;
      const auto noted = source_.read_content(named, [](std::string_view) { return Result<void>(); });
      if (!noted) return fail(noted.error());
    }
    return {};
  }

  void name_remade() {
    for (auto& [ns, remade] : plan_.remade) {
      if (!remade.name.empty()) continue;
      remade.name = "recovered-" + std::to_string(ns);
      while (!names_.insert(remade.name).second)
        remade.name += "-again";
    }
  }

  FileSystem& files_;
  const std::string& directory_;
  Source source_;
  Plan plan_;
  std::uint64_t records_ = 0;
  std::set<NamespaceNumber> defined_;
  std::set<NamespaceNumber> dropped_;
  std::set<std::string> names_;
};

class Repair {
 public:
  Repair(FileSystem& files, const std::string& directory, const RepairOptions& options,
         WallTime now)
      : files_(files), directory_(directory), options_(options), now_(now) {}

  Result<RepairReport> run() {
    auto names = files_.list(directory_);
    if (!names) return fail(std::move(names).error());
    if (names->empty()) return RepairReport();
    auto locked = files_.lock(directory_ + "/" + std::string(format::kLockName));
    if (!locked) return fail(std::move(locked).error());
    auto begun = begin(*names);
    if (!begun) return fail(std::move(begun).error());
    if (!*begun) return std::move(report_);
    if (auto written = rewrite(); !written) {
      return fail(ErrorCode::kUnavailable,
                  written.error().message + "; the files as they were are in " + originals() +
                      ": mend that, then run appmemd --repair again");
    }
    return std::move(report_);
  }

 private:
  [[nodiscard]] std::string path(std::string_view name) const {
    return directory_ + "/" + std::string(name);
  }
  [[nodiscard]] std::string originals() const { return path(report_.originals); }

  /// Moves the files away. False: there is nothing to do.
  Result<bool> begin(const std::vector<std::string>& names) {
    auto listed = list_directory(files_, directory_);
    if (!listed) return fail(std::move(listed).error());
    if (!listed->repair.empty()) {
      auto marked = read_file(files_, path(listed->repair));
      if (!marked) return fail(std::move(marked).error());
      while (marked->ends_with('\n'))
        marked->pop_back();
      report_.originals = *marked;
      const bool is_name = marked->starts_with(format::kDamagedPrefix) &&
                           marked->find('/') == std::string::npos;
      if (listed->repair == format::kRepairWriting) {
        if (is_name) return true;
        return fail(ErrorCode::kUnavailable, path(listed->repair) + " does not name a folder");
      }
      if (is_name) return move_originals();
      // It was made, but nothing had been written to it: nothing has been moved.
      if (auto removed = files_.remove(path(listed->repair)); !removed) {
        return fail(std::move(removed).error());
      }
    }
    const auto verified = verify(files_, directory_);
    if (!verified) return fail(verified.error());
    if (verified->damage.empty()) return false;
    // What cannot be read is found before anything is moved.
    Survey survey(files_, directory_);
    if (auto plan = survey.run(); !plan) return fail(std::move(plan).error());
    report_.originals = std::string(format::kDamagedPrefix) + utc_name(now_);
    while (std::find(names.begin(), names.end(), report_.originals) != names.end())
      report_.originals += "-2";
    if (auto made = files_.make_directory(originals()); !made) return fail(std::move(made).error());
    if (auto marked = put_mark(); !marked) return fail(std::move(marked).error());
    return move_originals();
  }

  Result<void> put_mark() {
    auto file = files_.open(path(format::kRepairMoving), FileSystem::Open::kMake);
    if (!file) return fail(std::move(file).error());
    const std::string text = report_.originals + "\n";
    const std::string_view piece = text;
    if (auto written = (*file)->write_at(0, {&piece, 1}); !written) return written;
    if (auto synced = (*file)->sync(); !synced) return synced;
    return files_.sync_directory(directory_);
  }

  Result<std::vector<std::string>> file_names() {
    auto listed = list_directory(files_, directory_);
    if (!listed) return fail(std::move(listed).error());
    std::vector<std::string> names = std::move(listed->unfinished);
    for (const auto* list : {&listed->checkpoints, &listed->segments, &listed->snapshots}) {
      for (const NamedFile& file : *list)
        names.push_back(file.name);
    }
    return names;
  }

  Result<bool> move_originals() {
    const auto names = file_names();
    if (!names) return fail(names.error());
    for (const std::string& name : *names) {
      if (auto moved = files_.rename(path(name), originals() + "/" + name); !moved) {
        return fail(std::move(moved).error());
      }
    }
    for (const std::string& where : {originals(), directory_}) {
      if (auto synced = files_.sync_directory(where); !synced) {
        return fail(std::move(synced).error());
      }
    }
    if (auto renamed = files_.rename(path(format::kRepairMoving), path(format::kRepairWriting));
        !renamed) {
      return fail(std::move(renamed).error());
    }
    if (auto synced = files_.sync_directory(directory_); !synced) {
      return fail(std::move(synced).error());
    }
    return true;
  }

  /// Writes everything anew. What an earlier try has written goes first.
  Result<void> rewrite() {
    const auto begun_before = file_names();
    if (!begun_before) return fail(begun_before.error());
    for (const std::string& name : *begun_before) {
      if (auto removed = files_.remove(path(name)); !removed) return removed;
    }
    const std::string from = originals();
    Survey survey(files_, from);
    auto plan = survey.run();
    if (!plan) return fail(std::move(plan).error());
    report_.repaired = true;
    report_.records = survey.records();
    report_.lost = std::move(survey.source().lost);
    report_.cut_bytes = survey.source().cut_bytes;
    for (const auto& [ns, remade] : plan->remade) {
      report_.remade.push_back(
          "namespace " + std::to_string(ns) + " is called \"" + remade.name +
          "\": the record that made it is lost" +
          (remade.has_settings ? ", a later one has its name and settings" : ""));
    }
    directory_id_ = plan->directory_id.value_or(options_.seed == 0 ? 1 : options_.seed);
    Source source(files_, from);
    if (auto written = write_log(*plan, source); !written) return written;
    if (plan->has_checkpoint()) {
      const std::uint64_t sequence = plan->checkpoint_sequence();
      auto written = write_content(source, plan->checkpoint ? &*plan->checkpoint : nullptr,
                                   checkpoint_name(sequence), sequence, plan->remade,
                                   std::max(plan->checkpoint_needs, sequence));
      if (!written) return written;
    }
    for (const NamedFile& named : plan->snapshots) {
      auto written = write_content(source, &named, named.name, named.sequence, {}, named.sequence);
      if (!written) return written;
    }
    if (auto synced = files_.sync_directory(directory_); !synced) return synced;
    if (auto removed = files_.remove(path(format::kRepairWriting)); !removed) return removed;
    if (auto synced = files_.sync_directory(directory_); !synced) return synced;
    const auto verified = verify(files_, directory_);
    if (!verified) return fail(verified.error());
    if (!verified->damage.empty()) {
      return fail(ErrorCode::kInternal, "what was written is not whole: " + verified->damage);
    }
    return {};
  }

  /// A record that is lost leaves an empty one: the numbers of all others stay as they are.
  Result<void> write_log(const Plan& plan, Source& source) {
    std::uint64_t next = plan.checkpoint_sequence() + 1;
    if (plan.used < next) return {};
    LogWriter writer(files_, {.directory = directory_,
                              .segment_bytes = options_.segment_bytes,
                              .directory_id = directory_id_,
                              .seed = options_.seed});
    if (auto begun = writer.begin(next, now_); !begun) return begun;
    RecordBuffer records;
    const auto write = [&](bool all) -> Result<void> {
      if (records.empty() || (!all && records.bytes() < kWriteBytes)) return {};
      auto written = writer.write(records, next - 1, writer.written(), now_);
      records.clear_all(kBytesKept);
      return written;
    };
    const auto add = [&](std::string_view payload) -> Result<void> {
      records.begin(format::RecordKind::kChanges, next++);
      records.put_payload(payload);
      records.end();
      return write(false);
    };
    const auto show = [&](std::uint64_t sequence, std::string_view payload) -> Result<void> {
      while (next < sequence) {
        if (auto added = add({}); !added) return added;
      }
      return add(payload);
    };
    auto read = source.read_log(plan.listing.segments, plan.old_checkpoint_sequence(), show);
    if (!read) return read;
    while (next <= plan.used) {
      if (auto added = add({}); !added) return added;
    }
    if (auto written = write(true); !written) return written;
    if (auto synced = writer.sync(); !synced) return synced;
    // Says that all of it was on the disk.
    if (auto marked = writer.write(records, next - 1, next - 1, now_); !marked) return marked;
    return writer.close();
  }

  /// `named`: what it has; may be null.
  Result<void> write_content(Source& source, const NamedFile* named, const std::string& name,
                             std::uint64_t sequence,
                             const std::map<NamespaceNumber, Remade>& remade,
                             std::uint64_t needed) {
    NobodyWaits owner;
    ContentFile file(files_, directory_, name,
                     {.directory = directory_id_,
                      .sequence = sequence,
                      .created_ms = 0,
                      .salt = static_cast<std::uint32_t>(options_.seed >> 7U)});
    if (auto begun = file.begin(now_); !begun) return begun;
    std::uint64_t next = 1;
    std::uint64_t entries = 0;
    RecordBuffer records;
    if (!remade.empty()) {
      records.begin(format::RecordKind::kContent, next++);
      for (const auto& [ns, one] : remade)
        records.describe(format::Operation::kCreate, ns, one.name, one.settings, false);
      records.end();
    }
    const auto show = [&](std::string_view payload) -> Result<void> {
      records.begin(format::RecordKind::kContent, next++);
      records.put_payload(payload);
      records.end();
      auto counted = read_operations(payload, [&](const Operation& operation) -> Result<void> {
        if (operation.kind == format::Operation::kSet) ++entries;
        return {};
      });
      if (!counted || records.bytes() < kWriteBytes) return counted;
      return file.write(records, owner);
    };
    if (named != nullptr) {
      const auto read = source.read_content(*named, show);
      if (!read) return fail(read.error());
    }
    if (auto written = file.write(records, owner); !written) return written;
    report_.entries += entries;
    return file.finish(next, entries, needed, owner);
  }

  FileSystem& files_;
  const std::string& directory_;
  const RepairOptions& options_;
  const WallTime now_;
  RepairReport report_;
  std::uint64_t directory_id_ = 0;
};

}  // namespace

Result<RepairReport> repair(FileSystem& files, const std::string& directory,
                            const RepairOptions& options, WallTime now) {
  return Repair(files, directory, options, now).run();
}

}  // namespace appmem::storage
