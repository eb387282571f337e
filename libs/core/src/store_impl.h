#pragma once

#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/core/key_check.h"
#include "appmem/core/prefetch.h"
#include "appmem/core/store.h"
#include "key_hash.h"
#include "namespace_registry.h"
#include "shard.h"
#include "shard_mutex.h"

namespace appmem::core {

class BatchStep;

inline constexpr std::size_t kShardsMax = 1024;
/// A namespace spreads over all shards when its home has more entries than this.
inline constexpr std::size_t kHomeEntriesMax = 4096;

/// The shards with their locks, and what lies across shards.
///
/// Locks: shards in ascending order; then the sink's, a moment record's, the blob pool's and the
/// names'. Namespaces
/// are made, changed and dropped with all shards locked. Without a lock only atomics are read:
/// where a key lives is guessed from them and checked again under the lock.
struct Store::Impl {
  Impl(const StoreOptions& options, const Instant& now);

  struct alignas(64) LockedShard {
    LockedShard(const ShardContext& context, std::size_t index) : shard(context, index) {}
    /// Locked again by the same thread only within Store::exclusively, and by note_refused() within
    /// a step.
    ShardMutex mutex;
    Shard shard;
  };
  using Held = std::bitset<kShardsMax>;

  /// Locks every shard, in ascending order.
  class AllLocked {
   public:
    explicit AllLocked(Impl& impl);
    AllLocked(const AllLocked&) = delete;
    AllLocked& operator=(const AllLocked&) = delete;
    ~AllLocked();

   private:
    Impl& impl_;
  };

  /// Locks a set of shards, in ascending order.
  class SomeLocked {
   public:
    explicit SomeLocked(Impl& impl) : impl_(impl) {}
    SomeLocked(const SomeLocked&) = delete;
    SomeLocked& operator=(const SomeLocked&) = delete;
    ~SomeLocked() { unlock(); }

    /// Precondition: none is locked.
    void lock(const Held& wanted);
    void unlock();
    [[nodiscard]] const Held& held() const { return held_; }

   private:
    Impl& impl_;
    Held held_;
  };

  /// Tries to lock one shard after the other, and keeps the last one while it is asked for again.
  class TriedLock {
   public:
    explicit TriedLock(Impl& impl) : impl_(impl) {}

    /// Null when somebody else uses it.
    Shard* try_shard(std::size_t index) {
      if (!lock_.owns_lock() || index != index_) {
        lock_ = {};
        lock_ = std::unique_lock(impl_.shards[index]->mutex, std::try_to_lock);
        index_ = index;
      }
      return lock_.owns_lock() ? &impl_.shards[index]->shard : nullptr;
    }

   private:
    Impl& impl_;
    std::unique_lock<ShardMutex> lock_;
    std::size_t index_ = 0;
  };

  /// Where a key lives, as far as can be told without a lock.
  struct Place {
    std::size_t shard = 0;
    bool spread = false;
    friend bool operator==(const Place&, const Place&) = default;
  };
  [[nodiscard]] Place place_below(const NamespaceState& ns, std::uint64_t boundary,
                                  std::uint64_t position) const {
    if (position < boundary) return {split.shard_of(position), true};
    return {ns.home, false};
  }
  [[nodiscard]] Place place_at(const NamespaceState& ns, std::uint64_t position) const {
    return place_below(ns, ns.boundary.load(std::memory_order_acquire), position);
  }
  [[nodiscard]] Place place_of(const NamespaceState& ns, std::uint64_t hash) const {
    return place_at(ns, ns.position_of(hash));
  }
  [[nodiscard]] std::uint64_t hash_of(std::string_view key) const {
    return hash_key(key, context.seed);
  }
  static bool is(const NamespaceState& ns, NamespaceId id) { return ns.alive && ns.id() == id; }

  template <class Operation>
  using OutcomeOf = std::invoke_result_t<Operation&, Shard&, const Site&, Step&>;
  /// Runs `operation(Shard&, const Site&, Step&)` under the lock of the key's shard; makes room in
  /// other shards and runs it again when it asks for that.
  template <class Operation>
  auto run(NamespaceId id, std::string_view key, const Instant& now, Operation&& operation)
      -> OutcomeOf<Operation>;
  template <class Operation>
  auto run_until_there_is_room(NamespaceId id, std::string_view key, const Instant& now,
                               Operation& operation) -> OutcomeOf<Operation>;
  /// `crowded` is set where the namespace was too large for its home before the operation; spread()
  /// looks again.
  template <class Operation>
  auto run_once(NamespaceId id, std::string_view key, std::uint64_t hash, Place& place,
                NamespaceState*& crowded, Step& step, Operation& operation) -> OutcomeOf<Operation>;

  /// Locks the shard where a key is. `found` is its namespace, null where that is not there;
  /// `place` then says nothing, and the lock may be held or not.
  std::unique_lock<ShardMutex> lock_place(NamespaceId id, std::uint64_t hash, Place& place,
                                          NamespaceState*& found);
  /// Out of line, or each operation would set up a frame for its loop.
  [[gnu::noinline, gnu::cold]] NamespaceState* lock_moved_place(NamespaceId id, std::uint64_t hash,
                                                                Place& place,
                                                                std::unique_lock<ShardMutex>& lock);
  bool make_room_for(NamespaceId id, const Place& place, std::size_t round, const Step& step,
                     const Instant& now);

  void prefetch_slots(std::span<const Prefetch::Key> keys);
  void prefetch_entries(std::span<const Prefetch::Key> keys);
  template <class AddressOf>
  void prefetch(std::span<const Prefetch::Key> keys, AddressOf&& address_of);

  /// Frees memory somewhere, as `room` asks. `held` are shards that the caller has locked; others
  /// are then only tried. Returns whether anything was freed.
  bool make_room(const Step::Room& room, const Instant& now, const Held* held);
  /// A large value, for a write into `writer` (null: not known yet); empty when there is no memory.
  SharedBytes allocate_large(NamespaceState* writer, std::size_t bytes, const Instant& now);
  bool try_charge(std::size_t bytes, const Instant& now);
  Result<void> restore(NamespaceId ns, const EntryView& entry, bool if_absent, const Instant& now);
  /// All shards are locked, and `ns` is empty and at home: it lives in all shards from here on.
  void spread_empty(NamespaceState& ns);

  Result<CommitTicket> run_batch(BatchStep& batch, const Held& held, const Instant& now,
                                 FunctionRef<Result<void>(Batch&)> body);

  [[nodiscard]] bool may_spread(const NamespaceState& ns);
  /// Moves a namespace on its way from its home to all shards, by about `entries`.
  /// Returns whether there is more to do and it got on.
  bool spread(NamespaceState& ns, std::size_t entries, const Instant& now);

  /// Those who read `ns` as it was at one moment have to begin again: it is about to be cleared or
  /// dropped. All shards are locked.
  static void break_moments(NamespaceState& ns);

  /// Nothing when it is gone.
  [[nodiscard]] std::optional<NamespaceInfo> info(NamespaceId id);
  /// Of `ns`, in the order of shards; all shards are locked.
  template <class Visit>
  void for_each_part(const NamespaceState& ns, Visit&& visit);
  /// What the shards of one call of maintain() do together: each would take long in all of them.
  struct SharedWork {
    std::size_t spans = 0;
    std::size_t purge_bytes = 0;
  };
  bool maintain_shard(std::size_t index, const Instant& now, const WorkBudget& work,
                      SharedWork& shared);

  MemoryBudget budget;
  BlobPool blobs;
  HashSplit split;
  NamespaceRegistry registry;
  ShardContext context;
  std::vector<std::unique_ptr<LockedShard>> shards;
  /// How many are reading as of one moment. Changed with all shards locked.
  std::atomic<std::size_t> moments{0};
  /// Where the search for room begins, so that all shards give alike.
  std::atomic<std::size_t> room_next{0};
  std::atomic<std::size_t> maintain_next{0};
};

/// Whether the bytes have to be copied into a large value of their own before they are stored.
inline bool needs_large_copy(const ValueView& value) {
  if (value.kind == ValueKind::kInteger || value.bytes.size() <= kInlineValueBytesMax) return false;
  return value.shared == nullptr || value.shared->view().data() != value.bytes.data() ||
         value.shared->view().size() != value.bytes.size();
}

/// Error of an operation on a namespace that is not there.
inline tl::unexpected<Error> no_such_namespace() {
  return fail(ErrorCode::kNotFound, "no such namespace");
}

template <class Visit>
void Store::Impl::for_each_part(const NamespaceState& ns, Visit&& visit) {
  for (const auto& locked : shards) {
    for (const bool spread : {false, true}) {
      NamespacePart* part = locked->shard.part(NamespacePart::id_of(ns.index, spread));
      if (part != nullptr) visit(locked->shard, *part);
    }
  }
}

}  // namespace appmem::core
