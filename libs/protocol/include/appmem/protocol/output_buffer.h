#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/base/units.h"
#include "appmem/protocol/chunk_pool.h"

namespace appmem::protocol {

/// What a connection has to send: owned chunks and slices of large values, in order. An empty one
/// that has been shrunk owns nothing. Owned memory is charged to the budget; chunks grow from
/// kChunkBytesMin to kChunkBytesMax as more is waiting, and one is kept for the next answer when
/// all has been consumed. The smallest, and those over kHeapChunkBytesMax, come from the pool, if
/// there is one.
/// Thread safety: none.
class OutputBuffer {
 public:
  static constexpr std::size_t kChunkBytesMin = ChunkPool::kSmallBytes;
  static constexpr std::size_t kHeapChunkBytesMax = 16_KiB;
  static constexpr std::size_t kChunkBytesMax = ChunkPool::kBlockBytes;

  /// Both may be null (tests, clients); borrowed.
  explicit OutputBuffer(MemoryBudget* budget = nullptr, ChunkPool* pool = nullptr)
      : budget_(budget), pool_(pool) {}
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;
  ~OutputBuffer();

  void append(std::string_view bytes) {
    if (tail_ != nullptr && bytes.size() <= static_cast<std::size_t>(end_ - tail_)) [[likely]] {
      if (!bytes.empty()) std::memcpy(tail_, bytes.data(), bytes.size());
      tail_ += bytes.size();
      return;
    }
    append_slow(bytes);
  }
  void append(char c) { append(std::string_view(&c, 1)); }

  /// Room for `n` bytes in one piece, to be filled and then committed (at most n).
  /// Lifetime: until the buffer changes otherwise.
  char* prepare(std::size_t n) {
    if (n > static_cast<std::size_t>(end_ - tail_)) [[unlikely]] {
      add_chunk(n);
    }
    return tail_;
  }
  void commit(std::size_t n) { tail_ += n; }

  /// Appends `bytes`, which must lie in `shared`, without copying them.
  void append_shared(const SharedBytes& shared, std::string_view bytes);

  /// Bytes appended since construction, and bytes consumed: positions for barriers and rollback.
  [[nodiscard]] std::uint64_t end_position() const {
    return end_base_ + static_cast<std::uint64_t>(tail_ - tail_base_);
  }
  [[nodiscard]] std::uint64_t begin_position() const { return consumed_; }
  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(end_position() - begin_position());
  }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// Forgets everything from `position` on (an answer that becomes an error). Precondition:
  /// begin_position() <= position <= end_position().
  void truncate(std::uint64_t position);

  /// The first pieces that are to be sent, up to `limit` (a position) and `pieces_max` pieces;
  /// replaces what `pieces` held. Lifetime: until the buffer changes.
  void gather(std::uint64_t limit, std::size_t pieces_max,
              std::vector<std::string_view>& pieces) const;
  /// Precondition: bytes <= size().
  void consume(std::size_t bytes);
  /// Gives spare memory back when empty.
  void shrink();
  /// Owned memory in bytes, as charged. Large values are charged by whoever made them.
  [[nodiscard]] std::size_t memory_bytes() const { return charged_; }

 private:
  /// Gives memory back to where it came from.
  struct Free {
    ChunkPool* pool;  // null: the heap
    std::size_t bytes;
    void operator()(char* data) const {
      if (pool == nullptr) {
        delete[] data;
      } else {
        pool->give_back(data, bytes);
      }
    }
  };
  using Memory = std::unique_ptr<char[], Free>;  // not zeroed, unlike a vector
  struct Chunk {
    std::uint64_t position = 0;  // of its first byte
    std::size_t size = 0;        // bytes held; of the last owned chunk see tail_
    std::size_t capacity = 0;    // 0 for a slice of a large value
    const char* data = nullptr;  // first byte, in `owned` or in `shared`
    Memory owned;
    SharedBytes shared;
  };

  void append_slow(std::string_view bytes);
  /// Begins an owned chunk of at least `bytes`.
  void add_chunk(std::size_t bytes);
  /// Fixes the size of the last chunk, so that another may follow.
  void close_tail();
  /// Makes the last chunk, if it is an owned one, the one that is written to, from `size` on.
  void open_tail();
  void remove_last();
  void release(const Chunk& chunk);
  [[nodiscard]] std::uint64_t chunk_end(std::size_t i) const;

  MemoryBudget* budget_;
  ChunkPool* pool_;
  std::vector<Chunk> chunks_;  // those before first_ are consumed and empty
  std::size_t first_ = 0;
  char* tail_ = nullptr;  // write position in the last chunk; null when that is not owned
  char* end_ = nullptr;
  char* tail_base_ = nullptr;   // where the last chunk begins,
  std::uint64_t end_base_ = 0;  // and its position; without one, the end position
  std::uint64_t consumed_ = 0;
  std::size_t charged_ = 0;
};

}  // namespace appmem::protocol
