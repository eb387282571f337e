#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "appmem/base/error.h"
#include "appmem/base/observer.h"
#include "appmem/base/time.h"
#include "appmem/core/mutation_sink.h"
#include "appmem/core/store.h"
#include "appmem/storage/compression.h"
#include "appmem/storage/file_system.h"
#include "appmem/storage/inspection.h"

namespace appmem::storage {

/// When what was acknowledged is on the disk.
enum class Sync : std::uint8_t {
  kAlways,    // before its answer leaves
  kInterval,  // within StorageOptions::sync_interval; its answer leaves when the system has it
  kOs,        // when the system likes; its answer leaves when the system has it
};

struct StorageOptions {
  /// Empty: nothing can be durable.
  std::string directory;
  Sync sync = Sync::kAlways;
  std::chrono::milliseconds sync_interval{1000};
  std::uint64_t segment_bytes = std::uint64_t{64} << 20U;
  /// How often namespaces that are kept as snapshots are written.
  std::chrono::milliseconds checkpoint_interval{300'000};
  /// Compaction and checkpoints write so much in a second at most; 0: as fast as they can.
  std::uint64_t background_bytes_per_second = 0;
  /// Values (bytes and documents) longer than this are compressed in all files where that makes
  /// them at least an eighth shorter. Precondition: at least kCompressAboveMin.
  std::uint64_t compress_above = kCompressNever;
  /// Random in production.
  std::uint64_t seed = 0;
  /// False: everything is done at once by whoever asks for it, so that a test can say in which
  /// order.
  bool threads = true;
};

struct StorageStats {
  bool open = false;  // there is a directory
  std::string failure;
  std::size_t segments = 0;
  std::uint64_t log_bytes = 0;  // of the segments
  std::uint64_t checkpoint_bytes = 0;
  std::uint64_t live_bytes = 0;     // about what a checkpoint would have now
  std::uint64_t dead_bytes = 0;     // the rest
  std::uint64_t pending_bytes = 0;  // changes that are not in a file yet
  std::uint64_t last_sequence = 0;
  std::uint64_t synced_sequence = 0;
  std::uint64_t groups = 0;
  std::uint64_t syncs = 0;
  std::chrono::microseconds sync_time_last{0};
  std::chrono::microseconds sync_time_max{0};
  std::chrono::microseconds sync_time_total{0};
  std::uint64_t checkpoints = 0;
  bool checkpoint_pending = false;  // one that was asked for
  bool checkpoint_failed = false;   // the last one that was asked for
  std::optional<WallTime> checkpoint_at;
  std::chrono::milliseconds checkpoint_time{0};
  std::chrono::milliseconds recovery_time{0};
  std::uint64_t recovered_entries = 0;
  std::uint64_t recovered_records = 0;
  std::uint64_t cut_bytes = 0;
};

/// Keeps the durable namespaces of a store in a directory: every change in a segmented log, synced
/// in groups, and now and then a checkpoint, which makes the log before it unnecessary.
///
/// Order of calls: the constructor; a store with this as its sink; recover(); start(); then any;
/// close() before the store goes. Thread safety: from start() on all functions, from any thread,
/// unless they say otherwise.
class Storage final : public core::MutationSink {
 public:
  /// All are borrowed and must outlive it.
  Storage(StorageOptions options, FileSystem& files, Clock& clock, Observer& observer);
  ~Storage() override;

  /// Puts back what the directory holds; one that is not there is left so. Errors: kBusy (another
  /// daemon has it), kUnavailable (damage, naming file, offset and the way on; a file cannot be
  /// read), kOutOfMemory (the store is too small for it, or the system for a compressed value).
  Result<void> recover(core::Store& store);

  /// `committed_changed` is called, on a thread of its own, whenever committed() has risen or the
  /// log has failed; it must not block.
  void start(std::function<void()> committed_changed);

  /// Makes the directory, or finds it made: to be called before a namespace becomes durable.
  /// Errors: kUnavailable: it cannot be made; kBusy: another daemon has it.
  Result<void> prepare();

  // --- MutationSink ---
  Result<void> admit() override;
  core::CommitTicket append(std::span<const core::Mutation> mutations, const Instant& now) override;
  [[nodiscard]] core::CommitTicket latest() const override;
  [[nodiscard]] Result<void> readable(core::CommitTicket ticket) const override;

  /// Somebody has changed something and will change nothing more at once: what has come is one
  /// group. Cheap where there is nothing new. True when all that was told before is committed now:
  /// others who wait for it have to be told. False when another thread does it, and tells.
  bool turn_ended();

  /// The highest ticket whose answer may leave.
  [[nodiscard]] std::uint64_t committed() const;
  /// Tickets above committed() will not be committed, unless resume() succeeds.
  [[nodiscard]] bool failed() const;

  /// So much is waiting to be written that nobody should add to it who can wait.
  [[nodiscard]] bool congested() const;

  /// A checkpoint that begins after the call; see checkpoint_state. Errors: kUnavailable: the log
  /// has failed.
  Result<std::uint64_t> request_checkpoint();
  struct CheckpointState {
    bool done = false;
    Result<void> result;
  };
  [[nodiscard]] CheckpointState checkpoint_state(std::uint64_t request) const;
  /// Waits for it. Not from an event loop.
  Result<void> checkpoint();

  /// Writes a checkpoint if too much of the files is dead, as the background does by itself; true
  /// when it has. For those without threads (see StorageOptions). Errors: as checkpoint().
  Result<bool> compact_if_due();

  /// After a failure: writes everything that is in memory to a new checkpoint and goes on with a
  /// new segment. As request_checkpoint, for checkpoint_state. Nothing is done when nothing has
  /// failed.
  std::uint64_t request_resume();

  /// Reads and checks all files (see verify() in inspection.h), one request at a time, on a thread
  /// of its own: checkpoints go on, and files that they make unnecessary meanwhile are not missed.
  /// For verify_state.
  std::uint64_t request_verify();
  struct VerifyState {
    bool done = false;
    Result<Inspection> result;
  };
  [[nodiscard]] VerifyState verify_state(std::uint64_t request) const;

  [[nodiscard]] StorageStats stats();

  /// Writes and syncs what is there and ends the threads. Errors: kUnavailable: what was not synced
  /// is lost.
  Result<void> close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace appmem::storage
