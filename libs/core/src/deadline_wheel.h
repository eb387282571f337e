#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "appmem/base/function_ref.h"
#include "appmem/base/memory_budget.h"
#include "appmem/base/time.h"
#include "arena.h"  // Handle

namespace appmem::core {

/// Finds entries whose deadline has passed, without looking at any others: a hierarchical timing
/// wheel (Varghese and Lauck, 1987) of five levels with 256 buckets each, the finest 32 ms wide,
/// the coarsest 4.3 years, 1,115 years in all. Accesses check deadlines themselves, exactly; the
/// wheel only gives memory back, at most 32 ms late when advance() is called often enough.
///
/// A filing is 4 bytes in a list of chunks and is never looked for. Instead an entry remembers the
/// bucket that it is filed in: a filing is valid when its handle is a live entry that has a
/// deadline and names this very bucket. Any other filing is stale, and dropped when it is met. So:
///   - an entry that goes, or loses its deadline, costs nothing but note_stale();
///   - a deadline that moves later may keep its filing: the wheel asks and files it again;
///   - a deadline that moves earlier has to be filed anew, and the old filing is stale then, as is
///     that of a block that was moved: file() the new handle, note_stale() for the old.
/// When too many are stale, sweep() drops them.
///
/// Chunks are charged to the budget whatever its limit: a filing takes 4.3 bytes, a
/// bucket in use 128 more at most, and filings are bounded by the live ones and kStaleSlack.
///
/// Thread safety: none; the owner serialises every call.
class DeadlineWheel {
 public:
  /// Names a bucket; an entry keeps it. 0 is none.
  using BucketId = std::uint16_t;
  static constexpr BucketId kNoBucket = 0;

  /// What became of a filing.
  struct Verdict {
    enum class Kind : std::uint8_t {
      kStale,  // not a live entry, or one that is not filed in this bucket
      kDue,    // its deadline had passed; the caller has removed the entry
      kLater,  // valid, and its deadline is `deadline`
    };
    Kind kind = Kind::kStale;
    TimePoint deadline{};
    static Verdict stale() { return {}; }
    static Verdict due() { return {Kind::kDue, {}}; }
    static Verdict later(TimePoint deadline) { return {Kind::kLater, deadline}; }
  };

  /// Judges a filing: `classify(handle, bucket)`. It may remove entries, and call file() and
  /// note_stale() for others; for the filing in hand (which is out of the wheel already) it calls
  /// neither.
  using Classify = FunctionRef<Verdict(Handle, BucketId)>;
  /// Told the bucket of a filing that was judged kLater, to be written into the entry.
  using Refiled = FunctionRef<void(Handle, BucketId)>;

  /// Nothing is stale until more than half of the live filings and this many more are.
  static constexpr std::size_t kStaleSlack = 1024;

  /// `now` is where time begins; `budget` must outlive the wheel.
  DeadlineWheel(MemoryBudget& budget, TimePoint now);
  DeadlineWheel(const DeadlineWheel&) = delete;
  DeadlineWheel& operator=(const DeadlineWheel&) = delete;
  ~DeadlineWheel();

  /// Files `handle` (not kNoHandle, checked) and returns the bucket, for the entry to remember. A
  /// deadline that has passed comes up within 32 ms; one beyond the wheel's end, at its end.
  [[nodiscard]] BucketId file(Handle handle, TimePoint deadline);

  /// A filing has become stale: its entry went, lost its deadline, moved or was filed anew.
  void note_stale() {
    ++stale_;
    ++stale_since_round_;
  }

  /// Judges the filings of all buckets whose time has come by `now`, at most `budget` of them (and
  /// of those that are passed down to finer buckets), and goes on there next time. Returns how many
  /// it has judged; fewer than `budget` means that nothing is left to do until next_event().
  std::size_t advance(TimePoint now, std::size_t budget, Classify classify, Refiled refiled);

  /// sweep() is called for: stale filings outnumber half of the live ones and kStaleSlack.
  [[nodiscard]] bool needs_sweep() const {
    return stale_ > kStaleSlack && stale_ - kStaleSlack > live() / 2;
  }

  /// Judges at most `budget` filings of one bucket after the other, files the valid ones again and
  /// drops the others; goes on there next time. Returns how many it has judged; less than `budget`
  /// means that a round was completed.
  std::size_t sweep(std::size_t budget, Classify classify, Refiled refiled);

  /// How late the wheel is: the age of the oldest bucket that has come and still has filings, 0
  /// when there is none. An upper bound for how long the oldest deadline in it has passed.
  [[nodiscard]] milliseconds lag(TimePoint now) const;

  /// When advance() has something to do next; nothing when no filings are left.
  [[nodiscard]] std::optional<TimePoint> next_event() const;

  /// Filings, the stale ones included.
  [[nodiscard]] std::size_t filings() const { return filings_; }
  /// Filings that are not known to be stale.
  [[nodiscard]] std::size_t live() const { return filings_ > stale_ ? filings_ - stale_ : 0; }
  [[nodiscard]] std::size_t stale() const { return stale_; }
  /// What is charged to the budget for chunks.
  [[nodiscard]] std::size_t memory_bytes() const { return charged_bytes_; }

 private:
  static constexpr unsigned kLevels = 5;
  static constexpr unsigned kDigitBits = 8;
  static constexpr std::size_t kSlotsPerLevel = std::size_t{1} << kDigitBits;
  static constexpr std::size_t kSlots = kLevels * kSlotsPerLevel;
  static constexpr std::int64_t kTickMs = 32;
  static constexpr std::uint64_t kTickMax = (std::uint64_t{1} << (kLevels * kDigitBits)) - 1;

  /// Chunks come in slabs of a little less than a page.
  using ChunkRef = std::uint32_t;  // slab * kChunksPerSlab + index
  static constexpr ChunkRef kNoChunk = UINT32_MAX;
  static constexpr std::uint32_t kHandlesPerChunk = 31;
  static constexpr std::uint32_t kChunksPerSlab = 31;
  struct Chunk {
    ChunkRef next;
    std::array<Handle, kHandlesPerChunk> handles;
  };
  struct Slab;

  /// A stack of handles; only the first chunk may be partly filled.
  struct List {
    ChunkRef head = kNoChunk;
    std::uint32_t in_head = 0;
    [[nodiscard]] bool empty() const { return head == kNoChunk; }
  };

  /// When something is to be done: at `tick`, in `slot`.
  struct Event {
    std::uint64_t tick = 0;
    std::size_t slot = 0;
  };

  [[nodiscard]] std::uint64_t tick_of(TimePoint when) const;
  [[nodiscard]] TimePoint time_of(std::uint64_t tick) const;
  [[nodiscard]] std::size_t slot_for(std::uint64_t tick) const;
  [[nodiscard]] std::optional<Event> first_event() const;
  [[nodiscard]] std::size_t next_occupied(std::size_t from, std::size_t end) const;
  [[nodiscard]] BucketId bucket_of(std::size_t slot) const;
  BucketId file_at(Handle handle, std::uint64_t tick);
  void judge(Handle handle, BucketId bucket, std::uint64_t tick_min, Classify classify,
             Refiled refiled);
  std::optional<std::pair<Handle, BucketId>> pop(std::size_t slot);
  void note_emptied(std::size_t slot);

  void push(List& list, Handle handle);
  Handle pop(List& list);
  [[nodiscard]] Chunk& chunk(ChunkRef ref) const;
  ChunkRef take_chunk();
  void return_chunk(ChunkRef ref);

  MemoryBudget& budget_;
  const TimePoint epoch_;
  /// All earlier ticks have been dealt with.
  std::uint64_t current_ = 0;
  std::array<List, kSlots> lists_;
  /// Slots that have a filing, in lists_ or in swept_.
  std::array<std::uint64_t, kSlots / 64> occupied_{};
  /// Each slot has two buckets by turns, so that a sweep can tell what it has filed again.
  std::array<std::uint64_t, kSlots / 64> turn_{};
  /// What is left of the slot that is being swept.
  List swept_;
  std::size_t swept_slot_ = 0;
  bool in_round_ = false;
  /// Filings noted as stale and not met since; and how many were noted since the round began.
  std::size_t stale_ = 0;
  std::size_t stale_since_round_ = 0;
  std::size_t filings_ = 0;

  std::vector<Slab*> slabs_;
  std::vector<std::uint32_t> free_slab_numbers_;
  std::uint32_t partial_slabs_ = UINT32_MAX;
  std::size_t charged_bytes_ = 0;
};

}  // namespace appmem::core
