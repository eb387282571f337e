// Making room: whose entries go, compaction, ceilings.

#include <algorithm>

#include "appmem/base/check.h"
#include "appmem/base/units.h"
#include "shard.h"

namespace appmem::core {
namespace {

/// How often room is made for one write in one shard before it gives up there.
constexpr std::size_t kRoomAttemptsMax = 4096;
/// Steps of give_back() that emptying a span is: as many as it has blocks, about.
constexpr std::size_t kSpanSteps = 32;
/// Entries that one call of keep_ceilings() evicts from one part, so that all shards take turns.
constexpr std::size_t kCeilingEvictionsMax = 64;

/// When evicting has not helped a write at once, this share of an arena in free blocks is enough to
/// empty spans,
constexpr std::uint64_t kSlackShareInNeed = 64;
/// and after so many attempts any.
constexpr std::size_t kAttemptsBeforeCompaction = 32;

constexpr std::size_t kDrainSlots = 64;
constexpr std::size_t kReapFilings = 64;
constexpr std::size_t kReclaimBytes = 1_MiB;

}  // namespace

Handle Shard::allocate(NamespacePart& writer, std::size_t bytes, Step& step) {
  Handle handle = arena_.try_allocate(bytes);
  if (handle == kNoHandle) [[unlikely]] {
    const Need need{.bytes = Arena::block_bytes_for(bytes), .block = true};
    retry_with_room(writer, need, step, [&] {
      handle = arena_.try_allocate(bytes);
      return handle != kNoHandle;
    });
  }
  return handle;
}

bool Shard::reserve_slot(NamespacePart& part, Step& step) {
  const Need need{.bytes = part.table.growth_bytes_max(), .block = false};
  return retry_with_room(part, need, step, [&] {
    arena_.purge(need.bytes + kPageBytes);
    return part.table.try_reserve();
  });
}

SharedBytes Shard::make_shared(const NamespacePart& writer, std::size_t bytes, Step& step) {
  SharedBytes made = context_.blobs.try_allocate(bytes);
  if (!made) {
    retry_with_room(writer, {.bytes = bytes, .block = false}, step, [&] {
      arena_.purge(bytes);
      made = context_.blobs.try_allocate(bytes);
      return static_cast<bool>(made);
    });
  }
  return made;
}

bool Shard::retry_with_room(const NamespacePart& writer, const Need& need, Step& step,
                            FunctionRef<bool()> try_once) {
  Made made = Made::kElsewhere;
  for (std::size_t attempt = 0; attempt < kRoomAttemptsMax; ++attempt) {
    made = make_room(writer, need, attempt, step);
    if (made != Made::kRoom) break;
    if (try_once()) return true;
  }
  if (made != Made::kNothing && !step.local_only) {
    step.room = {.wanted = true, .bytes = need.bytes, .writer = writer.ns};
  }
  return false;
}

Shard::Made Shard::make_room(const NamespacePart& writer, const Need& need, std::size_t attempt,
                             Step& step) {
  const std::size_t bytes = need.bytes;
  if (!dying_.empty()) {
    drain(kDrainSlots);
    return Made::kRoom;
  }
  const std::uint64_t used = context_.budget.used();
  context_.blobs.reclaim(std::max(bytes, kReclaimBytes));
  if (context_.budget.used() < used) return Made::kRoom;
  // Not while a journal holds blocks that the wheel would take for stale.
  const bool may_reap = journal_ == nullptr && !step.restoring;
  if (may_reap && attempt == 0 && reap(step.now, kReapFilings) > 0) return Made::kRoom;
  if (should_compact(need, attempt) && compact_one_span()) return Made::kRoom;

  NamespaceState* victim = choose_victim(writer.ns);
  if (victim != nullptr) {
    // A namespace in many shards gives in all of them alike, so that what remains is what was used
    // last in any.
    const std::int64_t here = memory_of(*victim);
    const std::int64_t all =
        context_.registry.usage(victim->index).memory.load(std::memory_order_relaxed);
    const bool lopsided = context_.shards > 1 && !step.local_only &&
                          here * static_cast<std::int64_t>(context_.shards) * 8 < all * 7;
    if (here > 0 && !lopsided && evict(*victim, bytes, step) > 0) return Made::kRoom;
    if (context_.shards > 1 && !step.local_only) return Made::kElsewhere;
    if (evict_whatever(writer.ns, bytes, step)) return Made::kRoom;
  }
  if (compact_one_span()) return Made::kRoom;
  if (step.restoring && reap_restored(step.now)) return Made::kRoom;
  return context_.shards > 1 ? Made::kElsewhere : Made::kNothing;
}

/// A log may have far more that is over than a store has room for.
bool Shard::reap_restored(const Instant& now) {
  reaps_restored_ = true;
  const std::size_t looked = reap(now, kReapFilings);
  reaps_restored_ = false;
  return looked > 0;
}

bool Shard::should_compact(const Need& need, std::size_t attempt) const {
  if (arena_.wants_compaction() || attempt >= kAttemptsBeforeCompaction) return true;
  const std::uint64_t slack = arena_.slack_bytes();
  // A free block of the right size may be just what is wanted; pages only come from whole spans.
  if (!need.block) return slack >= need.bytes;
  return attempt >= 2 && slack >= need.bytes &&
         slack * kSlackShareInNeed > arena_.committed_bytes();
}

bool Shard::may_evict(const NamespaceState& ns, const NamespaceState* writer) {
  if (!ns.alive || ns.settings.eviction == Eviction::kNone) return false;
  return !ns.durable() || &ns == writer;
}

NamespaceState* Shard::choose_victim(const NamespaceState* writer) const {
  NamespaceState* best = nullptr;
  std::int64_t best_excess = 0;
  const std::size_t end = context_.registry.index_end();
  for (std::size_t index = 0; index < end; ++index) {
    // Every namespace has an equal share of what lies above the floors; so the one furthest above
    // its share is the one furthest above its floor.
    NamespaceState& ns = *context_.registry.state(index);
    const std::int64_t memory = usage_of(ns);
    if (memory <= best_excess || !may_evict(ns, writer)) continue;
    const std::int64_t excess = memory - static_cast<std::int64_t>(ns.settings.reserved_bytes);
    if (excess <= best_excess) continue;
    best = &ns;
    best_excess = excess;
  }
  if (best != nullptr || writer == nullptr || !may_evict(*writer, writer)) return best;
  // A writer may go below its own floor.
  return usage_of(*writer) > 0 ? context_.registry.state(writer->id().index) : nullptr;
}

std::int64_t Shard::usage_of(const NamespaceState& ns) const {
  return context_.registry.usage(ns.index).memory.load(std::memory_order_relaxed);
}

bool Shard::evict_whatever(const NamespaceState* writer, std::size_t bytes, Step& step) {
  const std::size_t end = context_.registry.index_end();
  for (std::size_t index = 0; index < end; ++index) {
    NamespaceState& ns = *context_.registry.state(index);
    if (!may_evict(ns, writer) || memory_of(ns) == 0) continue;
    const bool above_floor = usage_of(ns) > static_cast<std::int64_t>(ns.settings.reserved_bytes);
    if ((above_floor || &ns == writer) && evict(ns, bytes, step) > 0) return true;
  }
  return false;
}

std::int64_t Shard::memory_of(const NamespaceState& ns) const {
  std::int64_t memory = 0;
  for (const bool spread : {false, true}) {
    const NamespacePart* found = part(NamespacePart::id_of(ns.index, spread));
    if (found != nullptr) memory += found->entry_memory;
  }
  return memory;
}

bool Shard::within_ceiling(const Site& site, Handle old, std::size_t block_bytes,
                           std::size_t large_bytes, Step& step) {
  const NamespaceState& ns = site.ns();
  if (!ns.bounded()) return true;
  const NamespaceUsage& usage = context_.registry.usage(ns.index);
  constexpr auto kRelaxed = std::memory_order_relaxed;
  for (std::size_t attempt = 0; attempt < kRoomAttemptsMax; ++attempt) {
    // The old entry goes when the new one is there, unless a journal keeps it for a while.
    const std::size_t leaving = old == kNoHandle ? 0 : memory_of(old);
    std::size_t coming = block_bytes + large_bytes;
    if (old == kNoHandle) coming += site.part.table.growth_bytes_max();
    const std::int64_t used = usage.memory.load(kRelaxed) + usage.tables.load(kRelaxed);
    const bool over_bytes =
        ns.settings.max_bytes &&
        used + static_cast<std::int64_t>(coming) - static_cast<std::int64_t>(leaving) >
            static_cast<std::int64_t>(*ns.settings.max_bytes) &&
        coming > leaving;
    const bool over_keys =
        ns.settings.max_keys && old == kNoHandle &&
        usage.keys.load(kRelaxed) >= static_cast<std::int64_t>(*ns.settings.max_keys);
    if (!over_bytes && !over_keys) return true;
    if (over_bytes && site.part.table.forgo_growth()) continue;
    // What has expired takes no room.
    const bool may_reap = journal_ == nullptr && !step.restoring;
    if (may_reap && attempt == 0 && reap(step.now, kReapFilings) > 0) continue;
    if (ns.settings.eviction == Eviction::kNone) return false;
    if (evict(*site.part.ns, 1, step) == 0) break;
  }
  if (context_.shards > 1 && !step.local_only && ns.settings.eviction != Eviction::kNone &&
      usage.memory.load(kRelaxed) > memory_of(ns)) {
    step.room = {.wanted = true, .bytes = block_bytes, .writer = site.part.ns, .own_ceiling = true};
  }
  return false;
}

bool Shard::keep_ceilings(std::size_t entries, Step& step) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  bool more = false;
  for (const std::uint16_t id : part_ids_) {
    NamespacePart& part = *parts_[id];
    const NamespaceSettings& settings = part.ns->settings;
    if (!part.ns->bounded() || settings.eviction == Eviction::kNone) continue;
    if (!admit(*part.ns, step)) continue;
    const NamespaceUsage& usage = context_.registry.usage(part.ns->index);
    const auto over = [&] {
      return (settings.max_bytes && usage.memory.load(kRelaxed) + usage.tables.load(kRelaxed) >
                                        static_cast<std::int64_t>(*settings.max_bytes)) ||
             (settings.max_keys &&
              usage.keys.load(kRelaxed) > static_cast<std::int64_t>(*settings.max_keys));
    };
    for (std::size_t i = 0; over(); ++i) {
      if (entries == 0 || i == kCeilingEvictionsMax) {
        more = true;
        break;
      }
      if (evict_one(part, step) == 0) break;
      --entries;
    }
  }
  return more;
}

bool Shard::give_back(NamespaceState* victim, std::size_t bytes, Step& step,
                      std::size_t steps_max) {
  const std::uint64_t used = context_.budget.used();
  const auto freed = [&] {
    const std::uint64_t now_used = context_.budget.used();
    return now_used < used ? used - now_used : 0;
  };
  bool any = false;
  for (std::size_t steps = 0; steps < steps_max && freed() < bytes; ++steps) {
    if (!dying_.empty()) {
      drain(kDrainSlots);
      steps += kDrainSlots;
    } else if (arena_.dirty_bytes() > 0) {
      arena_.purge(bytes);
    } else {
      const bool compacted = arena_.wants_compaction() && compact_one_span();
      if (!compacted && victim != nullptr && evict(*victim, 1, step) > 0) {
        context_.blobs.reclaim(kReclaimBytes);
      } else if (compacted || compact_one_span()) {
        steps += kSpanSteps;  // its pages are purged in the next round
      } else {
        break;
      }
    }
    any = true;
  }
  return any;
}

bool Shard::compact_one_span() {
  if (!dying_.empty()) return false;
  return arena_.compact_one_span([this](Handle from, Handle to) { moved(from, to); });
}

bool Shard::lower_highest_run() {
  if (!dying_.empty()) return false;
  return arena_.lower_highest_run([this](Handle from, Handle to) { moved(from, to); });
}

void Shard::moved(Handle from, Handle to) {
  ++moves_;
  Entry gone_to = entry(to);
  if (gone_to.has_deadline_field() && gone_to.bucket() != DeadlineWheel::kNoBucket) {
    gone_to.set_bucket(wheel_.file(to, time_of(gone_to.deadline())));
    wheel_.note_stale();
  }
  NamespacePart* owner = part(gone_to.table_id());
  if (owner != nullptr) {
    const std::uint64_t hash = hash_key(gone_to.key(), context_.seed);
    const bool replaced = owner->table.replace(owner->table_hash(hash), from, to);
    // What is in no table is in the journal; nothing is moved while detached tables are left.
    APPMEM_CHECK(replaced || journal_ != nullptr);
  }
  if (journal_ != nullptr) journal_->moved(this, from, to);
}

}  // namespace appmem::core
