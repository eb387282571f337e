#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/base/shared_bytes.h"

namespace appmem::protocol {

/// What a connection has to send: owned chunks and slices of large values, in order. Its owned
/// memory is charged to the budget. Thread safety: none.
class OutputBuffer {
 public:
  /// `budget` may be null (tests, clients); borrowed.
  explicit OutputBuffer(MemoryBudget* budget = nullptr) : budget_(budget) {}
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;
  ~OutputBuffer();

  void append(std::string_view bytes) {
    if (bytes.size() <= static_cast<std::size_t>(end_ - tail_)) [[likely]] {
      tail_ = copy_to_tail(bytes);
      return;
    }
    append_slow(bytes);
  }
  void append(char c) { append(std::string_view(&c, 1)); }

  /// Room for `n` bytes in one piece, to be filled and then committed (at most n).
  char* prepare(std::size_t n);
  void commit(std::size_t n);

  /// Appends `bytes`, which must lie in `shared`, without copying them.
  void append_shared(const SharedBytes& shared, std::string_view bytes);

  /// Bytes appended since construction, and bytes consumed: positions for barriers and rollback.
  [[nodiscard]] std::uint64_t end_position() const;
  [[nodiscard]] std::uint64_t begin_position() const { return consumed_; }
  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(end_position() - begin_position());
  }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// Forgets everything from `position` on (an answer that becomes an error). Not before
  /// begin_position().
  void truncate(std::uint64_t position);

  /// The first pieces that are to be sent, up to `limit` (a position) and `pieces_max` pieces.
  /// Lifetime: until the buffer changes.
  void gather(std::uint64_t limit, std::size_t pieces_max,
              std::vector<std::string_view>& pieces) const;
  void consume(std::size_t bytes);
  /// Gives spare memory back when empty.
  void shrink();
  /// Owned memory, as charged.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  char* copy_to_tail(std::string_view bytes);
  void append_slow(std::string_view bytes);

  struct Chunk;
  MemoryBudget* budget_;
  std::deque<Chunk> chunks_;
  char* tail_ = nullptr;  // write position in the last owned chunk
  char* end_ = nullptr;
  std::uint64_t consumed_ = 0;
};

}  // namespace appmem::protocol
