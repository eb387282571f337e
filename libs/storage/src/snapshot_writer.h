#pragma once

#include <cstdint>
#include <mutex>

#include "checkpoint_writer.h"
#include "content_file.h"

namespace appmem::storage {

/// Writes one namespace to a file as it is at one moment, in slices beside the running store.
/// Thread safety: none.
class SnapshotWriter {
 public:
  /// What writers leave behind faster than it gets to the disk may come to `memory_bytes_max`.
  SnapshotWriter(const CheckpointContext& context, CheckpointOwner& owner,
                 std::uint64_t memory_bytes_max)
      : context_(context),
        owner_(owner),
        memory_bytes_max_(memory_bytes_max),
        shown_(context.compress_above),
        writing_(context.compress_above) {}

  /// Errors: kNotFound: there is no such namespace; kConflict: it was cleared or dropped meanwhile;
  /// kOutOfMemory: the disk is too slow for those who write; kUnavailable: the disk; or the owner
  /// gave up. Nothing is left of it then.
  /// Its sequence number is not above `newest`.
  Result<CheckpointFile> write(core::NamespaceId ns, NamespaceNumber number, std::uint64_t newest);

 private:
  void show(NamespaceNumber number, const core::EntryView& entry);
  /// Writes what has been shown, once it has come to something.
  Result<void> flush(ContentFile& file);
  /// Ends the record in hand. Errors: kOutOfMemory: something has not been kept.
  Result<void> end_shown();

  const CheckpointContext& context_;
  CheckpointOwner& owner_;
  const std::uint64_t memory_bytes_max_;

  std::mutex mutex_;  // of what is shown
  RecordBuffer shown_;
  std::uint64_t next_record_ = 1;
  std::uint64_t entries_ = 0;
  bool overflown_ = false;

  RecordBuffer writing_;
};

}  // namespace appmem::storage
