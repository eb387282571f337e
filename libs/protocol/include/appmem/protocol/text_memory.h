#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "appmem/base/check.h"
#include "appmem/base/memory_budget.h"
#include "appmem/base/units.h"

namespace appmem::protocol {

/// Memory for the texts of a request that do not stand in its frame as they are. It grows by what
/// is needed, and what was taken stays where it is. Thread safety: none.
class TextMemory {
 public:
  static constexpr std::size_t kKeptBytesMax = 4_KiB;

  TextMemory() = default;
  TextMemory(const TextMemory&) = delete;
  TextMemory& operator=(const TextMemory&) = delete;
  ~TextMemory() { release(); }

  /// What is taken from here on is charged to `budget`; borrowed, null: to none. Precondition:
  /// nothing has been taken since it was cleared.
  void charge_to(MemoryBudget* budget) {
    release();
    budget_ = budget;
  }
  /// Takes everything back; memory is kept for the next request if it is little.
  void clear() {
    if (chunks_.size() > 1 || capacity_ > kKeptBytesMax) release();
    used_ = 0;
  }
  /// Room for `bytes`; what is taken of it is said to `take`.
  char* room(std::size_t bytes) {
    if (bytes > capacity_ - used_ || chunks_.empty()) {
      capacity_ = std::max({bytes, std::min(2 * capacity_, kGrowthBytesMax), kChunkBytesMin});
      used_ = 0;
      chunks_.emplace_back(new char[capacity_]);
      charged_ += capacity_;
      if (budget_ != nullptr) budget_->charge(capacity_);
    }
    return chunks_.back().get() + used_;
  }
  /// Precondition: bytes <= those of the latest room().
  std::string_view take(std::size_t bytes) {
    APPMEM_CHECK(bytes <= capacity_ - used_);
    const std::string_view taken(chunks_.back().get() + used_, bytes);
    used_ += bytes;
    return taken;
  }

 private:
  static constexpr std::size_t kChunkBytesMin = 1_KiB;
  static constexpr std::size_t kGrowthBytesMax = 64_KiB;

  void release() {
    if (budget_ != nullptr) budget_->release(charged_);
    std::vector<std::unique_ptr<char[]>>().swap(chunks_);
    charged_ = capacity_ = used_ = 0;
  }

  MemoryBudget* budget_ = nullptr;
  std::vector<std::unique_ptr<char[]>> chunks_;
  // Of the last chunk.
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::size_t charged_ = 0;
};

}  // namespace appmem::protocol
