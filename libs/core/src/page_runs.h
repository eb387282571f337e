#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "appmem/base/memory_budget.h"

namespace appmem::core {

inline constexpr std::size_t kPageBytes = 4096;

/// Number of a page in its region. Page 0 is never given out.
using PageIndex = std::uint32_t;
inline constexpr PageIndex kNoPage = 0;

/// Pages that `bytes` take.
constexpr std::uint32_t pages_for(std::size_t bytes) {
  return static_cast<std::uint32_t>((bytes + kPageBytes - 1) / kPageBytes);
}

/// What is known about one page. `next`, `prev` and `pages` belong to the free run while its first
/// page is one, else to whoever has the run.
struct Page {
  enum class State : std::uint8_t {
    kInside,    // within a run, free or taken; the other fields mean nothing
    kDirty,     // first or last page of a free run that still has memory
    kClean,     // first or last page of a free run that was given back
    kSpan,      // first page of a span of small blocks
    kSpanRest,  // another page of it: `pages` is the distance from the first
    kLarge,     // first page of a large block
    kLargeEnd,  // its last page, if that is another one
  };
  PageIndex next = kNoPage;
  PageIndex prev = kNoPage;
  std::uint32_t pages = 0;
  State state = State::kInside;
  std::uint8_t size_class = 0;
  std::uint16_t live_blocks = 0;
  /// Bit set: the block is free.
  std::array<std::uint64_t, 4> free_blocks{};
};
static_assert(sizeof(Page) == 48);

/// Hands out runs of pages from one region of virtual memory and puts free ones together again.
/// A free run is dirty (it still has memory, which stays charged) or clean (given back to the
/// system, not charged); the two kinds are kept apart. What has never been used lies above all
/// runs. Thread safety: none.
class PageRuns {
 public:
  /// Runs are at most this long.
  static constexpr std::uint32_t kRunPagesMax = 128;

  PageRuns(MemoryBudget& budget, std::uint64_t region_bytes);
  PageRuns(const PageRuns&) = delete;
  PageRuns& operator=(const PageRuns&) = delete;
  ~PageRuns();

  /// A run of `count` pages (1 to kRunPagesMax): a dirty one that fits best, else clean pages,
  /// which are charged; when the budget refuses that, dirty pages elsewhere are given back in
  /// exchange. The caller sets the states of its first and last page at least. kNoPage when there
  /// is no room.
  [[nodiscard]] PageIndex allocate(std::uint32_t count);

  /// Takes a run back. The caller has set no state within it but that of first and last page, or
  /// has reset it to kInside. It stays charged, as a dirty run.
  void free(PageIndex first, std::uint32_t count);

  /// Gives up to `pages_max` (at least one) dirty pages back to the system, long runs first.
  /// Returns true while there are more.
  bool purge(std::uint64_t pages_max);

  [[nodiscard]] Page& page(PageIndex index) { return table_[index]; }
  [[nodiscard]] const Page& page(PageIndex index) const { return table_[index]; }
  /// Pages from here on are in no run.
  [[nodiscard]] PageIndex end() const { return top_; }
  [[nodiscard]] char* base() const { return region_; }

  [[nodiscard]] std::uint64_t region_bytes() const {
    return std::uint64_t{page_count_} * kPageBytes;
  }
  [[nodiscard]] std::uint64_t dirty_bytes() const { return dirty_pages_ * kPageBytes; }
  [[nodiscard]] std::uint64_t table_bytes() const { return table_bytes_; }
  [[nodiscard]] std::uint64_t charged_bytes() const {
    return (taken_pages_ + dirty_pages_) * kPageBytes + table_bytes_;
  }

 private:
  /// Free runs by length: one list a length up to kExactLists, then four to a doubling.
  static constexpr unsigned kExactLists = 64;
  static constexpr unsigned kListCount = 128;

  struct FreeRuns {
    std::array<std::uint64_t, kListCount / 64> mask{};
    std::array<PageIndex, kListCount> heads{};
  };

  static unsigned list_of(std::uint32_t pages);
  static unsigned first_list(const FreeRuns& runs, unsigned from);
  FreeRuns& runs_of(Page::State state) { return state == Page::State::kDirty ? dirty_ : clean_; }
  void insert(PageIndex first, std::uint32_t count, Page::State state);
  void remove(PageIndex first);
  PageIndex best_fit(const FreeRuns& runs, std::uint32_t count) const;
  /// Cuts `count` pages off the low end of a free run; the rest stays free.
  void take(PageIndex first, std::uint32_t count);
  /// Adds a free run, joined with neighbours of its own kind.
  void add(PageIndex first, std::uint32_t count, Page::State state);
  PageIndex allocate_clean(std::uint32_t count);
  std::uint64_t purge_pages(std::uint64_t pages_max);
  bool grow_table(PageIndex end);

  MemoryBudget& budget_;
  char* region_ = nullptr;
  Page* table_ = nullptr;
  std::uint32_t page_count_ = 0;
  PageIndex top_ = 1;
  std::uint64_t taken_pages_ = 0;
  std::uint64_t dirty_pages_ = 0;
  std::uint64_t table_bytes_ = 0;
  FreeRuns dirty_;
  FreeRuns clean_;
};

}  // namespace appmem::core
