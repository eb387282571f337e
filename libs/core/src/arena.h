#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "appmem/base/function_ref.h"
#include "appmem/base/memory_budget.h"
#include "page_runs.h"
#include "size_classes.h"

namespace appmem::core {

/// Names a block of an arena: its offset in units of 8 bytes. 0 names none.
using Handle = std::uint32_t;
inline constexpr Handle kNoHandle = 0;

/// The blocks of one shard: size classes in spans of pages, in one region of virtual memory, so
/// that a block is named by 32 bits and can be moved.
///
/// Memory is charged to the budget by whole pages, when they are taken from the system, and
/// released when they go back (purge). What is charged is always
///   live_bytes + slack_bytes + tail_bytes + dirty_bytes + table_bytes == committed_bytes.
///
/// Thread safety: none; the owner serialises every call.
/// Lifetime: what `at` returns is valid until the block is freed, or moved by compact_one_span or
/// lower_highest_run.
class Arena {
 public:
  /// Handles reach this far.
  static constexpr std::uint64_t kRegionBytesMax = PageRuns::kRegionBytesMax;
  /// The largest block: a value and a key at their inline limits with a header between them.
  static constexpr std::size_t kBytesMax = kLargeBytesMax;

  /// The region for a store of `max_memory_bytes`: room for fragmentation, which costs addresses
  /// but no memory.
  static std::uint64_t region_bytes_for(std::uint64_t max_memory_bytes);

  /// Reserves addresses; takes no memory. `region_bytes` is cut to kRegionBytesMax, and halved for
  /// as long as the system refuses it (an address space limit).
  Arena(MemoryBudget& budget, std::uint64_t region_bytes);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  /// A block of at least `bytes` (1 to kBytesMax, checked) uninitialised bytes, aligned to 8; or
  /// kNoHandle when the budget refuses the pages for it, or the region is full. Nothing has changed
  /// then, except that free pages may have been given back to the system.
  [[nodiscard]] Handle try_allocate(std::size_t bytes);

  /// Precondition (checked): a live block.
  void free(Handle handle);

  [[nodiscard]] char* at(Handle handle) const { return base_ + std::uint64_t{handle} * kGranule; }

  /// How large the block is, at least what was asked for. Precondition: a live block.
  [[nodiscard]] std::size_t block_bytes(Handle handle) const;

  /// How large a block for `bytes` (1 to kBytesMax) would be.
  [[nodiscard]] static std::size_t block_bytes_for(std::size_t bytes) {
    return bytes <= kSmallBytesMax ? kSizeClasses[size_class_of(bytes)].block_bytes
                                   : pages_for(bytes) * kPageBytes;
  }

  /// Whether `handle`, which may be any number, names a block that is allocated.
  [[nodiscard]] bool is_live_block(Handle handle) const;

  /// The first live block after `after` (kNoHandle to begin), or kNoHandle at the end: enumerates
  /// in slices. Skips over free pages in steps of runs.
  [[nodiscard]] Handle next_live_block(Handle after) const;

  /// Empties one sparse span into the holes of others of its class, where that frees pages, taking
  /// the class that has most to give. `moved(from, to)` is called after each block was copied: `to`
  /// is live and holds the bytes, `from` is gone when the call returns; it must not call the arena,
  /// except `at` and `block_bytes`. Moves at most kSpanPagesMax pages of blocks.
  /// Returns false when nothing can be gained.
  bool compact_one_span(FunctionRef<void(Handle from, Handle to)> moved);

  /// Moves the highest span or large block to free pages below it and gives its own back, so that
  /// the page table ends lower; `moved` as in compact_one_span. Precondition: nothing is dirty.
  /// Returns false when there is no place for it or the system takes nothing back.
  bool lower_highest_run(FunctionRef<void(Handle from, Handle to)> moved);

  /// Whether a large part of the page table describes what was given back: after most entries went,
  /// those that are left lie far apart.
  [[nodiscard]] bool wants_lowering() const {
    return may_lower() && runs_.clean_pages() > 3 * runs_.taken_pages();
  }
  /// The same for when nobody writes: then less of it pays.
  [[nodiscard]] bool wants_lowering_in_quiet() const {
    return may_lower() && 2 * runs_.clean_pages() > runs_.taken_pages();
  }

  /// Whether there is so much slack that a writer who finds no room should compact rather than
  /// evict. With this share, nine tenths of the memory are in live blocks whatever the sizes do.
  [[nodiscard]] bool wants_compaction() const {
    return slack_bytes() * kSlackPartsMin > committed_bytes();
  }
  /// Whether there is so much slack that compacting pays while nobody writes.
  [[nodiscard]] bool wants_compaction_in_quiet() const {
    return slack_bytes() * kSlackPartsInQuietMin > committed_bytes();
  }

  /// Gives free pages back to the system, at most about `bytes_max` (at least a page); the charge
  /// goes with them. Returns true while there are more.
  bool purge(std::size_t bytes_max) { return runs_.purge(bytes_max / kPageBytes); }

  /// Blocks in use, as allocated.
  [[nodiscard]] std::uint64_t live_bytes() const { return live_bytes_; }
  /// Free blocks in spans that are in use: what compaction can win back, mostly.
  [[nodiscard]] std::uint64_t slack_bytes() const { return span_block_bytes_ - live_bytes_; }
  /// Ends of spans that are too short for a block.
  [[nodiscard]] std::uint64_t tail_bytes() const { return tail_bytes_; }
  /// Free pages that are not given back yet.
  [[nodiscard]] std::uint64_t dirty_bytes() const { return runs_.dirty_bytes(); }
  /// The page table.
  [[nodiscard]] std::uint64_t table_bytes() const { return runs_.table_bytes(); }
  /// All of it: what is charged to the budget.
  [[nodiscard]] std::uint64_t committed_bytes() const { return runs_.charged_bytes(); }
  [[nodiscard]] std::uint64_t region_bytes() const { return runs_.region_bytes(); }

 private:
  static constexpr std::size_t kGranule = 8;
  static constexpr std::uint64_t kSlackPartsMin = 24;
  static constexpr std::uint64_t kSlackPartsInQuietMin = 96;
  /// Fewer pages than two pages of the table describe are not worth it.
  static constexpr std::uint64_t kCleanPagesMin = 2 * kPageBytes / sizeof(Page);
  static constexpr std::uint32_t kPageGranules = kPageBytes / kGranule;
  /// How many spans of the sparsest list are looked at for the sparsest one.
  static constexpr unsigned kSparsestProbesMax = 8;

  /// The spans of one size class. A full span is in no list.
  struct ClassSpans {
    /// Where blocks come from; in no list either. kNoPage when there is none.
    PageIndex current = kNoPage;
    std::uint32_t span_count = 0;
    std::uint32_t live_blocks = 0;
    /// Bit i: the list of fullness i has a span.
    std::uint32_t list_mask = 0;
    std::array<PageIndex, kFullnessLists> lists{};
  };

  /// A block of a span. `block` is kNoBlock when a handle points between blocks.
  struct Place {
    PageIndex first_page;
    std::uint32_t block;
  };
  static constexpr std::uint32_t kNoBlock = ~std::uint32_t{0};

  [[nodiscard]] Place place_of(Handle handle, PageIndex first_page) const;
  [[nodiscard]] PageIndex first_page_of(Handle handle) const;
  static Handle handle_of(PageIndex first_page, std::uint32_t offset) {
    return first_page * kPageGranules + static_cast<std::uint32_t>(offset / kGranule);
  }
  [[nodiscard]] char* page_address(PageIndex page) const {
    return base_ + std::size_t{page} * kPageBytes;
  }
  Handle allocate_large(std::size_t bytes);
  void free_large(Handle handle, PageIndex first_page);
  bool choose_current(unsigned class_index);
  bool carve(unsigned class_index);
  Handle take_block(unsigned class_index);
  void put_block(Place place);
  void release_span(PageIndex first_page);
  [[nodiscard]] unsigned most_slack_class() const;
  [[nodiscard]] PageIndex sparsest_span(const ClassSpans& spans) const;
  [[nodiscard]] PageIndex highest_run() const;
  /// Where there was no place for the highest run, there may be one when there is another, or an
  /// eighth more is free.
  [[nodiscard]] bool may_lower() const {
    return runs_.clean_pages() >= kCleanPagesMin &&
           (runs_.end() != stuck_end_ || runs_.clean_pages() > stuck_pages_ + stuck_pages_ / 8);
  }
  void move_large(PageIndex from, PageIndex to, FunctionRef<void(Handle from, Handle to)> moved);
  void move_span(PageIndex from, PageIndex to, FunctionRef<void(Handle from, Handle to)> moved);
  void link(ClassSpans& spans, PageIndex first_page, unsigned list);
  void unlink(ClassSpans& spans, PageIndex first_page, unsigned list);

  PageRuns runs_;
  char* base_;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t span_block_bytes_ = 0;
  std::uint64_t tail_bytes_ = 0;
  /// Of the latest lower_highest_run() that found no place: end(), and what was free below.
  PageIndex stuck_end_ = kNoPage;
  std::uint64_t stuck_pages_ = 0;
  std::array<ClassSpans, kSizeClassCount> classes_{};
};

}  // namespace appmem::core
