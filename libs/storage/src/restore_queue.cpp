#include "restore_queue.h"

#include <algorithm>

#include "appmem/base/units.h"

namespace appmem::storage {
namespace {

/// A batch has so much, and what is longer by itself is not copied.
constexpr std::size_t kBatchBytes = 256_KiB;
constexpr std::size_t kBatchItems = 1024;
constexpr std::size_t kCopiedBytesMax = 64_KiB;
/// Entries whose memory is asked for before the first of them is put back.
constexpr std::size_t kFetchedTogether = 32;

}  // namespace

RestoreQueue::RestoreQueue(core::Store& store, const Instant& now, bool threaded)
    : store_(store), now_(now) {
  for (Batch& batch : batches_) {
    batch.bytes.reserve(kBatchBytes);
    batch.items.reserve(kBatchItems);
  }
  if (threaded) thread_ = std::thread([this] { run(); });
}

RestoreQueue::~RestoreQueue() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

Result<void> RestoreQueue::restore(core::NamespaceId ns, const core::EntryView& entry,
                                   bool if_absent) {
  const Kind kind = if_absent ? Kind::kRestoreIfAbsent : Kind::kRestore;
  if (entry.value.bytes.size() <= kCopiedBytesMax) return add(ns, entry, kind);
  if (auto drained = drain(); !drained) return drained;
  return do_item({ns, entry, kind});
}

Result<void> RestoreQueue::remove(core::NamespaceId ns, std::string_view key,
                                  core::CommitTicket ticket) {
  core::EntryView entry;
  entry.key = key;
  entry.ticket = ticket;
  return add(ns, entry, Kind::kRemove);
}

Result<void> RestoreQueue::add(core::NamespaceId ns, const core::EntryView& entry, Kind kind) {
  const std::size_t bytes = entry.key.size() + entry.value.bytes.size();
  Batch* batch = &batches_[filled_ % kBatches];
  if (batch->items.size() == kBatchItems || batch->bytes.size() + bytes > kBatchBytes) {
    if (auto given = hand_over(); !given) return given;
    batch = &batches_[filled_ % kBatches];
  }
  // There is room, so what is there does not move.
  const auto copy = [&](std::string_view text) {
    const std::size_t at = batch->bytes.size();
    batch->bytes.append(text);
    return std::string_view(batch->bytes).substr(at);
  };
  Item& item = batch->items.emplace_back(Item{ns, entry, kind});
  item.entry.key = copy(entry.key);
  item.entry.value.bytes = copy(entry.value.bytes);
  return {};
}

Result<void> RestoreQueue::hand_over() {
  Batch& full = batches_[filled_ % kBatches];
  if (!thread_.joinable()) {
    auto done = do_batch(full);
    full.bytes.clear();
    full.items.clear();
    return done;
  }
  std::unique_lock lock(mutex_);
  given_ = ++filled_;
  changed_.notify_all();
  // The next one has been done long ago, or is waited for.
  changed_.wait(lock, [this] { return filled_ - done_ < kBatches; });
  auto result = result_;
  lock.unlock();
  Batch& next = batches_[filled_ % kBatches];
  next.bytes.clear();
  next.items.clear();
  return result;
}

Result<void> RestoreQueue::drain() {
  if (!batches_[filled_ % kBatches].items.empty()) {
    if (auto given = hand_over(); !given) return given;
  }
  if (!thread_.joinable()) return {};
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_ == given_; });
  return result_;
}

void RestoreQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ends_ || done_ < given_; });
    if (ends_) return;
    Batch& batch = batches_[done_ % kBatches];
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

Result<void> RestoreQueue::do_batch(Batch& batch) {
  std::array<core::KeyRef, kFetchedTogether> keys;
  for (std::size_t begin = 0; begin < batch.items.size(); begin += kFetchedTogether) {
    const std::size_t count = std::min(kFetchedTogether, batch.items.size() - begin);
    for (std::size_t i = 0; i < count; ++i)
      keys[i] = {batch.items[begin + i].ns, batch.items[begin + i].entry.key};
    store_.prefetch({keys.data(), count});
    for (std::size_t i = 0; i < count; ++i) {
      if (auto done = do_item(batch.items[begin + i]); !done) return done;
    }
  }
  return {};
}

Result<void> RestoreQueue::do_item(const Item& item) {
  switch (item.kind) {
    case Kind::kRestore:
      return store_.restore(item.ns, item.entry, now_);
    case Kind::kRestoreIfAbsent:
      return store_.restore_if_absent(item.ns, item.entry, now_);
    case Kind::kRemove:
      break;
  }
  return store_.restore_removal(item.ns, item.entry.key, item.entry.ticket, now_);
}

}  // namespace appmem::storage
