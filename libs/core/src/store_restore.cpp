// Store: what storage puts back at the start.

#include "appmem/core/store.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "store_impl.h"
#include "store_run.h"

namespace appmem::core {
namespace {

/// Entries that one slice of restore_clear looks at.
constexpr std::size_t kClearSliceMax = 4096;
/// An entry takes more than this, with its slot and whatever it holds.
constexpr std::uint64_t kEntryMemoryMin = 24;

}  // namespace

CommitTicket Store::latest_ticket() const {
  return impl_->context.sink == nullptr ? 0 : impl_->context.sink->latest();
}

Result<void> Store::latest_readable() const {
  MutationSink* const sink = impl_->context.sink;
  return sink == nullptr ? Result<void>() : sink->readable(sink->latest());
}

Result<void> Store::restore_begins(NamespaceId ns, std::uint64_t entries) {
  if (entries == 0) return {};
  const Impl::AllLocked lock(*impl_);
  NamespaceState* const state = impl_->registry.state(ns.index);
  if (state == nullptr || !Impl::is(*state, ns)) return {};
  bool is_empty = true;
  impl_->for_each_part(*state, [&](const Shard& /*shard*/, const NamespacePart& part) {
    is_empty = is_empty && part.table.empty();
  });
  if (!is_empty) return {};
  const std::uint64_t free =
      impl_->budget.limit() - std::min(impl_->budget.limit(), impl_->budget.used());
  if (entries > free / kEntryMemoryMin) {
    return fail(ErrorCode::kOutOfMemory,
                std::to_string(entries) + " entries cannot be held in the " + std::to_string(free) +
                    " bytes that are left of max-memory");
  }
  const std::size_t shards = impl_->shards.size();
  const bool spreads = shards > 1 && entries > kHomeEntriesMax;
  if (spreads && state->boundary.load() == 0) impl_->spread_empty(*state);
  if ((state->boundary.load() != 0) != spreads) return {};
  const auto with_slack = [](std::uint64_t count) {
    return count + count / kRestoreSlackPart + kRestoreSlackEntries;
  };
  // Hashes do not fall into the shards quite alike.
  const std::uint64_t most = with_slack(entries);
  const std::uint64_t share = spreads ? with_slack(most / shards) : most;
  impl_->for_each_part(*state, [&](const Shard& /*shard*/, NamespacePart& part) {
    if (part.is_spread() == spreads) part.table.reserve(share);
  });
  return {};
}

void Store::Impl::spread_empty(NamespaceState& ns) {
  Shard& home = shards[ns.home]->shard;
  const NamespacePart& from = *home.part(NamespacePart::id_of(ns.index, false));
  for (const auto& locked : shards)
    locked->shard.begin_spread(from, home.versions());
  ns.boundary.store(kHashEnd, std::memory_order_release);
}

Result<void> Store::restore(NamespaceId ns, const EntryView& entry, const Instant& now) {
  return impl_->restore(ns, entry, false, now);
}

Result<void> Store::restore_if_absent(NamespaceId ns, const EntryView& entry, const Instant& now) {
  return impl_->restore(ns, entry, true, now);
}

Result<void> Store::Impl::restore(NamespaceId ns, const EntryView& entry, bool if_absent,
                                  const Instant& now) {
  EntryView stored = entry;
  SharedBytes large;
  if (needs_large_copy(entry.value)) {
    large = allocate_large(registry.state(ns.index), entry.value.bytes.size(), now);
    if (!large) return fail(ErrorCode::kOutOfMemory, "no memory for the value");
    std::memcpy(large.writable().data(), entry.value.bytes.data(), entry.value.bytes.size());
    stored.value.bytes = large.view();
    stored.value.shared = &large;
  }
  return run(ns, entry.key, now, [&](Shard& shard, const Site& site, Step& step) {
    return shard.restore(site, stored, if_absent, step);
  });
}

Result<void> Store::restore_removal(NamespaceId ns, std::string_view key, CommitTicket ticket,
                                    const Instant& now) {
  return impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step&) -> Result<void> {
    shard.restore_removal(site, ticket);
    return {};
  });
}

Result<void> Store::restore_deadline(NamespaceId ns, std::string_view key,
                                     std::optional<TimePoint> deadline, CommitTicket ticket,
                                     const Instant& now) {
  return impl_->run(ns, key, now, [&](Shard& shard, const Site& site, Step& step) {
    return shard.restore_deadline(site, deadline, ticket, step);
  });
}

Result<void> Store::restore_clear(NamespaceId ns, CommitTicket ticket, const Instant& now) {
  ScanCursor cursor = 0;
  for (;;) {
    std::vector<std::string> keys;
    const auto collect = [&](const EntryView& entry) {
      if (entry.ticket <= ticket) keys.emplace_back(entry.key);
      return true;
    };
    const auto step = scan(ns, cursor, kClearSliceMax, now, collect);
    if (!step) return fail(step.error());
    for (const std::string& key : keys) {
      if (auto removed = restore_removal(ns, key, ticket, now); !removed) return removed;
    }
    if (step->done) return {};
    cursor = step->next;
  }
}

}  // namespace appmem::core
