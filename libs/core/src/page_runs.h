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

/// Blocks of a span that one of its pages has bits for.
inline constexpr std::uint32_t kPageBlocksMax = 128;

/// What is known about one page. A page of zeros is one that was never used.
struct Page {
  enum class State : std::uint8_t {
    kInside,    // within a run, free or taken, or above all of them; the rest means nothing
    kDirty,     // first page of a free run that still has memory
    kDirtyEnd,  // its last page, if that is another one
    kClean,     // first page of a free run that was given back
    kCleanEnd,  // its last page, if that is another one
    kSpan,      // first page of a span of small blocks
    kSpanRest,  // another page of it: `pages` is the distance from the first
    kLarge,     // first page of a large block
  };
  /// Links of a list: of free runs, or of spans.
  PageIndex next = kNoPage;
  PageIndex prev = kNoPage;
  /// Length of the run; on its last page too, if it is free.
  std::uint32_t pages = 0;
  State state = State::kInside;
  std::uint8_t size_class = 0;
  std::uint16_t live_blocks = 0;
  /// Bit set: the block is free. The bits of a span go on in its other pages.
  std::array<std::uint64_t, kPageBlocksMax / 64> free_blocks{};
};
static_assert(sizeof(Page) == 32);

/// Hands out runs of pages from one region of virtual memory and puts free ones together again.
/// A free run is dirty (it still has memory, which stays charged) or clean (given back to the
/// system, not charged); the two kinds are kept apart. What was never used lies above all runs.
/// Thread safety: none.
class PageRuns {
 public:
  /// Runs are at most this long.
  static constexpr std::uint32_t kRunPagesMax = 128;
  static constexpr std::uint64_t kRegionBytesMin = std::uint64_t{1} << 20U;
  static constexpr std::uint64_t kRegionBytesMax = std::uint64_t{1} << 35U;

  /// Reserves addresses, takes no memory. Where the system refuses `region_bytes`, half of it is
  /// tried, and so on; aborts below kRegionBytesMin or above kRegionBytesMax.
  PageRuns(MemoryBudget& budget, std::uint64_t region_bytes);
  PageRuns(const PageRuns&) = delete;
  PageRuns& operator=(const PageRuns&) = delete;
  ~PageRuns();

  /// A run of `count` pages (1 to kRunPagesMax): a dirty one that fits best, else clean pages,
  /// which are charged; when the budget refuses that, dirty pages elsewhere are given back in
  /// exchange. All its pages are kInside. kNoPage when there is no room.
  [[nodiscard]] PageIndex allocate(std::uint32_t count);

  /// The same of clean pages below end(), which then stays where it is; kNoPage when no run of them
  /// is long enough or the budget refuses.
  [[nodiscard]] PageIndex allocate_below_end(std::uint32_t count);

  /// Takes a run back, whose pages are all kInside again. It stays charged, as a dirty run.
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
  /// Free pages below end() that were given back.
  [[nodiscard]] std::uint64_t clean_pages() const { return top_ - 1 - taken_pages_ - dirty_pages_; }
  [[nodiscard]] std::uint64_t taken_pages() const { return taken_pages_; }
  [[nodiscard]] std::uint64_t charged_bytes() const {
    return (taken_pages_ + dirty_pages_) * kPageBytes + table_bytes_;
  }

 private:
  /// Free runs by length: a list for each length up to kExactLists, then four lists to a doubling,
  /// up to the whole of the largest region.
  static constexpr unsigned kExactLists = 64;
  static constexpr unsigned kListCount = kExactLists + 4 * 18;
  static constexpr unsigned kMaskWords = (kListCount + 63) / 64;
  /// How many runs of a list are looked at for the one that fits best.
  static constexpr unsigned kProbesMax = 8;
  /// Given back at once when the region has no free run that is long enough.
  static constexpr std::uint64_t kPurgeForRoomPages = 256;
  /// The table is cut when this much of it is idle.
  static constexpr std::uint64_t kTableIdleBytesMax = std::uint64_t{16} << 10U;

  /// Given back at least, where there are so many, when the budget refuses a page: as dear as a
  /// few.
  static constexpr std::uint64_t kExchangePages = 64;

  struct FreeRun {
    PageIndex first = kNoPage;
    std::uint32_t pages = 0;
  };
  struct FreeRuns {
    std::array<std::uint64_t, kMaskWords> mask{};
    std::array<PageIndex, kListCount> heads{};
  };

  static unsigned list_of(std::uint32_t count);
  static unsigned first_list(const FreeRuns& runs, unsigned from);
  static unsigned last_list(const FreeRuns& runs);
  static std::uint64_t table_bytes_for(PageIndex end);
  FreeRuns& runs_of(Page::State first_state) {
    return first_state == Page::State::kDirty ? dirty_ : clean_;
  }
  void insert(PageIndex first, std::uint32_t count, Page::State first_state);
  std::uint32_t remove(PageIndex first);
  void take(PageIndex first, std::uint32_t count);
  void add(PageIndex first, std::uint32_t count, Page::State first_state);
  [[nodiscard]] PageIndex best_fit(const FreeRuns& runs, std::uint32_t count) const;
  [[nodiscard]] bool has_clean_room(std::uint32_t count) const;
  PageIndex allocate_clean(std::uint32_t count);
  bool exchange_dirty(std::uint64_t cost_bytes);
  std::uint64_t give_back_pages(std::uint64_t pages_max);
  void shrink_table();

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
