// Storage: checkpoints and snapshots in the background, and taking the log up again.

#include <algorithm>
#include <array>
#include <mutex>
#include <thread>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "log_files.h"
#include "snapshot_writer.h"
#include "storage_impl.h"

namespace appmem::storage {
namespace {

/// How often it is looked whether there is too much that is dead.
constexpr milliseconds kCompactionInterval{1000};
/// Files may come to so many times the live data, and a segment more, before a checkpoint makes
/// them smaller; while it is written it stands beside them, which makes 2.5.
constexpr std::uint64_t kFilesPartsMax = 3;
constexpr std::uint64_t kFilesPartsOf = 2;
/// Where there was no room for a checkpoint, another is tried after this.
constexpr std::chrono::seconds kCompactionRetry{30};
/// What an entry takes in a checkpoint besides key and value, about.
constexpr std::uint64_t kEntryBytes = 26;
/// What writers leave behind for a snapshot, as a share of the memory that the store may use: 5 %.
constexpr std::uint64_t kSnapshotMemoryShare = 20;
constexpr int kSnapshotAttemptsMax = 3;
/// After each slice of a checkpoint. With the niceness, GET p99.9 beside checkpoints on two cores
/// went from 56 ms to .9; a nicer thread writes no checkpoint at all while a loop is busy.
constexpr microseconds kRest{20};
constexpr int kBackgroundNice = 5;

}  // namespace

void Storage::Impl::run_background() {
  sleep_exactly();
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kBackgroundNice);
  std::unique_lock guard(mutex);
  while (!stop_background) {
    background_wake.wait_for(guard, kCompactionInterval);
    if (stop_background) break;
    const bool asked = resume_wanted || checkpoint_wanted != checkpoint_done;
    const bool verify_asked = verify_wanted != verify_done;
    guard.unlock();
    if (asked) {
      serve_requests();
    } else if (!failed.load() && SteadyClock::now() >= compaction_from && too_much_is_dead()) {
      if (auto made = make_checkpoint(); !made && !failed.load()) {
        compaction_from = SteadyClock::now() + kCompactionRetry;
        observer.event(Severity::kWarning, "compaction_failed", made.error().message, nullptr, 0);
      }
    } else if (SteadyClock::now() >= snapshots_from) {
      if (auto made = make_snapshots(); !made) {
        observer.event(Severity::kWarning, "snapshot_failed", made.error().message, nullptr, 0);
      }
    }
    if (verify_asked) serve_verify();
    guard.lock();
  }
}

void Storage::Impl::serve_requests() {
  std::uint64_t wanted = 0;
  bool resume = false;
  {
    const std::lock_guard guard(mutex);
    wanted = checkpoint_wanted;
    resume = std::exchange(resume_wanted, false);
  }
  Result<void> result;
  if (failed.load()) {
    result = resume ? make_resume()
                    : fail(ErrorCode::kReadOnly, "the log has failed: `appmemctl storage resume`");
  } else if (!resume) {
    result = make_checkpoint();
  }
  {
    const std::lock_guard guard(mutex);
    checkpoint_done = wanted;
    checkpoint_result = std::move(result);
    changed.notify_all();
  }
  tell();
}

std::uint64_t Storage::Impl::live_bytes() {
  std::uint64_t bytes = 0;
  for (const core::NamespaceInfo& info : store->list_namespaces(clock.now())) {
    if (info.settings.persist == core::Persistence::kWal) {
      bytes += info.bytes + info.keys * kEntryBytes;
    }
  }
  return bytes;
}

bool Storage::Impl::too_much_is_dead() {
  const std::uint64_t files_bytes = writer->size().bytes + checkpoint.bytes;
  if (files_bytes <= options.segment_bytes) return false;
  return files_bytes > live_bytes() / kFilesPartsOf * kFilesPartsMax + options.segment_bytes;
}

CheckpointContext Storage::Impl::checkpoint_context() {
  return {.files = files,
          .clock = clock,
          .store = *store,
          .pending = pending,
          .directory = options.directory,
          .directory_id = directory_id,
          .salt = static_cast<std::uint32_t>(options.seed >> 7U)};
}

/// In this order: what a namespace had while it had a log goes with the log that the second step
/// makes unnecessary, and what it had as snapshots once the log has it.
Result<void> Storage::Impl::make_checkpoint() {
  if (auto made = make_snapshots(); !made) return made;
  if (auto made = make_log_checkpoint(); !made) return made;
  return remove_snapshots(true);
}

Result<void> Storage::Impl::make_snapshots() {
  snapshots_from = SteadyClock::now() + options.checkpoint_interval;
  kept_snapshots.clear();
  for (const core::NamespaceInfo& info : store->list_namespaces(clock.now())) {
    if (info.settings.persist != core::Persistence::kSnapshot) continue;
    const auto number = pending.number_of(info.id);
    if (!number) continue;  // gone, or another one
    if (auto made = make_snapshot(info, *number); !made) {
      const bool is_gone =
          made.error().code == ErrorCode::kNotFound || made.error().code == ErrorCode::kConflict;
      if (!is_gone) return made;
    }
    kept_snapshots.push_back(*number);
  }
  return remove_snapshots(false);
}

Result<void> Storage::Impl::make_snapshot(const core::NamespaceInfo& info, NamespaceNumber number) {
  const core::NamespaceCounters& counters = info.counters;
  // Changes of deadlines are not counted: where there are any, it is written in any case.
  const std::uint64_t changes = counters.sets + counters.deletes + counters.evictions;
  const auto known = snapshots.find(number);
  if (known != snapshots.end() && known->second.changes == changes &&
      known->second.keys == info.keys && info.deadlines == 0) {
    return {};
  }
  const CheckpointContext context = checkpoint_context();
  Result<CheckpointFile> made = fail(ErrorCode::kConflict, "");
  // A namespace that is cleared is begun again.
  for (int attempt = 0;
       attempt < kSnapshotAttemptsMax && !made && made.error().code == ErrorCode::kConflict;
       ++attempt) {
    SnapshotWriter writing(context, *this, store->memory().limit() / kSnapshotMemoryShare);
    made = writing.write(info.id, number);
  }
  if (!made) return fail(std::move(made).error());
  Snapshot& last = snapshots[number];
  const std::string old = std::exchange(last, {made->name, changes, info.keys}).name;
  if (old.empty() || old == made->name) return {};
  if (auto removed = files.remove(options.directory + "/" + old); !removed) return removed;
  return files.sync_directory(options.directory);
}

/// Of namespaces that are gone; and, once the log is whole without them, of those that have a log.
Result<void> Storage::Impl::remove_snapshots(bool log_is_whole) {
  for (auto it = snapshots.begin(); it != snapshots.end();) {
    const bool is_kept =
        std::find(kept_snapshots.begin(), kept_snapshots.end(), it->first) != kept_snapshots.end();
    if (is_kept || (!log_is_whole && pending.has_number(it->first))) {
      ++it;
      continue;
    }
    if (auto removed = files.remove(options.directory + "/" + it->second.name); !removed) {
      return removed;
    }
    it = snapshots.erase(it);
  }
  return {};
}

Result<void> Storage::Impl::make_log_checkpoint() {
  const auto begin = SteadyClock::now();
  const CheckpointContext context = checkpoint_context();
  if (pending.latest() == checkpoint.sequence && !checkpoint.name.empty()) return {};
  auto made = CheckpointWriter(context, *this).write();
  if (!made) return fail(std::move(made).error());
  const std::string old = std::exchange(checkpoint, *made).name;
  {
    const std::lock_guard guard(mutex);
    ++stats.checkpoints;
    stats.checkpoint_at = clock.now().wall;
    stats.checkpoint_time = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin);
  }
  const std::array<EventField, 3> fields{
      EventField::of("entries", static_cast<std::int64_t>(made->entries)),
      EventField::of("bytes", static_cast<std::int64_t>(made->bytes)),
      EventField::of("ms", stats.checkpoint_time.count())};
  observer.event(Severity::kDebug, "checkpoint", "wrote a checkpoint", fields.data(),
                 fields.size());
  return remove_files(writer->take_sealed(made->sequence), old);
}

Result<void> Storage::Impl::remove_files(std::vector<SealedSegment> segments,
                                         const std::string& old_checkpoint) {
  const auto remove = [&](const std::string& name) {
    return files.remove(options.directory + "/" + name);
  };
  // The oldest first: what is left after a crash has no gap.
  for (const SealedSegment& segment : segments) {
    if (auto removed = remove(segment.name); !removed) return removed;
  }
  if (!old_checkpoint.empty() && old_checkpoint != checkpoint.name) {
    if (auto removed = remove(old_checkpoint); !removed) return removed;
  }
  return files.sync_directory(options.directory);
}

/// Nothing is written to the log meanwhile.
Result<void> Storage::Impl::make_resume() {
  const std::lock_guard writing(write_mutex);
  // What was not written is in the store.
  group.clear_all(kGroupBytesKept);
  static_cast<void>(pending.take(group));
  group.clear_all(kGroupBytesKept);
  const std::uint64_t last = pending.latest();
  if (auto made = make_checkpoint(); !made) return made;
  // What the failed segment holds is in the checkpoint.
  const std::string abandoned = writer->abandon();
  if (!abandoned.empty()) {
    if (auto removed = remove_files({{.name = abandoned}}, {}); !removed) return removed;
  }
  if (auto begun = writer->begin(last + 1, clock.now().wall); !begun) return begun;
  {
    const std::lock_guard guard(mutex);
    raise(committed, last);
    raise(synced, last);
    failure.clear();
    failed.store(false, std::memory_order_release);
  }
  observer.event(Severity::kInfo, "log_resumed", "everything is on the disk again", nullptr, 0);
  tell();
  return {};
}

bool Storage::Impl::go_on(std::uint64_t bytes) {
  std::unique_lock guard(mutex);
  if (options.background_bytes_per_second == 0 || !options.threads) return !stop_background;
  const auto now = SteadyClock::now();
  const auto cost = std::chrono::duration<double>(
      static_cast<double>(bytes) / static_cast<double>(options.background_bytes_per_second));
  allowed_from =
      std::max(allowed_from, now) + std::chrono::duration_cast<SteadyClock::duration>(cost);
  background_wake.wait_until(guard, allowed_from, [&] { return stop_background; });
  return !stop_background;
}

/// A lock that is taken again at once is hardly ever got by anybody else; and on few cores this
/// thread would be as busy as a loop.
void Storage::Impl::rest() {
  if (options.threads) std::this_thread::sleep_for(kRest);
}

Result<void> Storage::Impl::wait_synced(std::uint64_t sequence) {
  if (failed.load()) return {};  // a resume: the log is not needed
  if (!options.threads) commit_once();
  std::unique_lock guard(mutex);
  const auto is_written = [&] {
    return committed.load() >= sequence || failed.load();
  };
  changed.wait(guard, [&] { return is_written() || stop_background; });
  if (failed.load() || !is_written()) {
    return fail(ErrorCode::kUnavailable, "the log has failed meanwhile");
  }
  if (synced.load() >= sequence) return {};
  guard.unlock();
  return sync_log();
}

Result<std::uint64_t> Storage::request_checkpoint() {
  Impl& impl = *impl_;
  if (!impl.is_open.load(std::memory_order_acquire)) return 0;
  if (impl.failed.load()) {
    return fail(ErrorCode::kUnavailable, "the log has failed: `appmemctl storage resume`");
  }
  return impl.ask(impl.checkpoint_wanted);
}

std::uint64_t Storage::request_resume() {
  Impl& impl = *impl_;
  if (!impl.is_open.load(std::memory_order_acquire)) return 0;
  {
    const std::lock_guard guard(impl.mutex);
    impl.resume_wanted = true;
  }
  return impl.ask(impl.checkpoint_wanted);
}

std::uint64_t Storage::Impl::ask(std::uint64_t& wanted) {
  std::uint64_t request = 0;
  {
    const std::lock_guard guard(mutex);
    request = ++wanted;
    background_wake.notify_one();
  }
  if (!options.threads) serve_requests();
  return request;
}

Storage::CheckpointState Storage::checkpoint_state(std::uint64_t request) const {
  const std::lock_guard guard(impl_->mutex);
  if (impl_->checkpoint_done < request) return {};
  return {.done = true, .result = impl_->checkpoint_result};
}

Result<void> Storage::checkpoint() {
  const auto request = request_checkpoint();
  if (!request) return fail(request.error());
  std::unique_lock guard(impl_->mutex);
  impl_->changed.wait(guard,
                      [&] { return impl_->checkpoint_done >= *request || impl_->stop_background; });
  if (impl_->checkpoint_done < *request) {
    return fail(ErrorCode::kUnavailable, "the checkpoint was given up: the daemon stops");
  }
  return impl_->checkpoint_result;
}

}  // namespace appmem::storage
