#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/decimal.h"
#include "appmem/base/error.h"
#include "appmem/base/memory_budget.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/core/keyspace.h"
#include "arena.h"
#include "deadline_wheel.h"
#include "entry.h"
#include "key_hash.h"
#include "namespace_part.h"
#include "namespace_registry.h"
#include "step.h"

namespace appmem::core {

/// What all shards of a store have in common. Borrowed by them.
struct ShardContext {
  MemoryBudget& budget;
  BlobPool& blobs;
  NamespaceRegistry& registry;
  MutationSink* sink = nullptr;
  HashSplit split{};
  std::size_t shards = 1;
  std::uint64_t seed = 0;
  Version version_floor = 0;
  /// Entries count their deadlines from here.
  TimePoint epoch{};
  std::uint64_t arena_region_bytes = 0;
};

/// One key of a namespace, looked up: where it is, or would be.
struct Site {
  NamespacePart& part;
  std::string_view key;
  std::uint64_t hash;
  std::uint32_t table_hash;

  Site(NamespacePart& owner, std::string_view name, std::uint64_t hash_of_name)
      : part(owner), key(name), hash(hash_of_name), table_hash(owner.table_hash(hash_of_name)) {}
  [[nodiscard]] const NamespaceState& ns() const { return *part.ns; }
};

/// A part of the store, without its lock: entries of all namespaces whose hashes (or whose
/// namespaces) belong here.
/// Thread safety: none; the owner serialises every call.
class Shard {
 public:
  Shard(const ShardContext& context, std::size_t index);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  // --- operations on a key, as in Keyspace. kOutOfMemory with step.room.wanted: nothing has
  // changed; make room elsewhere and do it again. ---
  Result<GetOutcome> get(const Site& site, const GetOptions& options, EntryVisitor visit,
                         Step& step);
  /// Whether set() would be refused, other than for lack of room, which is to be known before room
  /// is made for a large value. Errors: set()'s, with what they count.
  Result<void> may_set(const Site& site, const ValueView& given, const SetOptions& options,
                       Step& step);
  /// Above kInlineValueBytesMax the value is shared (checked).
  Result<SetOutcome> set(const Site& site, const ValueView& given, const SetOptions& options,
                         Step& step);
  Result<RemoveOutcome> remove(const Site& site, const RemoveOptions& options, Step& step);
  Result<IncrementOutcome> increment(const Site& site, const IncrementOptions& options, Step& step);
  /// With step.large_patch, what would copy a large value is left to the caller.
  Result<PatchOutcome> patch(const Site& site, const Patch& patch, Step& step);
  Result<ExpireOutcome> expire(const Site& site, const ExpireOptions& options, Step& step);
  std::optional<EntryStats> stats(const Site& site, Step& step);

  /// Where the entry is that is first filed under `table_hash`; null: there is none. For
  /// prefetching; valid until the shard changes.
  [[nodiscard]] const void* first_entry(const NamespacePart& part, std::uint32_t table_hash) const {
    const Handle handle = part.table.first(table_hash);
    return handle == kNoHandle ? nullptr : arena_.at(handle);
  }

  // --- see Store::restore ---
  Result<void> restore(const Site& site, const EntryView& given, bool if_absent, Step& step);
  void restore_removal(const Site& site, CommitTicket ticket);
  Result<void> restore_deadline(const Site& site, std::optional<TimePoint> deadline,
                                CommitTicket ticket, Step& step);

  /// Begins a step.
  void begin_step() { ++step_; }
  /// Entries of the part that are touched from here on are not evicted in this step.
  void protect(NamespacePart& part);
  /// Frees what a change has replaced, when its step is done.
  void commit(const Journal::Record& record);
  /// Takes a change back; the last one first.
  void undo(const Journal::Record& record);
  void set_log_position(Handle handle, CommitTicket ticket) {
    entry(handle).set_log_position(ticket);
  }
  [[nodiscard]] EntryView view(Handle handle) const {
    const Entry found = entry(handle);
    const std::uint64_t deadline = found.deadline();
    EntryView shown{.key = found.key(),
                    .value = found.value(),
                    .version = context_.version_floor + found.version(),
                    .deadline = std::nullopt,
                    .ticket = found.log_position()};
    if (deadline != Entry::kNever) shown.deadline = time_of(deadline);
    return shown;
  }
  /// A block that moved, for the journal of the step in hand; null between steps.
  void use_journal(Journal* journal) { journal_ = journal; }

  /// The settings of the part's namespace have changed.
  void apply_settings(NamespacePart& part);

  // --- parts ---
  [[nodiscard]] NamespacePart* part(std::uint16_t table_id) const { return parts_[table_id].get(); }
  /// Its own memory is charged whatever the limit.
  NamespacePart& make_part(NamespaceState& ns, bool spread);
  /// Takes all entries away in constant time; drain() frees them. Returns how many.
  std::size_t detach_entries(NamespacePart& part);
  void drop_part(std::uint16_t table_id);

  struct ScanSlice {
    std::uint64_t next = 0;
    bool done = false;
    std::size_t looked = 0;
  };
  /// Shows entries of `part` with hashes from `from` on.
  ScanSlice scan(const NamespacePart& part, std::uint64_t from, std::size_t visits_max,
                 const Instant& now, FunctionRef<bool(const EntryView&)> visit) const;

  /// Makes the spread part of a namespace whose home part is `from`, in a shard that has reached
  /// `versions`. A key that comes, or comes back, gets a version above any that it ever had at
  /// home.
  NamespacePart& begin_spread(const NamespacePart& from, std::uint64_t versions);
  /// Moves entries of `from` (a home part of this shard) to the spread part of `target`, from the
  /// hash `begin` on and below `end`. Returns the hash up to which all have been moved; `begin`
  /// when there was no room.
  std::uint64_t spread_some(NamespacePart& from, Shard& target, std::uint64_t begin,
                            std::uint64_t end, std::size_t entries_max, const Instant& now);
  /// Moves the entry of `handle` from `from` here into `target`'s `to`, in the block `fresh` (or
  /// the same one, when both are this shard).
  void move_entry(NamespacePart& from, std::uint32_t table_hash, Handle handle, Shard& target,
                  NamespacePart& to, Handle fresh);

  // --- room ---
  /// Gives about `bytes` back to the budget: what was detached, free pages, sparse spans, and then
  /// entries of `victim`, if there is one. About `steps_max` evictions, or as much work of another
  /// kind: a microsecond each. Returns whether anything was done.
  bool give_back(NamespaceState* victim, std::size_t bytes, Step& step, std::size_t steps_max);
  [[nodiscard]] std::int64_t memory_of(const NamespaceState& ns) const;
  /// The namespace furthest above its equal share that `writer` may make go; null when there is
  /// none.
  [[nodiscard]] NamespaceState* choose_victim(const NamespaceState* writer) const;
  /// Evicts entries of `ns` here until about `bytes` are free or it has none left to give.
  std::size_t evict(NamespaceState& ns, std::size_t bytes, Step& step);
  /// Evicts from whichever namespace has something here.
  bool evict_whatever(const NamespaceState* writer, std::size_t bytes, Step& step);
  /// A large value, uninitialised; empty when there is no room (see step.room).
  SharedBytes make_shared(const NamespacePart& writer, std::size_t bytes, Step& step);
  void note_refused(NamespacePart& part) { ++part.counters.refused; }

  // --- background ---
  /// Frees what was detached: about `slots` table slots of it. True while there is more.
  bool drain(std::size_t slots);
  /// Removes entries whose deadline has passed; looks at about `filings`. Returns how many it has
  /// looked at.
  std::size_t reap(const Instant& now, std::size_t filings);
  bool sweep(const Instant& now, std::size_t filings);
  /// Moves the stretching of tables on by about `slots` slots. True while there is more.
  bool stretch_tables(std::size_t slots);
  /// Evicts from namespaces that are over their own ceiling. True while there is more.
  bool keep_ceilings(std::size_t entries, Step& step);
  /// Nothing has been written here for a while, as far as calls of this function can tell: time for
  /// what would not pay if writes went on.
  bool is_quiet(const Instant& now);
  /// Moves blocks so that a span comes free; false when nothing can be gained.
  bool compact_one_span();
  /// Moves what lies highest down, as Arena::lower_highest_run; false when that cannot be.
  bool lower_highest_run();

  [[nodiscard]] Arena& arena() { return arena_; }
  [[nodiscard]] const Arena& arena() const { return arena_; }
  [[nodiscard]] const DeadlineWheel& wheel() const { return wheel_; }
  [[nodiscard]] std::uint64_t versions() const { return version_; }
  /// Versions given from here on are above `version`.
  void skip_versions(std::uint64_t version) {
    if (version > version_) version_ = version;
  }
  [[nodiscard]] std::uint64_t table_bytes() const;
  [[nodiscard]] std::uint64_t keys() const;
  [[nodiscard]] std::uint64_t large_bytes() const { return large_bytes_; }
  [[nodiscard]] std::size_t index() const { return index_; }
  /// Tells the namespace's usage what has changed.
  void tell_usage(NamespacePart& part);

 private:
  enum class Made : std::uint8_t { kRoom, kElsewhere, kNothing };
  /// What room is made for: a block of the arena, or memory from the budget.
  struct Need {
    std::size_t bytes = 0;
    bool block = false;
  };

  [[nodiscard]] Entry entry(Handle handle) const { return Entry(arena_.at(handle)); }
  [[nodiscard]] std::uint64_t deadline_of(TimePoint at) const {
    if (at <= context_.epoch) return 0;
    // The latest moment that can be told from never; 8,900 years.
    const TimePoint end = context_.epoch + milliseconds{Entry::kNever};
    return at >= end ? Entry::kNever : static_cast<std::uint64_t>((at - context_.epoch).count());
  }
  [[nodiscard]] TimePoint time_of(std::uint64_t deadline) const {
    return context_.epoch + milliseconds{deadline};
  }
  [[nodiscard]] std::size_t memory_of(Handle handle) const;

  [[nodiscard]] Handle find(const Site& site) const {
    return site.part.table.find(site.table_hash,
                                [&](Handle handle) { return entry(handle).key() == site.key; });
  }
  /// Removes the entry if its time has come.
  Handle find_live(const Site& site, Step& step) {
    const Handle handle = find(site);
    if (handle == kNoHandle) return kNoHandle;
    const std::uint64_t deadline = entry(handle).deadline();
    if (deadline == Entry::kNever || deadline > deadline_of(step.now.mono)) [[likely]]
      return handle;
    remove_expired(site, handle, step);
    return kNoHandle;
  }
  void remove_expired(const Site& site, Handle handle, Step& step);
  void touch(NamespacePart& part, Entry entry, const Instant& now) {
    if (part.is_s3fifo()) [[unlikely]] {
      touch_queued(part, entry, now);
      return;
    }
    entry.set_tick(part.ticks.advance(now.mono));
  }
  /// To be called before the entry of a key (`old`; none) is changed, removed or made: who reads
  /// the namespace as of one moment may still need what it was.
  void tell_moments(const NamespacePart& part, std::uint64_t hash, std::string_view key,
                    Handle old) const {
    if (part.ns->moments != nullptr) [[unlikely]]
      keep_for_moments(part, hash, key, old);
  }
  void tell_moments(const Site& site, Handle old) const {
    tell_moments(site.part, site.hash, site.key, old);
  }
  /// The same for an entry that is there.
  void tell_moments(const NamespacePart& part, Handle old) const {
    if (part.ns->moments == nullptr) [[likely]]
      return;
    const std::string_view key = entry(old).key();
    keep_for_moments(part, hash_key(key, context_.seed), key, old);
  }
  void keep_for_moments(const NamespacePart& part, std::uint64_t hash, std::string_view key,
                        Handle old) const;
  [[nodiscard]] bool is_protected(const NamespacePart& part, std::uint32_t tick) const;

  Result<void> admit(const NamespaceState& ns, Step& step);
  /// The beginning of set(), which changes nothing: what is there now, if `value` may take its
  /// place. `value` becomes what is stored, a view into `text` where it is another.
  Result<Handle> admit_set(const Site& site, ValueView& value, DecimalText& text,
                           const SetOptions& options, Step& step);
  /// As MutationSink::readable.
  [[nodiscard]] Result<void> readable(CommitTicket ticket) const {
    if (ticket == 0) [[likely]]
      return {};
    return context_.sink->readable(ticket);
  }
  Result<void> check_value(const Site& site, std::size_t bytes);
  std::uint64_t resolve_expiry(const NamespaceState& ns, const Expiry& expiry, Handle old,
                               const Instant& now) const;
  /// The shape that `value` takes in a namespace.
  EntryShape shape_of(const Site& site, const ValueView& value, std::uint64_t deadline) const;

  /// Writes `value` in the place of `old` (or none): in its block where it fits, else in another.
  Result<Handle> put(const Site& site, Handle old, const ValueView& value, std::uint64_t deadline,
                     const EntryVisitor* show_old, Step& step, CommitTicket& ticket);
  [[nodiscard]] bool fits_in_place(Handle old, const EntryShape& shape) const;
  void overwrite(const Site& site, Handle handle, const EntryShape& shape, const ValueView& value,
                 std::uint64_t deadline, Step& step);
  void fill(const Site& site, Handle fresh, const EntryShape& shape, const ValueView& value,
            std::uint64_t deadline, Step& step);
  static void copy_value(const Entry& from, Entry& to);
  // Ways to patch a value, whose old bytes are `head`; the patch's offset is set.
  Result<Handle> patch_inline(const Site& site, Handle old, const ValueView& head,
                              const Patch& patch, Step& step, CommitTicket& ticket);
  /// False when it has to be copied: the patch is long, others hold the value, a journal needs it,
  /// or room is to be made.
  bool patch_where_it_lies(const Site& site, Handle old, const Patch& patch, std::size_t length,
                           Step& step);
  Result<Handle> patch_copy(const Site& site, Handle old, const Patch& patch, std::size_t length,
                            Step& step, CommitTicket& ticket);
  [[nodiscard]] std::uint64_t patched_deadline(const Site& site, Handle old,
                                               const Step& step) const;
  [[nodiscard]] LargePatch parts_of(Handle old, std::size_t length) const;
  /// A block for another entry beside `old`, within the namespace's ceiling and the budget. Making
  /// room may move the old entry (`old` tells where it is), but does not evict it.
  Result<Handle> make_block(const Site& site, Handle& old, const EntryShape& shape,
                            std::size_t large_bytes, Step& step);
  /// `fresh` takes the place of `old` (or none).
  CommitTicket install(const Site& site, Handle old, Handle fresh, Journal::Kind kind, Step& step);
  CommitTicket uninstall(const Site& site, Handle old, Journal::Kind kind, Step& step);
  Result<Handle> change_deadline(const Site& site, Handle old, std::uint64_t deadline, Step& step,
                                 CommitTicket& ticket);
  void set_deadline(NamespacePart& part, Handle handle, std::uint64_t deadline);
  CommitTicket tell_sink(const Site& site, Mutation::Kind kind, Handle handle, const Instant& now);
  Error out_of_memory(NamespacePart& part, Step& step,
                      const char* message = "no memory is left and nothing may be evicted");

  void add_to(NamespacePart& part, Handle handle);
  void take_from(NamespacePart& part, Handle handle);
  /// `fresh` takes the place of `old` (or none), and nobody is told.
  void put_back(const Site& site, Handle old, Handle fresh);
  /// Frees block and large value, and forgets its filing.
  void release(Handle handle);

  Handle allocate(NamespacePart& writer, std::size_t bytes, Step& step);
  /// A slot in the part's table.
  bool reserve_slot(NamespacePart& part, Step& step);
  /// Makes room and tries again, until `try_once` returns true or there is no room to be made.
  bool retry_with_room(const NamespacePart& writer, const Need& need, Step& step,
                       FunctionRef<bool()> try_once);
  Made make_room(const NamespacePart& writer, const Need& need, std::size_t attempt, Step& step);
  /// Removes entries that were put back and are over. False when there are none.
  bool reap_restored(const Instant& now);
  [[nodiscard]] bool should_compact(const Need& need, std::size_t attempt) const;
  bool within_ceiling(const Site& site, Handle old, std::size_t block_bytes,
                      std::size_t large_bytes, Step& step);
  /// Whether `writer` (or nobody, when it is null) may make entries of `ns` go.
  static bool may_evict(const NamespaceState& ns, const NamespaceState* writer);
  /// What all of it takes, in all shards.
  [[nodiscard]] std::int64_t usage_of(const NamespaceState& ns) const;
  std::size_t evict_one(NamespacePart& part, Step& step);
  std::size_t evict_least_recent(NamespacePart& part, Step& step);
  bool find_least_recent(NamespacePart& part);
  /// The entry that `victim` was, unless it was touched or has gone meanwhile.
  [[nodiscard]] Handle still_there(const NamespacePart& part, const Victim& victim) const;
  std::size_t evict_entry(NamespacePart& part, std::uint32_t table_hash, Handle handle, Step& step);
  /// Fills candidates_ with the next window of a part, or all of a small one, and returns how many
  /// of them are to go.
  std::size_t look(NamespacePart& part, NamespacePart::Victims& victims);
  void keep_oldest(std::size_t keep);
  /// Those that are left in candidates_, the oldest to go first.
  void name_victims(const NamespacePart& part, NamespacePart::Victims& victims);

  // s3fifo
  void touch_queued(NamespacePart& part, Entry entry, const Instant& now);
  /// `fresh`, which is not in the table yet, takes the place of `old`, or that of a new entry.
  void enter_queue(const Site& site, Handle old, Handle fresh);
  void move_to_main(NamespacePart& part, Entry entry);
  std::size_t evict_queued(NamespacePart& part, Step& step);
  bool find_in_small(NamespacePart& part);
  bool find_in_main(NamespacePart& part);
  /// The tick of what is queued now without being touched by the step in hand.
  [[nodiscard]] std::uint32_t queue_end(const NamespacePart& part) const;
  void make_room_for_ghosts(NamespacePart& part, Step& step);
  DeadlineWheel::Verdict judge(Handle handle, DeadlineWheel::BucketId bucket, const Instant& now);
  void moved(Handle from, Handle to);

  const ShardContext& context_;
  const std::size_t index_;
  Arena arena_;
  DeadlineWheel wheel_;
  std::array<std::unique_ptr<NamespacePart>, Entry::kTableIds> parts_;
  /// Table ids in use.
  std::vector<std::uint16_t> part_ids_;
  /// Tables of what was cleared and dropped; their entries are nobody's.
  std::vector<HashTable> dying_;
  std::uint64_t version_ = 0;
  std::uint64_t step_ = 0;
  std::uint64_t large_bytes_ = 0;
  /// What is_quiet() last saw change, and when.
  std::uint64_t seen_version_ = 0;
  std::uint64_t seen_live_bytes_ = 0;
  TimePoint changed_at_{};
  /// How often a block was moved.
  std::uint64_t moves_ = 0;
  Journal* journal_ = nullptr;
  /// What is reaped now was put back before.
  bool reaps_restored_ = false;

  /// An entry as a walk of its table meets it.
  struct Candidate {
    std::uint32_t age = 0;
    std::uint32_t table_hash = 0;
    Handle handle = kNoHandle;
    std::uint8_t uses = 0;
  };
  std::vector<Candidate> candidates_;
};

}  // namespace appmem::core
