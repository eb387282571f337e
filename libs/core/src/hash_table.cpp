#include "hash_table.h"

#include <algorithm>
#include <cstring>

#include "appmem/base/check.h"

namespace appmem::core {
namespace {

constexpr std::size_t kSlotsMin = 8;
constexpr std::size_t kSlotsMax = UINT32_MAX;
/// Below this many slots a table doubles, above it grows by an eighth: it is never less than 7/9 of
/// what it is at its fullest.
constexpr std::size_t kDoublingSlotsMax = 64;
constexpr std::size_t kGrowthPart = 8;
/// And by at least so many slots: fewer might not hold one entry more.
constexpr std::size_t kGrowthSlotsMin = 8;
/// A table with fewer of its slots in use than this shrinks.
constexpr std::size_t kSparseSixteenths = 9;
constexpr std::size_t kSparseSixteenthsOfSmall = 6;
/// Slots that each insertion and removal moves while the table stretches, at least.
constexpr std::size_t kQuantumMin = 32;
/// A table does not shrink where so many slots would stand in a row, none but the first at its
/// home: an erasure moves them all. In one of 10^7 random hashes that is four fifths full it is 700
/// at most. With so few entries there is no survey.
constexpr std::size_t kRowMax = 2048;
/// Where there is no room in any smaller table, the next survey, which may look at all of it, waits
/// until one slot in so many has changed, or one in more, and so many steps have seen no change
/// since.
constexpr std::size_t kChangedPart = 64;
constexpr std::size_t kChangedPartAtRest = 1024;
constexpr std::uint8_t kStepsAtRest = 8;
/// An insertion that has to move so much makes even a table grow that is not full. Random hashes
/// come to 2,000 in 10^7 at their fullest. A part of a table that is at its fullest, the rest
/// empty, is full when an eighth of the slots have been inserted: so no table grows that has fewer.
constexpr std::size_t kClusterMax = 8192;
constexpr std::size_t kCrowdedPart = 8;
/// Empty slots that one move of the boundary skips.
constexpr std::size_t kSkipMax = 64;
/// What the memory of a table may be longer than its slots, malloc's and in whole pages.
constexpr std::size_t kHeapExtraBytes = 32;
constexpr std::size_t kMapExtraBytes = kPageBytes;
/// Memory that one step gives back.
constexpr std::size_t kGiveBackBytes = 256_KiB;

/// Slots behind the last home, for hashes that are displaced there. With random hashes 64 do not
/// suffice once in 10^8 tables at their fullest; extending them is then cheap enough.
constexpr std::size_t tail_for(std::size_t n) {
  return std::clamp<std::size_t>(n / 4, 8, 64);
}

/// The size that a table of `n` slots prefers to grow to.
constexpr std::size_t grown(std::size_t n) {
  return n < kDoublingSlotsMax ? std::max(kSlotsMin, 2 * n) : n + n / kGrowthPart;
}

}  // namespace

HashTable::HashTable(HashTable&& other) noexcept : memory_(std::move(other.memory_)) {
  take(other);
}

HashTable& HashTable::operator=(HashTable&& other) noexcept {
  if (this != &other) {
    memory_ = std::move(other.memory_);
    take(other);
  }
  return *this;
}

HashTable::~HashTable() = default;

void HashTable::take(HashTable& other) {
  slots_ = std::exchange(other.slots_, const_cast<Slot*>(&kNoSlots));
  split_ = std::exchange(other.split_, 0);
  n_low_ = std::exchange(other.n_low_, 0);
  n_high_ = std::exchange(other.n_high_, 0);
  boundary_ = std::exchange(other.boundary_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  count_ = std::exchange(other.count_, 0);
  quantum_ = std::exchange(other.quantum_, 0);
  work_ = std::exchange(other.work_, 0);
  survey_ = std::exchange(other.survey_, {});
  too_dense_ = std::exchange(other.too_dense_, false);
  crowded_ = std::exchange(other.crowded_, false);
  steps_at_rest_ = std::exchange(other.steps_at_rest_, {});
  changes_ = std::exchange(other.changes_, 0);
  changes_at_step_ = std::exchange(other.changes_at_step_, 0);
  mode_ = std::exchange(other.mode_, Mode::kSettled);
}

// --- single hashes ---

HashTable::Slot* HashTable::locate(std::uint32_t hash, Handle handle) const {
  const std::uint32_t inverse = ~hash;
  Slot* slot = slots_ + start(hash);
  while (slot->inverse > inverse)
    ++slot;
  for (; slot->inverse == inverse && slot->handle != kNoHandle; ++slot) {
    if (slot->handle == handle) return slot;
  }
  return nullptr;
}

std::size_t HashTable::end_of_run(std::size_t at) const {
  while (used(at))
    ++at;
  return at;
}

void HashTable::insert(std::uint32_t hash, Handle handle) {
  APPMEM_CHECK(handle != kNoHandle);
  work_ = 0;
  if (wants_to_grow()) [[unlikely]] {
    // Past 15/16 a little memory is charged in any case.
    const bool forced = count_ >= slots() - slots() / 16;
    if (!make_room(forced)) APPMEM_CHECK(!forced);
  }
  if (mode_ != Mode::kSettled) [[unlikely]] {
    stretch(quantum_);
  }
  for (;;) {
    const std::uint32_t inverse = ~hash;
    std::size_t at = start(hash);
    while (slots_[at].inverse > inverse)
      ++at;
    const std::size_t end = end_of_run(at);
    if (hash < split_) {
      // Where the low layout has no room before the boundary, the boundary moves on first. A
      // growing table keeps an empty slot before it, so that clusters cannot touch while they move
      // up.
      if (end + (mode_ == Mode::kGrowing ? 1 : 0) >= boundary_) {
        work_ += move_cluster();
        continue;
      }
    } else if (end + 1 >= capacity_) {
      const std::size_t tail = capacity_ - n_high_;
      APPMEM_CHECK(extend(capacity_ + std::max<std::size_t>(tail, 8), SlotMemory::Charge::kAlways));
      continue;
    }
    std::memmove(slots_ + at + 1, slots_ + at, (end - at) * sizeof(Slot));
    slots_[at] = {inverse, handle};
    const std::size_t looked = end - start(hash) + 1;
    work_ += looked;
    ++count_;
    ++changes_;
    crowded_ = looked > kClusterMax && mode_ == Mode::kSettled && count_ > n_high_ / kCrowdedPart;
    return;
  }
}

bool HashTable::erase(std::uint32_t hash, Handle handle) {
  Slot* const slot = locate(hash, handle);
  if (slot == nullptr) return false;
  const bool in_low = hash < split_;
  const std::size_t n = in_low ? n_low_ : n_high_;
  const std::size_t limit = in_low ? boundary_ : capacity_;
  const auto at = static_cast<std::size_t>(slot - slots_);
  // All that stand to the right of their home move one slot to the left, up to the first that does
  // not: no tombstones.
  std::size_t end = at + 1;
  while (end < limit && used(end) && home(slots_[end], n) != end)
    ++end;
  std::memmove(slots_ + at, slots_ + at + 1, (end - at - 1) * sizeof(Slot));
  slots_[end - 1] = {};
  --count_;
  ++changes_;
  crowded_ = false;
  work_ = end - start(hash);
  if (mode_ == Mode::kSettled) {
    if (is_sparse() && may_survey()) [[unlikely]] {
      shrink_or_survey(kQuantumMin);
    }
  } else if (mode_ == Mode::kShrinking) {
    stretch(quantum_);
  }
  return true;
}

bool HashTable::replace(std::uint32_t hash, Handle from, Handle to) {
  APPMEM_CHECK(to != kNoHandle);
  Slot* const slot = locate(hash, from);
  if (slot == nullptr) return false;
  slot->handle = to;
  return true;
}

// --- sizes ---

bool HashTable::reserve(std::size_t count) {
  // full_at() of it is `count` or a little more.
  const std::size_t n = count + count / (kFullPart - 1) + kGrowthSlotsMin;
  if (n <= slots()) return true;
  return empty() && !stretching() && n <= kSlotsMax && grow_to(n, SlotMemory::Charge::kIfItFits);
}

bool HashTable::extend(std::size_t capacity, SlotMemory::Charge charge) {
  if (!memory_.extend(capacity * sizeof(Slot), charge)) return false;
  slots_ = static_cast<Slot*>(memory_.data());
  capacity_ = capacity;
  return true;
}

bool HashTable::make_room(bool forced) {
  // Quanta are chosen so that a stretch ends long before the table is full again; this is for one
  // that a forced insertion has begun.
  while (mode_ != Mode::kSettled && count_ >= full_at(slots())) {
    stretch(SIZE_MAX);
  }
  // A crowded table need not grow, where the budget is short.
  if (std::exchange(crowded_, false) && mode_ == Mode::kSettled) grow(false);
  return count_ < full_at(slots()) || grow(forced);
}

bool HashTable::grow(bool forced) {
  const std::size_t n = n_high_;
  const auto charge = SlotMemory::Charge::kIfItFits;
  if (grow_to(grown(n), charge)) return true;
  if (n < kDoublingSlotsMax) {
    return grow_to(std::max(kSlotsMin, n + n / 4), forced ? SlotMemory::Charge::kAlways : charge);
  }
  if (grow_to(n + std::max(n / 16, kGrowthSlotsMin), charge)) return true;
  return grow_to(n + std::max(n / 64, kGrowthSlotsMin),
                 forced ? SlotMemory::Charge::kAlways : charge);
}

std::size_t HashTable::next_growth_bytes() const {
  const std::size_t n = grown(slots());
  const std::size_t tail = mode_ == Mode::kShrinking ? 0 : capacity_ - n_high_;
  std::size_t bytes = (n + std::max(tail_for(n), tail)) * sizeof(Slot) + kHeapExtraBytes;
  if (bytes >= SlotMemory::kMapBytesMin) bytes += kMapExtraBytes;
  return bytes > memory_bytes() ? bytes - memory_bytes() : 0;
}

bool HashTable::grow_to(std::size_t n, SlotMemory::Charge charge) {
  APPMEM_CHECK(n <= kSlotsMax);
  const std::size_t old_n = n_high_;
  const std::size_t old_capacity = capacity_;
  // The tail never becomes shorter here: what stands in it moves up by n - old_n at most.
  if (!extend(n + std::max(tail_for(n), old_capacity - old_n), charge)) return false;
  n_high_ = n;
  survey_ = {};
  if (count_ == 0) return true;
  n_low_ = old_n;
  mode_ = Mode::kGrowing;
  set_boundary(old_capacity);
  // Twice as fast as would do to be settled when the table is full again.
  quantum_ = std::max(kQuantumMin, 2 * old_capacity / (full_at(n) - full_at(old_n)));
  return true;
}

bool HashTable::is_sparse() const {
  const std::size_t n = n_high_;
  // One that has just doubled is 7/16 full.
  const std::size_t sixteenths =
      n < 2 * kDoublingSlotsMax ? kSparseSixteenthsOfSmall : kSparseSixteenths;
  return n > kSlotsMin && count_ * 16 < n * sixteenths;
}

/// Whether a table of `n` slots is not full before this one has become that, whatever is inserted.
bool HashTable::has_room_to_shrink(std::size_t n) const {
  return full_at(n) > count_ + n / kQuantumMin;
}

bool HashTable::may_survey() const {
  const bool at_rest = steps_at_rest_ >= kStepsAtRest && changes_ == changes_at_step_;
  return !too_dense_ || changes_ > n_high_ / kChangedPart ||
         (at_rest && changes_ > n_high_ / kChangedPartAtRest) || count_ <= kRowMax;
}

/// Shrinks a table that is sparse, or surveys `slots` of its slots before.
void HashTable::shrink_or_survey(std::size_t slots) {
  const std::size_t n = n_high_;
  if (survey_.n == 0) {
    // Four fifths full, so that it is neither full nor sparse again soon; but a quarter of n at the
    // lowest, so that it can be done before the table is full again.
    std::size_t target = std::max({kSlotsMin, count_ + count_ / 4, n / 4});
    if (!has_room_to_shrink(target)) ++target;
    if (target >= n) return;
    survey_ = {.n = target};
    too_dense_ = false;
  }
  if (count_ <= kRowMax) {
    shrink();
  } else {
    survey(slots);
  }
}

/// Looks at `slots` more slots and begins to shrink behind the last one, or tries a larger size.
/// What is inserted and erased meanwhile moves others by a few slots; that does not matter.
void HashTable::survey(std::size_t slots) {
  const std::size_t stop = survey_.at + std::min(slots, capacity_ - survey_.at);
  work_ += stop - survey_.at;
  for (; survey_.at < stop; ++survey_.at) {
    if (!used(survey_.at)) continue;
    const std::size_t first = home(slots_[survey_.at], survey_.n);
    if (first >= survey_.end) survey_.row = survey_.end = first;
    ++survey_.end;
    if (survey_.end - survey_.row > kRowMax) {
      const std::size_t larger = survey_.n + survey_.n / 2;
      survey_ = {};
      if (larger < n_high_ - n_high_ / kGrowthPart) {
        survey_.n = larger;
      } else {
        too_dense_ = true;
        changes_ = 0;
      }
      return;
    }
  }
  if (survey_.at >= capacity_) shrink();
}

void HashTable::shrink() {
  const std::size_t n = std::exchange(survey_, {}).n;
  // Where so many have come since the survey began that it might be full before it has shrunk,
  // there is another one.
  if (!has_room_to_shrink(n)) return;
  n_low_ = n;
  mode_ = Mode::kShrinking;
  // Twice as fast as would do.
  quantum_ = std::max(kQuantumMin, 2 * capacity_ / (full_at(n) - count_));
  set_boundary(0);
}

bool HashTable::give_back(std::size_t slice_bytes) {
  if (memory_.charged_bytes() == 0) return false;
  const bool more = memory_.cut(capacity_ * sizeof(Slot), slice_bytes);
  slots_ = static_cast<Slot*>(memory_.data());
  return more;
}

bool HashTable::step(std::size_t slots) {
  if (mode_ == Mode::kSettled) {
    steps_at_rest_ = changes_ != changes_at_step_
                         ? std::uint8_t{0}
                         : std::min<std::uint8_t>(steps_at_rest_ + 1, kStepsAtRest);
    changes_at_step_ = changes_;
    if (!is_sparse()) {
      survey_ = {};
    } else if (may_survey()) {
      shrink_or_survey(slots);
      if (mode_ == Mode::kSettled) return true;
    }
  }
  if (mode_ != Mode::kSettled) {
    stretch(slots);
    return true;
  }
  return give_back(kGiveBackBytes);
}

// --- stretching ---

void HashTable::set_boundary(std::size_t boundary) {
  const std::size_t n = mode_ == Mode::kGrowing ? n_low_ : n_high_;
  boundary_ = boundary;
  split_ = std::uint64_t{1} << 32U;
  if (boundary < n) split_ = ((std::uint64_t{boundary} << 32U) + n - 1) / n;
}

void HashTable::stretch(std::size_t slots) {
  while (mode_ != Mode::kSettled) {
    const std::size_t moved = move_cluster();
    work_ += moved;
    if (moved >= slots) return;
    slots -= moved;
  }
}

std::size_t HashTable::move_cluster() {
  return mode_ == Mode::kGrowing ? move_cluster_up() : move_cluster_down();
}

/// Moves the last cluster of the low layout into the high one. Nothing is in its way: let the old
/// cluster be the slots [a, b), and r = n_high / n_low > 1. Its hashes have old homes below b, so
/// that their new places are below b * r; those above the boundary have old homes of b + 1 at
/// least, since slot b is empty, and new homes of floor((b + 1) * r) >= ceil(b * r) at least.
std::size_t HashTable::move_cluster_up() {
  std::size_t end = boundary_ - 1;  // an empty slot
  const std::size_t skip_end = end - std::min(end, kSkipMax);
  while (end > skip_end && !used(end - 1))
    --end;
  std::size_t begin = end;
  while (begin > 0 && used(begin - 1))
    --begin;
  const std::size_t looked = boundary_ - begin;
  if (begin == end) {
    set_boundary(end);  // the slot before it is empty too
    if (boundary_ == 0) settle();
    return looked;
  }

  // Where the cluster ends then.
  std::size_t new_end = 0;
  for (std::size_t at = begin; at < end; ++at) {
    new_end = std::max(new_end, home(slots_[at], n_high_)) + 1;
  }
  std::size_t from = begin;
  const std::size_t length = end - begin;
  if (home(slots_[begin], n_high_) < end) {
    // The new places overlap the old ones: first to the right end of the new ones, then from there
    // leftwards, so that nothing is overwritten before it is read.
    from = new_end - length;
    std::memmove(slots_ + from, slots_ + begin, length * sizeof(Slot));
    std::memset(slots_ + begin, 0, std::min(length, from - begin) * sizeof(Slot));
  }
  std::size_t to = 0;
  for (std::size_t at = from; at < from + length; ++at) {
    const Slot slot = std::exchange(slots_[at], Slot{});
    to = std::max(to, home(slot, n_high_));
    slots_[to++] = slot;
  }
  set_boundary(begin);
  if (begin == 0) settle();
  return looked;
}

/// Moves the first cluster of the high layout into the low one, slot by slot: homes only move to
/// the left, so no slot is overwritten before it is read.
std::size_t HashTable::move_cluster_down() {
  std::size_t begin = boundary_;
  const std::size_t skip_end = std::min(capacity_, begin + kSkipMax);
  while (begin < skip_end && !used(begin))
    ++begin;
  const std::size_t end = begin == skip_end ? begin : end_of_run(begin);
  const std::size_t looked = end - boundary_ + 1;
  if (begin < end) {
    std::size_t to = home(slots_[begin], n_low_);
    while (to < begin && used(to))
      ++to;
    for (std::size_t at = begin; at < end; ++at) {
      const Slot slot = std::exchange(slots_[at], Slot{});
      to = std::max(to, home(slot, n_low_));
      slots_[to++] = slot;
    }
  }
  set_boundary(end);
  if (end == capacity_ || end + 1 == capacity_) settle();
  return looked;
}

void HashTable::settle() {
  if (mode_ == Mode::kShrinking) {
    n_high_ = n_low_;
    capacity_ = std::max(n_high_ + tail_for(n_high_), end_of_run(n_high_) + 1);
  }
  mode_ = Mode::kSettled;
  n_low_ = 0;
  split_ = 0;
  boundary_ = 0;
}

// --- taking apart ---

bool HashTable::finish_drain() {
  if (give_back(kGiveBackBytes) || capacity_ > 0) return false;
  APPMEM_CHECK(count_ == 0);
  memory_.release();
  const HashTable unused(std::move(*this));  // leaves this one as new
  return true;
}

void HashTable::check() const {
  APPMEM_CHECK(capacity_ == 0 || !used(capacity_ - 1));
  APPMEM_CHECK(mode_ != Mode::kGrowing || (boundary_ > 0 && !used(boundary_ - 1)));
  APPMEM_CHECK(mode_ != Mode::kSettled || (split_ == 0 && boundary_ == 0));
  APPMEM_CHECK(capacity_ * sizeof(Slot) <= memory_.charged_bytes());
  std::size_t count = 0;
  const Slot* previous = nullptr;
  for (std::size_t at = 0; at < capacity_; ++at) {
    if (!used(at)) {
      APPMEM_CHECK(slots_[at].inverse == 0);
      continue;
    }
    ++count;
    const bool low = at < boundary_;
    const std::uint32_t hash = ~slots_[at].inverse;
    APPMEM_CHECK(low == (hash < split_));
    const std::size_t first = start(hash);
    APPMEM_CHECK(first <= at);
    APPMEM_CHECK(first == at || (used(at - 1) && (low || at - 1 >= boundary_)));
    APPMEM_CHECK(previous == nullptr || previous->inverse >= slots_[at].inverse);
    previous = &slots_[at];
  }
  APPMEM_CHECK(count == count_);
}

}  // namespace appmem::core
