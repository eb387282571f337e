#include "page_runs.h"

#include <algorithm>
#include <bit>

#include <sys/mman.h>

#include "appmem/base/check.h"
#include "page_release.h"
#include "poison.h"

namespace appmem::core {
namespace {

/// Addresses without memory; null when the system has none to give. Whole pages are charged, so
/// the system must not make huge ones of them.
void* reserve(std::uint64_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  static_cast<void>(madvise(memory, bytes, MADV_NOHUGEPAGE));
  return memory;
}

void unreserve(void* memory, std::uint64_t bytes) {
  if (memory != nullptr) APPMEM_CHECK(munmap(memory, bytes) == 0);
}

constexpr std::uint64_t round_to_page(std::uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

constexpr Page::State end_state(Page::State first_state) {
  return first_state == Page::State::kDirty ? Page::State::kDirtyEnd : Page::State::kCleanEnd;
}

}  // namespace

PageRuns::PageRuns(MemoryBudget& budget, std::uint64_t region_bytes) : budget_(budget) {
  for (std::uint64_t bytes = region_bytes;; bytes /= 2) {
    APPMEM_CHECK(bytes >= kRegionBytesMin && bytes <= kRegionBytesMax);
    page_count_ = static_cast<std::uint32_t>(bytes / kPageBytes);
    void* const region = reserve(std::uint64_t{page_count_} * kPageBytes);
    void* const table = reserve(table_bytes_for(page_count_));
    if (region != nullptr && table != nullptr) {
      region_ = static_cast<char*>(region);
      table_ = static_cast<Page*>(table);
      return;
    }
    unreserve(region, std::uint64_t{page_count_} * kPageBytes);
    unreserve(table, table_bytes_for(page_count_));
  }
}

PageRuns::~PageRuns() {
  budget_.release(charged_bytes());
  unpoison(region_, std::size_t{top_} * kPageBytes);
  unreserve(region_, region_bytes());
  unreserve(table_, table_bytes_for(page_count_));
}

PageIndex PageRuns::allocate(std::uint32_t count) {
  APPMEM_CHECK(count >= 1 && count <= kRunPagesMax);
  const PageIndex dirty = best_fit(dirty_, count);
  if (dirty == kNoPage) return allocate_clean(count);
  take(dirty, count);
  dirty_pages_ -= count;
  taken_pages_ += count;
  return dirty;
}

PageIndex PageRuns::allocate_below_end(std::uint32_t count) {
  const PageIndex first = best_fit(clean_, count);
  if (first == kNoPage || !budget_.try_charge(std::uint64_t{count} * kPageBytes)) return kNoPage;
  take(first, count);
  taken_pages_ += count;
  return first;
}

void PageRuns::free(PageIndex first, std::uint32_t count) {
  poison(region_ + std::size_t{first} * kPageBytes, std::size_t{count} * kPageBytes);
  taken_pages_ -= count;
  dirty_pages_ += count;
  add(first, count, Page::State::kDirty);
}

bool PageRuns::purge(std::uint64_t pages_max) {
  const std::uint64_t pages = give_back_pages(std::max<std::uint64_t>(pages_max, 1));
  budget_.release(pages * kPageBytes);
  shrink_table();
  return pages != 0 && dirty_pages_ != 0;
}

PageIndex PageRuns::allocate_clean(std::uint32_t count) {
  if (!has_clean_room(count)) {
    purge(kPurgeForRoomPages);
    if (!has_clean_room(count)) return kNoPage;
  }
  // Above all runs the table may have to grow as well.
  std::uint64_t cost_bytes = std::uint64_t{count} * kPageBytes;
  if (best_fit(clean_, count) == kNoPage) {
    const std::uint64_t needed_bytes = table_bytes_for(top_ + count);
    if (needed_bytes > table_bytes_) cost_bytes += needed_bytes - table_bytes_;
  }
  if (!budget_.try_charge(cost_bytes) && !exchange_dirty(cost_bytes)) return kNoPage;

  // What was exchanged may have made a better place, and never a worse one.
  const std::uint64_t charged_before = charged_bytes();
  PageIndex first = best_fit(clean_, count);
  if (first != kNoPage) {
    take(first, count);
  } else {
    first = top_;
    top_ += count;
    table_bytes_ = std::max(table_bytes_, table_bytes_for(top_));
  }
  taken_pages_ += count;
  budget_.release(cost_bytes - (charged_bytes() - charged_before));
  return first;
}

/// Gets `cost_bytes` charged by giving dirty pages back for as much of it as there are, and some
/// more for what comes next. False, and nothing charged, when that is not enough.
bool PageRuns::exchange_dirty(std::uint64_t cost_bytes) {
  const std::uint64_t pages = std::min<std::uint64_t>(dirty_pages_, cost_bytes / kPageBytes);
  const std::uint64_t rest_bytes = cost_bytes - pages * kPageBytes;
  if (pages == 0 || (rest_bytes != 0 && !budget_.try_charge(rest_bytes))) return false;
  const std::uint64_t given_back = give_back_pages(std::max(pages, kExchangePages));
  const bool enough = given_back >= pages;
  budget_.release(enough ? (given_back - pages) * kPageBytes
                         : given_back * kPageBytes + rest_bytes);
  return enough;
}

/// Turns dirty pages into clean ones and leaves it to the caller to release their charge. Returns
/// how many; fewer than there are when the system refuses, as it does for locked memory.
std::uint64_t PageRuns::give_back_pages(std::uint64_t pages_max) {
  std::uint64_t done = 0;
  for (bool refused = false; !refused && done < pages_max && dirty_pages_ != 0;) {
    PageRelease release;
    std::array<FreeRun, PageRelease::kRangesMax> runs;
    std::uint64_t chosen = 0;
    const std::uint64_t wanted = std::min(pages_max - done, dirty_pages_);
    while (chosen < wanted && !release.full()) {
      const PageIndex first = dirty_.heads[last_list(dirty_)];
      const std::uint32_t all = remove(first);
      const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(all, wanted - chosen));
      // From the upper end, so that what stays in use lies low.
      const std::uint32_t kept = all - count;
      if (kept != 0) insert(first, kept, Page::State::kDirty);
      runs[release.size()] = {first + kept, count};
      release.add(region_ + std::size_t{first + kept} * kPageBytes,
                  std::size_t{count} * kPageBytes);
      chosen += count;
    }
    const std::size_t all = release.size();
    const std::size_t given_back = release.release();
    for (std::size_t i = 0; i < all; ++i) {
      const FreeRun& run = runs[i];
      if (i < given_back) {
        dirty_pages_ -= run.pages;
        done += run.pages;
      }
      add(run.first, run.pages, i < given_back ? Page::State::kClean : Page::State::kDirty);
    }
    refused = given_back < all;
  }
  return done;
}

/// Gives the end of the table back when no page that it describes is in a run.
void PageRuns::shrink_table() {
  const std::uint64_t needed_bytes = table_bytes_for(top_);
  if (table_bytes_ <= needed_bytes + kTableIdleBytesMax) return;
  const std::uint64_t idle_bytes = table_bytes_ - needed_bytes;
  char* const idle = static_cast<char*>(static_cast<void*>(table_)) + needed_bytes;
  if (madvise(idle, idle_bytes, MADV_DONTNEED) != 0) return;
  table_bytes_ = needed_bytes;
  budget_.release(idle_bytes);
}

bool PageRuns::has_clean_room(std::uint32_t count) const {
  return page_count_ - top_ >= count || best_fit(clean_, count) != kNoPage;
}

PageIndex PageRuns::best_fit(const FreeRuns& runs, std::uint32_t count) const {
  unsigned list = first_list(runs, list_of(count));
  if (list < kExactLists) return runs.heads[list];
  for (; list < kListCount; list = first_list(runs, list + 1)) {
    PageIndex best = kNoPage;
    PageIndex run = runs.heads[list];
    for (unsigned probe = 0; probe < kProbesMax && run != kNoPage; ++probe) {
      const std::uint32_t pages = table_[run].pages;
      if (pages >= count && (best == kNoPage || pages < table_[best].pages)) best = run;
      run = table_[run].next;
    }
    if (best != kNoPage) return best;
  }
  return kNoPage;
}

/// Cuts `count` pages off the low end of a free run; the rest stays free.
void PageRuns::take(PageIndex first, std::uint32_t count) {
  const Page::State first_state = table_[first].state;
  const std::uint32_t rest = remove(first) - count;
  if (rest != 0) insert(first + count, rest, first_state);
}

/// Adds a free run, joined with neighbours of its own kind.
void PageRuns::add(PageIndex first, std::uint32_t count, Page::State first_state) {
  const Page& left = table_[first - 1];
  if (left.state == first_state || left.state == end_state(first_state)) {
    const std::uint32_t left_count = left.pages;
    first -= left_count;
    count += remove(first);
  }
  const PageIndex right = first + count;
  if (right < top_ && table_[right].state == first_state) count += remove(right);
  if (first_state == Page::State::kClean && first + count == top_) {
    unpoison(region_ + std::size_t{first} * kPageBytes, std::size_t{count} * kPageBytes);
    top_ = first;
    return;
  }
  insert(first, count, first_state);
}

void PageRuns::insert(PageIndex first, std::uint32_t count, Page::State first_state) {
  Page& last = table_[first + count - 1];
  last.state = end_state(first_state);
  last.pages = count;
  FreeRuns& runs = runs_of(first_state);
  const unsigned list = list_of(count);
  Page& page = table_[first];
  page.state = first_state;
  page.pages = count;
  page.prev = kNoPage;
  page.next = runs.heads[list];
  if (page.next != kNoPage) table_[page.next].prev = first;
  runs.heads[list] = first;
  runs.mask[list / 64] |= std::uint64_t{1} << (list % 64);
}

/// Takes a free run out of its list; its pages are kInside afterwards. Returns its length.
std::uint32_t PageRuns::remove(PageIndex first) {
  Page& page = table_[first];
  FreeRuns& runs = runs_of(page.state);
  const std::uint32_t count = page.pages;
  if (page.next != kNoPage) table_[page.next].prev = page.prev;
  if (page.prev != kNoPage) {
    table_[page.prev].next = page.next;
  } else {
    const unsigned list = list_of(count);
    runs.heads[list] = page.next;
    if (page.next == kNoPage) runs.mask[list / 64] &= ~(std::uint64_t{1} << (list % 64));
  }
  page.state = Page::State::kInside;
  table_[first + count - 1].state = Page::State::kInside;
  return count;
}

unsigned PageRuns::list_of(std::uint32_t count) {
  if (count <= kExactLists) return count - 1;
  const auto log2 = static_cast<unsigned>(std::bit_width(count)) - 1;
  return kExactLists + (log2 - 6) * 4 + ((count >> (log2 - 2)) & 3U);
}

/// The first list from `from` on that is not empty; kListCount when there is none.
unsigned PageRuns::first_list(const FreeRuns& runs, unsigned from) {
  if (from >= kListCount) return kListCount;
  std::uint64_t word = runs.mask[from / 64] & (~std::uint64_t{0} << (from % 64));
  for (unsigned i = from / 64;;) {
    if (word != 0) return i * 64 + static_cast<unsigned>(std::countr_zero(word));
    if (++i == kMaskWords) return kListCount;
    word = runs.mask[i];
  }
}

/// The last list that is not empty. Precondition: one is not.
unsigned PageRuns::last_list(const FreeRuns& runs) {
  unsigned i = kMaskWords - 1;
  while (runs.mask[i] == 0)
    --i;
  return i * 64 + static_cast<unsigned>(std::bit_width(runs.mask[i])) - 1;
}

std::uint64_t PageRuns::table_bytes_for(PageIndex end) {
  return round_to_page(std::uint64_t{end} * sizeof(Page));
}

}  // namespace appmem::core
