#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/base/time.h"
#include "appmem/core/store.h"
#include "appmem/protocol/redis_table.h"
#include "transaction_memory.h"

namespace appmem::commands {

/// Commands that wait for their EXEC: copies of their words, one behind the other in a few pieces
/// of memory, so that what is charged is what they take. Large pieces are those of large values,
/// which leave no gaps in the heap. Thread safety: none.
class CommandQueue {
 public:
  /// Both are borrowed; `budget` is that of the store which `push` is given.
  CommandQueue(MemoryBudget& budget, TransactionMemory& all) : budget_(&budget), all_(&all) {}
  CommandQueue(CommandQueue&& other) noexcept;
  CommandQueue& operator=(CommandQueue&&) = delete;
  CommandQueue(const CommandQueue&) = delete;
  CommandQueue& operator=(const CommandQueue&) = delete;
  ~CommandQueue() { clear(); }

  enum class Pushed : std::uint8_t {
    kDone,
    kOverLimit,  // memory_bytes() would be over `bytes_max`
    kNoMemory,   // for all transactions, or although the store has evicted what it may
  };
  /// Adds a command, or changes nothing.
  Pushed push(core::Store& store, const Instant& now, const protocol::RedisSpec& spec,
              std::span<const std::string_view> words, std::size_t bytes_max);
  /// Gives everything back.
  void clear();

  [[nodiscard]] std::size_t size() const { return size_; }
  /// What it takes from the budget.
  [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_; }

  /// Where a command stands. Valid until the queue is cleared.
  struct Place {
    std::size_t number = 0;  // counted from 0; that behind the last one is size()
    std::size_t piece = 0;
    std::size_t offset = 0;  // in the piece
    bool operator==(const Place& other) const { return number == other.number; }
  };
  /// Precondition for all: the place is one of a command.
  [[nodiscard]] const protocol::RedisSpec& spec(const Place& at) const;
  /// Replaces what `words` held. Lifetime of the words: this object's.
  void words(const Place& at, std::vector<std::string_view>& words) const;
  [[nodiscard]] Place behind(const Place& at) const;

 private:
  struct Header;
  /// Memory of one of the two kinds.
  struct Piece {
    std::unique_ptr<char[]> small{};
    SharedBytes large{};
    char* data = nullptr;
    std::size_t capacity = 0;
    std::size_t used = 0;
  };

  [[nodiscard]] Header header(const Place& at) const;
  Pushed add_piece(core::Store& store, const Instant& now, std::size_t bytes,
                   std::size_t bytes_max);

  MemoryBudget* budget_;
  TransactionMemory* all_;
  std::vector<Piece> pieces_;
  std::size_t size_ = 0;
  std::size_t memory_bytes_ = 0;
  std::size_t charged_bytes_ = 0;  // of these, what the pieces of the heap take
};

}  // namespace appmem::commands
