#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "appmem/core/mutation_sink.h"
#include "appmem/core/namespace.h"
#include "eviction_ghosts.h"
#include "hash_table.h"
#include "key_hash.h"
#include "namespace_registry.h"
#include "tick_clock.h"

namespace appmem::core {

/// An entry that was among the next to go when it was looked at: the least recently used, or at the
/// end of its queue. It still is while its tick is the same. Found again by hash and tick, so that
/// it may have been moved meanwhile.
struct Victim {
  std::uint32_t table_hash = 0;
  std::uint32_t tick = 0;
};

/// What one shard holds of one namespace: all of it while that is small (the home part), or the
/// keys whose hashes fall into the shard's range (the spread part). A shard may have both.
/// Protected by the shard's lock.
struct NamespacePart {
  NamespacePart(MemoryBudget& budget, NamespaceState& owner, bool spread, HashSplit split,
                std::size_t shard)
      : ns(&owner),
        table_id(id_of(owner.index, spread)),
        order(order_of(spread, split)),
        hash_base(spread && split.bits != 0 ? std::uint64_t{shard} << (64 - split.bits) : 0),
        table(budget),
        ghosts(budget) {}

  /// The id that entries carry.
  static std::uint16_t id_of(std::size_t index, bool spread) {
    return static_cast<std::uint16_t>(index * 2 + (spread ? 1 : 0));
  }
  static TableOrder order_of(bool spread, HashSplit split) { return {spread ? split.bits : 0}; }

  [[nodiscard]] bool is_spread() const { return table_id % 2 != 0; }
  /// What the table files a key with that hash under.
  [[nodiscard]] std::uint32_t table_hash(std::uint64_t hash) const {
    return table_hash_at(ns->position_of(hash));
  }
  /// The same of a position in the order of the namespace.
  [[nodiscard]] std::uint32_t table_hash_at(std::uint64_t position) const {
    return order.of(position);
  }
  /// The first position that `table_hash` stands for.
  [[nodiscard]] std::uint64_t first_position(std::uint32_t table_hash) const {
    return hash_base | std::uint64_t{table_hash} << (32 - order.skip);
  }

  NamespaceState* const ns;
  const std::uint16_t table_id;
  const TableOrder order;
  const std::uint64_t hash_base;

  HashTable table;
  TickClock ticks;
  NamespaceCounters counters;
  /// Keys and values.
  std::uint64_t content_bytes = 0;
  /// Blocks and large values.
  std::int64_t entry_memory = 0;
  /// Entries with a deadline.
  std::uint64_t deadlines = 0;

  /// What the namespace's usage has been told.
  std::int64_t told_memory = 0;
  std::int64_t told_keys = 0;
  std::int64_t told_tables = 0;

  /// A miss may tell of a deletion: it waits for the last one's ticket (durable namespaces).
  CommitTicket deleted_at = 0;

  /// Entries that were found to be the next to go.
  struct Victims {
    /// Ordered: the next one to go is at the back.
    std::vector<Victim> found;
    /// Where the next look begins.
    std::uint32_t next = 0;
  };
  /// Under lru, of all; under s3fifo, of the small queue.
  Victims victims;

  // s3fifo: see decision 0014.
  /// Of the main queue.
  Victims main_victims;
  /// Blocks and large values of entries in the main queue. Kept under any policy, as entries stay
  /// in it when that is changed.
  std::int64_t main_memory = 0;
  /// What went from the small queue.
  EvictionGhosts ghosts;

  [[nodiscard]] bool is_s3fifo() const { return ns->settings.eviction == Eviction::kS3Fifo; }
  /// Slots, and what is remembered of keys that are gone.
  [[nodiscard]] std::size_t index_memory() const {
    return table.memory_bytes() + ghosts.memory_bytes();
  }

  /// Entries that this step has touched are not evicted: those with a tick from `protect_tick` on,
  /// if `protect_step` is the shard's current step.
  std::uint64_t protect_step = 0;
  std::uint32_t protect_tick = 0;
};

}  // namespace appmem::core
