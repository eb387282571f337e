#include "repair_plan.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "log_reader.h"
#include "record_file.h"

namespace appmem::storage {
namespace {

/// Reads everything once, to know what is to be written.
class Survey {
 public:
  Survey(FileSystem& files, const std::string& directory)
      : files_(files), directory_(directory), source_(files, directory) {}

  Result<RepairPlan> run() {
    auto listed = list_directory(files_, directory_);
    if (!listed) return fail(std::move(listed).error());
    plan_.listing = *std::move(listed);
    if (auto done = find_directory(); !done) return fail(std::move(done).error());
    if (auto done = choose_checkpoint(); !done) return fail(std::move(done).error());
    if (plan_.checkpoint) {
      if (auto done = read_checkpoint(); !done) return fail(std::move(done).error());
    }
    const auto show = [&](std::uint64_t sequence, std::string_view payload) {
      if (plan_.first == 0) plan_.first = sequence;
      plan_.last = sequence;
      ++plan_.records;
      return read_operations(payload, values_, [&](const Operation& operation) -> Result<void> {
        note_log(operation, sequence);
        note(operation);
        return {};
      });
    };
    auto read = source_.read_log(plan_.listing.segments, plan_.old_checkpoint_sequence(), show);
    if (!read) return fail(std::move(read).error());
    use(plan_.last);
    use(source_.mark);
    if (auto done = choose_snapshots(); !done) return fail(std::move(done).error());
    name_remade();
    plan_.directory_id = source_.directory_id;
    plan_.lost = std::move(source_.lost);
    plan_.cut_bytes = source_.cut_bytes;
    return std::move(plan_);
  }

 private:
  void use(std::uint64_t sequence) { plan_.used = std::max(plan_.used, sequence); }

  /// A file may have got another one's name; its header tells.
  Result<void> believe_header(NamedFile& named) {
    auto file = RecordFile::open(files_, directory_ + "/" + named.name, format::kCheckpointMagic);
    if (file) named.sequence = file->header().sequence;
    if (file || file.error().code == ErrorCode::kInvalidRequest) return {};
    return fail(std::move(file).error());
  }

  /// Nothing where its header is damaged.
  Result<std::optional<std::uint64_t>> directory_of(const NamedFile& named,
                                                    std::string_view magic) {
    auto file = RecordFile::open(files_, directory_ + "/" + named.name, magic);
    if (file) return std::optional(file->header().directory);
    if (file.error().code == ErrorCode::kInvalidRequest) return std::optional<std::uint64_t>();
    return fail(std::move(file).error());
  }

  /// What most segments say; where none says anything, most checkpoints, else most snapshots.
  Result<void> find_directory() {
    const DirectoryListing& all = plan_.listing;
    const std::array lists{std::pair(&all.segments, format::kSegmentMagic),
                           std::pair(&all.checkpoints, format::kCheckpointMagic),
                           std::pair(&all.snapshots, format::kCheckpointMagic)};
    for (const auto& [list, magic] : lists) {
      std::map<std::uint64_t, std::size_t> files_of;
      for (const NamedFile& named : *list) {
        const auto found = directory_of(named, magic);
        if (!found) return fail(found.error());
        if (!*found) continue;
        const std::size_t more = ++files_of[**found];
        if (!source_.directory_id || more > files_of[*source_.directory_id]) {
          source_.directory_id = **found;
        }
      }
      if (source_.directory_id) break;
    }
    return {};
  }

  /// Lists it as lost then.
  Result<bool> belongs_elsewhere(const NamedFile& named) {
    const auto found = directory_of(named, format::kCheckpointMagic);
    if (!found) return fail(found.error());
    if (!*found || *found == source_.directory_id) return false;
    source_.lost.push_back({.file = named.name, .problem = "it belongs to another directory"});
    return true;
  }

  /// The newest one that is whole, if the log goes on from it; else the newest one.
  Result<void> choose_checkpoint() {
    std::vector<NamedFile>& all = plan_.listing.checkpoints;
    for (std::size_t i = 0; i < all.size();) {
      const auto is_foreign = belongs_elsewhere(all[i]);
      if (!is_foreign) return fail(is_foreign.error());
      if (*is_foreign) {
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    for (NamedFile& named : all) {
      if (auto believed = believe_header(named); !believed) return believed;
    }
    std::stable_sort(all.begin(), all.end(), [](const NamedFile& a, const NamedFile& b) {
      return a.sequence < b.sequence;
    });
    for (auto one = all.rbegin(); one != all.rend(); ++one) {
      const auto whole = is_whole(*one);
      if (!whole) return fail(whole.error());
      const std::vector<NamedFile>& segments = plan_.listing.segments;
      const bool goes_on = one == all.rbegin() ||
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
      return read_operations(payload, values_, [&](const Operation& operation) -> Result<void> {
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

  /// Nothing is written to the log of a namespace that is kept as snapshots: where something is, it
  /// had got one.
  void note_log(const Operation& operation, std::uint64_t sequence) {
    const bool is_write = operation.kind == format::Operation::kSet ||
                          operation.kind == format::Operation::kDelete ||
                          operation.kind == format::Operation::kExpire;
    const auto known = shot_.find(operation.ns);
    if (!is_write || !source_.has_losses || known == shot_.end()) return;
    known->second.settings.persist = core::Persistence::kWal;
    plan_.relogged[sequence].push_back(std::move(known->second));
    shot_.erase(known);
  }

  void note_mode(const Operation& operation) {
    shot_.erase(operation.ns);
    if (operation.settings.persist != core::Persistence::kSnapshot) return;
    shot_[operation.ns] = {operation.ns, std::string(operation.name), operation.settings};
  }

  /// Which namespaces are used whose making was lost.
  void note(const Operation& operation) {
    const NamespaceNumber ns = operation.ns;
    switch (operation.kind) {
      case format::Operation::kCreate:
        defined_.insert(ns);
        names_.insert(std::string(operation.name));
        note_mode(operation);
        return;
      case format::Operation::kDrop:
        defined_.erase(ns);
        shot_.erase(ns);
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
    note_mode(operation);
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
    return std::any_of(all.begin(), all.end(),
                       [ns](const NamedFile& file) { return file.ns == ns; });
  }

  /// Of each namespace the newest one that is whole, else the newest one.
  Result<void> choose_snapshots() {
    std::map<NamespaceNumber, NamedFile> chosen;
    std::set<NamespaceNumber> are_whole;
    for (NamedFile named : plan_.listing.snapshots) {
      const auto is_foreign = belongs_elsewhere(named);
      if (!is_foreign) return fail(is_foreign.error());
      if (*is_foreign) continue;
      if (auto believed = believe_header(named); !believed) return believed;
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
      const auto noted =
          source_.read_content(named, [](std::string_view) { return Result<void>(); });
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
  SalvagedDirectory source_;
  ValueDecompressor values_;
  RepairPlan plan_;
  std::set<NamespaceNumber> defined_;
  std::set<NamespaceNumber> dropped_;
  std::map<NamespaceNumber, Relogged> shot_;  // kept as snapshots
  std::set<std::string> names_;
};

}  // namespace

Result<RepairPlan> plan_repair(FileSystem& files, const std::string& directory) {
  return Survey(files, directory).run();
}

}  // namespace appmem::storage
