#include "appmem/protocol/output_buffer.h"

#include <algorithm>
#include <utility>

#include "appmem/base/check.h"

namespace appmem::protocol {

OutputBuffer::~OutputBuffer() {
  if (budget_ != nullptr) budget_->release(charged_);
}

std::uint64_t OutputBuffer::chunk_end(std::size_t i) const {
  return i + 1 == chunks_.size() ? end_position() : chunks_[i].position + chunks_[i].size;
}

void OutputBuffer::append_slow(std::string_view bytes) {
  while (!bytes.empty()) {
    if (tail_ == end_) add_chunk(std::min(bytes.size(), kChunkBytesMax));
    const std::size_t n = std::min(bytes.size(), static_cast<std::size_t>(end_ - tail_));
    std::memcpy(tail_, bytes.data(), n);
    tail_ += n;
    bytes.remove_prefix(n);
  }
}

void OutputBuffer::add_chunk(std::size_t bytes) {
  // In proportion to what is owned: small answers stay small, long ones take few chunks.
  std::size_t capacity = std::max(bytes, std::clamp(charged_, kChunkBytesMin, kChunkBytesMax));
  const bool from_heap = capacity > kChunkBytesMin && capacity <= kHeapChunkBytesMax;
  ChunkPool* const pool = from_heap ? nullptr : pool_;
  if (pool != nullptr && capacity > kChunkBytesMin) capacity = ChunkPool::rounded(capacity);
  close_tail();
  Chunk chunk;
  chunk.position = end_position();
  chunk.capacity = capacity;
  chunk.owned =
      Memory(pool == nullptr ? new char[capacity] : pool->take(capacity), Free{pool, capacity});
  chunk.data = chunk.owned.get();
  const std::size_t cost = capacity + sizeof(Chunk);
  chunks_.push_back(std::move(chunk));
  charged_ += cost;
  if (budget_ != nullptr) budget_->charge(cost);
  open_tail();
}

void OutputBuffer::append_shared(const SharedBytes& shared, std::string_view bytes) {
  if (bytes.empty()) return;
  const std::string_view whole = shared.view();
  APPMEM_CHECK(bytes.data() >= whole.data() &&
               bytes.data() + bytes.size() <= whole.data() + whole.size());
  close_tail();
  Chunk chunk;
  chunk.position = end_position();
  chunk.size = bytes.size();
  chunk.data = bytes.data();
  chunk.shared = shared;
  chunks_.push_back(std::move(chunk));
  charged_ += sizeof(Chunk);
  if (budget_ != nullptr) budget_->charge(sizeof(Chunk));
  open_tail();
}

void OutputBuffer::close_tail() {
  if (tail_ == nullptr) return;
  Chunk& last = chunks_.back();
  last.size = static_cast<std::size_t>(tail_ - tail_base_);
  end_base_ = last.position + last.size;
  tail_ = tail_base_ = end_ = nullptr;
  if (last.size == 0) remove_last();  // an unused spare, too small for what comes
}

void OutputBuffer::open_tail() {
  tail_ = tail_base_ = end_ = nullptr;
  if (first_ == chunks_.size()) return;
  Chunk& last = chunks_.back();
  if (last.capacity == 0) {
    end_base_ = last.position + last.size;
    return;
  }
  end_base_ = last.position;
  tail_base_ = last.owned.get();
  tail_ = tail_base_ + last.size;
  end_ = tail_base_ + last.capacity;
}

void OutputBuffer::release(const Chunk& chunk) {
  const std::size_t cost = chunk.capacity + sizeof(Chunk);
  charged_ -= cost;
  if (budget_ != nullptr) budget_->release(cost);
}

void OutputBuffer::remove_last() {
  release(chunks_.back());
  chunks_.pop_back();
}

void OutputBuffer::truncate(std::uint64_t position) {
  APPMEM_CHECK(position >= begin_position() && position <= end_position());
  close_tail();
  // One chunk that begins at `position` is kept for what comes instead, if it can be written to.
  while (first_ < chunks_.size()) {
    Chunk& last = chunks_.back();
    if (last.position < position || (last.position == position && last.capacity != 0)) {
      last.size = static_cast<std::size_t>(position - last.position);
      break;
    }
    remove_last();
  }
  end_base_ = position;
  open_tail();
}

void OutputBuffer::gather(std::uint64_t limit, std::size_t pieces_max,
                          std::vector<std::string_view>& pieces) const {
  pieces.clear();
  for (std::size_t i = first_; i < chunks_.size() && pieces.size() < pieces_max; ++i) {
    const Chunk& chunk = chunks_[i];
    const std::uint64_t begin = std::max(chunk.position, consumed_);
    const std::uint64_t end = std::min(chunk_end(i), limit);
    if (begin >= end) continue;
    pieces.emplace_back(chunk.data + (begin - chunk.position),
                        static_cast<std::size_t>(end - begin));
  }
}

void OutputBuffer::consume(std::size_t bytes) {
  APPMEM_CHECK(bytes <= size());
  consumed_ += bytes;
  while (first_ < chunks_.size() && chunk_end(first_) <= consumed_) {
    Chunk& chunk = chunks_[first_];
    if (first_ + 1 == chunks_.size() && chunk.capacity != 0 && chunk.capacity <= kChunkBytesMax) {
      chunk.position = consumed_;  // all is sent: written anew from its start
      chunk.size = 0;
      break;
    }
    release(chunk);
    if (first_ + 1 == chunks_.size()) {
      end_base_ = consumed_;
      tail_ = tail_base_ = end_ = nullptr;
    }
    chunk = Chunk{};
    ++first_;
  }
  if (first_ == chunks_.size()) {
    chunks_.clear();
    first_ = 0;
  } else if (first_ > chunks_.size() / 2) {  // moving the rest costs less than what was consumed
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  if (empty()) open_tail();
}

void OutputBuffer::shrink() {
  if (!empty()) return;
  end_base_ = end_position();
  tail_ = tail_base_ = end_ = nullptr;
  for (std::size_t i = first_; i < chunks_.size(); ++i)
    release(chunks_[i]);
  std::vector<Chunk>().swap(chunks_);
  first_ = 0;
}

}  // namespace appmem::protocol
