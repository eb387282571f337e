#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/server/server_limits.h"

namespace appmem::server {

/// Receive buffers of kReceiveBlockBytes (and padding) that the connections of one loop share: a
/// connection has one only while it holds a part of a request. The last one given back is the next
/// one taken, so it is warm. Charged to the budget. Thread safety: none.
class BufferPool {
 public:
  explicit BufferPool(MemoryBudget& memory) : memory_(memory) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  std::unique_ptr<char[]> take();
  void give_back(std::unique_ptr<char[]> block);
  [[nodiscard]] std::size_t free_blocks() const { return free_.size(); }

 private:
  MemoryBudget& memory_;
  std::vector<std::unique_ptr<char[]>> free_;
};

/// Pages of their own for a large request, which grow without being copied. Thread safety: none.
class LargeMapping {
 public:
  /// Holds nothing.
  LargeMapping() = default;
  /// Holds nothing when the system refuses.
  static LargeMapping of(std::size_t bytes);
  LargeMapping(LargeMapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  LargeMapping& operator=(LargeMapping&& other) noexcept;
  LargeMapping(const LargeMapping&) = delete;
  LargeMapping& operator=(const LargeMapping&) = delete;
  ~LargeMapping() { unmap(); }

  /// False, with nothing changed, when the system refuses.
  [[nodiscard]] bool try_grow(std::size_t bytes);
  explicit operator bool() const { return data_ != nullptr; }
  [[nodiscard]] char* data() const { return data_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  void unmap();
  char* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// What a connection has received and not yet executed: nothing, a short tail in memory of its own
/// size, a block of the pool, or a large mapping. Always contiguous, and followed by
/// protocol::kInputPadding readable bytes. Charged to the budget. Thread safety: none.
class ReceiveBuffer {
 public:
  /// `bytes_max`: the most it may have to hold. Borrows pool and budget.
  ReceiveBuffer(BufferPool& pool, MemoryBudget& memory, std::size_t bytes_max)
      : pool_(pool), memory_(memory), bytes_max_(bytes_max) {}
  ReceiveBuffer(const ReceiveBuffer&) = delete;
  ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;
  ~ReceiveBuffer() { release(); }

  /// Lifetime of what these return: until the next call of prepare or settle.
  [[nodiscard]] std::string_view view() const { return {data_ + begin_, end_ - begin_}; }
  /// The first `n` bytes, to be decoded in place.
  [[nodiscard]] std::span<char> front(std::size_t n) { return {data_ + begin_, n}; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  /// Forgets the first `n` bytes, which stay where they are until prepare or settle.
  void consume(std::size_t n) { begin_ += n; }

  /// Room to receive into; empty when bytes_max are held already, and when the system refuses more
  /// memory.
  std::span<char> prepare();
  void commit(std::size_t n) { end_ += n; }

  /// Takes as little memory as what is held needs: called when the connection waits for more.
  void settle();
  /// A mapping that is needed no more and whose return to the system takes long: for another
  /// thread.
  [[nodiscard]] std::optional<LargeMapping> take_retired() {
    return std::exchange(retired_, std::nullopt);
  }
  /// Gives up everything.
  void release();

  /// What it takes from the budget.
  [[nodiscard]] std::size_t memory_bytes() const { return charged_; }

 private:
  enum class Kind : std::uint8_t { kNone, kTail, kBlock, kLarge };

  void take_block();
  void grow();
  void move_to_front();
  void drop_storage();
  void charge(std::size_t bytes);

  BufferPool& pool_;
  MemoryBudget& memory_;
  std::size_t bytes_max_;
  Kind kind_ = Kind::kNone;
  char* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t charged_ = 0;
  std::unique_ptr<char[]> owned_;  // kTail, kBlock
  LargeMapping large_;             // kLarge
  std::optional<LargeMapping> retired_;
};

}  // namespace appmem::server
