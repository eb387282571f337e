#pragma once

#include <cstddef>

#include "appmem/base/memory_budget.h"
#include "appmem/base/units.h"

namespace appmem::core {

/// Zeroed memory that grows in place where it can and shrinks in slices, charged to a budget.
///
/// Small, it is malloc's, in which it leaves holes as it grows. From kMapBytesMin on it is a
/// mapping with addresses in reserve, charged by the page; growing then moves nothing but page
/// table entries, and that rarely.
///
/// Thread safety: none. Lifetime: extend() and cut() may move the memory.
class SlotMemory {
 public:
  static constexpr std::size_t kMapBytesMin = 16_KiB;
  /// A mapping that was cut to this much is copied back into malloc's memory.
  static constexpr std::size_t kMapBytesKept = 4_KiB;

  enum class Charge {
    kIfItFits,
    kAlways,  // whatever the budget's limit
  };

  explicit SlotMemory(MemoryBudget& budget) : budget_(&budget) {}
  SlotMemory(SlotMemory&& other) noexcept;
  SlotMemory& operator=(SlotMemory&& other) noexcept;
  SlotMemory(const SlotMemory&) = delete;
  SlotMemory& operator=(const SlotMemory&) = delete;
  ~SlotMemory() { release(); }

  /// Aligned to 16 bytes; null without memory.
  [[nodiscard]] void* data() const { return data_; }
  [[nodiscard]] std::size_t charged_bytes() const { return charged_bytes_; }

  /// Makes it at least `bytes` long: what was there is kept, the rest is 0. False when the budget
  /// (or the system) has no room; nothing has changed then.
  [[nodiscard]] bool extend(std::size_t bytes, Charge charge);

  /// Gives back what lies beyond `bytes`, at most `slice_bytes` of it (a page or more). The caller
  /// no longer uses it and has set it to 0. True when there is more to give back.
  bool cut(std::size_t bytes, std::size_t slice_bytes);

  /// Gives everything back.
  void release();

 private:
  [[nodiscard]] bool take_charge(std::size_t bytes, Charge charge);
  bool extend_heap(std::size_t bytes, Charge charge);
  bool extend_mapping(std::size_t bytes, Charge charge);
  bool move_to_mapping(std::size_t bytes);
  void move_to_heap(std::size_t bytes);

  MemoryBudget* budget_;
  void* data_ = nullptr;
  /// Of the mapping, most of them untouched; 0 while the memory is malloc's.
  std::size_t reserved_bytes_ = 0;
  std::size_t charged_bytes_ = 0;
};

}  // namespace appmem::core
