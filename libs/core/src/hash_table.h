#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "appmem/base/memory_budget.h"
#include "arena.h"  // Handle
#include "slot_memory.h"

namespace appmem::core {

/// A multimap from 32-bit hashes to handles, in the order of the hashes: the index of a namespace
/// in a shard. It knows no entries; a caller's matcher tells entries of equal hash apart.
///
/// Sorted linear probing: hash h belongs at home(h) = h * n / 2^32 for any whole number n of slots,
/// stands there or to the right of it without a gap, and all slots are in the order of their
/// hashes. So a search ends at the first hash that is not smaller, a miss costs no more than a hit,
/// and walking the slots from left to right is walking the hashes upwards, whatever the size.
///
/// The table stretches in place and in steps. While it does, a boundary divides it: on one side the
/// layout for the old n, on the other that for the new one; every insertion and step() moves the
/// boundary by a bounded number of slots. Nothing ever waits for a rehash, and memory grows by an
/// eighth at a time (less where the budget is short), not by doubling.
///
/// Cost: find and erase look at 4.5 slots on average in a table at its fullest (7/8), an insertion
/// moves 32 on average (a memmove of 256 bytes), plus the slots of one step while it stretches.
/// Keys are hashed with a secret seed, so clusters cannot be prepared; but hashes that come in
/// their order make one, unless the table was reserve()d before: each namespace has another order.
/// Hashes that go in their order (a scan that deletes what it finds) leave what is left as dense as
/// it was, in a part of the table: before it shrinks, a survey finds out whether the smaller one
/// has room for them there. Work is in proportion to a cluster.
///
/// Memory is charged to the budget when a size is chosen and released as it is given back; an empty
/// table that was never used has none.
///
/// Thread safety: none; the owner serialises every call.
class HashTable {
 public:
  /// `budget` must outlive the table.
  explicit HashTable(MemoryBudget& budget) : memory_(budget) {}
  /// Leaves `other` empty and usable.
  HashTable(HashTable&& other) noexcept;
  HashTable& operator=(HashTable&& other) noexcept;
  HashTable(const HashTable&) = delete;
  HashTable& operator=(const HashTable&) = delete;
  /// Gives all memory back at once; where the table may be large, drain() it before.
  ~HashTable();

  /// The first handle filed under `hash` for which `matches(handle)` is true, or kNoHandle.
  /// `matches` must not change the table.
  template <class Matches>
  [[nodiscard]] Handle find(std::uint32_t hash, Matches&& matches) const {
    const std::uint32_t inverse = ~hash;
    const Slot* slot = slots_ + start(hash);
    while (slot->inverse > inverse)
      ++slot;
    for (; slot->inverse == inverse; ++slot) {
      const Handle handle = slot->handle;
      if (handle == kNoHandle) break;  // an empty slot looks like the largest hash
      if (matches(handle)) return handle;
    }
    return kNoHandle;
  }

  /// Where a find() of `hash` begins to look: two cache lines from here on are nearly always all it
  /// reads. For prefetching; valid until the table changes.
  [[nodiscard]] const void* slots_of(std::uint32_t hash) const { return slots_ + start(hash); }

  /// The first handle filed under `hash`, or kNoHandle.
  [[nodiscard]] Handle first(std::uint32_t hash) const {
    return find(hash, [](Handle /*handle*/) { return true; });
  }

  /// An empty table gets the size for `count` entries at once, if the budget has room for it: no
  /// stretching on the way there. Returns whether it has it.
  bool reserve(std::size_t count);

  /// Makes sure that the next insert() stays within the budget. False when the table has to grow
  /// and the budget has no room for even a little more: evict, then ask again.
  [[nodiscard]] bool try_reserve() { return !wants_to_grow() || make_room(false); }

  /// Files `handle` (not kNoHandle, checked) under `hash`. Does not look for duplicates. It never
  /// fails: without a successful try_reserve() before, it may fill the table beyond 7/8 and at last
  /// charge a little memory whatever the budget says.
  void insert(std::uint32_t hash, Handle handle);

  /// Removes `handle` from under `hash`; false when it is not there.
  bool erase(std::uint32_t hash, Handle handle);

  /// Puts `to` in the place of `from` (a block that was moved, an entry that was rewritten); false
  /// when `from` is not there.
  bool replace(std::uint32_t hash, Handle from, Handle to);

  /// Calls `visit(hash, handle)` for all from `hash` upwards, in the order of the hashes, until it
  /// returns false; the handles that share its hash are visited in any case. `visit` must not
  /// change the table.
  template <class Visit>
  void for_each_from(std::uint32_t hash, Visit&& visit) const {
    static_cast<void>(walk(hash, SIZE_MAX, std::forward<Visit>(visit)));
  }

  /// Where a walk stopped.
  struct Position {
    /// Greater than where it began; the next walk begins here.
    std::uint32_t next = 0;
    /// The end of the table was reached; `next` is 0.
    bool done = false;
  };

  /// As for_each_from, but looks at no more than `slots_max` slots (at least 1; empty ones count
  /// too) and the rest of the last hash: a walk stops between two hashes only.
  template <class Visit>
  [[nodiscard]] Position walk(std::uint32_t hash, std::size_t slots_max, Visit&& visit) const;

  /// Moves a stretch, or the return of memory, on by about `slots` slots (256 KiB of memory at
  /// most). True when there is more to do.
  bool step(std::size_t slots);

  /// Takes a detached table apart: calls `free(handle)` for all that is in about `slots` slots and
  /// gives their memory back. True when nothing is left. After the first call only drain, size,
  /// memory_bytes and the destructor may be used until it has returned true.
  template <class Free>
  [[nodiscard]] bool drain(std::size_t slots, Free&& free);

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// What is charged to the budget.
  [[nodiscard]] std::size_t memory_bytes() const { return memory_.charged_bytes(); }
  /// How many slots it has, or will have when it has stretched; the few at its end not counted.
  [[nodiscard]] std::size_t slots() const { return mode_ == Mode::kShrinking ? n_low_ : n_high_; }
  /// How much the next insertion may add to memory_bytes(), if it finds memory for the size that it
  /// prefers; 0 when the table does not grow for it.
  [[nodiscard]] std::size_t growth_bytes_max() const {
    return wants_to_grow() ? next_growth_bytes() : 0;
  }
  /// A table that is crowded and not full need not grow with the next insertion, and does not after
  /// this call. Returns whether that has changed growth_bytes_max().
  bool forgo_growth() { return std::exchange(crowded_, false) && !is_full(); }
  /// It is between two sizes.
  [[nodiscard]] bool stretching() const { return mode_ != Mode::kSettled; }

  /// How many slots the latest insertion or removal looked at or moved, those of a step included.
  [[nodiscard]] std::size_t last_work() const { return work_; }

  /// Aborts when an invariant does not hold. For tests: looks at every slot.
  void check() const;

 private:
  /// Empty where all is 0, as fresh memory is. Holding ~hash makes an empty slot compare like the
  /// largest hash, and one comparison a slot is enough to search.
  struct Slot {
    std::uint32_t inverse;
    Handle handle;
  };

  /// Two layouts meet at the boundary: hashes below split_ are in slots [0, boundary_) in the
  /// layout for n_low_, the others from there on in that for n_high_. Settled, all is in the
  /// latter. A growing table moves clusters from the low layout (old) to the high one (new), from
  /// the top down; a shrinking one from the high (old) to the low (new), from the bottom up.
  enum class Mode : std::uint8_t { kSettled, kGrowing, kShrinking };

  /// What an unused table points to, so that a search needs no test for it.
  static constexpr Slot kNoSlots{};

  static std::size_t home(std::uint32_t hash, std::size_t n) {
    return static_cast<std::size_t>((std::uint64_t{hash} * n) >> 32U);
  }
  [[nodiscard]] std::size_t start(std::uint32_t hash) const {
    return home(hash, hash < split_ ? n_low_ : n_high_);
  }
  static std::size_t home(const Slot& slot, std::size_t n) { return home(~slot.inverse, n); }
  [[nodiscard]] bool used(std::size_t at) const { return slots_[at].handle != kNoHandle; }

  /// Of its slots, one in so many is empty when the table has to grow.
  static constexpr std::size_t kFullPart = 8;
  /// How many of `n` slots may be used before the table has to grow.
  static constexpr std::size_t full_at(std::size_t n) { return n - n / kFullPart; }

  [[nodiscard]] std::size_t next_growth_bytes() const;
  [[nodiscard]] Slot* locate(std::uint32_t hash, Handle handle) const;
  /// The first empty slot from `at` on.
  [[nodiscard]] std::size_t end_of_run(std::size_t at) const;
  bool make_room(bool forced);
  bool grow(bool forced);
  bool grow_to(std::size_t n, SlotMemory::Charge charge);
  [[nodiscard]] bool is_full() const { return count_ >= full_at(slots()); }
  [[nodiscard]] bool wants_to_grow() const { return is_full() || crowded_; }
  [[nodiscard]] bool is_sparse() const;
  [[nodiscard]] bool has_room_to_shrink(std::size_t n) const;
  [[nodiscard]] bool may_survey() const;
  void shrink_or_survey(std::size_t slots);
  void survey(std::size_t slots);
  void shrink();
  bool extend(std::size_t capacity, SlotMemory::Charge charge);
  bool give_back(std::size_t slice_bytes);

  void set_boundary(std::size_t boundary);
  void stretch(std::size_t slots);
  std::size_t move_cluster();
  std::size_t move_cluster_up();
  std::size_t move_cluster_down();
  void settle();

  bool finish_drain();
  void take(HashTable& other);

  Slot* slots_ = const_cast<Slot*>(&kNoSlots);
  std::uint64_t split_ = 0;
  std::size_t n_low_ = 0;
  std::size_t n_high_ = 0;
  std::size_t boundary_ = 0;
  /// Slots in use of the layout and its tail; the last one is always empty. All memory beyond is 0.
  std::size_t capacity_ = 0;
  std::size_t count_ = 0;
  /// Slots that each insertion moves while the table stretches.
  std::size_t quantum_ = 0;
  std::size_t work_ = 0;
  /// Of a table that is about to shrink: the size to come (0: none is), the next slot to be looked
  /// at, and where in the smaller table all before it would end, and the row that ends there
  /// begins.
  struct Survey {
    std::size_t n = 0;
    std::size_t at = 0;
    std::size_t end = 0;
    std::size_t row = 0;
  };
  Survey survey_;
  /// Since a survey found no room in any smaller table, and no other one has begun.
  bool too_dense_ = false;
  /// The latest insertion had to move so much that the table wants to grow, though it is not full.
  bool crowded_ = false;
  /// Calls of step() between which nothing changed.
  std::uint8_t steps_at_rest_ = 0;
  /// Insertions and removals since that survey, and how many there were at the latest step().
  std::size_t changes_ = 0;
  std::size_t changes_at_step_ = 0;
  SlotMemory memory_;
  Mode mode_ = Mode::kSettled;
};

template <class Visit>
HashTable::Position HashTable::walk(std::uint32_t hash, std::size_t slots_max,
                                    Visit&& visit) const {
  const std::uint32_t inverse = ~hash;
  std::size_t at = start(hash);
  while (slots_[at].inverse > inverse)
    ++at;
  // Behind the last home of the low layout, an empty slot means that nothing more is in it.
  const bool divided = split_ != 0;
  const std::size_t low_end =
      divided ? home(static_cast<std::uint32_t>(split_ - 1), n_low_) + 1 : 0;
  bool in_low = hash < split_;
  bool stop = false;
  std::uint32_t last = hash;
  bool visited = false;
  for (std::size_t looked = 0;; ++looked) {
    if (in_low && (at >= boundary_ || (at >= low_end && !used(at)))) {
      if (split_ > UINT32_MAX) return {0, true};
      in_low = false;
      at = start(static_cast<std::uint32_t>(split_));
      if (at < boundary_) at = boundary_;
    }
    if (at >= capacity_) return {0, true};
    const Slot slot = slots_[at];
    const bool full = slot.handle != kNoHandle;
    if ((stop || looked >= slots_max) && !(visited && full && ~slot.inverse == last)) {
      if (full) return {~slot.inverse, false};
      // The first hash that belongs to the right of this slot, or at it.
      const std::size_t n = in_low ? n_low_ : n_high_;
      if (at < n) {
        std::uint64_t next = ((std::uint64_t{at} << 32U) + n - 1) / n;
        if (in_low && next > split_) next = split_;
        if (next > last) return {static_cast<std::uint32_t>(next), false};
      }
    }
    if (full) {
      last = ~slot.inverse;
      visited = true;
      if (!visit(last, slot.handle)) stop = true;
    }
    ++at;
  }
}

template <class Free>
bool HashTable::drain(std::size_t slots, Free&& free) {
  for (; slots > 0 && capacity_ > 0; --slots) {
    Slot& slot = slots_[--capacity_];
    if (slot.handle == kNoHandle) continue;
    const Handle handle = std::exchange(slot, Slot{}).handle;
    --count_;
    free(handle);
  }
  return finish_drain();
}

}  // namespace appmem::core
