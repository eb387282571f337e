#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/core/keyspace.h"
#include "appmem/core/namespace.h"

namespace appmem::core {

struct StoreOptions {
  std::uint64_t max_memory_bytes = 0;  // required
  std::size_t value_bytes_max = 16_MiB;
  /// A power of two; 0 chooses by `threads` and memory.
  std::size_t shards = 0;
  /// How many threads will use the store at once.
  std::size_t threads = 1;
  /// Seeds the key hash, so that nobody can prepare colliding keys. Random in production.
  std::uint64_t seed = 0;
  /// Every version is above it. In production from the wall clock, hence above any earlier run's;
  /// at most 2^52.
  Version version_floor = 0;
  /// Versions from so far below `version_floor` can be restored as they were; at most 2^47. An
  /// entry whose version is older gets a new one.
  Version version_reach = 0;
  /// Receives the changes of namespaces whose `persist` is not kNone. Without one such namespaces
  /// are refused with kUnavailable. Borrowed; must outlive the store.
  MutationSink* sink = nullptr;
};

/// Tables that restore_begins() makes have room for this part more, and so many.
inline constexpr std::uint64_t kRestoreSlackPart = 64;
inline constexpr std::uint64_t kRestoreSlackEntries = 64;

/// One key of an atomic step.
struct KeyRef {
  NamespaceId ns;
  std::string_view key;
};

/// Which keys a pass returns next: those whose hash is at least this; 0 begins.
using ScanCursor = std::uint64_t;

struct ScanStep {
  ScanCursor next = 0;
  bool done = false;
};

/// How much background work one call may do.
struct WorkBudget {
  /// About this many entries looked at or freed, and pages or table slots in proportion.
  std::size_t steps = 2'000;
};

struct StoreStats {
  std::uint64_t memory_used = 0;
  std::uint64_t memory_limit = 0;
  std::uint64_t entries_live_bytes = 0;  // live blocks as allocated
  std::uint64_t table_bytes = 0;
  std::uint64_t large_bytes = 0;
  std::uint64_t keys = 0;
  std::size_t shards = 0;
  /// How late the reaper is: age of the oldest deadline that has passed and is not yet reaped.
  std::chrono::milliseconds expiry_lag{0};
};

/// Single-key operations inside one atomic step; valid until the step's body returns.
using Batch = Keyspace;

/// The store. Thread safety: all public functions, from any thread. Operations on different shards
/// run in parallel; no call holds more than what it needs, and multi-key steps lock in ascending
/// order, so there is no deadlock.
class Store final : public Keyspace {
 public:
  /// Preconditions (checked): max_memory_bytes > 0, shards 0 or a power of two.
  Store(const StoreOptions& options, const Instant& now);
  ~Store() override;

  // --- single keys (see Keyspace) ---
  Result<GetOutcome> get(NamespaceId ns, std::string_view key, const GetOptions& options,
                         const Instant& now, EntryVisitor visit) override;
  Result<SetOutcome> set(NamespaceId ns, std::string_view key, const ValueView& value,
                         const SetOptions& options, const Instant& now) override;
  Result<RemoveOutcome> remove(NamespaceId ns, std::string_view key, const RemoveOptions& options,
                               const Instant& now) override;
  Result<IncrementOutcome> increment(NamespaceId ns, std::string_view key,
                                     const IncrementOptions& options, const Instant& now) override;
  Result<PatchOutcome> patch(NamespaceId ns, std::string_view key, const Patch& patch,
                             const Instant& now) override;
  Result<ExpireOutcome> expire(NamespaceId ns, std::string_view key, const ExpireOptions& options,
                               const Instant& now) override;
  Result<std::optional<EntryStats>> stats(NamespaceId ns, std::string_view key,
                                          const Instant& now) override;

  /// Counts a write of `key` that the caller refuses, for the sake of the namespace's type, before
  /// the store is asked. May be called within an atomic step that has the key.
  void note_refused(NamespaceId id, std::string_view key);

  // --- many keys ---

  /// Runs `body` with all shards of `keys` locked. What it does takes effect as one: nobody sees a
  /// part of it, the sink gets one record, and when it returns an error everything is undone (only
  /// evictions that made room stay). The body may touch no other keys (checked).
  /// Returns the ticket of the record, or the body's error unchanged.
  Result<CommitTicket> atomically(std::span<const KeyRef> keys, const Instant& now,
                                  FunctionRef<Result<void>(Batch&)> body);

  /// As atomically(), with everything locked and any key allowed: for steps that learn only on the
  /// way which keys they touch. Nobody else does anything meanwhile, so keep it short.
  Result<CommitTicket> atomically_on_all(const Instant& now,
                                         FunctionRef<Result<void>(Batch&)> body);

  /// Runs `body` with everything locked. It may call all functions of the store, from this thread
  /// only, and nobody sees what stands between them; each is a step of its own, for the sink too.
  /// Nobody else does anything meanwhile, so keep it short. `body` must not wait for a lock that
  /// others hold while they call the store.
  void exclusively(FunctionRef<void()> body);

  // --- passes over a namespace, in slices ---

  /// Shows live entries in the order of their hashes, from `cursor` on, looking at about
  /// `visits_max` of them (at least one); stops early when `visit` returns false, after the entry
  /// shown and those with the same hash. An entry present throughout a pass is shown exactly
  /// once, whatever is written meanwhile. Errors: kNotFound.
  Result<ScanStep> scan(NamespaceId id, ScanCursor cursor, std::size_t visits_max,
                        const Instant& now, FunctionRef<bool(const EntryView&)> visit);

  // --- namespaces ---

  /// Errors: kExists, kInvalidRequest (name), kTooLarge (kNamespacesMax; a budget over the
  /// store's), kUnavailable (durable without a sink), kOutOfMemory (reservations exceed the
  /// limit).
  Result<NamespaceId> create_namespace(std::string_view name, const NamespaceSettings& settings,
                                       const Instant& now);
  /// Replaces the settings. A change of `type` needs an empty namespace (kConflict). A lower
  /// ceiling takes effect at once for writes and is reached by eviction in maintain().
  Result<void> alter_namespace(NamespaceId id, const NamespaceSettings& settings,
                               const Instant& now);
  /// Constant time; memory comes back in maintain(). `default` cannot be dropped (kInvalidRequest).
  Result<void> drop_namespace(NamespaceId id, const Instant& now);
  /// Constant time; returns how many keys went, with those that had expired but were not yet met.
  /// Memory comes back in maintain().
  Result<std::uint64_t> clear_namespace(NamespaceId id, const Instant& now);
  /// Exchanges what two namespaces hold, their settings and counters included, as one step and in
  /// constant time; ids and names stay where they are. A pass goes on over the other keys.
  /// Errors: kNotFound, kUnavailable (one of them is persistent).
  Result<void> swap_namespaces(NamespaceId one, NamespaceId other, const Instant& now);

  [[nodiscard]] std::optional<NamespaceId> find_namespace(std::string_view name) const;
  /// Settings only, for the hot path. Errors: kNotFound.
  Result<NamespaceSettings> namespace_settings(NamespaceId ns) const;
  Result<NamespaceInfo> namespace_info(NamespaceId ns, const Instant& now);
  /// All, sorted by name.
  std::vector<NamespaceInfo> list_namespaces(const Instant& now);

  /// The ticket of the latest change of any durable namespace; 0 without a sink.
  [[nodiscard]] CommitTicket latest_ticket() const;
  /// Whether what was written under it may be shown. Errors: as MutationSink::readable.
  [[nodiscard]] Result<void> latest_readable() const;

  // --- what storage puts back at the start. The sink is not told and nothing is counted. Changes
  // are restored in the order of their tickets; one that is older than the entry that is there
  // changes nothing. An entry whose deadline has passed is kept for a change that gives it another;
  // it goes only where its shard finds no other room, and a change that would have needed it then
  // is kOutOfMemory. Errors: kNotFound (no such namespace), kOutOfMemory. ---

  /// About so many entries will follow: a namespace that is empty gets its tables at once in the
  /// size for them. Entries may then come in the order of a scan, which would fill one end of a
  /// table that grows with them, at a cost that grows with its square. Errors: kOutOfMemory: so
  /// many cannot be held.
  Result<void> restore_begins(NamespaceId ns, std::uint64_t entries);
  Result<void> restore(NamespaceId ns, const EntryView& entry, const Instant& now);
  /// Unless there is one with this key.
  Result<void> restore_if_absent(NamespaceId ns, const EntryView& entry, const Instant& now);
  Result<void> restore_removal(NamespaceId ns, std::string_view key, CommitTicket ticket,
                               const Instant& now);
  Result<void> restore_deadline(NamespaceId ns, std::string_view key,
                                std::optional<TimePoint> deadline, CommitTicket ticket,
                                const Instant& now);
  /// Removes all entries that are older.
  Result<void> restore_clear(NamespaceId ns, CommitTicket ticket, const Instant& now);

  // --- background ---

  /// Reaps due entries, grows and shrinks tables, spreads growing namespaces, frees what was
  /// dropped, evicts down to limits, compacts: at most about `budget` for each shard in
  /// {first, first + stride, …}. Returns true while work is waiting, so that the caller comes back
  /// soon; otherwise a call each 100 ms keeps expiry prompt.
  bool maintain(std::size_t first, std::size_t stride, const Instant& now, WorkBudget budget);

  [[nodiscard]] StoreStats store_stats(const Instant& now) const;
  [[nodiscard]] std::size_t shard_count() const;
  /// StoreOptions::seed. Scans go by the hash that it gives; see restore_begins().
  [[nodiscard]] std::uint64_t hash_seed() const;
  /// Where `key` lives in `ns` once that is spread over the shards. It never changes while the
  /// namespace is there.
  [[nodiscard]] std::size_t shard_of(NamespaceId ns, std::string_view key) const;
  /// Charged for everything the store holds; sessions charge their buffers to it too.
  [[nodiscard]] MemoryBudget& memory();
  /// Memory for a value over kInlineValueBytesMax, uninitialised, to be filled and then set without
  /// a copy. Evicts until it fits; empty when nothing may be evicted.
  [[nodiscard]] SharedBytes allocate_large(std::size_t bytes, const Instant& now);
  /// Takes so much from the budget, for memory of the caller's, who releases it. Evicts until it
  /// fits; false, and nothing is taken, when nothing may be evicted. Not within an atomic step.
  [[nodiscard]] bool try_charge(std::size_t bytes, const Instant& now);

 private:
  friend class BatchStep;
  friend class MomentRead;
  friend class MomentScan;
  friend class Prefetch;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace appmem::core
