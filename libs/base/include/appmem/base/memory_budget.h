#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "appmem/base/units.h"

namespace appmem {

/// What the process may use and uses: pages of entries, tables, large values, and the buffers of
/// connections are all charged here, so that `--max-memory` bounds the process and not a part of
/// it. Thread safety: all.
class MemoryBudget {
 public:
  /// Of each kind of free blocks a loop keeps this many at most, and at most one part in this many
  /// of the limit.
  static constexpr std::size_t kFreeBlocksMax = 16;
  static constexpr std::uint64_t kFreeBlocksShare = 1'024;

  explicit MemoryBudget(std::uint64_t limit_bytes) : limit_(limit_bytes) {}

  /// Takes `bytes` if they still fit under the limit; otherwise takes nothing and returns false.
  [[nodiscard]] bool try_charge(std::uint64_t bytes) {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > limit() || used > limit() - bytes) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  /// Takes `bytes` whatever the limit: for what exists already (a socket buffer). The store makes
  /// up for it by evicting before its next growth.
  void charge(std::uint64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void release(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(std::uint64_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }
  /// How far what is charged without being asked for may take use above the limit, before answers
  /// are refused and connections closed: a part of the 5 % and 16 MiB above its limit to which the
  /// process keeps; its code, its stacks and the heap's gaps need the rest.
  [[nodiscard]] std::uint64_t excess_max() const { return 4_MiB + limit() / 32; }
  /// How many free blocks of `block_bytes` a loop keeps for its next ones. They are charged though
  /// they hold nothing, once for every loop: a small limit is for entries, and keeps none.
  [[nodiscard]] std::size_t free_blocks_max(std::size_t block_bytes) const {
    return static_cast<std::size_t>(
        std::min<std::uint64_t>(kFreeBlocksMax, limit() / kFreeBlocksShare / block_bytes));
  }
  /// How far use is above the limit; 0 when it is not.
  [[nodiscard]] std::uint64_t excess() const {
    const std::uint64_t used = this->used();
    const std::uint64_t limit = this->limit();
    return used > limit ? used - limit : 0;
  }

 private:
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> limit_;
};

}  // namespace appmem
