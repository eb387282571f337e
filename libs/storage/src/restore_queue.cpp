#include "restore_queue.h"

#include <algorithm>

#include "appmem/base/check.h"
#include "appmem/base/units.h"
#include "appmem/core/prefetch.h"

namespace appmem::storage {
namespace {

using Kind = RestoreItem::Kind;

/// A batch has so much, and what is longer by itself is not copied.
constexpr std::size_t kBatchBytes = 256_KiB;
constexpr std::size_t kBatchItems = 1024;
constexpr std::size_t kCopiedBytesMax = 64_KiB;
/// Entries whose memory is asked for before the first of them is put back.
constexpr std::size_t kFetchedTogether = 32;

std::size_t bytes_of(const RestoreItem& item) {
  return item.entry.key.size() + item.entry.value.bytes.size();
}

Result<void> make_change(core::Store& store, const RestoreItem& item, const Instant& now) {
  switch (item.kind) {
    case Kind::kRestore:
      return store.restore(item.ns, item.entry, now);
    case Kind::kRestoreIfAbsent:
      return store.restore_if_absent(item.ns, item.entry, now);
    case Kind::kRemove:
      break;
  }
  return store.restore_removal(item.ns, item.entry.key, item.entry.ticket, now);
}

}  // namespace

// --- one lane ---

RestoreLane::RestoreLane(core::Store& store, const Instant& now, bool threaded)
    : store_(store), now_(now) {
  if (threaded) thread_ = std::thread([this] { run(); });
}

RestoreLane::~RestoreLane() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

Result<void> RestoreLane::add(const RestoreItem& item) {
  const std::size_t bytes = bytes_of(item);
  APPMEM_CHECK(bytes <= kBatchBytes);
  if (filling().items.size() == kBatchItems || filling().bytes.size() + bytes > kBatchBytes) {
    if (auto given = hand_over(); !given) return given;
  }
  Batch& batch = filling();
  // So that what is there does not move.
  batch.bytes.reserve(kBatchBytes);
  batch.items.reserve(kBatchItems);
  const auto copy = [&](std::string_view text) {
    const std::size_t at = batch.bytes.size();
    batch.bytes.append(text);
    return std::string_view(batch.bytes).substr(at);
  };
  RestoreItem& kept = batch.items.emplace_back(item);
  kept.entry.key = copy(item.entry.key);
  kept.entry.value.bytes = copy(item.entry.value.bytes);
  return {};
}

Result<void> RestoreLane::hand_over() {
  if (filling().items.empty()) return {};
  Result<void> result;
  if (thread_.joinable()) {
    std::unique_lock lock(mutex_);
    given_ = ++filled_;
    changed_.notify_all();
    // The next one has been done long ago, or is waited for.
    changed_.wait(lock, [this] { return filled_ - done_ < kBatches; });
    result = result_;
  } else {
    result = do_batch(filling());
  }
  filling().bytes.clear();
  filling().items.clear();
  return result;
}

Result<void> RestoreLane::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ == given_; });
  return result_;
}

void RestoreLane::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ends_ || done_ < given_; });
    if (ends_) return;
    const Batch& batch = batches_[done_ % kBatches];
    const bool is_well = result_.has_value();
    lock.unlock();
    Result<void> done;
    if (is_well) done = do_batch(batch);
    lock.lock();
    if (!done) result_ = std::move(done);
    ++done_;
    changed_.notify_all();
  }
}

Result<void> RestoreLane::do_batch(const Batch& batch) {
  core::Prefetch prefetch(store_);
  for (std::size_t begin = 0; begin < batch.items.size(); begin += kFetchedTogether) {
    const std::size_t count = std::min(kFetchedTogether, batch.items.size() - begin);
    for (std::size_t i = 0; i < count; ++i)
      prefetch.add(batch.items[begin + i].ns, batch.items[begin + i].entry.key);
    prefetch.finish();
    for (std::size_t i = 0; i < count; ++i) {
      if (auto done = make_change(store_, batch.items[begin + i], now_); !done) return done;
    }
  }
  return {};
}

// --- the queue ---

RestoreQueue::RestoreQueue(core::Store& store, const Instant& now, std::size_t threads)
    : store_(store), now_(now) {
  const std::size_t lanes = std::max<std::size_t>(threads, 1);
  for (std::size_t i = 0; i < lanes; ++i)
    lanes_.push_back(std::make_unique<RestoreLane>(store, now, threads != 0));
}

Result<void> RestoreQueue::restore(core::NamespaceId ns, const core::EntryView& entry,
                                   bool if_absent) {
  return add({ns, entry, if_absent ? Kind::kRestoreIfAbsent : Kind::kRestore});
}

Result<void> RestoreQueue::remove(core::NamespaceId ns, std::string_view key,
                                  core::CommitTicket ticket) {
  core::EntryView entry;
  entry.key = key;
  entry.ticket = ticket;
  return add({ns, entry, Kind::kRemove});
}

Result<void> RestoreQueue::add(const RestoreItem& item) {
  if (item.entry.value.bytes.size() > kCopiedBytesMax) {
    if (auto drained = drain(); !drained) return drained;
    return make_change(store_, item, now_);
  }
  // Whatever happens to a key happens in one lane; and each shard belongs to one of them, so that
  // they hardly wait for each other. (A checkpoint in the order of this store's hashes goes through
  // the lanes one after the other: then reading it takes as long as putting back.)
  const std::size_t lane =
      lanes_.size() == 1 ? 0 : store_.shard_of(item.ns, item.entry.key) % lanes_.size();
  return lanes_[lane]->add(item);
}

Result<void> RestoreQueue::drain() {
  for (const auto& lane : lanes_) {
    if (auto given = lane->hand_over(); !given) return given;
  }
  for (const auto& lane : lanes_) {
    if (auto done = lane->wait(); !done) return done;
  }
  return {};
}

}  // namespace appmem::storage
