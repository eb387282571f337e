#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "appmem/base/time.h"
#include "appmem/core/store.h"

namespace appmem::storage {

/// Puts entries back into a store in the order in which they are given, on a thread of its own, so
/// that whoever reads them from a file goes on reading. They are copied.
/// Thread safety: none.
class RestoreQueue {
 public:
  /// `threaded` false: it is done by whoever gives them. `store` and `now` are borrowed.
  RestoreQueue(core::Store& store, const Instant& now, bool threaded);
  RestoreQueue(const RestoreQueue&) = delete;
  RestoreQueue& operator=(const RestoreQueue&) = delete;
  ~RestoreQueue();

  // Errors: those of an earlier one. As Store::restore, restore_if_absent and restore_removal.
  Result<void> restore(core::NamespaceId ns, const core::EntryView& entry, bool if_absent);
  Result<void> remove(core::NamespaceId ns, std::string_view key, core::CommitTicket ticket);
  /// All that was given has been done.
  Result<void> drain();

 private:
  enum class Kind : std::uint8_t { kRestore, kRestoreIfAbsent, kRemove };
  struct Item {
    core::NamespaceId ns;
    core::EntryView entry;  // views into the batch's bytes
    Kind kind = Kind::kRestore;
  };
  struct Batch {
    std::string bytes;
    std::vector<Item> items;
  };

  Result<void> add(core::NamespaceId ns, const core::EntryView& entry, Kind kind);
  /// The batch that is being filled goes to the thread, and another one is filled.
  Result<void> hand_over();
  Result<void> do_batch(Batch& batch);
  Result<void> do_item(const Item& item);
  void run();

  static constexpr std::size_t kBatches = 4;

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

}  // namespace appmem::storage
