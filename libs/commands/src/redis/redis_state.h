#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/base/time.h"
#include "appmem/core/store.h"
#include "appmem/protocol/redis_table.h"
#include "redis_command_queue.h"

namespace appmem::commands {

/// A key that must not change before EXEC.
struct WatchedKey {
  core::NamespaceId ns;
  int database = 0;  // where `ns` is one that does not exist yet: its number
  std::string key;
  core::Version version = 0;  // 0: there was none
  /// A change of the deadline counts, and leaves the version as it is.
  std::optional<TimePoint> deadline = std::nullopt;
  /// A swap of databases counts too.
  std::uint16_t holder = 0;
};

/// What a connection that speaks RESP remembers between its requests.
struct RedisState {
  /// Both are borrowed: what is queued and watched is charged to them.
  RedisState(MemoryBudget& budget, TransactionMemory& all)
      : memory(budget), transactions(all), queue(budget, all) {}
  RedisState(const RedisState&) = delete;
  RedisState& operator=(const RedisState&) = delete;
  ~RedisState() { end_transaction(); }

  /// Leaves a transaction, and watches nothing any more.
  void end_transaction();
  /// Gives back what watched keys took.
  void release_watched(std::size_t bytes) {
    memory.release(bytes);
    transactions.give_back(bytes);
  }
  /// What is queued and watched takes from the budget.
  [[nodiscard]] std::size_t memory_bytes() const { return queue.memory_bytes() + watched_bytes; }

  MemoryBudget& memory;
  TransactionMemory& transactions;
  /// The numbered namespace that was selected and does not exist yet; 0 when the session's exists.
  int unmade_database = 0;
  std::uint64_t random_place = 0;  // where RANDOMKEY looked last
  bool in_transaction = false;
  bool refused = false;  // a command of the transaction was
  CommandQueue queue;
  std::vector<WatchedKey> watched;
  std::size_t watched_bytes = 0;                 // charged
  int version = 2;                               // of the protocol
  const protocol::RedisSpec* command = nullptr;  // the last one
  bool no_evict = false;
  /// What the client said of the library that it uses, and how often it did.
  std::string library_name;
  std::string library_version;
  std::uint32_t library_changes = 0;
};

}  // namespace appmem::commands
