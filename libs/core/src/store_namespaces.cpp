// Store: making, changing, dropping and describing namespaces.

#include <algorithm>
#include <mutex>
#include <utility>

#include "appmem/core/store.h"
#include "store_impl.h"

namespace appmem::core {
namespace {

/// How often a count over all parts is taken again because keys moved between them meanwhile.
constexpr std::size_t kInfoAttemptsMax = 8;

void add(NamespaceCounters& sum, const NamespaceCounters& part) {
  sum.gets += part.gets;
  sum.hits += part.hits;
  sum.misses += part.misses;
  sum.sets += part.sets;
  sum.deletes += part.deletes;
  sum.evictions += part.evictions;
  sum.expirations += part.expirations;
  sum.refused += part.refused;
}

}  // namespace

Result<NamespaceId> Store::create_namespace(std::string_view name,
                                            const NamespaceSettings& settings, const Instant& now) {
  const Impl::AllLocked lock(*impl_);
  if (auto checked = impl_->registry.check_new(name, settings); !checked) {
    return fail(std::move(checked).error());
  }
  const bool durable = settings.persist != Persistence::kNone;
  if (durable) {
    if (auto admitted = impl_->context.sink->admit(); !admitted) {
      return fail(std::move(admitted).error());
    }
  }
  NamespaceState& made = impl_->registry.create(name, settings);
  NamespacePart& part = impl_->shards[made.home]->shard.make_part(made, false);
  if (durable) {
    Mutation mutation;
    mutation.kind = Mutation::Kind::kCreate;
    mutation.ns = made.id();
    mutation.name = made.name;
    mutation.settings = &made.settings;
    part.deleted_at = impl_->context.sink->append({&mutation, 1}, now);
  }
  return made.id();
}

Result<void> Store::alter_namespace(NamespaceId id, const NamespaceSettings& settings,
                                    const Instant& now) {
  const Impl::AllLocked lock(*impl_);
  NamespaceState* const ns = impl_->registry.state(id.index);
  if (ns == nullptr || !Impl::is(*ns, id)) return no_such_namespace();
  if (auto checked = impl_->registry.check(settings, ns); !checked) return checked;
  std::size_t keys = 0;
  impl_->for_each_part(*ns,
                       [&](Shard& /*shard*/, NamespacePart& part) { keys += part.table.size(); });
  if (keys > 0 && settings.type != ns->settings.type) {
    return fail(ErrorCode::kConflict, "the type of a namespace that has keys cannot be changed");
  }
  const bool durable = ns->durable() || settings.persist != Persistence::kNone;
  if (durable) {
    if (auto admitted = impl_->context.sink->admit(); !admitted) return admitted;
  }
  impl_->registry.alter(*ns, settings);
  impl_->for_each_part(*ns, [](Shard& shard, NamespacePart& part) { shard.apply_settings(part); });
  if (durable) {
    Mutation mutation;
    mutation.kind = Mutation::Kind::kAlter;
    mutation.ns = id;
    mutation.name = ns->name;
    mutation.settings = &ns->settings;
    mutation.has_entries = keys > 0;
    impl_->context.sink->append({&mutation, 1}, now);
  }
  return {};
}

Result<void> Store::drop_namespace(NamespaceId id, const Instant& now) {
  if (id == kDefaultNamespace) {
    return fail(ErrorCode::kInvalidRequest, "the namespace \"default\" cannot be dropped");
  }
  const Impl::AllLocked lock(*impl_);
  NamespaceState* const ns = impl_->registry.state(id.index);
  if (ns == nullptr || !Impl::is(*ns, id)) return no_such_namespace();
  if (ns->durable()) {
    if (auto admitted = impl_->context.sink->admit(); !admitted) return admitted;
    Mutation mutation;
    mutation.kind = Mutation::Kind::kDrop;
    mutation.ns = id;
    impl_->context.sink->append({&mutation, 1}, now);
  }
  Impl::break_moments(*ns);
  for (const auto& locked : impl_->shards) {
    for (const bool spread : {false, true}) {
      const std::uint16_t table = NamespacePart::id_of(ns->index, spread);
      if (locked->shard.part(table) != nullptr) locked->shard.drop_part(table);
    }
  }
  impl_->registry.drop(*ns);
  return {};
}

Result<std::uint64_t> Store::clear_namespace(NamespaceId id, const Instant& now) {
  const Impl::AllLocked lock(*impl_);
  NamespaceState* const ns = impl_->registry.state(id.index);
  if (ns == nullptr || !Impl::is(*ns, id)) return no_such_namespace();
  CommitTicket ticket = 0;
  if (ns->durable()) {
    if (auto admitted = impl_->context.sink->admit(); !admitted) {
      return fail(std::move(admitted).error());
    }
    Mutation mutation;
    mutation.kind = Mutation::Kind::kClear;
    mutation.ns = id;
    ticket = impl_->context.sink->append({&mutation, 1}, now);
  }
  Impl::break_moments(*ns);
  Shard& home = impl_->shards[ns->home]->shard;
  NamespacePart& kept = *home.part(NamespacePart::id_of(ns->index, false));
  kept.deleted_at = std::max(kept.deleted_at, ticket);
  std::uint64_t keys = home.detach_entries(kept);
  // Small again, it lives at home again; a key that comes back there gets a version of its own.
  const std::uint16_t spread_id = NamespacePart::id_of(ns->index, true);
  for (const auto& locked : impl_->shards) {
    Shard& shard = locked->shard;
    NamespacePart* const part = shard.part(spread_id);
    if (part == nullptr) continue;
    keys += part->table.size();
    add(kept.counters, part->counters);
    kept.ticks.catch_up(part->ticks, now.mono);
    home.skip_versions(shard.versions());
    shard.drop_part(spread_id);
  }
  ns->boundary.store(0, std::memory_order_release);
  // What was dumped may be loaded again, in the order of the scan that showed it.
  if (keys != 0) impl_->registry.reorder(*ns);
  return keys;
}

Result<void> Store::swap_namespaces(NamespaceId one, NamespaceId other, const Instant& /*now*/) {
  const Impl::AllLocked lock(*impl_);
  NamespaceState* const first = impl_->registry.state(one.index);
  NamespaceState* const second = impl_->registry.state(other.index);
  for (const auto& [ns, id] : {std::pair{first, one}, std::pair{second, other}}) {
    if (ns == nullptr || !Impl::is(*ns, id)) return no_such_namespace();
    if (ns->durable()) {
      return fail(ErrorCode::kUnavailable, "namespaces that are persistent cannot be swapped");
    }
  }
  if (first != second) impl_->registry.swap(*first, *second);
  return {};
}

std::optional<NamespaceId> Store::find_namespace(std::string_view name) const {
  return impl_->registry.find(name);
}

Result<NamespaceSettings> Store::namespace_settings(NamespaceId ns) const {
  return impl_->registry.settings(ns);
}

std::optional<NamespaceInfo> Store::Impl::info(NamespaceId id) {
  NamespaceInfo info;
  for (std::size_t attempt = 0; attempt < kInfoAttemptsMax; ++attempt) {
    NamespaceState* const ns = registry.state(id.index);
    if (ns == nullptr) return std::nullopt;
    const std::uint64_t boundary = ns->boundary.load(std::memory_order_acquire);
    info = NamespaceInfo{};
    info.id = id;
    for (const auto& locked : shards) {
      // A namespace that was never spread has nothing but its home.
      if (boundary == 0 && locked->shard.index() != ns->home) continue;
      const std::unique_lock lock(locked->mutex);
      if (registry.state(id.index) != ns) break;  // swapped: the next attempt shows the other one
      if (!is(*ns, id)) return std::nullopt;
      info.name = ns->name;
      info.settings = ns->settings;
      for (const bool spread : {false, true}) {
        const NamespacePart* part = locked->shard.part(NamespacePart::id_of(ns->index, spread));
        if (part == nullptr) continue;
        info.keys += part->table.size();
        info.deadlines += part->deadlines;
        info.bytes += part->content_bytes;
        info.memory += static_cast<std::uint64_t>(part->entry_memory) + part->index_memory();
        add(info.counters, part->counters);
      }
    }
    const bool is_same = registry.state(id.index) == ns;
    if (is_same && ns->boundary.load(std::memory_order_acquire) == boundary) break;
  }
  return info;
}

Result<NamespaceInfo> Store::namespace_info(NamespaceId ns, const Instant& /*now*/) {
  auto info = impl_->info(ns);
  if (!info) return no_such_namespace();
  return *std::move(info);
}

std::vector<NamespaceInfo> Store::list_namespaces(const Instant& /*now*/) {
  std::vector<NamespaceInfo> all;
  for (const auto& [name, id] : impl_->registry.list()) {
    if (auto info = impl_->info(id)) all.push_back(*std::move(info));
  }
  return all;
}

}  // namespace appmem::core
