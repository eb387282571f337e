#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "appmem/base/function_ref.h"
#include "appmem/storage/storage.h"
#include "checkpoint_writer.h"
#include "log_writer.h"
#include "pending_log.h"
#include "recovery.h"

namespace appmem::storage {

using std::chrono::microseconds;
using SteadyClock = std::chrono::steady_clock;

/// A group keeps this much memory for the next one.
inline constexpr std::size_t kGroupBytesKept = std::size_t{4} << 20U;

/// Sets `value` to `to` unless it is more already.
inline void raise(std::atomic<std::uint64_t>& value, std::uint64_t to) {
  std::uint64_t seen = value.load(std::memory_order_relaxed);
  while (seen < to && !value.compare_exchange_weak(seen, to)) {
  }
}

/// From now on this thread's sleeps of some microseconds do not take the usual fifty more.
void sleep_exactly();
/// From now on this thread leaves the processors to loops.
void be_nice();

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
  void run_zeros();
  void ask_for_zeros();
  bool write_zeros();
  void tell_no_zeros(std::string_view why);
  void gather();
  void commit_once();
  bool commit_here();
  bool commit_pending(bool may_take_time);
  Result<void> write_group(std::uint64_t last);
  Result<void> sync_log();
  void fail_with(const Error& error);
  void tell() {
    if (committed_changed) committed_changed();
  }

  // --- checkpoints ---
  void run_background();
  CheckpointContext checkpoint_context();
  void serve_requests();
  void begin_verify();
  void run_verify();
  void serve_verify();
  /// Of namespaces with a log, in one file; and of each without one, in a file of its own.
  Result<void> make_checkpoint();
  /// The same, because too much of the log is dead.
  Result<void> make_due_checkpoint();
  Result<void> make_snapshots();
  Result<void> write_snapshots(FunctionRef<bool(NamespaceNumber)> is_wanted);
  void tell_failed(const Result<void>& snapshots_made);
  Result<void> make_snapshot(const core::NamespaceInfo& info, NamespaceNumber number);
  /// Makes the log up to `sequence` unnecessary.
  Result<void> make_log_checkpoint(std::uint64_t sequence);
  [[nodiscard]] bool is_snapshot_current(NamespaceNumber number, std::uint64_t sequence) const;
  [[nodiscard]] bool snapshots_are_current(std::uint64_t sequence) const;
  Result<void> remove_snapshots(bool log_is_whole);
  Result<void> make_resume();
  Result<void> remove_files(const std::vector<SealedSegment>& segments,
                            const std::string& checkpoint);
  bool go_on(std::uint64_t bytes) override;
  void rest() override;
  void hurry() override;
  bool is_in_hurry();
  Result<void> wait_synced(std::uint64_t sequence) override;

  std::uint64_t ask(std::uint64_t& wanted);

  // --- disk space ---
  bool is_compaction_due();
  bool too_much_is_dead();
  /// A checkpoint that is under way comes too late for the ceiling.
  bool is_falling_behind();
  struct LiveData {
    std::uint64_t plain = 0;   // plain_bytes() of all entries with a log
    std::uint64_t beside = 0;  // what a checkpoint has besides entries, about
  };
  LiveData live_data();
  /// About what a checkpoint would have now.
  std::uint64_t live_bytes();
  std::uint64_t files_bytes();
  [[nodiscard]] std::uint64_t files_bytes_max(std::uint64_t live) const;
  void learn_encoding(const CheckpointFile& made);
  void learn_growth(std::uint64_t log_bytes, const CheckpointFile& made);

  const StorageOptions options;
  FileSystem& files;
  Clock& clock;
  Observer& observer;
  core::Store* store = nullptr;
  std::function<void()> committed_changed;

  PendingLog pending{options.compress_above};
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
  std::atomic<bool> zeros_failed{false};  // and that has been said
  std::atomic<bool> work{false};          // something waits for run_log

  mutable std::mutex mutex;  // of all below
  std::condition_variable log_wake;
  std::condition_variable sync_wake;
  std::condition_variable zeros_wake;
  std::condition_variable background_wake;
  std::condition_variable changed;  // a request is done, or more is synced
  bool stop_log = false;
  bool stop_background = false;
  bool zeros_wanted = false;
  std::string failure;
  std::uint64_t checkpoint_wanted = 0;
  std::uint64_t checkpoint_done = 0;
  bool resume_wanted = false;
  bool rotated = false;  // there is a new segment
  /// Of the snapshot that is being written: it is not to wait for the rate.
  std::atomic<bool> is_hurried{false};
  Result<void> checkpoint_result;
  std::uint64_t verify_wanted = 0;
  std::uint64_t verify_done = 0;
  Result<Inspection> verify_result;
  bool verifying = false;     // there is a thread that serves requests
  std::thread verify_thread;  // begun with the mutex locked
  StorageStats stats;

  std::mutex write_mutex;  // writes and a resume exclude each other
  // Of whoever writes; protected by write_mutex.
  RecordBuffer group{options.compress_above};
  ValueCompressor compressor;
  /// Of the last group. Used by the log's thread (and with write_mutex locked).
  std::atomic<std::uint64_t> group_records{0};
  std::mutex sync_mutex;  // behind write_mutex
  std::atomic<bool> syncing{false};
  std::atomic<microseconds> sync_time{microseconds{0}};  // of the last one

  /// What the last checkpoint took, as a share of its entries' plain_bytes(); before the first one
  /// rather too little, which is safe.
  std::atomic<double> encoded_share{0.75};
  std::atomic<double> encoded_share_of_few{0.75};

  /// Used by the background only, by recover() and by close().
  /// What the log took while the last checkpoint was written, as a share of that.
  double meanwhile_share = 0;
  CheckpointFile checkpoint;
  /// The last snapshot of a namespace, and how much had been changed in it then.
  struct Snapshot {
    std::string name;
    std::uint64_t sequence = 0;
    /// Nothing: not known, so that it is written again.
    std::optional<std::array<std::uint64_t, 4>> changes;
  };
  std::map<NamespaceNumber, Snapshot> snapshots;
  std::vector<NamespaceNumber> kept_snapshots;
  /// It writes what makes a failed log unnecessary.
  bool resuming = false;
  bool closing = false;
  SteadyClock::time_point snapshots_from{};
  SteadyClock::time_point allowed_from{};
  SteadyClock::time_point compaction_from{};

  std::thread log_thread;
  std::thread sync_thread;
  std::thread zeros_thread;
  std::thread background_thread;
};

}  // namespace appmem::storage
