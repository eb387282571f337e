#include <algorithm>
#include <map>
#include <utility>

#include "appmem/base/units.h"
#include "appmem/storage/inspection.h"
#include "content_file.h"
#include "log_files.h"
#include "log_writer.h"
#include "record.h"
#include "repair_plan.h"
#include "salvaged_directory.h"
#include "utc_text.h"

namespace appmem::storage {
namespace {

/// So much is written at once.
constexpr std::uint64_t kWriteBytes = 1_MiB;
constexpr std::size_t kBytesKept = 4_MiB;

class NobodyWaits final : public CheckpointOwner {
 public:
  bool go_on(std::uint64_t /*bytes*/) override { return true; }
  Result<void> wait_synced(std::uint64_t /*sequence*/) override { return {}; }
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
      return fail(ErrorCode::kUnavailable, written.error().message +
                                               "; the files as they were are in " + originals() +
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
      // Without its end it had not been written whole.
      const bool is_whole = marked->ends_with('\n');
      if (is_whole) marked->pop_back();
      report_.originals = *marked;
      const bool is_name = is_whole && marked->starts_with(format::kDamagedPrefix) &&
                           marked->find('/') == std::string::npos;
      if (listed->repair == format::kRepairWriting) {
        if (is_name) return true;
        return fail(ErrorCode::kUnavailable, path(listed->repair) + " does not name a folder");
      }
      if (is_name) return move_originals();
      // It was made, but nothing had been written to it, or not all of it: nothing has been moved.
      if (auto removed = files_.remove(path(listed->repair)); !removed) {
        return fail(std::move(removed).error());
      }
    }
    const auto verified = verify(files_, directory_);
    if (!verified) return fail(verified.error());
    if (verified->damage.empty()) return false;
    // What cannot be read is found before anything is moved.
    if (auto plan = plan_repair(files_, directory_); !plan) return fail(std::move(plan).error());
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
    auto plan = plan_repair(files_, from);
    if (!plan) return fail(std::move(plan).error());
    report_.repaired = true;
    report_.records = plan->records;
    report_.lost = plan->lost;
    report_.cut_bytes = plan->cut_bytes;
    for (const auto& [ns, remade] : plan->remade) {
      report_.remade.push_back(
          "namespace " + std::to_string(ns) + " is called \"" + remade.name +
          "\": the record that made it is lost" +
          (remade.has_settings ? ", a later one has its name and settings" : ""));
    }
    for (const auto& [sequence, all] : plan->relogged) {
      for (const Relogged& one : all) {
        report_.remade.push_back("namespace " + std::to_string(one.ns) + ", \"" + one.name +
                                 "\", has a log again: the record that gave it one is lost");
      }
    }
    directory_id_ = plan->directory_id.value_or(options_.seed == 0 ? 1 : options_.seed);
    SalvagedDirectory source(files_, from);
    if (auto written = write_log(*plan, source); !written) return written;
    if (plan->has_checkpoint()) {
      const std::uint64_t sequence = plan->checkpoint_sequence();
      auto written = write_content(source, plan->checkpoint ? &*plan->checkpoint : nullptr,
                                   checkpoint_name(sequence), sequence, plan->remade,
                                   std::max(plan->checkpoint_needs, sequence));
      if (!written) return written;
    }
    for (const NamedFile& named : plan->snapshots) {
      auto written = write_content(source, &named, snapshot_name(named.ns, named.sequence),
                                   named.sequence, {}, named.sequence);
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
  Result<void> write_log(const RepairPlan& plan, SalvagedDirectory& source) {
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
      records.begin(format::RecordKind::kChanges, next);
      if (const auto found = plan.relogged.find(next); found != plan.relogged.end()) {
        for (const Relogged& one : found->second)
          records.describe(format::Operation::kAlter, one.ns, one.name, one.settings, false);
      }
      records.put_payload(payload);
      ++next;
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
  Result<void> write_content(SalvagedDirectory& source, const NamedFile* named,
                             const std::string& name, std::uint64_t sequence,
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
      auto counted =
          read_operations(payload, values_, [&](const Operation& operation) -> Result<void> {
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
    return file.finish({.record = next, .entries = entries, .needed = needed}, owner);
  }

  FileSystem& files_;
  const std::string& directory_;
  const RepairOptions& options_;
  const WallTime now_;
  RepairReport report_;
  ValueDecompressor values_;
  std::uint64_t directory_id_ = 0;
};

}  // namespace

Result<RepairReport> repair(FileSystem& files, const std::string& directory,
                            const RepairOptions& options, WallTime now) {
  return Repair(files, directory, options, now).run();
}

}  // namespace appmem::storage
