#pragma once

#include <cstdint>
#include <mutex>
#include <thread>

#include "appmem/core/moment_scan.h"
#include "checkpoint_writer.h"
#include "content_file.h"

namespace appmem::storage {

/// What is shown of a snapshot may take this share of the memory that the store may use, and what
/// is being written as much: 5 % together.
inline constexpr std::uint64_t kSnapshotMemoryShare = 40;

/// Writes one namespace to a file as it is at one moment, in slices beside the running store.
/// Thread safety: none.
class SnapshotWriter {
 public:
  /// What is not yet being written takes no more than `memory_bytes_max`.
  SnapshotWriter(const CheckpointContext& context, CheckpointOwner& owner,
                 std::uint64_t memory_bytes_max);

  /// Errors: kNotFound: there is no such namespace; kConflict: it was cleared or dropped meanwhile;
  /// kOutOfMemory: the disk is too slow for those who write; kUnavailable: the disk; or the owner
  /// gave up. Nothing is left of it then.
  /// Its sequence number is not above `newest`.
  Result<CheckpointFile> write(core::NamespaceId ns, NamespaceNumber number, std::uint64_t newest);

 private:
  void show(NamespaceNumber number, const core::EntryView& entry);
  [[nodiscard]] std::uint64_t copied_bytes() const { return shown_.bytes() - shown_shared_bytes_; }
  /// The memory of what is shown, with an entry more.
  [[nodiscard]] std::uint64_t memory_with(const core::EntryView& entry) const;
  /// A slice of the store; true when it was the last.
  Result<bool> scan_some(core::MomentScan& scan);
  /// Writes what has been shown, once it has come to something.
  Result<void> flush(ContentFile& file);
  /// Ends the record in hand. Errors: kOutOfMemory: something has not been kept.
  Result<void> end_shown();

  const CheckpointContext& context_;
  CheckpointOwner& owner_;
  const std::uint64_t memory_bytes_max_;
  /// So much is shown of the store at once, and then written.
  const std::uint64_t slice_bytes_;
  const std::thread::id thread_ = std::this_thread::get_id();
  bool scanning_ = false;  // used by that thread only

  std::mutex mutex_;  // of what is shown
  RecordBuffer shown_;
  std::uint64_t shown_shared_bytes_ = 0;   // of values that are not copied
  std::uint64_t sliced_bytes_ = 0;         // copied, of slices rather than of what has changed
  std::uint64_t sliced_shared_bytes_ = 0;  // the same of values that are not copied
  std::uint64_t next_record_ = 1;
  std::uint64_t entries_ = 0;
  bool overflown_ = false;
  bool hurried_ = false;

  RecordBuffer writing_;
};

}  // namespace appmem::storage
