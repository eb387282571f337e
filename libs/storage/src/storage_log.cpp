// Storage: from a change that is told to one that is on the disk.

#include <algorithm>
#include <mutex>
#include <thread>

#include <sys/prctl.h>

#include "storage_impl.h"

namespace appmem::storage {
namespace {

/// Clients that wait for the log write no more while so much waits for it.
constexpr std::uint64_t kPendingBytesMax = std::uint64_t{64} << 20U;
/// How long a group waits at most for more, and how often it looks.
constexpr microseconds kGatherMax{500};
/// Where a sync takes less, the next group is written sooner than it would have been gathered.
constexpr microseconds kGatherFrom{400};
constexpr microseconds kGatherStep{30};

}  // namespace

Result<void> Storage::admit() {
  if (!impl_->failed.load(std::memory_order_acquire)) [[likely]]
    return {};
  const std::lock_guard guard(impl_->mutex);
  return fail(ErrorCode::kReadOnly,
              "the log has failed (" + impl_->failure +
                  "): mend that, then `appmemctl storage resume`, or restart the daemon");
}

core::CommitTicket Storage::append(std::span<const core::Mutation> mutations, const Instant& now) {
  if (impl_->replaying) [[unlikely]]
    return impl_->replayed;
  return impl_->pending.append(mutations, now);
}

core::CommitTicket Storage::latest() const {
  return impl_->replaying ? impl_->replayed : impl_->pending.latest();
}

Result<void> Storage::readable(core::CommitTicket ticket) const {
  if (!impl_->failed.load(std::memory_order_acquire)) [[likely]]
    return {};
  const auto& safe = impl_->options.sync == Sync::kInterval ? impl_->synced : impl_->committed;
  if (ticket <= safe.load(std::memory_order_acquire)) return {};
  return fail(ErrorCode::kUnavailable,
              "this was written when the log failed, and may not last: `appmemctl storage resume` "
              "writes it again");
}

bool Storage::turn_ended() {
  Impl& impl = *impl_;
  if (impl.pending.bytes() == 0) [[likely]]
    return false;
  if (!impl.options.threads) {
    impl.commit_once();
    return false;
  }
  if (impl.options.sync != Sync::kAlways && impl.commit_here()) return true;
  if (impl.work.exchange(true, std::memory_order_acq_rel)) return false;
  const std::lock_guard guard(impl.mutex);
  impl.log_wake.notify_one();
  return false;
}

std::uint64_t Storage::committed() const {
  return impl_->committed.load();
}

bool Storage::congested() const {
  return impl_->pending.bytes() > kPendingBytesMax;
}

bool Storage::failed() const {
  return impl_->failed.load(std::memory_order_acquire);
}

void Storage::Impl::run_log() {
  sleep_exactly();
  std::unique_lock guard(mutex);
  for (;;) {
    log_wake.wait(guard, [&] { return stop_log || work.load(std::memory_order_acquire); });
    const bool last_time = stop_log;
    guard.unlock();
    work.store(false, std::memory_order_release);
    if (!last_time) gather();
    commit_once();
    guard.lock();
    if (last_time) return;
  }
}

/// Clients that were answered together write again, one after the other. A sync for the first of
/// them would make all others wait for it: so as long as more comes in each step, and no longer
/// than a sync takes, it is waited for.
void Storage::Impl::gather() {
  if (options.sync != Sync::kAlways || group_records.load(std::memory_order_relaxed) <= 1) return;
  const microseconds takes = sync_time.load(std::memory_order_relaxed);
  if (takes < kGatherFrom) return;
  const auto until = SteadyClock::now() + std::min(takes, kGatherMax);
  std::uint64_t seen = 0;
  for (std::uint64_t latest = pending.latest(); latest != seen && SteadyClock::now() < until;
       latest = pending.latest()) {
    seen = latest;
    std::this_thread::sleep_for(kGatherStep);
  }
}

void Storage::Impl::commit_once() {
  const std::lock_guard writing(write_mutex);
  const std::size_t segments = writer->size().segments;
  commit_pending(true);
  // Also when a loop has done it meanwhile: whoever asked for this waits.
  tell();
  if (writer->size().segments != segments) {
    const std::lock_guard guard(mutex);
    rotated = true;
    background_wake.notify_one();
  }
}

/// On the thread of a loop, where nothing has to be waited for: the system takes what is written,
/// and answers need not wait for another thread.
bool Storage::Impl::commit_here() {
  // While a file is synced, a write to it may have to wait.
  if (syncing.load(std::memory_order_acquire)) return false;
  const std::unique_lock writing(write_mutex, std::try_to_lock);
  // A new segment takes its time as well.
  if (!writing.owns_lock() || !writer->has_room(pending.bytes())) return false;
  return commit_pending(false);
}

/// With the write mutex locked. False when there was nothing, or nothing that takes no time, or it
/// has failed.
bool Storage::Impl::commit_pending(bool may_take_time) {
  if (failed.load(std::memory_order_acquire)) return false;
  const auto last = may_take_time ? pending.take(group) : pending.take_if_plain(group);
  if (!last) return false;
  group_records = *last - writer->written();
  group.compress(compressor);
  const auto written = write_group(*last);
  // The next one may be long in coming, and large values are not to wait for it.
  group.clear_all(kGroupBytesKept);
  if (!written) fail_with(written.error());
  return written.has_value();
}

Result<void> Storage::Impl::write_group(std::uint64_t last) {
  const WallTime now = clock.now().wall;
  if (!writer->begun()) {
    const std::uint64_t first = committed.load(std::memory_order_relaxed) + 1;
    if (auto begun = writer->begin(first, now); !begun) return begun;
  }
  const std::uint64_t known = synced.load(std::memory_order_acquire);
  if (auto written = writer->write(group, last, known, now); !written) return written;
  if (writer->wants_zeros()) ask_for_zeros();
  if (options.sync == Sync::kAlways) {
    if (auto done = sync_log(); !done) return done;
  }
  raise(committed, last);
  const std::lock_guard guard(mutex);
  ++stats.groups;
  changed.notify_all();
  return {};
}

/// What has been written is on the disk, or the log has failed: the system tells an error once.
Result<void> Storage::Impl::sync_log() {
  const std::lock_guard one_at_a_time(sync_mutex);
  if (failed.load()) return fail(ErrorCode::kUnavailable, "the log has failed");
  const std::uint64_t written = writer->written();
  const auto begin = SteadyClock::now();
  syncing.store(true, std::memory_order_release);
  auto done = writer->sync();
  syncing.store(false, std::memory_order_release);
  if (!done) {
    fail_with(done.error());
    return done;
  }
  const auto took = std::chrono::duration_cast<microseconds>(SteadyClock::now() - begin);
  raise(synced, written);
  const std::lock_guard guard(mutex);
  ++stats.syncs;
  sync_time.store(took, std::memory_order_relaxed);
  stats.sync_time_last = took;
  stats.sync_time_max = std::max(stats.sync_time_max, took);
  stats.sync_time_total += took;
  changed.notify_all();
  return {};
}

void Storage::Impl::run_syncs() {
  std::unique_lock guard(mutex);
  while (!stop_log) {
    sync_wake.wait_for(guard, options.sync_interval, [&] { return stop_log; });
    if (failed.load() || !writer->begun() || writer->written() == synced.load()) continue;
    guard.unlock();
    static_cast<void>(sync_log());
    guard.lock();
  }
}

void Storage::Impl::ask_for_zeros() {
  if (!options.threads) {
    write_zeros();
    return;
  }
  const std::lock_guard guard(mutex);
  zeros_wanted = true;
  zeros_wake.notify_one();
}

/// Whether there is more to do.
bool Storage::Impl::write_zeros() {
  const auto written = writer->write_zeros();
  if (!written) tell_no_zeros(written.error().message);
  return written.value_or(false);
}

void Storage::Impl::tell_no_zeros(std::string_view why) {
  if (zeros_failed.exchange(true)) return;
  observer.event(
      Severity::kInfo, "no_zeros_ahead",
      "syncs may take longer: zeros cannot be written ahead of the log: " + std::string(why),
      nullptr, 0);
}

void Storage::Impl::run_zeros() {
  std::unique_lock guard(mutex);
  for (;;) {
    zeros_wake.wait(guard, [&] { return stop_log || zeros_wanted; });
    if (stop_log) return;
    zeros_wanted = false;
    guard.unlock();
    const bool more = write_zeros();
    guard.lock();
    zeros_wanted |= more;
  }
}

void Storage::Impl::fail_with(const Error& error) {
  {
    const std::lock_guard guard(mutex);
    if (failed.load()) return;
    failure = error.message;
    failed.store(true, std::memory_order_release);
    changed.notify_all();
  }
  observer.event(Severity::kError, "log_failed",
                 "the log has failed, namespaces with one are read-only: " + error.message, nullptr,
                 0);
  tell();
}

void sleep_exactly() {
  ::prctl(PR_SET_TIMERSLACK, 1'000UL, 0UL, 0UL, 0UL);
}

}  // namespace appmem::storage
