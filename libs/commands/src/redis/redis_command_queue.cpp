#include "redis_command_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "appmem/base/units.h"

namespace appmem::commands {
namespace {

/// Sizes of pieces: as much again as there is, so that little stays unused.
constexpr std::size_t kPieceBytesMin = 512;
constexpr std::size_t kPieceBytesMax = 256_KiB;
/// Pieces of this size and more are not the heap's.
constexpr std::size_t kLargePieceBytes = 64_KiB;
/// What a large piece is rounded up to.
constexpr std::size_t kPageBytes = 4_KiB;
using Length = std::uint32_t;

}  // namespace

/// In front of the lengths of the words, behind which they stand. Copied, since it is not aligned.
struct CommandQueue::Header {
  const protocol::RedisSpec* spec = nullptr;
  std::size_t bytes = 0;  // of all, this included
  std::size_t words = 0;
};

CommandQueue::CommandQueue(CommandQueue&& other) noexcept
    : budget_(other.budget_),
      all_(other.all_),
      pieces_(std::exchange(other.pieces_, {})),
      size_(std::exchange(other.size_, 0)),
      memory_bytes_(std::exchange(other.memory_bytes_, 0)),
      charged_bytes_(std::exchange(other.charged_bytes_, 0)) {
}

void CommandQueue::clear() {
  std::vector<Piece>().swap(pieces_);
  size_ = 0;
  all_->give_back(std::exchange(memory_bytes_, 0));
  budget_->release(std::exchange(charged_bytes_, 0));
}

CommandQueue::Pushed CommandQueue::add_piece(core::Store& store, const Instant& now,
                                             std::size_t bytes, std::size_t bytes_max) {
  // What describes a piece counts as the heap's own part of it; twice, since its vector doubles.
  constexpr std::size_t kDescription = 2 * sizeof(Piece) + 2 * sizeof(void*);
  const std::size_t left = bytes_max - std::min(bytes_max, memory_bytes_);
  if (left < kDescription || bytes > left - kDescription) return Pushed::kOverLimit;
  std::size_t size = std::clamp(memory_bytes_, kPieceBytesMin, kPieceBytesMax);
  size = std::max(bytes, std::min(size, left - kDescription));
  if (size >= kLargePieceBytes) size = std::max(bytes, size / kPageBytes * kPageBytes);
  std::size_t charge = kDescription;
  std::size_t taken = kDescription + size;
  Piece piece;
  if (size >= kLargePieceBytes) {
    taken = kDescription + SharedBytes::memory_bytes_for(size);
    if (taken > left) return Pushed::kOverLimit;
  } else {
    charge = taken;
  }
  if (!all_->try_take(taken)) return Pushed::kNoMemory;
  if (!store.try_charge(charge, now)) {
    all_->give_back(taken);
    return Pushed::kNoMemory;
  }
  if (size >= kLargePieceBytes) {
    piece.large = store.allocate_large(size, now);
    if (!piece.large) {
      budget_->release(charge);
      all_->give_back(taken);
      return Pushed::kNoMemory;
    }
    piece.data = piece.large.writable().data();
  } else {
    piece.small.reset(new char[size]);
    piece.data = piece.small.get();
  }
  piece.capacity = size;
  pieces_.push_back(std::move(piece));
  charged_bytes_ += charge;
  memory_bytes_ += taken;
  return Pushed::kDone;
}

CommandQueue::Pushed CommandQueue::push(core::Store& store, const Instant& now,
                                        const protocol::RedisSpec& spec,
                                        std::span<const std::string_view> words,
                                        std::size_t bytes_max) {
  Header header{&spec, sizeof(Header) + words.size() * sizeof(Length), words.size()};
  for (const std::string_view word : words)
    header.bytes += word.size();
  if (pieces_.empty() || header.bytes > pieces_.back().capacity - pieces_.back().used) {
    const Pushed added = add_piece(store, now, header.bytes, bytes_max);
    if (added != Pushed::kDone) return added;
  }
  Piece& piece = pieces_.back();
  char* to = piece.data + piece.used;
  const auto put = [&to](const void* from, std::size_t bytes) {
    if (bytes != 0) std::memcpy(to, from, bytes);
    to += bytes;
  };
  put(&header, sizeof header);
  for (const std::string_view word : words) {
    const auto length = static_cast<Length>(word.size());
    put(&length, sizeof length);
  }
  for (const std::string_view word : words)
    put(word.data(), word.size());
  piece.used += header.bytes;
  ++size_;
  return Pushed::kDone;
}

CommandQueue::Header CommandQueue::header(const Place& at) const {
  Header header;
  std::memcpy(&header, pieces_[at.piece].data + at.offset, sizeof header);
  return header;
}

const protocol::RedisSpec& CommandQueue::spec(const Place& at) const {
  return *header(at).spec;
}

void CommandQueue::words(const Place& at, std::vector<std::string_view>& words) const {
  const Header header = this->header(at);
  const char* lengths = pieces_[at.piece].data + at.offset + sizeof header;
  const char* word = lengths + header.words * sizeof(Length);
  words.clear();
  words.reserve(header.words);
  for (std::size_t i = 0; i < header.words; ++i) {
    Length length = 0;
    std::memcpy(&length, lengths + i * sizeof length, sizeof length);
    words.emplace_back(word, length);
    word += length;
  }
}

CommandQueue::Place CommandQueue::behind(const Place& at) const {
  Place next{at.number + 1, at.piece, at.offset + header(at).bytes};
  if (next.offset == pieces_[at.piece].used) {
    ++next.piece;
    next.offset = 0;
  }
  return next;
}

}  // namespace appmem::commands
