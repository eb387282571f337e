#include "appmem/storage/storage.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "appmem/base/check.h"
#include "log_files.h"
#include "storage_impl.h"

namespace appmem::storage {
namespace {

/// More do not make a start faster: one thread reads for all of them.
constexpr std::size_t kRestoreThreadsMax = 4;

std::size_t restore_threads(bool threads) {
  return threads
             ? std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kRestoreThreadsMax)
             : 0;
}

}  // namespace

Result<void> Storage::Impl::open() {
  const std::lock_guard guard(open_mutex);
  if (is_open.load(std::memory_order_acquire)) return {};
  if (options.directory.empty()) {
    return fail(ErrorCode::kUnavailable,
                "there is no data directory: start appmemd with --data-dir to keep namespaces");
  }
  if (auto made = files.make_directory(options.directory); !made) return made;
  if (lock == nullptr) {
    auto locked = files.lock(options.directory + "/" + std::string(format::kLockName));
    if (!locked) return fail(std::move(locked).error());
    lock = *std::move(locked);
  }
  if (directory_id == 0) {
    auto listed = list_directory(files, options.directory);
    if (!listed) return fail(std::move(listed).error());
    if (!listed->segments.empty() || !listed->checkpoints.empty()) {
      lock.reset();
      return fail(ErrorCode::kUnavailable,
                  options.directory + " has got files since the daemon started: restart it");
    }
    directory_id = options.seed == 0 ? 1 : options.seed;
  }
  writer = std::make_unique<LogWriter>(
      files, LogWriter::Options{.directory = options.directory,
                                .segment_bytes = options.segment_bytes,
                                .directory_id = directory_id,
                                .seed = options.seed,
                                .writes_zeros = options.sync == Sync::kAlways});
  is_open.store(true, std::memory_order_release);
  if (started) begin_threads();
  return {};
}

void Storage::Impl::begin_threads() {
  if (!options.threads) return;
  log_thread = std::thread([this] { run_log(); });
  if (options.sync == Sync::kInterval) sync_thread = std::thread([this] { run_syncs(); });
  if (options.sync == Sync::kAlways) {
    try {
      zeros_thread = std::thread([this] { run_zeros(); });
    } catch (const std::system_error& error) {
      tell_no_zeros(error.what());
    }
  }
  background_thread = std::thread([this] { run_background(); });
}

Storage::Storage(StorageOptions options, FileSystem& files, Clock& clock, Observer& observer)
    : impl_(std::make_unique<Impl>(std::move(options), files, clock, observer)) {
}

Storage::~Storage() {
  // The store may be gone, so nothing is written any more.
  impl_->end_threads();
}

Result<void> Storage::recover(core::Store& store) {
  Impl& impl = *impl_;
  impl.store = &store;
  if (impl.options.directory.empty()) return {};
  auto names = impl.files.list(impl.options.directory);
  if (!names) return fail(std::move(names).error());
  if (names->empty()) return {};
  const auto begin = SteadyClock::now();
  // Before anything is read: what another daemon writes is not to be taken for damage.
  auto locked = impl.files.lock(impl.options.directory + "/" + std::string(format::kLockName));
  if (!locked) return fail(std::move(locked).error());

  impl.replaying = true;
  Recovery recovery(impl.files, impl.options.directory, store, impl.pending, impl.observer,
                    impl.clock.now(), restore_threads(impl.options.threads));
  auto found = recovery.run(impl);
  impl.replaying = false;
  if (!found) return fail(std::move(found).error());
  impl.lock = *std::move(locked);

  impl.directory_id = found->directory_id;
  impl.committed.store(found->last_sequence);
  impl.synced.store(found->last_sequence);
  impl.checkpoint = {.name = found->checkpoint,
                     .sequence = found->checkpoint_sequence,
                     .entries = found->entries,
                     .bytes = found->checkpoint_bytes,
                     .plain_bytes = found->checkpoint_plain_bytes};
  impl.learn_encoding(impl.checkpoint);
  for (auto& [number, snapshot] : found->snapshots) {
    impl.snapshots[number] = {.name = std::move(snapshot.name),
                              .sequence = snapshot.is_current ? found->last_sequence : 0,
                              .changes = std::nullopt};
  }
  impl.snapshots_from = SteadyClock::now() + impl.options.checkpoint_interval;
  if (auto opened = impl.open(); !opened) return opened;
  for (SealedSegment& segment : found->segments)
    impl.writer->add_sealed(std::move(segment));
  const std::lock_guard guard(impl.mutex);
  impl.stats.recovery_time = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin);
  impl.stats.recovered_entries = found->entries;
  impl.stats.recovered_records = found->records;
  impl.stats.cut_bytes = found->cut_bytes;
  const std::array<EventField, 5> fields{
      EventField::of("directory", impl.options.directory),
      EventField::of("entries", static_cast<std::int64_t>(found->entries)),
      EventField::of("records", static_cast<std::int64_t>(found->records)),
      EventField::of("cut_bytes", static_cast<std::int64_t>(found->cut_bytes)),
      EventField::of("ms", impl.stats.recovery_time.count())};
  impl.observer.event(Severity::kInfo, "recovered", "read what the data directory holds",
                      fields.data(), fields.size());
  return {};
}

void Storage::start(std::function<void()> committed_changed) {
  const std::lock_guard guard(impl_->open_mutex);
  APPMEM_CHECK(!impl_->started);
  impl_->committed_changed = std::move(committed_changed);
  impl_->started = true;
  if (impl_->is_open.load()) impl_->begin_threads();
}

Result<void> Storage::prepare() {
  return impl_->open();
}

std::uint64_t Storage::request_verify() {
  Impl& impl = *impl_;
  if (!impl.is_open.load(std::memory_order_acquire)) return 0;
  std::uint64_t request = 0;
  {
    const std::lock_guard guard(impl.mutex);
    request = ++impl.verify_wanted;
    if (impl.options.threads) impl.begin_verify();
  }
  if (!impl.options.threads) impl.serve_verify();
  return request;
}

/// On a thread of its own, which checkpoints do not wait for. With the mutex locked.
void Storage::Impl::begin_verify() {
  if (stop_background || stop_log) {
    verify_done = verify_wanted;
    verify_result = fail(ErrorCode::kUnavailable, "the daemon stops");
    return;
  }
  if (verifying) return;
  // The one before has nothing left to do.
  if (verify_thread.joinable()) verify_thread.join();
  try {
    verify_thread = std::thread([this] { run_verify(); });
    verifying = true;
  } catch (const std::system_error& error) {
    verify_done = verify_wanted;
    verify_result = fail(ErrorCode::kUnavailable,
                         std::string("no thread for the verification: ") + error.what());
  }
}

void Storage::Impl::run_verify() {
  be_nice();
  for (;;) {
    serve_verify();
    const std::lock_guard guard(mutex);
    if (verify_wanted != verify_done && !stop_background) continue;
    verifying = false;
    return;
  }
}

void Storage::Impl::serve_verify() {
  std::uint64_t wanted = 0;
  {
    const std::lock_guard guard(mutex);
    wanted = verify_wanted;
  }
  auto result = verify(files, options.directory, [this](std::uint64_t, std::uint64_t) {
    const std::lock_guard guard(mutex);
    return !stop_background;
  });
  {
    const std::lock_guard guard(mutex);
    verify_done = wanted;
    verify_result = std::move(result);
  }
  tell();
}

Storage::VerifyState Storage::verify_state(std::uint64_t request) const {
  const std::lock_guard guard(impl_->mutex);
  if (impl_->verify_done < request) return {};
  return {.done = true, .result = impl_->verify_result};
}

StorageStats Storage::stats() {
  Impl& impl = *impl_;
  const bool open = impl.is_open.load(std::memory_order_acquire);
  const std::uint64_t live = open ? impl.live_bytes() : 0;
  const std::lock_guard guard(impl.mutex);
  StorageStats stats = impl.stats;
  stats.open = open;
  if (!open) return stats;
  const LogWriter::Size size = impl.writer->size();
  stats.failure = impl.failure;
  stats.checkpoint_pending = impl.checkpoint_wanted != impl.checkpoint_done;
  stats.checkpoint_failed = !impl.checkpoint_result.has_value();
  stats.segments = size.segments;
  stats.log_bytes = size.bytes;
  stats.checkpoint_bytes = impl.checkpoint.bytes;
  stats.live_bytes = live;
  const std::uint64_t all = size.bytes + impl.checkpoint.bytes;
  stats.dead_bytes = all > live ? all - live : 0;
  stats.pending_bytes = impl.pending.bytes();
  stats.last_sequence = impl.pending.latest();
  stats.synced_sequence = impl.synced.load();
  return stats;
}

/// False when they have been ended before.
bool Storage::Impl::end_threads() {
  {
    const std::lock_guard guard(mutex);
    if (stop_log) return false;
    stop_background = true;
    background_wake.notify_all();
    changed.notify_all();
  }
  if (background_thread.joinable()) background_thread.join();
  if (verify_thread.joinable()) verify_thread.join();
  {
    const std::lock_guard guard(mutex);
    stop_log = true;
    log_wake.notify_all();
    sync_wake.notify_all();
    zeros_wake.notify_all();
  }
  if (log_thread.joinable()) log_thread.join();
  if (sync_thread.joinable()) sync_thread.join();
  if (zeros_thread.joinable()) zeros_thread.join();
  return true;
}

Result<void> Storage::close() {
  Impl& impl = *impl_;
  if (!impl.is_open.load(std::memory_order_acquire)) return {};
  if (!impl.end_threads()) return {};
  if (!impl.options.threads) impl.commit_once();
  // Nobody else is left: the last snapshots are written to their end.
  impl.stop_background = false;
  impl.closing = true;
  auto snapshots_made = impl.make_snapshots();
  if (!snapshots_made) {
    impl.observer.event(Severity::kError, "snapshot_failed", snapshots_made.error().message,
                        nullptr, 0);
  }
  if (impl.failed.load()) return fail(ErrorCode::kUnavailable, impl.failure);
  const auto finish = [&]() -> Result<void> {
    if (!impl.writer->begun()) return {};
    if (auto done = impl.sync_log(); !done) return done;
    // Says that all of it was on the disk: damage to the last group is not taken for a torn tail.
    impl.group.clear_all(0);
    const std::uint64_t last = impl.writer->written();
    if (auto done = impl.writer->write(impl.group, last, last, impl.clock.now().wall); !done) {
      return done;
    }
    return impl.writer->close();
  };
  auto finished = finish();
  impl.lock.reset();
  return finished ? snapshots_made : finished;
}

}  // namespace appmem::storage
