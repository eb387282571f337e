// Store: fetching what many keys will need.

#include <array>
#include <cstddef>
#include <span>

#include "appmem/base/prefetch.h"
#include "appmem/core/prefetch.h"
#include "store_impl.h"

namespace appmem::core {

/// Asks for the two lines at `address_of(shard, part, table hash)` of each key whose shard is free:
/// a guess, since what moves meanwhile is not there.
///
/// The addresses are collected first and asked for back to back. An instruction that prefetches
/// waits for the translation of its address, and the processor looks up as many at the same time as
/// it has instructions in sight.
template <class AddressOf>
void Store::Impl::prefetch(std::span<const Prefetch::Key> keys, AddressOf&& address_of) {
  std::array<const void*, Prefetch::kGroup> addresses;  // NOLINT(*-member-init): written first
  std::size_t count = 0;
  {
    TriedLock lock(*this);
    for (const Prefetch::Key& key : keys) {
      const Shard* const shard = lock.try_shard(key.shard);
      if (shard == nullptr) continue;
      const NamespacePart* const part = shard->part(key.table_id);
      if (part == nullptr) continue;
      const void* const address = address_of(*shard, *part, key.table_hash);
      if (address != nullptr) addresses[count++] = address;
    }
  }
  for (std::size_t i = 0; i < count; ++i)
    prefetch_two_lines(addresses[i]);
}

void Store::Impl::prefetch_slots(std::span<const Prefetch::Key> keys) {
  prefetch(keys, [](const Shard&, const NamespacePart& part, std::uint32_t hash) {
    return part.table.slots_of(hash);
  });
}

void Store::Impl::prefetch_entries(std::span<const Prefetch::Key> keys) {
  prefetch(keys, [](const Shard& shard, const NamespacePart& part, std::uint32_t hash) {
    return shard.first_entry(part, hash);
  });
}

void Prefetch::add(NamespaceId ns, std::string_view key) {
  const Store::Impl& impl = *store_.impl_;
  const NamespaceState* const state = impl.registry.state(ns.index);
  if (state == nullptr) return;
  const std::uint64_t position = state->position_of(impl.hash_of(key));
  const Store::Impl::Place place = impl.place_at(*state, position);
  Group& group = groups_[gathered_];
  group.keys[group.count++] = {static_cast<std::uint16_t>(place.shard),
                               NamespacePart::id_of(state->index, place.spread),
                               NamespacePart::order_of(place.spread, impl.split).of(position)};
  if (group.count == kGroup) advance();
}

void Prefetch::advance() {
  Store::Impl& impl = *store_.impl_;
  Group& gathered = groups_[gathered_];
  Group& before = groups_[1 - gathered_];
  impl.prefetch_slots({gathered.keys.data(), gathered.count});
  impl.prefetch_entries({before.keys.data(), before.count});
  before.count = 0;
  gathered_ = 1 - gathered_;
}

void Prefetch::finish() {
  Group& gathered = groups_[gathered_];
  if (groups_[1 - gathered_].count == 0 && gathered.count <= 1) {
    gathered.count = 0;
    return;
  }
  advance();
  advance();
}

}  // namespace appmem::core
