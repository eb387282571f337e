// Store: fetching what many keys will need.

#include <algorithm>
#include <array>

#include "store_impl.h"

namespace appmem::core {
namespace {

/// Keys whose memory is asked for at the same time: about what a core can wait for, several times
/// over, and little enough to be there still when it is used.
constexpr std::size_t kPrefetchedTogether = 32;

}  // namespace

/// In two rounds, since what the slots refer to is known only when they are there.
void Store::Impl::prefetch(std::span<const KeyRef> keys) {
  std::array<std::uint64_t, kPrefetchedTogether> hashes;  // NOLINT(*-member-init): written first
  while (!keys.empty()) {
    const auto together = keys.first(std::min(keys.size(), kPrefetchedTogether));
    keys = keys.subspan(together.size());
    for (std::size_t i = 0; i < together.size(); ++i)
      hashes[i] = hash_of(together[i].key);
    TriedLock lock(*this);
    const auto for_each_table = [&](auto&& visit) {
      for (std::size_t i = 0; i < together.size(); ++i) {
        const NamespaceState* const ns = registry.state(together[i].ns.index);
        if (ns == nullptr) continue;
        const Place place = place_of(*ns, hashes[i]);
        Shard* const shard = lock.try_shard(place.shard);
        if (shard == nullptr) continue;
        // A guess: what has moved meanwhile is not found there.
        const NamespacePart* const part =
            shard->part(NamespacePart::id_of(ns->index, place.spread));
        if (part != nullptr) visit(*shard, *part, part->table_hash(hashes[i]));
      }
    };
    for_each_table([](const Shard&, const NamespacePart& part, std::uint32_t hash) {
      part.table.prefetch(hash);
    });
    for_each_table([](const Shard& shard, const NamespacePart& part, std::uint32_t hash) {
      shard.prefetch(part, hash);
    });
  }
}

void Store::prefetch(std::span<const KeyRef> keys) {
  impl_->prefetch(keys);
}

}  // namespace appmem::core
