#include "arena.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "appmem/base/check.h"
#include "poison.h"

namespace appmem::core {
namespace {

using State = Page::State;

constexpr unsigned kWordBits = 64;

unsigned fullness_list(const SizeClass& size_class, std::uint32_t live_blocks) {
  return (live_blocks * size_class.fullness_scale) >> 16U;
}

/// 64 bits of a span, whose pages `span` is the first of.
template <class Span>  // Page or const Page
auto& free_word(Span* span, std::uint32_t word) {
  constexpr std::uint32_t kPageWords = kPageBlocksMax / kWordBits;
  return span[word / kPageWords].free_blocks[word % kPageWords];
}

bool is_free(const Page* span, std::uint32_t block) {
  return ((free_word(span, block / kWordBits) >> (block % kWordBits)) & 1U) != 0;
}

void set_free(Page* span, std::uint32_t block) {
  free_word(span, block / kWordBits) |= std::uint64_t{1} << (block % kWordBits);
}

/// The first block from `from` on that is in use, or span_blocks.
std::uint32_t next_live(const Page* span, std::uint32_t from, std::uint32_t span_blocks) {
  while (from < span_blocks) {
    const std::uint64_t live = ~free_word(span, from / kWordBits) >> (from % kWordBits);
    if (live != 0) {
      return std::min(from + static_cast<std::uint32_t>(std::countr_zero(live)), span_blocks);
    }
    from = (from / kWordBits + 1) * kWordBits;
  }
  return span_blocks;
}

}  // namespace

std::uint64_t Arena::region_bytes_for(std::uint64_t max_memory_bytes) {
  constexpr std::uint64_t kFragmentation = 4;
  constexpr std::uint64_t kSlackBytes = 64_MiB;
  if (max_memory_bytes >= (kRegionBytesMax - kSlackBytes) / kFragmentation) return kRegionBytesMax;
  return max_memory_bytes * kFragmentation + kSlackBytes;
}

Arena::Arena(MemoryBudget& budget, std::uint64_t region_bytes)
    : runs_(budget, std::min(region_bytes, kRegionBytesMax)), base_(runs_.base()) {
}

Arena::~Arena() = default;

Handle Arena::try_allocate(std::size_t bytes) {
  APPMEM_CHECK(bytes - 1 < kBytesMax);
  if (bytes > kSmallBytesMax) return allocate_large(bytes);
  const unsigned size_class = size_class_of(bytes);
  if (classes_[size_class].current == kNoPage && !choose_current(size_class)) return kNoHandle;
  return take_block(size_class);
}

void Arena::free(Handle handle) {
  const PageIndex first_page = first_page_of(handle);
  APPMEM_CHECK(first_page != kNoPage);
  if (runs_.page(first_page).state == State::kLarge) {
    free_large(handle, first_page);
    return;
  }
  const Place place = place_of(handle, first_page);
  APPMEM_CHECK(place.block != kNoBlock && !is_free(&runs_.page(first_page), place.block));
  put_block(place);
}

std::size_t Arena::block_bytes(Handle handle) const {
  const PageIndex first_page = first_page_of(handle);
  APPMEM_CHECK(first_page != kNoPage);
  const Page& page = runs_.page(first_page);
  if (page.state == State::kLarge) return std::size_t{page.pages} * kPageBytes;
  return kSizeClasses[page.size_class].block_bytes;
}

bool Arena::is_live_block(Handle handle) const {
  const PageIndex first_page = first_page_of(handle);
  if (first_page == kNoPage) return false;
  const Page& page = runs_.page(first_page);
  if (page.state == State::kLarge) return handle == handle_of(first_page, 0);
  const Place place = place_of(handle, first_page);
  return place.block != kNoBlock && !is_free(&page, place.block);
}

Handle Arena::next_live_block(Handle after) const {
  PageIndex index = after / kPageGranules;
  std::uint32_t block = 0;
  // Where `after` is a block of a span, the search begins within that span.
  const PageIndex span = first_page_of(after);
  if (span != kNoPage && runs_.page(span).state != State::kLarge) {
    index = span;
    const SizeClass& size_class = kSizeClasses[runs_.page(span).size_class];
    const std::uint64_t offset = std::uint64_t{after - handle_of(span, 0)} * kGranule;
    block = static_cast<std::uint32_t>(offset / size_class.block_bytes) + 1;
  } else if (span != kNoPage) {
    index = span + runs_.page(span).pages;
  } else if (after % kPageGranules != 0) {
    ++index;
  }
  while (index < runs_.end()) {
    const Page& page = runs_.page(index);
    switch (page.state) {
      case State::kSpan: {
        const SizeClass& size_class = kSizeClasses[page.size_class];
        block = next_live(&page, block, size_class.span_blocks);
        if (block < size_class.span_blocks) return handle_of(index, block * size_class.block_bytes);
        block = 0;
        index += page.pages;
        break;
      }
      case State::kLarge:
        return handle_of(index, 0);
      case State::kDirty:
      case State::kClean:
        index += page.pages;
        break;
      default:  // the middle of something that was something else when `after` was a block
        ++index;
    }
  }
  return kNoHandle;
}

bool Arena::compact_one_span(FunctionRef<void(Handle from, Handle to)> moved) {
  const unsigned class_index = most_slack_class();
  if (class_index == kSizeClassCount) return false;
  const SizeClass& size_class = kSizeClasses[class_index];
  ClassSpans& spans = classes_[class_index];
  const PageIndex source = sparsest_span(spans);
  Page& page = runs_.page(source);
  unlink(spans, source, fullness_list(size_class, page.live_blocks));

  for (std::uint32_t block = next_live(&page, 0, size_class.span_blocks);
       block < size_class.span_blocks; block = next_live(&page, block, size_class.span_blocks)) {
    // The others have room for all of them, see most_slack_class.
    APPMEM_CHECK(spans.current != kNoPage || spans.list_mask != 0);
    if (spans.current == kNoPage) choose_current(class_index);
    const Handle to = take_block(class_index);
    const Handle from = handle_of(source, block * size_class.block_bytes);
    std::memcpy(at(to), at(from), size_class.block_bytes);
    moved(from, to);
    set_free(&page, block);
    --page.live_blocks;
    --spans.live_blocks;
    live_bytes_ -= size_class.block_bytes;
    poison(at(from), size_class.block_bytes);
  }
  release_span(source);
  return true;
}

bool Arena::lower_highest_run(FunctionRef<void(Handle from, Handle to)> moved) {
  APPMEM_CHECK(runs_.dirty_bytes() == 0);
  const PageIndex from = highest_run();
  if (from == kNoPage) return false;
  const std::uint32_t pages = runs_.page(from).pages;
  const PageIndex to = runs_.allocate_below_end(pages);
  if (to == kNoPage) {
    stuck_end_ = runs_.end();
    stuck_pages_ = runs_.clean_pages();
    return false;
  }
  if (runs_.page(from).state == State::kLarge) {
    move_large(from, to, moved);
  } else {
    move_span(from, to, moved);
  }
  for (std::uint32_t i = 0; i < pages; ++i)
    runs_.page(from + i).state = State::kInside;
  runs_.free(from, pages);
  runs_.purge(pages);
  return runs_.dirty_bytes() == 0;
}

/// First page of the run that ends where all do; kNoPage when nothing is in use. Precondition:
/// nothing is dirty, so that no free run ends there.
PageIndex Arena::highest_run() const {
  PageIndex index = runs_.end() - 1;
  if (index == kNoPage) return kNoPage;
  if (runs_.page(index).state == State::kSpanRest) return index - runs_.page(index).pages;
  while (runs_.page(index).state == State::kInside)
    --index;  // of a large block
  return index;
}

void Arena::move_large(PageIndex from, PageIndex to,
                       FunctionRef<void(Handle from, Handle to)> moved) {
  const std::size_t bytes = std::size_t{runs_.page(from).pages} * kPageBytes;
  runs_.page(to) = runs_.page(from);
  unpoison(page_address(to), bytes);
  std::memcpy(page_address(to), page_address(from), bytes);
  moved(handle_of(from, 0), handle_of(to, 0));
}

void Arena::move_span(PageIndex from, PageIndex to,
                      FunctionRef<void(Handle from, Handle to)> moved) {
  const Page& page = runs_.page(from);
  const SizeClass& size_class = kSizeClasses[page.size_class];
  ClassSpans& spans = classes_[page.size_class];
  const bool is_current = spans.current == from;
  const bool is_listed = !is_current && page.live_blocks != size_class.span_blocks;
  const unsigned list = is_listed ? fullness_list(size_class, page.live_blocks) : 0;
  if (is_listed) unlink(spans, from, list);
  for (std::uint32_t i = 0; i < size_class.span_pages; ++i)
    runs_.page(to + i) = runs_.page(from + i);
  if (is_current) spans.current = to;
  if (is_listed) link(spans, to, list);

  poison(page_address(to), std::size_t{size_class.span_pages} * kPageBytes);
  for (std::uint32_t block = next_live(&page, 0, size_class.span_blocks);
       block < size_class.span_blocks;
       block = next_live(&page, block + 1, size_class.span_blocks)) {
    const std::uint32_t offset = block * size_class.block_bytes;
    unpoison(page_address(to) + offset, size_class.block_bytes);
    std::memcpy(page_address(to) + offset, page_address(from) + offset, size_class.block_bytes);
    moved(handle_of(from, offset), handle_of(to, offset));
  }
}

/// The class whose spans have the most free bytes, among those with enough free blocks for the live
/// ones of any of their spans: as many as a span has. kSizeClassCount when there is none.
unsigned Arena::most_slack_class() const {
  unsigned best = kSizeClassCount;
  std::uint64_t best_bytes = 0;
  for (unsigned i = 0; i < kSizeClassCount; ++i) {
    const SizeClass& size_class = kSizeClasses[i];
    const std::uint64_t free_blocks =
        std::uint64_t{classes_[i].span_count} * size_class.span_blocks - classes_[i].live_blocks;
    if (free_blocks < size_class.span_blocks) continue;
    const std::uint64_t free_bytes = free_blocks * size_class.block_bytes;
    if (free_bytes > best_bytes) {
      best_bytes = free_bytes;
      best = i;
    }
  }
  return best;
}

/// About the sparsest span in the lists. Precondition: one is not empty. It is not where a class
/// has as many free blocks as a span has blocks, because `current` is not empty and cannot have
/// them all.
PageIndex Arena::sparsest_span(const ClassSpans& spans) const {
  APPMEM_CHECK(spans.list_mask != 0);
  PageIndex best = spans.lists[static_cast<unsigned>(std::countr_zero(spans.list_mask))];
  PageIndex span = runs_.page(best).next;
  for (unsigned probe = 1; probe < kSparsestProbesMax && span != kNoPage; ++probe) {
    if (runs_.page(span).live_blocks < runs_.page(best).live_blocks) best = span;
    span = runs_.page(span).next;
  }
  return best;
}

/// First page of the span or large block that `handle` points into; kNoPage when it points into
/// none.
PageIndex Arena::first_page_of(Handle handle) const {
  const PageIndex index = handle / kPageGranules;
  if (index >= runs_.end()) return kNoPage;
  const Page& page = runs_.page(index);
  switch (page.state) {
    case State::kSpan:
    case State::kLarge:
      return index;
    case State::kSpanRest:
      return index - page.pages;
    default:
      return kNoPage;
  }
}

/// Precondition: `first_page` is that of a span and first_page_of(handle).
Arena::Place Arena::place_of(Handle handle, PageIndex first_page) const {
  const SizeClass& size_class = kSizeClasses[runs_.page(first_page).size_class];
  const std::uint64_t offset = std::uint64_t{handle - handle_of(first_page, 0)} * kGranule;
  const auto block = static_cast<std::uint32_t>((offset * size_class.reciprocal) >> 32U);
  const bool exact =
      block < size_class.span_blocks && std::uint64_t{block} * size_class.block_bytes == offset;
  return {first_page, exact ? block : kNoBlock};
}

Handle Arena::allocate_large(std::size_t bytes) {
  const std::uint32_t pages = pages_for(bytes);
  const PageIndex first_page = runs_.allocate(pages);
  if (first_page == kNoPage) return kNoHandle;
  Page& page = runs_.page(first_page);
  page.state = State::kLarge;
  page.pages = pages;
  const std::uint64_t block_bytes = std::uint64_t{pages} * kPageBytes;
  live_bytes_ += block_bytes;
  span_block_bytes_ += block_bytes;
  unpoison(page_address(first_page), block_bytes);
  return handle_of(first_page, 0);
}

void Arena::free_large(Handle handle, PageIndex first_page) {
  APPMEM_CHECK(handle == handle_of(first_page, 0));
  Page& page = runs_.page(first_page);
  const std::uint64_t block_bytes = std::uint64_t{page.pages} * kPageBytes;
  live_bytes_ -= block_bytes;
  span_block_bytes_ -= block_bytes;
  page.state = State::kInside;
  runs_.free(first_page, page.pages);
}

/// Makes the fullest span with room, or else a new one, the current one.
bool Arena::choose_current(unsigned class_index) {
  ClassSpans& spans = classes_[class_index];
  if (spans.list_mask == 0) return carve(class_index);
  const auto list = static_cast<unsigned>(std::bit_width(spans.list_mask)) - 1;
  spans.current = spans.lists[list];
  unlink(spans, spans.current, list);
  return true;
}

bool Arena::carve(unsigned class_index) {
  const SizeClass& size_class = kSizeClasses[class_index];
  const PageIndex first_page = runs_.allocate(size_class.span_pages);
  if (first_page == kNoPage) return false;
  Page& page = runs_.page(first_page);
  page.state = State::kSpan;
  page.size_class = static_cast<std::uint8_t>(class_index);
  page.pages = size_class.span_pages;
  page.live_blocks = 0;
  std::uint32_t left = size_class.span_blocks;
  for (std::uint32_t word = 0; left > 0; ++word) {
    free_word(&page, word) = left >= kWordBits ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
    left -= std::min(left, kWordBits);
  }
  for (std::uint32_t i = 1; i < size_class.span_pages; ++i) {
    Page& rest = runs_.page(first_page + i);
    rest.state = State::kSpanRest;
    rest.pages = i;
  }
  const std::uint64_t span_bytes = std::uint64_t{size_class.span_pages} * kPageBytes;
  const std::uint64_t block_bytes = std::uint64_t{size_class.span_blocks} * size_class.block_bytes;
  span_block_bytes_ += block_bytes;
  tail_bytes_ += span_bytes - block_bytes;
  poison(page_address(first_page), span_bytes);
  ++classes_[class_index].span_count;
  classes_[class_index].current = first_page;
  return true;
}

/// Precondition: the class has a current span.
Handle Arena::take_block(unsigned class_index) {
  const SizeClass& size_class = kSizeClasses[class_index];
  ClassSpans& spans = classes_[class_index];
  const PageIndex first_page = spans.current;
  Page& page = runs_.page(first_page);
  std::uint32_t word = 0;
  while (free_word(&page, word) == 0)
    ++word;
  std::uint64_t& free_blocks = free_word(&page, word);
  const auto bit = static_cast<std::uint32_t>(std::countr_zero(free_blocks));
  free_blocks &= free_blocks - 1;
  if (++page.live_blocks == size_class.span_blocks) spans.current = kNoPage;
  ++spans.live_blocks;
  live_bytes_ += size_class.block_bytes;
  const std::uint32_t offset = (word * kWordBits + bit) * size_class.block_bytes;
  const Handle handle = handle_of(first_page, offset);
  unpoison(at(handle), size_class.block_bytes);
  return handle;
}

void Arena::put_block(Place place) {
  const PageIndex first_page = place.first_page;
  Page& page = runs_.page(first_page);
  const SizeClass& size_class = kSizeClasses[page.size_class];
  ClassSpans& spans = classes_[page.size_class];
  poison(page_address(first_page) + std::size_t{place.block} * size_class.block_bytes,
         size_class.block_bytes);
  set_free(&page, place.block);
  const std::uint32_t live_before = page.live_blocks--;
  --spans.live_blocks;
  live_bytes_ -= size_class.block_bytes;

  if (first_page == spans.current) {
    if (live_before == 1) {
      spans.current = kNoPage;
      release_span(first_page);
    }
    return;
  }
  const bool was_listed = live_before != size_class.span_blocks;
  const unsigned list_before = was_listed ? fullness_list(size_class, live_before) : 0;
  if (live_before == 1) {
    if (was_listed) unlink(spans, first_page, list_before);
    release_span(first_page);
    return;
  }
  const unsigned list = fullness_list(size_class, live_before - 1);
  if (was_listed && list == list_before) return;
  if (was_listed) unlink(spans, first_page, list_before);
  link(spans, first_page, list);
}

/// Precondition: no block of it is in use, and it is neither in a list nor current.
void Arena::release_span(PageIndex first_page) {
  Page& page = runs_.page(first_page);
  const SizeClass& size_class = kSizeClasses[page.size_class];
  const std::uint64_t block_bytes = std::uint64_t{size_class.span_blocks} * size_class.block_bytes;
  span_block_bytes_ -= block_bytes;
  tail_bytes_ -= std::uint64_t{size_class.span_pages} * kPageBytes - block_bytes;
  --classes_[page.size_class].span_count;
  for (std::uint32_t i = 0; i < size_class.span_pages; ++i) {
    runs_.page(first_page + i).state = State::kInside;
  }
  runs_.free(first_page, size_class.span_pages);
}

void Arena::link(ClassSpans& spans, PageIndex first_page, unsigned list) {
  Page& page = runs_.page(first_page);
  page.prev = kNoPage;
  page.next = spans.lists[list];
  if (page.next != kNoPage) runs_.page(page.next).prev = first_page;
  spans.lists[list] = first_page;
  spans.list_mask |= 1U << list;
}

void Arena::unlink(ClassSpans& spans, PageIndex first_page, unsigned list) {
  const Page& page = runs_.page(first_page);
  if (page.next != kNoPage) runs_.page(page.next).prev = page.prev;
  if (page.prev != kNoPage) {
    runs_.page(page.prev).next = page.next;
    return;
  }
  spans.lists[list] = page.next;
  if (page.next == kNoPage) spans.list_mask &= ~(1U << list);
}

}  // namespace appmem::core
