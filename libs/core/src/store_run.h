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

template <class Operation>
auto Store::Impl::run(NamespaceId id, std::string_view key, const Instant& now,
                      Operation&& operation)
    -> decltype(operation(std::declval<Shard&>(), std::declval<const Site&>(),
                          std::declval<Step&>())) {
  if (!may_be_key(key)) [[unlikely]]
    return fail(key_too_long(key));
  const std::uint64_t hash = hash_of(key);
  for (std::size_t round = 0;; ++round) {
    Place place;
    std::unique_lock<ShardMutex> lock;
    NamespaceState* const ns = lock_place(id, hash, place, lock);
    if (ns == nullptr) return no_such_namespace();
    Shard& shard = shards[place.shard]->shard;
    shard.begin_step();
    NamespacePart& part = *shard.part(NamespacePart::id_of(ns->index, place.spread));
    Step step{.now = now};
    auto result = operation(shard, Site(part, key, hash), step);
    if (result || !step.room.wanted) [[likely]] {
      const bool crowded =
          !place.spread && part.table.size() > kHomeEntriesMax && shards.size() > 1;
      lock.unlock();
      if (crowded) [[unlikely]]
        spread(*ns, kSpreadEntriesByWriter, now);
      return result;
    }
    lock.unlock();
    if (!make_room_for(id, place, round, step, now)) return result;
  }
}

/// Null where there is no such namespace.
inline NamespaceState* Store::Impl::lock_place(NamespaceId id, std::uint64_t hash, Place& place,
                                               std::unique_lock<ShardMutex>& lock) {
  NamespaceState* ns = registry.state(id.index);
  if (ns == nullptr) return nullptr;
  place = place_of(*ns, hash);
  lock = std::unique_lock(shards[place.shard]->mutex);
  if (registry.state(id.index) != ns || place_of(*ns, hash) != place) [[unlikely]]
    ns = lock_moved_place(id, hash, place, lock);
  return is(*ns, id) ? ns : nullptr;
}

}  // namespace appmem::core
