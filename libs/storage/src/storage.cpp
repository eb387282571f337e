#include "appmem/storage/storage.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "appmem/base/check.h"
#include "checkpoint_writer.h"
#include "log_files.h"
#include "log_writer.h"
#include "pending_log.h"
#include "recovery.h"
#include "snapshot_writer.h"

namespace appmem::storage {
namespace {

using std::chrono::microseconds;
using SteadyClock = std::chrono::steady_clock;

/// How often it is looked whether there is too much that is dead.
constexpr milliseconds kCompactionInterval{1000};
/// Files may come to so many times the live data, and a segment more, before a checkpoint makes them
/// smaller; while it is written it stands beside them, which makes 2.5.
constexpr std::uint64_t kFilesPartsMax = 3;
constexpr std::uint64_t kFilesPartsOf = 2;
/// Where there was no room for a checkpoint, another is tried after this.
constexpr std::chrono::seconds kCompactionRetry{30};
/// What an entry takes in a checkpoint besides key and value, about.
constexpr std::uint64_t kEntryBytes = 26;
/// What writers leave behind for a snapshot, as a share of the memory that the store may use: 5 %.
constexpr std::uint64_t kSnapshotMemoryShare = 20;
constexpr int kSnapshotAttemptsMax = 3;
/// Clients that wait for the log write no more while so much waits for it.
constexpr std::uint64_t kPendingBytesMax = std::uint64_t{64} << 20U;
/// After each slice of a checkpoint. With the niceness, GET p99.9 beside checkpoints on two cores went
/// from 56 ms to .9; a nicer thread writes no checkpoint at all while a loop is busy.
constexpr microseconds kRest{20};
constexpr int kBackgroundNice = 5;
/// How long a group waits at most for more, and how often it looks.
constexpr microseconds kGatherMax{500};
constexpr microseconds kGatherStep{30};
/// A group keeps this much memory for the next one.
constexpr std::size_t kGroupBytesKept = 4 * 1024 * 1024;

/// Sets `value` to `to` unless it is more already.
void raise(std::atomic<std::uint64_t>& value, std::uint64_t to) {
  std::uint64_t seen = value.load(std::memory_order_relaxed);
  while (seen < to && !value.compare_exchange_weak(seen, to)) {
  }
}

/// From now on this thread's sleeps of some microseconds do not take the usual fifty more.
void sleep_exactly() {
  ::prctl(PR_SET_TIMERSLACK, 1'000UL, 0UL, 0UL, 0UL);
}

}  // namespace

struct Storage::Impl final : Recovery::Replay, CheckpointOwner {
  Impl(StorageOptions given, FileSystem& file_system, Clock& time, Observer& log)
      : options(std::move(given)), files(file_system), clock(time), observer(log) {}

  // --- opening ---
  Result<void> open();
  void begin_threads();
  bool end_threads();
  void at(std::uint64_t sequence) override { replayed = sequence; }

  // --- the log ---
  void run_log();
  void run_syncs();
  void gather();
  void commit_once();
  bool commit_here();
  bool commit_pending();
  Result<void> write_group(std::uint64_t last);
  Result<void> sync_log();
  void fail_with(const Error& error);
  void tell() {
    if (committed_changed) committed_changed();
  }

  // --- checkpoints ---
  void run_background();
  bool too_much_is_dead();
  std::uint64_t live_bytes();
  CheckpointContext checkpoint_context();
  void serve_requests();
  void serve_verify();
  /// Of namespaces with a log, in one file; and of each without one, in a file of its own.
  Result<void> make_checkpoint();
  Result<void> make_snapshots();
  Result<void> make_snapshot(const core::NamespaceInfo& info, NamespaceNumber number);
  Result<void> make_log_checkpoint();
  Result<void> remove_snapshots(bool log_is_whole);
  Result<void> make_resume();
  Result<void> remove_files(std::vector<SealedSegment> segments, const std::string& checkpoint);
  bool go_on(std::uint64_t bytes) override;
  void rest() override;
  Result<void> wait_synced(std::uint64_t sequence) override;

  std::uint64_t ask(std::uint64_t& wanted);

  const StorageOptions options;
  FileSystem& files;
  Clock& clock;
  Observer& observer;
  core::Store* store = nullptr;
  std::function<void()> committed_changed;

  PendingLog pending;
  /// During recovery the store is told these.
  bool replaying = false;
  std::uint64_t replayed = 0;

  std::atomic<bool> is_open{false};
  std::mutex open_mutex;  // of open(), and what it sets
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<LogWriter> writer;
  std::uint64_t directory_id = 0;
  bool started = false;

  std::atomic<std::uint64_t> committed{0};
  std::atomic<std::uint64_t> synced{0};
  std::atomic<bool> failed{false};
  std::atomic<bool> work{false};  // something waits for run_log

  mutable std::mutex mutex;  // of all below
  std::condition_variable log_wake;
  std::condition_variable sync_wake;
  std::condition_variable background_wake;
  std::condition_variable changed;  // a request is done, or more is synced
  bool stop_log = false;
  bool stop_background = false;
  std::string failure;
  std::uint64_t checkpoint_wanted = 0;
  std::uint64_t checkpoint_done = 0;
  bool resume_wanted = false;
  Result<void> checkpoint_result;
  std::uint64_t verify_wanted = 0;
  std::uint64_t verify_done = 0;
  Result<Inspection> verify_result;
  StorageStats stats;

  std::mutex write_mutex;  // writes and a resume exclude each other
  RecordBuffer group;      // of whoever writes; protected by write_mutex
  /// Of the last group. Used by the log's thread (and with write_mutex locked).
  std::atomic<std::uint64_t> group_records{0};
  std::atomic<bool> syncing{false};
  std::atomic<microseconds> sync_time{microseconds{0}};  // of the last one

  /// Used by the background only, by recover() and by close().
  CheckpointFile checkpoint;
  /// The last snapshot of a namespace, and how much had been changed in it then.
  struct Snapshot {
    std::string name;
    std::uint64_t changes = 0;
    std::uint64_t keys = 0;
  };
  std::map<NamespaceNumber, Snapshot> snapshots;
  std::vector<NamespaceNumber> kept_snapshots;
  SteadyClock::time_point snapshots_from{};
  SteadyClock::time_point allowed_from{};
  SteadyClock::time_point compaction_from{};

  std::thread log_thread;
  std::thread sync_thread;
  std::thread background_thread;
};

// --- opening ---

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
                                .seed = options.seed});
  is_open.store(true, std::memory_order_release);
  if (started) begin_threads();
  return {};
}

void Storage::Impl::begin_threads() {
  if (!options.threads) return;
  log_thread = std::thread([this] { run_log(); });
  if (options.sync == Sync::kInterval) sync_thread = std::thread([this] { run_syncs(); });
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
                    impl.clock.now());
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
                     .bytes = found->checkpoint_bytes};
  for (auto& [number, snapshot] : found->snapshots) {
    impl.snapshots[number] = {.name = std::move(snapshot.name),
                              .changes = snapshot.is_current ? 0 : UINT64_MAX};
  }
  impl.snapshots_from = SteadyClock::now() + impl.options.checkpoint_interval;
  if (auto opened = impl.open(); !opened) return opened;
  for (SealedSegment& segment : found->segments)
    impl.writer->add_sealed(std::move(segment));
  const std::lock_guard guard(impl.mutex);
  impl.stats.recovery_time =
      std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin);
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

// --- the sink ---

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

// --- the log ---

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

/// Clients that were answered together write again, one after the other. A sync for the first of them
/// would make all others wait for it: so as long as more comes in each step, and no longer than a sync
/// takes, it is waited for.
void Storage::Impl::gather() {
  if (options.sync != Sync::kAlways || group_records.load(std::memory_order_relaxed) <= 1) return;
  const auto until =
      SteadyClock::now() + std::min(sync_time.load(std::memory_order_relaxed), kGatherMax);
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
  if (!commit_pending()) return;
  tell();
  if (writer->size().segments != segments) {
    const std::lock_guard guard(mutex);
    background_wake.notify_one();
  }
}

/// On the thread of a loop, where nothing has to be waited for: the system takes what is written, and
/// answers need not wait for another thread.
bool Storage::Impl::commit_here() {
  // While a file is synced, a write to it may have to wait.
  if (syncing.load(std::memory_order_acquire)) return false;
  const std::unique_lock writing(write_mutex, std::try_to_lock);
  // A new segment takes its time as well.
  if (!writing.owns_lock() || !writer->has_room(pending.bytes())) return false;
  return commit_pending();
}

/// With the write mutex locked. False when there was nothing, or it has failed.
bool Storage::Impl::commit_pending() {
  if (failed.load(std::memory_order_acquire)) return false;
  group.clear_all(kGroupBytesKept);
  const auto last = pending.take(group);
  if (!last) return false;
  group_records = *last - writer->written();
  if (auto written = write_group(*last); !written) {
    fail_with(written.error());
    return false;
  }
  return true;
}

Result<void> Storage::Impl::write_group(std::uint64_t last) {
  const WallTime now = clock.now().wall;
  if (!writer->begun()) {
    const std::uint64_t first = committed.load(std::memory_order_relaxed) + 1;
    if (auto begun = writer->begin(first, now); !begun) return begun;
  }
  const std::uint64_t known = synced.load(std::memory_order_acquire);
  if (auto written = writer->write(group, last, known, now); !written) return written;
  if (options.sync == Sync::kAlways) {
    if (auto done = sync_log(); !done) return done;
  }
  raise(committed, last);
  const std::lock_guard guard(mutex);
  ++stats.groups;
  changed.notify_all();
  return {};
}

/// What has been written is on the disk.
Result<void> Storage::Impl::sync_log() {
  const std::uint64_t written = writer->written();
  const auto begin = SteadyClock::now();
  syncing.store(true, std::memory_order_release);
  auto done = writer->sync();
  syncing.store(false, std::memory_order_release);
  if (!done) return done;
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
    const auto done = sync_log();
    if (!done) fail_with(done.error());
    guard.lock();
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

// --- checkpoints ---

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

Result<void> Storage::Impl::make_snapshot(const core::NamespaceInfo& info,
                                          NamespaceNumber number) {
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
  for (int attempt = 0; attempt < kSnapshotAttemptsMax && !made &&
                        made.error().code == ErrorCode::kConflict;
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
  allowed_from = std::max(allowed_from, now) +
                 std::chrono::duration_cast<SteadyClock::duration>(cost);
  background_wake.wait_until(guard, allowed_from, [&] { return stop_background; });
  return !stop_background;
}

/// A lock that is taken again at once is hardly ever got by anybody else; and on few cores this thread
/// would be as busy as a loop.
void Storage::Impl::rest() {
  if (options.threads) std::this_thread::sleep_for(kRest);
}

Result<void> Storage::Impl::wait_synced(std::uint64_t sequence) {
  if (failed.load()) return {};  // a resume: the log is not needed
  if (!options.threads) commit_once();
  std::unique_lock guard(mutex);
  const auto is_written = [&] { return committed.load() >= sequence || failed.load(); };
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

std::uint64_t Storage::request_verify() {
  Impl& impl = *impl_;
  if (!impl.is_open.load(std::memory_order_acquire)) return 0;
  std::uint64_t request = 0;
  {
    const std::lock_guard guard(impl.mutex);
    request = ++impl.verify_wanted;
    impl.background_wake.notify_one();
  }
  if (!impl.options.threads) impl.serve_verify();
  return request;
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
  impl_->changed.wait(guard, [&] {
    return impl_->checkpoint_done >= *request || impl_->stop_background;
  });
  if (impl_->checkpoint_done < *request) {
    return fail(ErrorCode::kUnavailable, "the checkpoint was given up: the daemon stops");
  }
  return impl_->checkpoint_result;
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
  {
    const std::lock_guard guard(mutex);
    stop_log = true;
    log_wake.notify_all();
    sync_wake.notify_all();
  }
  if (log_thread.joinable()) log_thread.join();
  if (sync_thread.joinable()) sync_thread.join();
  return true;
}

Result<void> Storage::close() {
  Impl& impl = *impl_;
  if (!impl.is_open.load(std::memory_order_acquire)) return {};
  if (!impl.end_threads()) return {};
  if (!impl.options.threads) impl.commit_once();
  impl.stop_background = false;  // nobody else is left: the last snapshots are written to their end
  if (auto made = impl.make_snapshots(); !made) {
    impl.observer.event(Severity::kError, "snapshot_failed", made.error().message, nullptr, 0);
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
  return finished;
}

}  // namespace appmem::storage
