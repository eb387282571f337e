#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "appmem/base/memory_budget.h"

namespace appmem::commands {

/// Keys that wait until their number is known, since an array's length stands before its items.
/// First in, first out; charged to the memory budget while they are here. Thread safety: none.
class RedisKeyList {
 public:
  /// `budget` is borrowed and must outlive the list.
  explicit RedisKeyList(MemoryBudget& budget) : budget_(budget) {}
  RedisKeyList(const RedisKeyList&) = delete;
  RedisKeyList& operator=(const RedisKeyList&) = delete;
  ~RedisKeyList() { budget_.release(charged_bytes_); }

  void push(std::string_view key);
  /// Precondition for both: not empty. Lifetime of the view: until `pop`.
  [[nodiscard]] std::string_view front() const;
  void pop();

  [[nodiscard]] std::size_t size() const { return size_; }
  /// What they come to as bulk strings on the wire.
  [[nodiscard]] std::uint64_t wire_bytes() const { return wire_bytes_; }

 private:
  MemoryBudget& budget_;
  /// Each holds lengths and keys in turn. So a key costs its bytes and four more, and none is ever
  /// moved.
  std::deque<std::string> chunks_;
  std::size_t position_ = 0;  // of the first, in the first chunk
  std::size_t size_ = 0;
  std::uint64_t wire_bytes_ = 0;
  std::size_t charged_bytes_ = 0;
};

}  // namespace appmem::commands
