#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "appmem/base/memory_budget.h"

namespace appmem::core {

/// Remembers which keys were evicted lately: the ghost queue of s3fifo (decision 0014). Keys are
/// known by their 32-bit hashes in the table, of which a bucket and 12 bits are kept, so that one
/// key in some 300 is taken for one that was there. The last `entries` keys that were added are
/// remembered, to within an eighth; `entries` is how many entries the cache holds at the time.
///
/// Two bytes a key, in buckets of 16; a full bucket forgets its oldest.
///
/// Memory is charged to the budget. It grows by a quarter, and growth is saved up for in small
/// amounts, since it is wanted just when memory is short: a table that is too small for now works,
/// and remembers less.
///
/// Thread safety: none; the owner serialises every call.
class EvictionGhosts {
 public:
  static constexpr std::size_t kBucketKeys = 16;
  static constexpr std::size_t kBucketsMin = 8;
  /// 2 MiB, for some 900,000 keys: to change the size of more would be a noticeable pause.
  static constexpr std::size_t kBucketsMax = std::size_t{1} << 16U;

  /// `budget` must outlive it. Takes no memory.
  explicit EvictionGhosts(MemoryBudget& budget) : budget_(budget) {}
  EvictionGhosts(const EvictionGhosts&) = delete;
  EvictionGhosts& operator=(const EvictionGhosts&) = delete;
  ~EvictionGhosts() { clear(); }

  /// Whether there is too little room to remember `entries` keys.
  [[nodiscard]] bool wants_room(std::size_t entries) const {
    return entries > buckets() * kBucketRoom && buckets() < kBucketsMax;
  }
  /// Charges up to `bytes_max` more towards the next size, and grows when that is enough. False
  /// when the budget refuses. Precondition: wants_room() of some number.
  bool save_up(std::size_t bytes_max);

  /// Remembers a key as the youngest. Without any room, does nothing.
  void add(std::uint32_t hash, std::size_t entries);
  /// Whether the key is remembered; forgets it.
  bool take(std::uint32_t hash);
  /// Forgets all and gives the memory back.
  void clear();

  [[nodiscard]] std::size_t buckets() const { return slots_.size() / kBucketKeys; }
  /// What is charged to the budget.
  [[nodiscard]] std::size_t memory_bytes() const { return charged_bytes_; }

 private:
  /// Keys for each bucket at which more are wanted: hashes fill some buckets sooner than others.
  static constexpr std::size_t kBucketRoom = kBucketKeys - 2;
  /// With fewer keys than this for each, buckets are given back.
  static constexpr std::size_t kBucketKeysLow = kBucketKeys / 4;
  static constexpr std::size_t kBucketBytes = kBucketKeys * sizeof(std::uint16_t);
  /// A key is remembered for so many epochs, including that in which it was added.
  static constexpr unsigned kEpochsKept = 8;
  static constexpr std::size_t kEpochKeysMin = 2;
  /// They are numbered from 1 to this, around and around; a slot of 0 is empty.
  static constexpr unsigned kEpochs = 15;
  static constexpr unsigned kPrintBits = 12;
  static constexpr std::uint32_t kPrintMask = (1U << kPrintBits) - 1;

  [[nodiscard]] std::uint16_t* bucket_of(std::uint32_t hash);
  [[nodiscard]] unsigned age(std::uint16_t slot) const;
  [[nodiscard]] std::size_t next_buckets() const;
  void sweep_one();
  void resize(std::size_t buckets);

  MemoryBudget& budget_;
  std::vector<std::uint16_t> slots_;
  std::size_t charged_bytes_ = 0;
  unsigned epoch_ = 1;
  /// Keys that were added in this epoch.
  std::size_t added_ = 0;
  /// The bucket that is looked through next for what is too old.
  std::size_t sweep_next_ = 0;
  /// Nothing was added yet.
  bool blank_ = true;
};

}  // namespace appmem::core
