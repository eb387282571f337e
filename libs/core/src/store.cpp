// Store: operations on single keys, each under the lock of its shard.

#include "appmem/core/store.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "appmem/base/check.h"
#include "appmem/base/limits.h"
#include "store_impl.h"
#include "store_run.h"

namespace appmem::core {
namespace {

/// How often room is made in other shards for one write, besides once for each slice of its size.
constexpr std::size_t kRoomRoundsMax = 64;
constexpr std::size_t kRoomSliceBytes = 256_KiB;
/// One round gives back at least this much, so that the next writes find some.
constexpr std::size_t kRoomBytesMin = 64_KiB;
constexpr std::size_t kRoomBytesMax = 512_KiB;
/// What one round may take in a shard.
constexpr std::size_t kRoomStepsMax = 2048;

/// How often a change of a large value is begun again because somebody else changed it.
constexpr std::size_t kLargePatchAttemptsMax = 8;

/// A store that fits into this has one shard.
constexpr std::uint64_t kOneShardBytesMax = 64_MiB;
constexpr std::uint64_t kShardBytesMin = 16_MiB;
/// Half of what 32-bit handles reach.
constexpr std::uint64_t kShardBytesMax = 16_GiB;
constexpr std::size_t kShardsPerThread = 8;

constexpr Version kVersionFloorMax = Version{1} << 52U;
constexpr Version kVersionReachMax = (Entry::kVersionMax + 1) / 2;

/// Deadlines may lie before the store was made: `now` may go back by a turn of an event loop.
constexpr milliseconds kEpochMargin = std::chrono::hours{24};

std::size_t choose_shards(const StoreOptions& options) {
  const std::uint64_t memory = options.max_memory_bytes;
  if (options.shards != 0) return options.shards;
  if (memory < kOneShardBytesMax || (options.threads <= 1 && memory <= kShardBytesMax)) return 1;
  const std::uint64_t wanted = std::bit_ceil(std::uint64_t{options.threads} * kShardsPerThread);
  const std::uint64_t needed = std::bit_ceil(memory / kShardBytesMax + 1);
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(
      std::min(wanted, std::bit_floor(memory / kShardBytesMin)), needed, kShardsMax));
}

HashSplit split_of(std::size_t shards) {
  APPMEM_CHECK(std::has_single_bit(shards) && shards <= kShardsMax);
  return {static_cast<unsigned>(std::countr_zero(shards))};
}

}  // namespace

Store::Impl::Impl(const StoreOptions& options, const Instant& now)
    : budget(options.max_memory_bytes),
      blobs(budget),
      split(split_of(choose_shards(options))),
      registry({.memory_bytes = options.max_memory_bytes,
                .value_bytes_max = std::min(options.value_bytes_max, kValueBytesMaxCeiling),
                .sink = options.sink != nullptr,
                .seed = options.seed},
               choose_shards(options)),
      context{.budget = budget,
              .blobs = blobs,
              .registry = registry,
              .sink = options.sink,
              .split = split,
              .shards = choose_shards(options),
              .seed = options.seed,
              .version_floor = options.version_floor - options.version_reach,
              .epoch = now.mono - kEpochMargin,
              .arena_region_bytes = Arena::region_bytes_for(options.max_memory_bytes)} {
  APPMEM_CHECK(options.max_memory_bytes > 0);
  APPMEM_CHECK(options.version_floor <= kVersionFloorMax);
  APPMEM_CHECK(options.version_reach <= std::min(options.version_floor, kVersionReachMax));
  for (std::size_t index = 0; index < context.shards; ++index) {
    shards.push_back(std::make_unique<LockedShard>(context, index));
    shards.back()->shard.skip_versions(options.version_reach);
  }
  NamespaceState& made = registry.create("default", NamespaceSettings{});
  APPMEM_CHECK(made.id() == kDefaultNamespace);
  shards[made.home]->shard.make_part(made, false);
}

Store::Impl::AllLocked::AllLocked(Impl& impl) : impl_(impl) {
  for (const auto& shard : impl_.shards)
    shard->mutex.lock();
}

Store::Impl::AllLocked::~AllLocked() {
  for (const auto& shard : impl_.shards)
    shard->mutex.unlock();
}

void Store::Impl::SomeLocked::lock(const Held& wanted) {
  for (std::size_t index = 0; index < impl_.shards.size(); ++index) {
    if (!wanted.test(index)) continue;
    impl_.shards[index]->mutex.lock();
    held_.set(index);
  }
}

void Store::Impl::SomeLocked::unlock() {
  for (std::size_t index = 0; index < impl_.shards.size(); ++index) {
    if (held_.test(index)) impl_.shards[index]->mutex.unlock();
  }
  held_.reset();
}

/// The key has moved before its shard was locked.
NamespaceState* Store::Impl::lock_moved_place(NamespaceId id, std::uint64_t hash, Place& place,
                                              std::unique_lock<ShardMutex>& lock) {
  for (;;) {
    NamespaceState* const ns = registry.state(id.index);  // another one after a swap
    const Place now_at = place_of(*ns, hash);
    if (now_at == place) return ns;
    place = now_at;
    lock = {};  // never hold two
    lock = std::unique_lock(shards[place.shard]->mutex);
  }
}

/// What an operation asks for in `step`, whose lock has been let go of. False when the operation is
/// refused.
bool Store::Impl::make_room_for(NamespaceId id, const Place& place, std::size_t round,
                                const Step& step, const Instant& now) {
  if (round < kRoomRoundsMax + step.room.bytes / kRoomSliceBytes &&
      make_room(step.room, now, nullptr)) {
    return true;
  }
  const std::lock_guard lock(shards[place.shard]->mutex);
  // The part may have gone meanwhile, and another come.
  Shard& shard = shards[place.shard]->shard;
  const NamespaceState* const ns = registry.state(id.index);
  NamespacePart* const still =
      ns == nullptr ? nullptr : shard.part(NamespacePart::id_of(ns->index, place.spread));
  if (still != nullptr && is(*ns, id)) shard.note_refused(*still);
  return false;
}

bool Store::Impl::make_room(const Step::Room& room, const Instant& now, const Held* held) {
  const std::uint64_t used = budget.used();
  blobs.reclaim(kRoomBytesMax);
  if (budget.used() < used && !room.own_ceiling) return true;

  const std::size_t bytes = std::clamp(room.bytes, kRoomBytesMin, kRoomBytesMax);
  const std::size_t start = room_next.fetch_add(1, std::memory_order_relaxed);
  const auto count = static_cast<std::int64_t>(shards.size());
  enum class Pass { kFairShare, kAny, kAnyVictim };
  for (const Pass pass : {Pass::kFairShare, Pass::kAny, Pass::kAnyVictim}) {
    for (std::size_t i = 0; i < shards.size(); ++i) {
      LockedShard& locked = *shards[(start + i) % shards.size()];
      std::unique_lock<ShardMutex> lock;
      if (held == nullptr) {
        lock = std::unique_lock(locked.mutex);
      } else if (!held->test(locked.shard.index())) {
        lock = std::unique_lock(locked.mutex, std::try_to_lock);
        if (!lock.owns_lock()) continue;
      }
      Shard& shard = locked.shard;
      if (lock.owns_lock()) shard.begin_step();
      Step step{.now = now, .local_only = true};
      if (room.own_ceiling) {
        if (shard.evict(*room.writer, room.bytes, step) > 0) return true;
        continue;
      }
      NamespaceState* victim = shard.choose_victim(room.writer);
      if (pass == Pass::kAnyVictim) {
        if (shard.evict_whatever(room.writer, bytes, step)) return true;
        continue;
      }
      if (pass == Pass::kFairShare && victim != nullptr) {
        // First those that have their share of it or more.
        const std::int64_t all =
            registry.usage(victim->index).memory.load(std::memory_order_relaxed);
        if (shard.memory_of(*victim) * count * 8 < all * 7) victim = nullptr;
      }
      if (shard.give_back(victim, bytes, step, kRoomStepsMax)) return true;
    }
  }
  return false;
}

SharedBytes Store::Impl::allocate_large(NamespaceState* writer, std::size_t bytes,
                                        const Instant& now) {
  const Step::Room room{.wanted = true, .bytes = bytes, .writer = writer};
  for (std::size_t round = 0; round < kRoomRoundsMax + bytes / kRoomSliceBytes; ++round) {
    if (SharedBytes made = blobs.try_allocate(bytes)) return made;
    if (!make_room(room, now, nullptr)) break;
  }
  return blobs.try_allocate(bytes);
}

bool Store::Impl::try_charge(std::size_t bytes, const Instant& now) {
  const Step::Room room{.wanted = true, .bytes = bytes};
  for (std::size_t round = 0; round < kRoomRoundsMax + bytes / kRoomSliceBytes; ++round) {
    if (budget.try_charge(bytes)) return true;
    if (!make_room(room, now, nullptr)) break;
  }
  return budget.try_charge(bytes);
}

bool Store::Impl::spread(NamespaceState& ns, std::size_t entries, const Instant& now) {
  if (ns.spreading.test_and_set(std::memory_order_acquire)) return false;
  bool tried = false;
  const std::uint64_t begin = ns.boundary.load(std::memory_order_acquire);
  std::uint64_t next = begin;
  if (begin != kHashEnd) {
    const std::size_t target = split.shard_of(begin);
    const std::unique_lock first(shards[std::min(ns.home, target)]->mutex);
    std::unique_lock<ShardMutex> second;
    if (target != ns.home) second = std::unique_lock(shards[std::max(ns.home, target)]->mutex);
    Shard& home = shards[ns.home]->shard;
    NamespacePart* part = home.part(NamespacePart::id_of(ns.index, false));
    // It may have been cleared or dropped meanwhile.
    if (ns.alive && part != nullptr && ns.boundary.load(std::memory_order_relaxed) == begin &&
        (begin != 0 || part->table.size() > kHomeEntriesMax)) {
      tried = true;
      next = home.spread_some(*part, shards[target]->shard, begin, split.shard_end(target), entries,
                              now);
      ns.boundary.store(next, std::memory_order_release);
    }
  }
  ns.spreading.clear(std::memory_order_release);
  if (next != begin) return true;
  // Without room it would wait for ever in a store that is full.
  return tried && make_room({.wanted = true, .bytes = kRoomBytesMin, .writer = &ns}, now, nullptr);
}

Store::Store(const StoreOptions& options, const Instant& now)
    : impl_(std::make_unique<Impl>(options, now)) {
}

Store::~Store() = default;

Result<GetOutcome> Store::get(NamespaceId ns, std::string_view key, const GetOptions& options,
                              const Instant& now, EntryVisitor visit) {
  return impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
    return shard.get(site, options, visit, step);
  });
}

Result<SetOutcome> Store::set(NamespaceId ns, std::string_view key, const ValueView& value,
                              const SetOptions& options, const Instant& now) {
  ValueView stored = value;
  SharedBytes large;
  if (needs_large_copy(value)) [[unlikely]] {
    // Copied before the lock is taken; nothing is evicted for what is refused anyway.
    const auto admitted = impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
      return shard.may_set(site, value, options, step);
    });
    if (!admitted) return fail(admitted.error());
    large = impl_->allocate_large(impl_->registry.state(ns.index), value.bytes.size(), now);
    if (!large) {
      return impl_->run(ns, key, now,
                        [](Shard& shard, const Site& site, Step&) -> Result<SetOutcome> {
                          shard.note_refused(site.part);
                          return fail(ErrorCode::kOutOfMemory, "no memory for the value");
                        });
    }
    std::memcpy(large.writable().data(), value.bytes.data(), value.bytes.size());
    stored.bytes = large.view();
    stored.shared = &large;
  }
  return impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
    return shard.set(site, stored, options, step);
  });
}

void Store::note_refused(NamespaceId id, std::string_view key) {
  Impl::Place place;
  NamespaceState* ns = nullptr;
  const std::unique_lock<ShardMutex> lock = impl_->lock_place(id, impl_->hash_of(key), place, ns);
  if (ns == nullptr) return;
  // No step of its own: the caller may be in one that is not done.
  Shard& shard = impl_->shards[place.shard]->shard;
  shard.note_refused(*shard.part(NamespacePart::id_of(ns->index, place.spread)));
}

Result<RemoveOutcome> Store::remove(NamespaceId ns, std::string_view key,
                                    const RemoveOptions& options, const Instant& now) {
  return impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
    return shard.remove(site, options, step);
  });
}

Result<IncrementOutcome> Store::increment(NamespaceId ns, std::string_view key,
                                          const IncrementOptions& options, const Instant& now) {
  return impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
    return shard.increment(site, options, step);
  });
}

Result<PatchOutcome> Store::patch(NamespaceId ns, std::string_view key, const Patch& patch,
                                  const Instant& now) {
  for (std::size_t attempt = 0; attempt < kLargePatchAttemptsMax; ++attempt) {
    // A large value that cannot be changed where it lies is put together without the lock, and
    // stored if nobody has changed the entry meanwhile.
    std::optional<LargePatch> parts;
    auto result = impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
      step.large_patch = &parts;
      return shard.patch(site, patch, step);
    });
    if (!parts) return result;
    SharedBytes whole = impl_->allocate_large(impl_->registry.state(ns.index), parts->length, now);
    if (!whole) break;
    parts->compose(patch, whole.writable());
    ValueView value = ValueView::from_bytes(whole.view());
    value.shared = &whole;
    SetOptions options;
    options.expiry.mode = Expiry::Mode::kKeep;
    if (parts->version != 0) {
      options.conditions.if_version = parts->version;
    } else {
      options.conditions.if_absent = true;
    }
    auto stored = set(ns, key, value, options, now);
    if (stored) return PatchOutcome{whole.view().size(), stored->version, stored->ticket};
    const ErrorCode code = stored.error().code;
    if (code != ErrorCode::kConflict && code != ErrorCode::kNotFound &&
        code != ErrorCode::kExists) {
      return fail(std::move(stored).error());
    }
  }
  return impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
    return shard.patch(site, patch, step);
  });
}

Result<ExpireOutcome> Store::expire(NamespaceId ns, std::string_view key,
                                    const ExpireOptions& options, const Instant& now) {
  return impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
    return shard.expire(site, options, step);
  });
}

Result<std::optional<EntryStats>> Store::stats(NamespaceId ns, std::string_view key,
                                               const Instant& now) {
  return impl_->run(
      ns, key, now,
      [&](Shard& shard, const Site& site, Step& step) -> Result<std::optional<EntryStats>> {
        return shard.stats(site, step);
      });
}

}  // namespace appmem::core
