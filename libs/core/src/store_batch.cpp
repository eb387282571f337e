// Store: several operations as one atomic step.

#include <algorithm>
#include <bit>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>

#include "appmem/base/check.h"
#include "store_impl.h"

namespace appmem::core {
namespace {

/// Up to this many keys, one that does not come in its turn is looked for one by one.
constexpr std::size_t kSearchedKeysMax = 16;
/// How often room is made for one operation of a batch in other shards.
constexpr std::size_t kBatchRoomRoundsMax = 64;

}  // namespace

/// The operations as the body of an atomic step sees them.
/// Thread safety: none. Lifetime: Impl::atomically's.
class BatchStep final : public Keyspace {
 public:
  /// With `keys` null, any key may be touched.
  BatchStep(Store::Impl& impl, const std::span<const KeyRef>* keys,
            const std::vector<std::uint64_t>& hashes, const Store::Impl::Held& held)
      : impl_(impl), keys_(keys), hashes_(hashes), held_(held) {}

  Result<GetOutcome> get(NamespaceId ns, std::string_view key, const GetOptions& options,
                         const Instant& now, EntryVisitor visit) override {
    return run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
      return shard.get(site, options, visit, step);
    });
  }

  Result<SetOutcome> set(NamespaceId ns, std::string_view key, const ValueView& value,
                         const SetOptions& options, const Instant& now) override {
    return run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) -> Result<SetOutcome> {
      if (!needs_large_copy(value)) return shard.set(site, value, options, step);
      if (auto admitted = shard.may_set(site, value, options, step); !admitted) {
        return fail(std::move(admitted).error());
      }
      SharedBytes large = shard.make_shared(site.part, value.bytes.size(), step);
      if (!large) return fail(ErrorCode::kOutOfMemory, "no memory for the value");
      std::memcpy(large.writable().data(), value.bytes.data(), value.bytes.size());
      ValueView stored = value;
      stored.bytes = large.view();
      stored.shared = &large;
      return shard.set(site, stored, options, step);
    });
  }

  Result<RemoveOutcome> remove(NamespaceId ns, std::string_view key, const RemoveOptions& options,
                               const Instant& now) override {
    return run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
      return shard.remove(site, options, step);
    });
  }

  Result<IncrementOutcome> increment(NamespaceId ns, std::string_view key,
                                     const IncrementOptions& options, const Instant& now) override {
    return run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
      return shard.increment(site, options, step);
    });
  }

  Result<PatchOutcome> patch(NamespaceId ns, std::string_view key, const Patch& patch,
                             const Instant& now) override {
    return run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
      return shard.patch(site, patch, step);
    });
  }

  Result<ExpireOutcome> expire(NamespaceId ns, std::string_view key, const ExpireOptions& options,
                               const Instant& now) override {
    return run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
      return shard.expire(site, options, step);
    });
  }

  Result<void> all_or_none(FunctionRef<Result<void>()> body) override {
    const std::size_t records = journal_.records.size();
    auto done = body();
    if (!done) undo_to(records);
    return done;
  }

  Result<std::optional<EntryStats>> stats(NamespaceId ns, std::string_view key,
                                          const Instant& now) override {
    return run(
        ns, key, now,
        [&](Shard& shard, const Site& site, Step& step) -> Result<std::optional<EntryStats>> {
          return shard.stats(site, step);
        });
  }

  /// Hands all changes to the sink as one, and frees what they replaced.
  CommitTicket commit(const Instant& now);
  /// Undoes all but the first `records` changes.
  void undo_to(std::size_t records);
  Journal& journal() { return journal_; }

 private:
  template <class Operation>
  auto run(NamespaceId id, std::string_view key, const Instant& now, Operation&& operation)
      -> decltype(operation(std::declval<Shard&>(), std::declval<const Site&>(),
                            std::declval<Step&>()));
  /// Which of the named keys it is; checked to be one.
  std::size_t index_of(NamespaceId ns, std::string_view key);
  void make_index();

  Store::Impl& impl_;
  const std::span<const KeyRef>* keys_;
  const std::vector<std::uint64_t>& hashes_;
  const Store::Impl::Held& held_;
  Journal journal_;
  /// Where the next key is expected: bodies mostly go through their keys in order.
  std::size_t next_ = 0;
  /// Open addressing by hash, of positions + 1; made when it is needed.
  std::vector<std::uint32_t> index_;
  /// Copies of keys that nobody named; the journal points to them.
  std::deque<std::string> key_copies_;
};

std::size_t BatchStep::index_of(NamespaceId ns, std::string_view key) {
  const std::span<const KeyRef> keys = *keys_;
  const auto is_at = [&](std::size_t at) {
    return keys[at].ns == ns && keys[at].key == key;
  };
  for (const std::size_t expected : {next_, next_ == 0 ? next_ : next_ - 1}) {
    if (expected < keys.size() && is_at(expected)) {
      next_ = expected + 1;
      return expected;
    }
  }
  if (keys.size() <= kSearchedKeysMax) {
    for (std::size_t at = 0; at < keys.size(); ++at) {
      if (!is_at(at)) continue;
      next_ = at + 1;
      return at;
    }
  } else {
    if (index_.empty()) make_index();
    const std::size_t mask = index_.size() - 1;
    for (std::size_t slot = impl_.hash_of(key) & mask; index_[slot] != 0;
         slot = (slot + 1) & mask) {
      const std::size_t at = index_[slot] - 1;
      if (!is_at(at)) continue;
      next_ = at + 1;
      return at;
    }
  }
  constexpr bool kKeyWasNamed = false;
  APPMEM_CHECK(kKeyWasNamed);
  return 0;
}

void BatchStep::make_index() {
  index_.resize(std::bit_ceil(keys_->size() * 2));
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = 0; at < keys_->size(); ++at) {
    std::size_t slot = hashes_[at] & mask;
    while (index_[slot] != 0)
      slot = (slot + 1) & mask;
    index_[slot] = static_cast<std::uint32_t>(at + 1);
  }
}

template <class Operation>
auto BatchStep::run(NamespaceId id, std::string_view key, const Instant& now, Operation&& operation)
    -> decltype(operation(std::declval<Shard&>(), std::declval<const Site&>(),
                          std::declval<Step&>())) {
  if (auto checked = check_key(key); !checked) return fail(std::move(checked).error());
  NamespaceState* const ns = impl_.registry.state(id.index);
  if (ns == nullptr) return no_such_namespace();
  std::uint64_t hash = 0;
  if (keys_ != nullptr) {
    const std::size_t at = index_of(id, key);
    hash = hashes_[at];
    key = (*keys_)[at].key;
  } else {
    hash = impl_.hash_of(key);
    key = key_copies_.emplace_back(key);
  }
  if (!Store::Impl::is(*ns, id)) return no_such_namespace();
  const auto place = impl_.place_of(*ns, hash);
  APPMEM_CHECK(held_.test(place.shard));
  Shard& shard = impl_.shards[place.shard]->shard;
  NamespacePart& part = *shard.part(NamespacePart::id_of(ns->index, place.spread));
  shard.protect(part);  // what a batch has seen is not evicted under its hands
  const Site site(part, key, hash);
  for (std::size_t round = 0;; ++round) {
    Step step{.now = now, .journal = &journal_};
    auto result = operation(shard, site, step);
    if (result || !step.room.wanted) return result;
    // The locks are kept: other shards are only tried, and at last it has to do without them.
    if (round < kBatchRoomRoundsMax && impl_.make_room(step.room, now, &held_)) continue;
    Step last{.now = now, .journal = &journal_, .local_only = true};
    return operation(shard, site, last);
  }
}

CommitTicket BatchStep::commit(const Instant& now) {
  std::vector<Mutation> mutations;
  for (const Journal::Record& record : journal_.records) {
    if (record.kind == Journal::Kind::kExpired || !record.part->ns->logged()) continue;
    Mutation mutation;
    mutation.ns = record.part->ns->id();
    mutation.key = record.key;
    if (record.after == kNoHandle) {
      mutation.kind = Mutation::Kind::kDelete;
    } else {
      const EntryView shown = record.shard->view(record.after);
      mutation.deadline = shown.deadline;
      mutation.kind = Mutation::Kind::kExpire;
      if (record.kind == Journal::Kind::kSet) {
        mutation.kind = Mutation::Kind::kSet;
        mutation.value = shown.value;
        mutation.version = shown.version;
      }
    }
    mutations.push_back(mutation);
  }
  CommitTicket ticket = 0;
  if (!mutations.empty()) {
    ticket = impl_.context.sink->append(mutations, now);
    for (const Journal::Record& record : journal_.records) {
      if (record.kind == Journal::Kind::kExpired || !record.part->ns->logged()) continue;
      if (record.after != kNoHandle) {
        record.shard->set_log_position(record.after, ticket);
      } else {
        record.part->deleted_at = ticket;
      }
    }
  }
  for (const Journal::Record& record : journal_.records)
    record.shard->commit(record);
  return ticket;
}

void BatchStep::undo_to(std::size_t records) {
  while (journal_.records.size() > records) {
    const Journal::Record& last = journal_.records.back();
    last.shard->undo(last);
    journal_.pop();
  }
}

Result<CommitTicket> Store::atomically(std::span<const KeyRef> keys, const Instant& now,
                                       FunctionRef<Result<void>(Batch&)> body) {
  std::vector<std::uint64_t> hashes(keys.size());
  for (std::size_t at = 0; at < keys.size(); ++at)
    hashes[at] = impl_->hash_of(keys[at].key);
  Impl::SomeLocked locked(*impl_);
  for (;;) {
    Impl::Held wanted;
    for (std::size_t at = 0; at < keys.size(); ++at) {
      const NamespaceState* const ns = impl_->registry.state(keys[at].ns.index);
      if (ns != nullptr) wanted.set(impl_->place_of(*ns, hashes[at]).shard);
    }
    locked.lock(wanted);
    // Now that they are locked, no key can leave them.
    bool all = true;
    for (std::size_t at = 0; all && at < keys.size(); ++at) {
      const NamespaceState* const ns = impl_->registry.state(keys[at].ns.index);
      all = ns == nullptr || locked.held().test(impl_->place_of(*ns, hashes[at]).shard);
    }
    if (all) break;
    locked.unlock();
  }
  BatchStep batch(*impl_, &keys, hashes, locked.held());
  return impl_->run_batch(batch, locked.held(), now, body);
}

Result<CommitTicket> Store::atomically_on_all(const Instant& now,
                                              FunctionRef<Result<void>(Batch&)> body) {
  Impl::SomeLocked locked(*impl_);
  Impl::Held all;
  for (std::size_t index = 0; index < impl_->shards.size(); ++index)
    all.set(index);
  locked.lock(all);
  const std::vector<std::uint64_t> none;
  BatchStep batch(*impl_, nullptr, none, locked.held());
  return impl_->run_batch(batch, locked.held(), now, body);
}

void Store::exclusively(FunctionRef<void()> body) {
  const Impl::AllLocked locked(*impl_);
  body();
}

Result<CommitTicket> Store::Impl::run_batch(BatchStep& batch, const Held& held, const Instant& now,
                                            FunctionRef<Result<void>(Batch&)> body) {
  const auto for_held = [&](auto&& visit) {
    for (std::size_t index = 0; index < shards.size(); ++index) {
      if (held.test(index)) visit(shards[index]->shard);
    }
  };
  for_held([&](Shard& shard) {
    shard.begin_step();
    shard.use_journal(&batch.journal());
  });
  auto done = body(batch);
  CommitTicket ticket = 0;
  if (done) {
    ticket = batch.commit(now);
  } else {
    batch.undo_to(0);
  }
  for_held([](Shard& shard) { shard.use_journal(nullptr); });
  if (!done) return fail(std::move(done).error());
  return ticket;
}

}  // namespace appmem::core
