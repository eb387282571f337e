#include "appmem/core/moment_scan.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "moment_listener.h"
#include "store_impl.h"

namespace appmem::core {

struct MomentScan::Impl final : MomentListener {
  Impl(Store& the_store, Show shown) : store(*the_store.impl_), show(std::move(shown)) {}

  void before_change(std::uint64_t hash, std::string_view /*key*/,
                     const EntryView* entry) override {
    // Shown already, or changed since the moment: then it was shown before that, or it is new. The
    // cursor is compared under the lock of the place where it may be about to pass this position.
    if (entry == nullptr || ns->position_of(hash) < cursor.load(std::memory_order_relaxed)) return;
    if (entry->version <= last_version) show(*entry);
  }

  Store::Impl& store;
  const Show show;
  NamespaceState* ns = nullptr;
  NamespaceId id;
  /// What has a later version has changed since the moment.
  Version last_version = 0;
  /// Entries with a smaller position have been shown. Written under the lock of the place it
  /// passes.
  std::atomic<std::uint64_t> cursor{0};
};

Result<std::unique_ptr<MomentScan>> MomentScan::begin(Store& store, NamespaceId ns, Show show) {
  auto impl = std::make_unique<Impl>(store, std::move(show));
  const Store::Impl::AllLocked locked(impl->store);
  impl->ns = impl->store.registry.state(ns.index);
  if (impl->ns == nullptr || !Store::Impl::is(*impl->ns, ns)) return no_such_namespace();
  impl->id = ns;
  Version last = 0;
  for (const auto& shard : impl->store.shards)
    last = std::max(last, shard->shard.versions());
  for (const auto& shard : impl->store.shards)
    shard->shard.skip_versions(last);
  impl->last_version = impl->store.context.version_floor + last;
  impl->next = std::exchange(impl->ns->moments, impl.get());
  return std::unique_ptr<MomentScan>(new MomentScan(std::move(impl)));
}

MomentScan::MomentScan(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}

MomentScan::~MomentScan() {
  const Store::Impl::AllLocked locked(impl_->store);
  if (impl_->broken) return;
  MomentListener** link = &impl_->ns->moments;
  while (*link != impl_.get())
    link = &(*link)->next;
  *link = impl_->next;
}

Result<bool> MomentScan::run(std::size_t entries_max, std::uint64_t bytes_max, const Instant& now) {
  Store::Impl& store = impl_->store;
  std::size_t left = std::max<std::size_t>(entries_max, 1);
  std::uint64_t bytes = 0;
  const auto visit = [&](const EntryView& entry) {
    if (entry.version > impl_->last_version) return true;
    impl_->show(entry);
    bytes += entry.key.size() + entry.value.bytes.size();
    return bytes < bytes_max;
  };
  while (left > 0) {
    const std::uint64_t from = impl_->cursor.load(std::memory_order_relaxed);
    if (from >= kHashEnd) return true;
    const Store::Impl::Place place = store.place_at(*impl_->ns, from);
    const std::unique_lock lock(store.shards[place.shard]->mutex);
    if (store.place_at(*impl_->ns, from) != place) continue;
    if (impl_->broken) {
      return fail(ErrorCode::kConflict, "the namespace was cleared or dropped meanwhile");
    }
    Shard& shard = store.shards[place.shard]->shard;
    const NamespacePart& part = *shard.part(NamespacePart::id_of(impl_->ns->index, place.spread));
    const Shard::ScanSlice slice = shard.scan(part, from, left, now, visit);
    std::uint64_t next = slice.done ? kHashEnd : slice.next;
    if (place.spread) {
      // The rest is in the next shard, or still at home.
      next = std::min({next, store.split.shard_end(place.shard),
                       impl_->ns->boundary.load(std::memory_order_relaxed)});
    }
    impl_->cursor.store(next, std::memory_order_relaxed);
    left -= std::min(left, slice.looked);
    if (!slice.done) break;
  }
  return impl_->cursor.load(std::memory_order_relaxed) >= kHashEnd;
}

}  // namespace appmem::core
