// Store: passes over a namespace, and the work in the background.

#include <algorithm>
#include <mutex>

#include "appmem/core/store.h"
#include "store_impl.h"

namespace appmem::core {
namespace {

/// Spans that one call empties or moves in all its shards: one for so many steps of its budget.
constexpr std::size_t kStepsPerSpan = 128;
constexpr std::size_t kSpansMax = 16;
/// Free pages that a shard keeps for its next writes: this share of what it has, and so many bytes.
constexpr std::uint64_t kDirtyShare = 32;
constexpr std::uint64_t kDirtyBytesKept = 64_KiB;
/// What one call gives back of them, in all its shards: the system takes its time for that, on
/// virtual machines above all.
constexpr std::size_t kPurgeBytesMax = 512_KiB;
constexpr std::size_t kReclaimBytesMax = 1_MiB;
constexpr std::size_t kSpreadEntriesMax = 256;
/// A table moves so many slots in the time of one entry.
constexpr std::size_t kSlotsPerStep = 8;

}  // namespace

Result<ScanStep> Store::scan(NamespaceId id, ScanCursor cursor, std::size_t visits_max,
                             const Instant& now, FunctionRef<bool(const EntryView&)> visit) {
  if (impl_->registry.state(id.index) == nullptr) return no_such_namespace();
  bool stopped = false;
  const auto until_stopped = [&](const EntryView& entry) {
    if (!visit(entry)) stopped = true;
    return !stopped;
  };
  std::size_t left = std::max<std::size_t>(visits_max, 1);
  // A cursor at the end comes from nobody who was given it, but ends like any other.
  while (cursor < kHashEnd) {
    const NamespaceState* const ns = impl_->registry.state(id.index);
    const Impl::Place place = impl_->place_at(*ns, cursor);
    const std::unique_lock lock(impl_->shards[place.shard]->mutex);
    if (impl_->registry.state(id.index) != ns || impl_->place_at(*ns, cursor) != place) continue;
    if (!Impl::is(*ns, id)) return no_such_namespace();
    Shard& shard = impl_->shards[place.shard]->shard;
    const NamespacePart& part = *shard.part(NamespacePart::id_of(ns->index, place.spread));
    const Shard::ScanSlice slice = shard.scan(part, cursor, left, now, until_stopped);
    cursor = slice.done ? kHashEnd : slice.next;
    if (place.spread) {
      // The rest is in the next shard, or still at home.
      cursor = std::min({cursor, impl_->split.shard_end(place.shard),
                         ns->boundary.load(std::memory_order_relaxed)});
    }
    if (stopped || slice.looked >= left) break;
    left -= slice.looked;
    if (!slice.done) break;
  }
  if (cursor >= kHashEnd) return ScanStep{.next = 0, .done = true};
  return ScanStep{.next = cursor, .done = false};
}

bool Store::Impl::maintain_shard(std::size_t index, const Instant& now, const WorkBudget& work,
                                 SharedWork& shared) {
  const std::size_t steps = std::max<std::size_t>(work.steps, 1);
  const std::unique_lock lock(shards[index]->mutex);
  Shard& shard = shards[index]->shard;
  shard.begin_step();
  // One after the other, as far as the budget goes: what comes later waits for the next call.
  std::size_t left = steps - std::min(steps, shard.reap(now, steps));
  if (left == 0) return true;
  bool more = shard.sweep(now, left);
  if (more) return true;
  more = shard.drain(left);
  if (more) return true;
  more = shard.stretch_tables(left * kSlotsPerStep);

  Step step{.now = now, .local_only = true};
  more |= shard.keep_ceilings(left, step);
  if (const std::uint64_t excess = budget.excess(); excess > 0) {
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(excess, kPurgeBytesMax));
    more |= shard.give_back(shard.choose_victim(nullptr), bytes, step, left);
  }
  // While nobody writes nothing is kept for the next writes, and little slack.
  const Arena& arena = shard.arena();
  const bool quiet = shard.is_quiet(now);
  const auto too_sparse = [&] {
    return quiet ? arena.wants_compaction_in_quiet() : arena.wants_compaction();
  };
  while (too_sparse()) {
    if (shared.spans == 0) {
      more = true;
      break;
    }
    if (!shard.compact_one_span()) break;
    --shared.spans;
  }
  const auto too_scattered = [&] {
    return quiet ? arena.wants_lowering_in_quiet() : arena.wants_lowering();
  };
  const auto too_dirty = [&] {
    if (quiet || too_scattered()) return arena.dirty_bytes() > 0;
    return arena.dirty_bytes() > kDirtyBytesKept + arena.committed_bytes() / kDirtyShare;
  };
  if (!too_dirty()) {
    if (!too_scattered()) return more;
    if (shared.spans == 0) return true;
    if (!shard.lower_highest_run()) return more;
    --shared.spans;
    return true;
  }
  if (shared.purge_bytes == 0) return true;
  const std::uint64_t dirty = arena.dirty_bytes();
  shard.arena().purge(shared.purge_bytes);
  const std::uint64_t purged = dirty - arena.dirty_bytes();
  shared.purge_bytes -= std::min<std::size_t>(shared.purge_bytes, purged);
  // Where the system takes nothing back (memory may be locked), trying again at once is in vain.
  return more || (purged > 0 && (too_dirty() || too_scattered()));
}

bool Store::maintain(std::size_t first, std::size_t stride, const Instant& now, WorkBudget budget) {
  bool more = impl_->blobs.reclaim(kReclaimBytesMax);
  const std::size_t step = std::max<std::size_t>(stride, 1);
  const std::size_t shards = impl_->shards.size();
  const std::size_t mine = first < shards ? (shards - first + step - 1) / step : 0;
  Impl::SharedWork shared{
      .spans = std::clamp<std::size_t>(budget.steps / kStepsPerSpan, 1, kSpansMax),
      .purge_bytes = kPurgeBytesMax,
  };
  // Each time from another one on, for what they share.
  const std::size_t begin = impl_->maintain_next.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < mine; ++i) {
    more |= impl_->maintain_shard(first + (begin + i) % mine * step, now, budget, shared);
  }
  if (shards == 1) return more;
  const std::size_t entries = std::clamp<std::size_t>(budget.steps / 8, 1, kSpreadEntriesMax);
  for (std::size_t index = 0; index < impl_->registry.index_end(); ++index) {
    NamespaceState& ns = *impl_->registry.state(index);
    const bool at_home = ns.home >= first && (ns.home - first) % step == 0;
    if (at_home && impl_->may_spread(ns)) more |= impl_->spread(ns, entries, now);
  }
  return more;
}

bool Store::Impl::may_spread(const NamespaceState& ns) {
  const std::uint64_t boundary = ns.boundary.load(std::memory_order_acquire);
  if (boundary == kHashEnd) return false;
  // The count may be a little behind; spread() knows it exactly.
  return boundary > 0 || registry.usage(ns.index).keys.load(std::memory_order_relaxed) + 256 >
                             static_cast<std::int64_t>(kHomeEntriesMax);
}

StoreStats Store::store_stats(const Instant& now) const {
  StoreStats stats;
  stats.memory_used = impl_->budget.used();
  stats.memory_limit = impl_->budget.limit();
  stats.shards = impl_->shards.size();
  for (const auto& locked : impl_->shards) {
    const std::unique_lock lock(locked->mutex);
    const Shard& shard = locked->shard;
    stats.entries_live_bytes += shard.arena().live_bytes();
    stats.table_bytes += shard.table_bytes();
    stats.large_bytes += shard.large_bytes();
    stats.keys += shard.keys();
    stats.expiry_lag = std::max(stats.expiry_lag, shard.wheel().lag(now.mono));
  }
  return stats;
}

std::size_t Store::shard_of(NamespaceId ns, std::string_view key) const {
  const NamespaceState* const state = impl_->registry.state(ns.index);
  return state == nullptr ? 0 : impl_->split.shard_of(state->position_of(impl_->hash_of(key)));
}

std::uint64_t Store::hash_seed() const {
  return impl_->context.seed;
}

std::size_t Store::shard_count() const {
  return impl_->shards.size();
}

MemoryBudget& Store::memory() {
  return impl_->budget;
}

SharedBytes Store::allocate_large(std::size_t bytes, const Instant& now) {
  return impl_->allocate_large(nullptr, bytes, now);
}

bool Store::try_charge(std::size_t bytes, const Instant& now) {
  return impl_->try_charge(bytes, now);
}

}  // namespace appmem::core
