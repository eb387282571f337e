#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "appmem/base/observer.h"
#include "appmem/base/time.h"
#include "appmem/core/store.h"
#include "appmem/storage/file_system.h"
#include "log_files.h"
#include "log_writer.h"
#include "pending_log.h"
#include "record.h"
#include "record_file.h"
#include "restore_queue.h"

namespace appmem::storage {

/// What a start has found.
struct Recovered {
  std::uint64_t directory_id = 0;  // 0: the directory has no files yet
  std::uint64_t last_sequence = 0;
  std::uint64_t checkpoint_sequence = 0;
  std::uint64_t checkpoint_bytes = 0;
  std::uint64_t checkpoint_plain_bytes = 0;  // see plain_bytes()
  std::string checkpoint;                    // its name; empty when there is none
  std::uint64_t records = 0;
  std::uint64_t entries = 0;  // of the checkpoint
  /// What was cut off the end of the log because it had not been written whole.
  std::uint64_t cut_bytes = 0;
  std::vector<SealedSegment> segments;
  /// The snapshots that are there, by the name of their file.
  struct Snapshot {
    std::string name;
    /// The namespace has what is in it.
    bool is_current = false;
  };
  std::map<NamespaceNumber, Snapshot> snapshots;
};

/// Puts back into the store what a data directory holds, and brings the directory into a state in
/// which a new segment can follow.
/// Thread safety: none; nobody else uses the store meanwhile.
class Recovery {
 public:
  Recovery(FileSystem& files, std::string directory, core::Store& store, PendingLog& pending,
           Observer& observer, const Instant& now, std::size_t threads);

  /// Told what the store is to give as tickets meanwhile.
  struct Replay {
    Replay() = default;
    Replay(const Replay&) = delete;
    Replay& operator=(const Replay&) = delete;
    virtual ~Replay() = default;
    virtual void at(std::uint64_t sequence) = 0;
  };

  /// Errors: kUnavailable: a file cannot be read; damage (see log_files.h); kOutOfMemory: the store
  /// is too small for what is there.
  Result<Recovered> run(Replay& replay);

 private:
  struct Known {
    core::NamespaceId id;
    std::string name;
    bool incomplete = false;
    core::NamespaceSettings settings{};
    std::uint64_t cleared = 0;  // the last time
  };

  Result<void> load_checkpoint(const NamedFile& named);
  Result<void> replay_segment(const NamedFile& named, bool is_last);
  void cut(const RecordFile& file, const std::string& problem);
  Result<void> apply(const Operation& operation, std::uint64_t sequence);
  Result<void> restore(core::NamespaceId ns, const Operation& operation, std::uint64_t sequence,
                       bool if_absent);
  [[nodiscard]] std::optional<TimePoint> moment_of(std::optional<WallTime> deadline) const;
  Result<void> define(const Operation& operation);
  Result<void> undefine(NamespaceNumber number);
  Result<void> drop_incomplete();
  /// Gives all namespaces their ceilings.
  Result<void> settle();
  /// What the newest snapshot of a namespace has takes the place of what is there.
  Result<void> load_snapshot(NamespaceNumber number, const Known& known);
  /// Tells the store how many entries the file has of a namespace that it creates, if that is so.
  Result<void> expect(const Operation& operation, const RecordFile& file);
  /// Reads a checkpoint or snapshot, whose header fits. `visit` is shown its operations.
  Result<void> read_content(RecordFile& file, FunctionRef<Result<void>(const Operation&)> visit);
  Result<void> remove(const std::string& name);
  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }

  FileSystem& files_;
  const std::string directory_;
  core::Store& store_;
  PendingLog& pending_;
  Observer& observer_;
  const Instant now_;
  Replay* replay_ = nullptr;
  std::vector<NamedFile> snapshots_;
  ValueDecompressor values_;
  RestoreQueue queue_;
  Recovered found_;
  /// The highest mark that was read: what is known to have been on the disk.
  std::uint64_t mark_ = 0;
  /// The record up to which the checkpoint needs the log.
  std::uint64_t needed_ = 0;
  std::map<NamespaceNumber, Known> known_;
  NamespaceNumber next_number_ = 1;
  /// What the namespace `default` has where it is not durable.
  core::NamespaceSettings default_settings_{};
};

}  // namespace appmem::storage
