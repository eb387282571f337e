#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "appmem/base/time.h"
#include "appmem/core/store.h"

namespace appmem::storage {

/// One change of one entry. Lifetime: the views are of whoever made it.
struct RestoreItem {
  enum class Kind : std::uint8_t { kRestore, kRestoreIfAbsent, kRemove };
  core::NamespaceId ns;
  core::EntryView entry;
  Kind kind = Kind::kRestore;
};

/// Makes the changes that it is given, in their order, on a thread of its own or at once.
/// Thread safety: none.
class RestoreLane {
 public:
  /// `store` and `now` are borrowed.
  RestoreLane(core::Store& store, const Instant& now, bool threaded);
  RestoreLane(const RestoreLane&) = delete;
  RestoreLane& operator=(const RestoreLane&) = delete;
  ~RestoreLane();

  // Errors: those of an earlier change. As Store::restore, restore_if_absent and restore_removal.
  /// Copies what `item` refers to; a batch has room for it (checked).
  Result<void> add(const RestoreItem& item);
  /// The batch that is being filled goes to the thread, and another one is filled.
  Result<void> hand_over();
  /// All that was handed over has been done.
  Result<void> wait();

 private:
  struct Batch {
    std::string bytes;
    std::vector<RestoreItem> items;
  };
  /// So many that neither side often sleeps for the other's sake.
  static constexpr std::size_t kBatches = 16;

  Batch& filling() { return batches_[filled_ % kBatches]; }
  Result<void> do_batch(const Batch& batch);
  void run();

  core::Store& store_;
  const Instant& now_;
  std::array<Batch, kBatches> batches_;
  std::size_t filled_ = 0;  // the number of the batch that is being filled, from the beginning

  std::mutex mutex_;
  std::condition_variable changed_;
  // Protected by mutex_; a batch belongs to the thread from `done_` up to before `given_`.
  std::size_t given_ = 0;
  std::size_t done_ = 0;
  bool ends_ = false;
  Result<void> result_;

  std::thread thread_;
};

/// Puts entries back into a store, on threads of its own, so that whoever reads them from a file
/// goes on reading. Changes of one key are made in the order in which they are given.
/// Thread safety: none.
class RestoreQueue {
 public:
  /// `threads` 0: it is done by whoever gives them. `store` and `now` are borrowed.
  RestoreQueue(core::Store& store, const Instant& now, std::size_t threads);

  // Errors: those of an earlier change. As Store::restore, restore_if_absent and restore_removal.
  Result<void> restore(core::NamespaceId ns, const core::EntryView& entry, bool if_absent);
  Result<void> remove(core::NamespaceId ns, std::string_view key, core::CommitTicket ticket);
  /// All that was given has been done.
  Result<void> drain();

 private:
  Result<void> add(const RestoreItem& item);

  core::Store& store_;
  const Instant& now_;
  std::vector<std::unique_ptr<RestoreLane>> lanes_;
};

}  // namespace appmem::storage
