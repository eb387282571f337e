#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/core/namespace.h"
#include "appmem/protocol/redis_table.h"

namespace appmem::commands {

/// A command that waits for its EXEC: a copy of its words.
class QueuedCommand {
 public:
  QueuedCommand(const protocol::RedisSpec& spec, std::span<const std::string_view> words);

  [[nodiscard]] const protocol::RedisSpec& spec() const { return *spec_; }
  /// Replaces what `words` held. Lifetime of the words: this object's.
  void words(std::vector<std::string_view>& words) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  const protocol::RedisSpec* spec_;
  std::string bytes_;                // all words, one behind the other
  std::vector<std::size_t> ends_;  // where each ends
};

/// A key that must not change before EXEC.
struct WatchedKey {
  core::NamespaceId ns;
  std::string key;
  core::Version version = 0;  // 0: there was none
};

/// What a connection that speaks RESP remembers between its requests.
struct RedisState {
  /// `memory` is borrowed: what is queued is charged to it.
  explicit RedisState(MemoryBudget& memory) : memory(memory) {}
  RedisState(const RedisState&) = delete;
  RedisState& operator=(const RedisState&) = delete;
  ~RedisState() { end_transaction(); }

  /// Leaves a transaction, and watches nothing any more.
  void end_transaction();

  MemoryBudget& memory;
  bool in_transaction = false;
  bool refused = false;  // a command of the transaction was
  std::vector<QueuedCommand> queue;
  std::size_t queue_bytes = 0;  // as charged
  std::vector<WatchedKey> watched;
};

}  // namespace appmem::commands
