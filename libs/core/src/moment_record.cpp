#include "moment_record.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "appmem/base/check.h"
#include "appmem/base/units.h"

namespace appmem::core {
namespace {

/// Pieces of memory for small values; a value that is longer than half of one has its own.
constexpr std::size_t kPieceBytes = 256_KiB;
/// With less than this left, another piece is wanted.
constexpr std::size_t kPieceBytesLeft = 32_KiB;
/// What is taken from the heap where the budget has no room for a piece, as long as that stays
/// within what may be charged without being asked for.
constexpr std::size_t kHeapPieceBytes = 16_KiB;

std::size_t slots_for(std::size_t keys) {
  return std::bit_ceil(keys * 2);
}

}  // namespace

std::size_t MomentRecord::memory_bytes_for(std::span<const std::string_view> keys) {
  std::size_t bytes = keys.size() * sizeof(Item) + slots_for(keys.size()) * sizeof(std::uint32_t) +
                      (2 * keys.size() + 1) * sizeof(std::uint32_t);
  for (const std::string_view key : keys)
    bytes += key.size();
  return bytes;
}

MomentRecord::MomentRecord(std::span<const std::string_view> keys, SharedBytes memory,
                           MemoryBudget& budget, BlobPool& blobs)
    : budget_(budget),
      blobs_(blobs),
      memory_(std::move(memory)),
      size_(keys.size()),
      slot_mask_(slots_for(keys.size()) - 1) {
  char* place = memory_.writable().data();
  const auto take = [&place](std::size_t bytes) {
    return std::exchange(place, place + bytes);
  };
  // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): arrays in memory that has no type yet
  items_ = reinterpret_cast<Item*>(take(size_ * sizeof(Item)));
  slots_ = reinterpret_cast<std::uint32_t*>(take((slot_mask_ + 1) * sizeof(std::uint32_t)));
  offsets_ = reinterpret_cast<std::uint32_t*>(take((size_ + 1) * sizeof(std::uint32_t)));
  order_ = reinterpret_cast<std::uint32_t*>(take(size_ * sizeof(std::uint32_t)));
  // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
  keys_ = place;
  std::uint32_t offset = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    offsets_[i] = offset;
    if (!keys[i].empty()) std::memcpy(keys_ + offset, keys[i].data(), keys[i].size());
    offset += static_cast<std::uint32_t>(keys[i].size());
  }
  offsets_[size_] = offset;
  std::memset(slots_, 0, (slot_mask_ + 1) * sizeof(std::uint32_t));
}

MomentRecord::~MomentRecord() {
  release_pieces();
}

void MomentRecord::file(std::uint64_t hash) {
  const std::size_t index = filed_++;
  Item& item = *new (items_ + index) Item{};
  item.hash = hash;
  item.mentions = 1;
  std::size_t slot = hash & slot_mask_;
  for (; slots_[slot] != 0; slot = (slot + 1) & slot_mask_) {
    const std::size_t first = slots_[slot] - 1;
    if (items_[first].hash != hash || key(first) != key(index)) continue;
    ++items_[first].mentions;
    item.state = State::kNamedBefore;
    item.first = first;
    return;
  }
  slots_[slot] = static_cast<std::uint32_t>(index + 1);
}

void MomentRecord::forget(std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    if (items_[i].state != State::kNamedBefore) items_[i].state = State::kOpen;
  }
}

void MomentRecord::forget_kept() {
  release_pieces();
  shared_.clear();
  value_bytes_ = 0;
  lacks_memory_ = false;
  found_ = 0;
  found_keys_ = 0;
}

void MomentRecord::release_pieces() {
  pieces_.clear();
  free_ = {};
  piece_bytes_ = 0;
  budget_.release(std::exchange(charged_bytes_, 0));
}

MomentRecord::Item* MomentRecord::find(std::uint64_t hash, std::string_view key) const {
  for (std::size_t slot = hash & slot_mask_; slots_[slot] != 0; slot = (slot + 1) & slot_mask_) {
    const std::size_t index = slots_[slot] - 1;
    if (items_[index].hash == hash && this->key(index) == key) return items_ + index;
  }
  return nullptr;
}

void MomentRecord::close(std::size_t index, const EntryView* entry) {
  Item& item = items_[index];
  if (entry == nullptr) {
    item.state = State::kAbsent;
    return;
  }
  const std::lock_guard lock(kept_mutex_);
  found_ += item.mentions;
  ++found_keys_;
  item.version = entry->version;
  item.state = State::kFound;
  if (keeps_values) keep_value(item, entry->value);
}

void MomentRecord::before_change(std::uint64_t hash, std::string_view key, const EntryView* entry) {
  const Item* const item = find(hash, key);
  if (item == nullptr || item->state != State::kOpen) return;
  const bool ended = entry != nullptr && entry->deadline && *entry->deadline <= moment;
  close(static_cast<std::size_t>(item - items_), ended ? nullptr : entry);
}

void MomentRecord::keep_value(Item& item, const ValueView& value) {
  item.kind = value.kind;
  item.large = value.shared != nullptr;
  if (value.kind == ValueKind::kInteger) {
    item.integer = value.integer;
    return;
  }
  item.value_bytes = static_cast<std::uint32_t>(value.bytes.size());
  value_bytes_ += std::uint64_t{item.value_bytes} * item.mentions;
  if (value_bytes_ > value_bytes_max) return;  // nobody will ask for it
  if (item.large) {
    item.shared = &shared_.emplace_back(*value.shared);
    return;
  }
  char* const to = room_for(value.bytes.size());
  if (to == nullptr) return;  // nobody will ask for it either
  if (!value.bytes.empty()) std::memcpy(to, value.bytes.data(), value.bytes.size());
  item.bytes = to;
}

char* MomentRecord::room_for(std::size_t bytes) {
  if (bytes > free_.size()) {
    const bool own = bytes > kPieceBytes / 2;
    const std::span<char> rest = free_;
    std::size_t length = own ? bytes : kPieceBytes;
    Piece piece;
    piece.large = blobs_.try_allocate(length);
    if (piece.large) {
      const std::span<char> memory = piece.large.writable();
      take_piece(std::move(piece), memory);
    } else {
      length = std::max(bytes, kHeapPieceBytes);
      if (budget_.excess() + length > budget_.excess_max()) {
        lacks_memory_ = true;
        return nullptr;
      }
      piece.small.reset(new char[length]);
      piece.small_bytes = length;
      const std::span<char> memory(piece.small.get(), length);
      take_piece(std::move(piece), memory);
    }
    if (own) {
      char* const whole = free_.data();
      free_ = rest;
      return whole;
    }
  }
  char* const place = free_.data();
  free_ = free_.subspan(bytes);
  return place;
}

void MomentRecord::take_piece(Piece piece, std::span<char> memory) {
  budget_.charge(piece.small_bytes);
  charged_bytes_ += piece.small_bytes;
  piece_bytes_ += piece.small_bytes + piece.large.memory_bytes();
  free_ = memory;
  pieces_.push_back(std::move(piece));
}

bool MomentRecord::wants_memory() const {
  const std::lock_guard lock(kept_mutex_);
  return keeps_values && free_.size() < kPieceBytesLeft && value_bytes_ <= value_bytes_max;
}

void MomentRecord::offer(SharedBytes piece) {
  const std::lock_guard lock(kept_mutex_);
  if (!piece || free_.size() >= kPieceBytesLeft) return;
  const std::span<char> memory = piece.writable();
  take_piece({.large = std::move(piece)}, memory);
}

std::optional<EntryView> MomentRecord::entry(std::size_t index) const {
  const Item* item = items_ + index;
  if (item->state == State::kNamedBefore) item = items_ + item->first;
  APPMEM_CHECK(item->state != State::kOpen);
  if (item->state == State::kAbsent) return std::nullopt;
  EntryView shown{.key = key(index), .version = item->version};
  if (!keeps_values) return shown;
  shown.value.kind = item->kind;
  if (item->kind == ValueKind::kInteger) {
    shown.value.integer = item->integer;
  } else if (item->large) {
    shown.value.shared = item->shared;
    shown.value.bytes = item->shared->view();
  } else {
    shown.value.bytes = {item->bytes, item->value_bytes};
  }
  return shown;
}

bool MomentRecord::lacks_memory() const {
  const std::lock_guard lock(kept_mutex_);
  return lacks_memory_;
}

std::uint64_t MomentRecord::value_bytes() const {
  const std::lock_guard lock(kept_mutex_);
  return value_bytes_;
}

std::size_t MomentRecord::memory_bytes() const {
  const std::lock_guard lock(kept_mutex_);
  return memory_.memory_bytes() + piece_bytes_;
}

}  // namespace appmem::core
