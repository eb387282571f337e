#pragma once

#include <mutex>
#include <utility>

#include "appmem/core/key_check.h"
#include "store_impl.h"

// An operation on one key: the template, for the files that have some.
namespace appmem::core {

/// Entries that a writer moves while its namespace spreads: enough to end it long before the home
/// has grown by much.
inline constexpr std::size_t kSpreadEntriesByWriter = 16;

// What an operation returns is made where the caller wants it, through all of these: each returns
// one object or calls the next. Moving a Result costs as much as finding the entry's shard.

template <class Operation>
auto Store::Impl::run(NamespaceId id, std::string_view key, const Instant& now,
                      Operation&& operation) -> OutcomeOf<Operation> {
  if (!may_be_key(key)) [[unlikely]]
    return fail(key_too_long(key));
  return run_until_there_is_room(id, key, now, operation);
}

template <class Operation>
auto Store::Impl::run_until_there_is_room(NamespaceId id, std::string_view key, const Instant& now,
                                          Operation& operation) -> OutcomeOf<Operation> {
  const std::uint64_t hash = hash_of(key);
  Place place;
  NamespaceState* crowded = nullptr;
  Step step{.now = now};
  auto result = run_once(id, key, hash, place, crowded, step, operation);
  for (std::size_t round = 0; step.room.wanted && !result; ++round) {
    if (!make_room_for(id, place, round, step, now)) return result;
    step.room = {};
    result = run_once(id, key, hash, place, crowded, step, operation);
  }
  if (crowded != nullptr) [[unlikely]]
    spread(*crowded, kSpreadEntriesByWriter, now);
  return result;
}

template <class Operation>
auto Store::Impl::run_once(NamespaceId id, std::string_view key, std::uint64_t hash, Place& place,
                           NamespaceState*& crowded, Step& step, Operation& operation)
    -> OutcomeOf<Operation> {
  NamespaceState* ns = nullptr;
  const std::unique_lock<ShardMutex> lock = lock_place(id, hash, place, ns);
  if (ns == nullptr) [[unlikely]]
    return no_such_namespace();
  Shard& shard = shards[place.shard]->shard;
  shard.begin_step();
  NamespacePart& part = *shard.part(NamespacePart::id_of(ns->index, place.spread));
  if (!place.spread && part.table.size() > kHomeEntriesMax && shards.size() > 1) [[unlikely]]
    crowded = ns;
  return operation(shard, Site(part, key, hash), step);
}

[[gnu::always_inline]] inline std::unique_lock<ShardMutex> Store::Impl::lock_place(
    NamespaceId id, std::uint64_t hash, Place& place, NamespaceState*& found) {
  NamespaceState* ns = registry.state(id.index);
  found = nullptr;
  if (ns == nullptr) return {};
  const std::uint64_t boundary = ns->boundary.load(std::memory_order_acquire);
  const std::uint64_t position = ns->position_of(hash);
  place = place_below(*ns, boundary, position);
  std::unique_lock<ShardMutex> lock(shards[place.shard]->mutex);
  const bool may_have_moved = registry.state(id.index) != ns ||
                              ns->boundary.load(std::memory_order_acquire) != boundary ||
                              ns->position_of(hash) != position;
  if (may_have_moved) [[unlikely]]
    ns = lock_moved_place(id, hash, place, lock);
  if (is(*ns, id)) [[likely]]
    found = ns;
  return lock;
}

}  // namespace appmem::core
