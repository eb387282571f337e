#include "deadline_wheel.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>

#include "appmem/base/check.h"

namespace appmem::core {
namespace {

constexpr std::uint32_t kNoSlab = UINT32_MAX;
/// A slab with its place in slabs_ and malloc's overhead.
constexpr std::size_t kSlabCharge = 4096;

void set_bit(auto& bits, std::size_t at) {
  bits[at / 64] |= std::uint64_t{1} << (at % 64);
}
void clear_bit(auto& bits, std::size_t at) {
  bits[at / 64] &= ~(std::uint64_t{1} << (at % 64));
}
bool test_bit(const auto& bits, std::size_t at) {
  return (bits[at / 64] >> (at % 64) & 1U) != 0;
}

}  // namespace

/// Slabs with free chunks are in a doubly linked list, by their numbers.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): chunks are written before they are read
struct DeadlineWheel::Slab {
  std::uint32_t previous = kNoSlab;
  std::uint32_t next = kNoSlab;
  std::uint32_t free_chunks = (UINT32_C(1) << kChunksPerSlab) - 1;  // a bit each
  std::array<Chunk, kChunksPerSlab> chunks;
};

DeadlineWheel::DeadlineWheel(MemoryBudget& budget, TimePoint now) : budget_(budget), epoch_(now) {
  static_assert(sizeof(Slab) + 16 + 2 * sizeof(void*) <= kSlabCharge);
  static_assert(2 * kSlots < std::numeric_limits<BucketId>::max());
}

DeadlineWheel::~DeadlineWheel() {
  for (Slab* slab : slabs_)
    delete slab;
  budget_.release(charged_bytes_);
}

// --- time ---

std::uint64_t DeadlineWheel::tick_of(TimePoint when) const {
  if (when <= epoch_) return 0;
  // As unsigned numbers, so that no two moments are too far apart.
  const auto ms = static_cast<std::uint64_t>(when.time_since_epoch().count()) -
                  static_cast<std::uint64_t>(epoch_.time_since_epoch().count());
  return std::min(ms / kTickMs, kTickMax);
}

TimePoint DeadlineWheel::time_of(std::uint64_t tick) const {
  const auto start = static_cast<std::uint64_t>(epoch_.time_since_epoch().count());
  return TimePoint{milliseconds{static_cast<std::int64_t>(start + tick * kTickMs)}};
}

/// The level is that of the highest digit in which the tick differs from the current one; so each
/// level only holds what comes before its next digit turns, and a bucket is passed down when the
/// current tick enters it.
std::size_t DeadlineWheel::slot_for(std::uint64_t tick) const {
  const std::uint64_t different = tick ^ current_;
  const auto level =
      different == 0 ? 0U : (static_cast<unsigned>(std::bit_width(different)) - 1) / kDigitBits;
  return level * kSlotsPerLevel + ((tick >> (level * kDigitBits)) & (kSlotsPerLevel - 1));
}

std::size_t DeadlineWheel::next_occupied(std::size_t from, std::size_t end) const {
  while (from < end) {
    const std::uint64_t word = occupied_[from / 64] >> (from % 64);
    if (word != 0) return std::min(end, from + static_cast<std::size_t>(std::countr_zero(word)));
    from = (from / 64 + 1) * 64;
  }
  return end;
}

std::optional<DeadlineWheel::Event> DeadlineWheel::first_event() const {
  // Buckets that the current tick has entered and that are not passed down to the end, first.
  for (unsigned level = kLevels - 1; level > 0; --level) {
    const std::size_t digit = (current_ >> (level * kDigitBits)) & (kSlotsPerLevel - 1);
    const std::size_t slot = level * kSlotsPerLevel + digit;
    if (test_bit(occupied_, slot)) return Event{current_, slot};
  }
  for (unsigned level = 0; level < kLevels; ++level) {
    const unsigned shift = level * kDigitBits;
    const std::size_t digit = (current_ >> shift) & (kSlotsPerLevel - 1);
    const std::size_t first = level * kSlotsPerLevel;
    const std::size_t slot = next_occupied(first + digit, first + kSlotsPerLevel);
    if (slot == first + kSlotsPerLevel) continue;
    const std::uint64_t block = current_ >> (shift + kDigitBits) << (shift + kDigitBits);
    return Event{block + (std::uint64_t{slot - first} << shift), slot};
  }
  return std::nullopt;
}

std::optional<TimePoint> DeadlineWheel::next_event() const {
  const auto event = first_event();
  if (!event) return std::nullopt;
  // A bucket of the finest level is due when its time is over, others when it begins.
  return time_of(event->tick + (event->slot < kSlotsPerLevel ? 1 : 0));
}

milliseconds DeadlineWheel::lag(TimePoint now) const {
  const auto event = first_event();
  if (!event || event->tick >= tick_of(now)) return milliseconds{0};
  return now - time_of(event->tick);
}

// --- filings ---

DeadlineWheel::BucketId DeadlineWheel::bucket_of(std::size_t slot) const {
  return static_cast<BucketId>(1 + 2 * slot + (test_bit(turn_, slot) ? 1 : 0));
}

DeadlineWheel::BucketId DeadlineWheel::file_at(Handle handle, std::uint64_t tick) {
  const std::size_t slot = slot_for(std::max(tick, current_));
  push(lists_[slot], handle);
  set_bit(occupied_, slot);
  ++filings_;
  return bucket_of(slot);
}

DeadlineWheel::BucketId DeadlineWheel::file(Handle handle, TimePoint deadline) {
  APPMEM_CHECK(handle != kNoHandle);
  return file_at(handle, tick_of(deadline));
}

std::optional<std::pair<Handle, DeadlineWheel::BucketId>> DeadlineWheel::pop(std::size_t slot) {
  BucketId bucket = bucket_of(slot);
  List* list = &lists_[slot];
  if (swept_slot_ == slot && !swept_.empty()) {
    list = &swept_;
    bucket = static_cast<BucketId>(((bucket - 1) ^ 1) + 1);
  }
  if (list->empty()) return std::nullopt;
  const Handle handle = pop(*list);
  --filings_;
  note_emptied(slot);
  return std::pair{handle, bucket};
}

void DeadlineWheel::note_emptied(std::size_t slot) {
  if (lists_[slot].empty() && (swept_slot_ != slot || swept_.empty())) clear_bit(occupied_, slot);
}

void DeadlineWheel::judge(Handle handle, BucketId bucket, std::uint64_t tick_min, Classify classify,
                          Refiled refiled) {
  const Verdict verdict = classify(handle, bucket);
  switch (verdict.kind) {
    case Verdict::Kind::kStale:
      if (stale_ > 0) --stale_;
      break;
    case Verdict::Kind::kDue:
      break;
    case Verdict::Kind::kLater:
      refiled(handle, file_at(handle, std::max(tick_of(verdict.deadline), tick_min)));
      break;
  }
}

std::size_t DeadlineWheel::advance(TimePoint now, std::size_t budget, Classify classify,
                                   Refiled refiled) {
  const std::uint64_t target = tick_of(now);
  std::size_t judged = 0;
  while (judged < budget) {
    const auto event = first_event();
    const bool finest = event && event->slot < kSlotsPerLevel;
    if (!event || event->tick > target || (finest && event->tick == target)) {
      current_ = std::max(current_, target);
      break;
    }
    current_ = event->tick;
    // What is judged later than it was filed for goes to a tick that is still to come, so that a
    // bucket never fills while it is emptied.
    const std::uint64_t tick_min = finest ? std::min(current_ + 1, kTickMax) : current_;
    while (judged < budget) {
      const auto filing = pop(event->slot);
      if (!filing) break;
      ++judged;
      judge(filing->first, filing->second, tick_min, classify, refiled);
    }
  }
  return judged;
}

std::size_t DeadlineWheel::sweep(std::size_t budget, Classify classify, Refiled refiled) {
  std::size_t judged = 0;
  while (judged < budget) {
    if (swept_.empty()) {
      if (!std::exchange(in_round_, true)) stale_since_round_ = 0;
      const std::size_t slot = next_occupied(swept_slot_, kSlots);
      if (slot == kSlots) {
        // The round is done: all that had become stale before it is gone, whatever was counted.
        swept_slot_ = 0;
        in_round_ = false;
        stale_ = std::min(stale_, stale_since_round_);
        break;
      }
      // Valid filings go to the slot's other bucket, so that a second one for the same entry, which
      // still names this bucket, is stale by then.
      swept_slot_ = slot;
      swept_ = std::exchange(lists_[slot], List{});
      turn_[slot / 64] ^= std::uint64_t{1} << (slot % 64);
    }
    const std::size_t slot = swept_slot_;
    const auto bucket = static_cast<BucketId>(((bucket_of(slot) - 1) ^ 1) + 1);
    while (judged < budget && !swept_.empty()) {
      const Handle handle = pop(swept_);
      --filings_;
      ++judged;
      judge(handle, bucket, current_, classify, refiled);
    }
    note_emptied(slot);
    if (swept_.empty()) ++swept_slot_;
  }
  return judged;
}

// --- chunks ---

DeadlineWheel::Chunk& DeadlineWheel::chunk(ChunkRef ref) const {
  return slabs_[ref / kChunksPerSlab]->chunks[ref % kChunksPerSlab];
}

void DeadlineWheel::push(List& list, Handle handle) {
  if (list.empty() || list.in_head == kHandlesPerChunk) {
    const ChunkRef taken = take_chunk();
    chunk(taken).next = list.head;
    list = {taken, 0};
  }
  chunk(list.head).handles[list.in_head++] = handle;
}

Handle DeadlineWheel::pop(List& list) {
  Chunk& head = chunk(list.head);
  const Handle handle = head.handles[--list.in_head];
  if (list.in_head == 0) {
    const ChunkRef emptied = std::exchange(list.head, head.next);
    list.in_head = list.empty() ? 0 : kHandlesPerChunk;
    return_chunk(emptied);
  }
  return handle;
}

DeadlineWheel::ChunkRef DeadlineWheel::take_chunk() {
  if (partial_slabs_ == kNoSlab) {
    auto slab = std::make_unique_for_overwrite<Slab>();
    if (free_slab_numbers_.empty()) {
      slabs_.push_back(nullptr);
      // Room for giving every number back, so that return_chunk() cannot fail.
      free_slab_numbers_.reserve(slabs_.capacity());
      partial_slabs_ = static_cast<std::uint32_t>(slabs_.size() - 1);
    } else {
      partial_slabs_ = free_slab_numbers_.back();
      free_slab_numbers_.pop_back();
    }
    slabs_[partial_slabs_] = slab.release();
    budget_.charge(kSlabCharge);
    charged_bytes_ += kSlabCharge;
  }
  Slab& slab = *slabs_[partial_slabs_];
  const auto index = static_cast<std::uint32_t>(std::countr_zero(slab.free_chunks));
  const ChunkRef ref = partial_slabs_ * kChunksPerSlab + index;
  slab.free_chunks &= slab.free_chunks - 1;
  if (slab.free_chunks == 0) {
    partial_slabs_ = slab.next;
    if (slab.next != kNoSlab) slabs_[slab.next]->previous = kNoSlab;
    slab.next = kNoSlab;
  }
  return ref;
}

void DeadlineWheel::return_chunk(ChunkRef ref) {
  const std::uint32_t number = ref / kChunksPerSlab;
  Slab& slab = *slabs_[number];
  const bool was_full = slab.free_chunks == 0;
  slab.free_chunks |= UINT32_C(1) << (ref % kChunksPerSlab);
  if (was_full) {
    slab.next = partial_slabs_;
    if (partial_slabs_ != kNoSlab) slabs_[partial_slabs_]->previous = number;
    partial_slabs_ = number;
  }
  if (slab.free_chunks != (UINT32_C(1) << kChunksPerSlab) - 1) return;
  // Empty: one such slab is kept, at the front, so that a filing now and then takes no memory anew.
  if (partial_slabs_ == number && slab.next == kNoSlab) return;
  if (slab.previous != kNoSlab) slabs_[slab.previous]->next = slab.next;
  if (slab.next != kNoSlab) slabs_[slab.next]->previous = slab.previous;
  if (partial_slabs_ == number) partial_slabs_ = slab.next;
  delete &slab;
  slabs_[number] = nullptr;
  free_slab_numbers_.push_back(number);
  budget_.release(kSlabCharge);
  charged_bytes_ -= kSlabCharge;
}

}  // namespace appmem::core
