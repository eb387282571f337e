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
/// Where there was no room for a checkpoint, another is tried after this.
constexpr std::chrono::seconds kCompactionRetry{30};
constexpr int kSnapshotAttemptsMax = 3;
/// After each slice of a checkpoint. With the niceness, GET p99.9 beside checkpoints on two cores
/// went from 56 ms to .9; a nicer thread writes no checkpoint at all while a loop is busy.
constexpr microseconds kRest{20};
constexpr int kBackgroundNice = 5;
/// While the rate is waited for it is looked so often whether the disk, or the end, counts for
/// more.
constexpr milliseconds kLookInterval{100};
/// Of a wait that was cut short, so much at most is left for the next one.
constexpr std::chrono::seconds kDebtMax{1};

}  // namespace

void be_nice() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kBackgroundNice);
}

void Storage::Impl::run_background() {
  sleep_exactly();
  be_nice();
  std::unique_lock guard(mutex);
  while (!stop_background) {
    background_wake.wait_for(guard, kCompactionInterval, [&] {
      return stop_background || checkpoint_wanted != checkpoint_done || rotated;
    });
    if (stop_background) break;
    rotated = false;
    bool look_again = false;
    const bool asked = checkpoint_wanted != checkpoint_done;
    guard.unlock();
    if (asked) {
      serve_requests();
    } else if (!failed.load() && SteadyClock::now() >= compaction_from && is_compaction_due()) {
      auto made = make_due_checkpoint();
      look_again = made.has_value();
      if (!made && !failed.load()) {
        compaction_from = SteadyClock::now() + kCompactionRetry;
        observer.event(Severity::kWarning, "compaction_failed", made.error().message, nullptr, 0);
      }
    }
    guard.lock();
    // Also where one compaction follows the other.
    if (!asked && !stop_background && SteadyClock::now() >= snapshots_from) {
      guard.unlock();
      tell_failed(make_snapshots());
      guard.lock();
    }
    // What was deleted while a checkpoint was written is in it.
    rotated = rotated || look_again;
  }
}

bool Storage::Impl::is_compaction_due() {
  // A namespace that became durable and has no checkpoint yet is lost as a whole in a crash.
  return too_much_is_dead() || pending.owes_checkpoint();
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
  if (!failed.load()) {
    result = make_checkpoint();
  } else {
    result = resume ? make_resume()
                    : fail(ErrorCode::kReadOnly, "the log has failed: `appmemctl storage resume`");
  }
  {
    const std::lock_guard guard(mutex);
    checkpoint_done = wanted;
    checkpoint_result = std::move(result);
    changed.notify_all();
  }
  tell();
}

CheckpointContext Storage::Impl::checkpoint_context() {
  return {.files = files,
          .clock = clock,
          .store = *store,
          .pending = pending,
          .directory = options.directory,
          .directory_id = directory_id,
          .salt = static_cast<std::uint32_t>(options.seed >> 7U),
          .compress_above = options.compress_above};
}

/// In this order: what a namespace had while it had a log goes with the log that the second step
/// makes unnecessary, and what it had as snapshots once the log has it.
Result<void> Storage::Impl::make_checkpoint() {
  // A namespace that is cleared while snapshots are written is still cleared in the log.
  const std::uint64_t sequence = pending.latest();
  auto snapshots_made = make_snapshots();
  // One that could not be written holds the log up only if it is needed for what its file lacks.
  if (!snapshots_made && !snapshots_are_current(sequence)) return snapshots_made;
  if (auto made = make_log_checkpoint(sequence); !made) return made;
  if (auto removed = remove_snapshots(true); !removed) return removed;
  return snapshots_made;
}

/// What namespaces without a log have changed is no reason to let the log wait: only those are
/// written that still need it.
Result<void> Storage::Impl::make_due_checkpoint() {
  const std::uint64_t sequence = pending.latest();
  auto snapshots_made = write_snapshots(
      [&](NamespaceNumber number) { return !is_snapshot_current(number, sequence); });
  if (!snapshots_made && !snapshots_are_current(sequence)) return snapshots_made;
  tell_failed(snapshots_made);
  if (auto made = make_log_checkpoint(sequence); !made) return made;
  return remove_snapshots(true);
}

void Storage::Impl::tell_failed(const Result<void>& snapshots_made) {
  if (snapshots_made) return;
  observer.event(Severity::kWarning, "snapshot_failed", snapshots_made.error().message, nullptr, 0);
}

Result<void> Storage::Impl::make_snapshots() {
  snapshots_from = SteadyClock::now() + options.checkpoint_interval;
  return write_snapshots([](NamespaceNumber /*number*/) { return true; });
}

/// Tries all that are wanted; the first error.
Result<void> Storage::Impl::write_snapshots(FunctionRef<bool(NamespaceNumber)> is_wanted) {
  kept_snapshots.clear();
  Result<void> result;
  for (const core::NamespaceInfo& info : store->list_namespaces(clock.now())) {
    if (info.settings.persist != core::Persistence::kSnapshot) continue;
    const auto number = pending.number_of(info.id);
    if (!number) continue;  // gone, or another one
    kept_snapshots.push_back(*number);
    if (!is_wanted(*number)) continue;
    auto made = make_snapshot(info, *number);
    const bool is_gone = !made && made.error().code == ErrorCode::kNotFound;
    if (!made && !is_gone && result) result = std::move(made);
  }
  auto removed = remove_snapshots(false);
  return result ? removed : result;
}

/// It has a file from after it was last cleared, or got its mode.
bool Storage::Impl::is_snapshot_current(NamespaceNumber number, std::uint64_t sequence) const {
  const std::uint64_t begun = pending.begun_at(number);
  const auto known = snapshots.find(number);
  return begun > sequence || (known != snapshots.end() && known->second.sequence >= begun);
}

bool Storage::Impl::snapshots_are_current(std::uint64_t sequence) const {
  return std::all_of(kept_snapshots.begin(), kept_snapshots.end(),
                     [&](NamespaceNumber number) { return is_snapshot_current(number, sequence); });
}

Result<void> Storage::Impl::make_snapshot(const core::NamespaceInfo& info, NamespaceNumber number) {
  const core::NamespaceCounters& counters = info.counters;
  // What a namespace has had done to it. Changes of deadlines are not counted: where there are any,
  // it is written in any case.
  const std::array<std::uint64_t, 4> changes{
      counters.sets, counters.deletes + counters.evictions + counters.expirations, info.keys,
      info.deadlines};
  const auto known = snapshots.find(number);
  if (known != snapshots.end() && known->second.changes == changes && info.deadlines == 0) {
    return {};
  }
  const CheckpointContext context = checkpoint_context();
  Result<CheckpointFile> made = fail(ErrorCode::kConflict, "");
  // A namespace that is cleared is begun again.
  for (int attempt = 0;
       attempt < kSnapshotAttemptsMax && !made && made.error().code == ErrorCode::kConflict;
       ++attempt) {
    SnapshotWriter writing(context, *this, store->memory().limit() / kSnapshotMemoryShare);
    // While the log has failed, what it has beyond that may never have been.
    const std::uint64_t newest = failed.load() ? committed.load() : UINT64_MAX;
    made = writing.write(info.id, number, newest);
  }
  is_hurried = false;
  if (!made) return fail(std::move(made).error());
  Snapshot& last = snapshots[number];
  const std::string old = std::exchange(last, {made->name, made->sequence, changes}).name;
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
    // That it is not needed has to be on the disk as well.
    if (auto safe = wait_synced(pending.latest()); !safe) return safe;
    if (auto removed = files.remove(options.directory + "/" + it->second.name); !removed) {
      return removed;
    }
    it = snapshots.erase(it);
  }
  return {};
}

Result<void> Storage::Impl::make_log_checkpoint(std::uint64_t sequence) {
  const auto begin = SteadyClock::now();
  const CheckpointContext context = checkpoint_context();
  // What has expired is in no record, but in the file.
  const bool is_current = pending.latest() == checkpoint.sequence && !checkpoint.name.empty();
  if (is_current && !too_much_is_dead()) return {};
  const std::uint64_t log_bytes = writer->sealed_bytes();
  pending.checkpoint_begins();
  auto made = CheckpointWriter(context, *this).write(sequence, resuming);
  if (!made) {
    pending.checkpoint_failed();
    return fail(std::move(made).error());
  }
  learn_encoding(*made);
  learn_growth(writer->sealed_bytes() - log_bytes, *made);
  std::string old;
  {
    const std::lock_guard guard(mutex);
    old = std::exchange(checkpoint, *made).name;
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

Result<void> Storage::Impl::remove_files(const std::vector<SealedSegment>& segments,
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
  const std::uint64_t last = pending.discard();
  resuming = true;
  auto made = make_checkpoint();
  resuming = false;
  if (!made) return made;
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

/// While it is in a hurry nothing counts for the rate.
bool Storage::Impl::is_in_hurry() {
  // The log is filled faster than it may be emptied: the disk counts for more.
  return closing || is_hurried.load() || is_falling_behind();
}

bool Storage::Impl::go_on(std::uint64_t bytes) {
  const std::uint64_t rate = options.background_bytes_per_second;
  const bool is_limited = rate != 0 && options.threads && !is_in_hurry();
  std::unique_lock guard(mutex);
  if (!is_limited) return !stop_background;
  const auto cost =
      std::chrono::duration<double>(static_cast<double>(bytes) / static_cast<double>(rate));
  const auto begin = SteadyClock::now();
  allowed_from = std::clamp(allowed_from, begin, begin + kDebtMax) +
                 std::chrono::duration_cast<SteadyClock::duration>(cost);
  for (auto now = begin; now < allowed_from && !stop_background; now = SteadyClock::now()) {
    // Woken by a new segment, and by all that ends the wait.
    background_wake.wait_until(guard, std::min(allowed_from, now + kLookInterval));
    guard.unlock();
    const bool is_over = is_in_hurry();
    guard.lock();
    if (is_over) break;
  }
  return !stop_background;
}

/// Called under a shard's lock, as admit() is.
void Storage::Impl::hurry() {
  const std::lock_guard guard(mutex);
  is_hurried = true;
  background_wake.notify_one();
}

/// A lock that is taken again at once is hardly ever got by anybody else; and on few cores this
/// thread would be as busy as a loop.
void Storage::Impl::rest() {
  if (options.threads) std::this_thread::sleep_for(kRest);
}

Result<void> Storage::Impl::wait_synced(std::uint64_t sequence) {
  if (resuming) return {};  // nothing of the log is needed beside what is written now
  if (failed.load()) return fail(ErrorCode::kUnavailable, "the log has failed");
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
  if (!impl.failed.load()) return 0;
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
  if (request == 0) return {.done = true, .result = {}};
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
