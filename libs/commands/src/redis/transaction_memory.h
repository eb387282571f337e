#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace appmem::commands {

/// What the transactions of all connections may take together, so that they make room for
/// themselves among the entries only up to a share of the memory. Thread safety: all.
class TransactionMemory {
 public:
  /// One part in so many of the memory.
  static constexpr std::uint64_t kShare = 4;

  explicit TransactionMemory(std::uint64_t memory_limit)
      : bytes_max_(static_cast<std::size_t>(memory_limit / kShare)) {}

  /// False, and nothing is taken, when it would be too much.
  [[nodiscard]] bool try_take(std::size_t bytes) {
    const std::size_t before = taken_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= bytes_max_) return true;
    give_back(bytes);
    return false;
  }
  void give_back(std::size_t bytes) { taken_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t taken() const { return taken_.load(std::memory_order_relaxed); }

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> taken_{0};
};

}  // namespace appmem::commands
