// Reading many keys as of one moment, in slices.

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "appmem/base/check.h"
#include "appmem/base/prefetch.h"
#include "appmem/core/moment_read.h"
#include "moment_record.h"
#include "store_impl.h"

namespace appmem::core {
namespace {

/// As many read at once as every write may ask; the others wait.
constexpr std::size_t kMomentsMax = 8;
/// How often a read begins again because the namespace is cleared meanwhile. Then it is done
/// without letting go of the locks: few keys can be left.
constexpr std::size_t kRestartsMax = 3;

/// Keys that are read, and bytes of values copied, without letting go of a lock.
constexpr std::size_t kKeysPerLock = 64;
constexpr std::uint64_t kBytesPerLock = 256_KiB;

/// A piece of memory for small values: so much for each key at first, then these bounds.
constexpr std::size_t kFirstPieceBytesPerKey = 64;
constexpr std::size_t kPieceBytesMin = 16_KiB;
constexpr std::size_t kPieceBytesMax = 256_KiB;

// What a step comes to, some 100 ns.
constexpr std::size_t kStepsPerKeyRead = 2;
constexpr std::size_t kStepsPerPiece = 16;
constexpr std::size_t kKeyBytesFiledPerStep = 512;
constexpr std::size_t kKeysOrderedPerStep = 16;
constexpr std::uint64_t kBytesReadPerStep = 1'024;

void take(std::size_t& steps, std::size_t taken) {
  steps -= std::min(steps, taken);
}

}  // namespace

struct MomentRead::Impl {
  Impl(Store& the_store, NamespaceId ns_id, std::span<const std::string_view> keys,
       SharedBytes memory, const Options& chosen)
      : store(*the_store.impl_),
        id(ns_id),
        options({.touch = std::nullopt, .peek = chosen.peek}),
        record(keys, std::move(memory), store.budget, store.blobs),
        stride(stride_of(store, ns_id)),
        begins(store.shards.size()) {
    record.keeps_values = chosen.values;
    record.value_bytes_max = chosen.value_bytes_max;
  }

  static std::uint64_t stride_of(const Store::Impl& store, NamespaceId ns) {
    const NamespaceState* const state = store.registry.state(ns.index);
    return state == nullptr ? 1 : state->stride.load(std::memory_order_relaxed);
  }
  /// Keys of one group live in one shard; a guess where the namespace is swapped meanwhile.
  [[nodiscard]] std::size_t group_of(std::uint64_t hash) const {
    return store.split.shard_of(hash * stride);
  }

  enum class Phase : std::uint8_t { kFile, kOrder, kWait, kRead, kForget, kDone };

  void file_some(std::size_t& steps);
  void order_some(std::size_t& steps);
  /// Takes the moment, unless too many have one.
  Result<void> take_moment(const Instant& now, std::size_t& steps);
  void read_some(const Instant& now, std::size_t& steps);
  /// Reads keys that stand next and live in the same place, under its lock.
  void read_group(const Instant& now, std::size_t& steps);
  /// Returns how many bytes its value has.
  std::uint64_t read_key(Shard& shard, NamespacePart& part, std::size_t index, const Instant& now);
  void forget_some(std::size_t& steps);
  /// The namespace need not know of the record any more.
  void leave();

  Store::Impl& store;
  const NamespaceId id;
  const GetOptions options;
  MomentRecord record;
  Phase phase = Phase::kFile;
  /// How far the phase has come.
  std::size_t next = 0;
  const std::uint64_t stride;  // NamespaceState::stride, from begin to end
  /// For each group where its keys begin in the order, while that is made.
  std::vector<std::uint32_t> begins;
  NamespaceState* ns = nullptr;  // that has been taken the moment of
  bool counted = false;
  std::size_t restarts = 0;
};

Result<std::unique_ptr<MomentRead>> MomentRead::begin(Store& store, NamespaceId ns,
                                                      std::span<const std::string_view> keys,
                                                      const Options& options, const Instant& now) {
  APPMEM_CHECK(keys.size() <= kRequestKeysMax);
  std::size_t key_bytes = 0;
  for (const std::string_view key : keys) {
    if (auto checked = check_key(key); !checked) return fail(std::move(checked).error());
    key_bytes += key.size();
  }
  APPMEM_CHECK(key_bytes <= kKeyBytesMax);
  SharedBytes memory = store.allocate_large(MomentRecord::memory_bytes_for(keys), now);
  if (!memory) return fail(ErrorCode::kOutOfMemory, "no memory is left to look so many keys up");
  return std::unique_ptr<MomentRead>(
      new MomentRead(std::make_unique<Impl>(store, ns, keys, std::move(memory), options)));
}

MomentRead::MomentRead(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}

MomentRead::~MomentRead() {
  impl_->leave();
}

Result<bool> MomentRead::run(const Instant& now, std::size_t& steps) {
  while (steps > 0 && impl_->phase != Impl::Phase::kDone) {
    switch (impl_->phase) {
      case Impl::Phase::kFile:
        impl_->file_some(steps);
        break;
      case Impl::Phase::kOrder:
        impl_->order_some(steps);
        break;
      case Impl::Phase::kWait:
        if (auto taken = impl_->take_moment(now, steps); !taken) {
          return fail(std::move(taken).error());
        }
        break;
      case Impl::Phase::kRead:
        impl_->read_some(now, steps);
        break;
      case Impl::Phase::kForget:
        impl_->forget_some(steps);
        break;
      case Impl::Phase::kDone:
        break;
    }
  }
  if (impl_->record.lacks_memory()) {
    impl_->leave();
    return fail(ErrorCode::kOutOfMemory, "no memory is left for what so many keys have");
  }
  return impl_->phase == Impl::Phase::kDone;
}

void MomentRead::Impl::file_some(std::size_t& steps) {
  for (; steps > 0 && next < record.size(); ++next) {
    const std::string_view key = record.key(next);
    const std::uint64_t hash = store.hash_of(key);
    record.file(hash);
    ++begins[group_of(hash)];
    take(steps, 1 + key.size() / kKeyBytesFiledPerStep);
  }
  if (next < record.size()) return;
  std::uint32_t begin = 0;
  for (std::uint32_t& each : begins)
    begin += std::exchange(each, begin);
  phase = Phase::kOrder;
  next = 0;
}

void MomentRead::Impl::order_some(std::size_t& steps) {
  for (; steps > 0 && next < record.size(); ++next) {
    record.order()[begins[group_of(record.hash(next))]++] = static_cast<std::uint32_t>(next);
    if (next % kKeysOrderedPerStep == 0) take(steps, 1);
  }
  if (next == record.size()) phase = Phase::kWait;
}

Result<void> MomentRead::Impl::take_moment(const Instant& now, std::size_t& steps) {
  if (store.moments.load(std::memory_order_relaxed) >= kMomentsMax) {
    steps = 0;  // look again in the next turn
    return {};
  }
  const Store::Impl::AllLocked locked(store);
  NamespaceState* const found = store.registry.state(id.index);
  if (found == nullptr || !Store::Impl::is(*found, id)) return no_such_namespace();
  if (store.moments >= kMomentsMax) {
    steps = 0;
    return {};
  }
  ++store.moments;
  counted = true;
  ns = found;
  record.moment = now.mono;
  record.broken = false;
  record.next = std::exchange(ns->moments, &record);
  phase = Phase::kRead;
  next = 0;
  if (restarts == kRestartsMax) {
    std::size_t without_end = std::numeric_limits<std::size_t>::max();
    while (phase == Phase::kRead)
      read_group(now, without_end);
    leave();
    steps = 0;
  }
  return {};
}

void MomentRead::Impl::read_some(const Instant& now, std::size_t& steps) {
  bool there_is_memory = true;  // as far as this slice knows: looking for some takes long
  while (steps > 0 && phase == Phase::kRead) {
    if (there_is_memory && record.wants_memory()) {
      const std::size_t left = record.size() - next;
      const std::size_t bytes =
          std::clamp(left * kFirstPieceBytesPerKey, kPieceBytesMin, kPieceBytesMax);
      SharedBytes piece = store.allocate_large(nullptr, bytes, now);
      there_is_memory = static_cast<bool>(piece);
      record.offer(std::move(piece));
      take(steps, kStepsPerPiece);
    }
    read_group(now, steps);
    if (record.lacks_memory()) phase = Phase::kDone;
  }
  if (phase != Phase::kRead) leave();
}

void MomentRead::Impl::read_group(const Instant& now, std::size_t& steps) {
  const std::span<const std::uint32_t> order = record.order();
  const Store::Impl::Place place = store.place_of(*ns, record.hash(order[next]));
  const std::unique_lock lock(store.shards[place.shard]->mutex);
  if (record.broken) {
    phase = Phase::kForget;
    next = 0;
    return;
  }
  const std::size_t end_max =
      next + std::min({order.size() - next, kKeysPerLock, steps / kStepsPerKeyRead + 1});
  std::size_t end = next;
  while (end < end_max && store.place_of(*ns, record.hash(order[end])) == place)
    ++end;
  if (end == next) return;  // it has just moved
  Shard& shard = store.shards[place.shard]->shard;
  NamespacePart& part = *shard.part(NamespacePart::id_of(ns->index, place.spread));
  shard.begin_step();
  for (std::size_t i = next; i < end; ++i)
    prefetch_two_lines(part.table.slots_of(part.table_hash(record.hash(order[i]))));
  for (std::size_t i = next; i < end; ++i) {
    const void* const entry = shard.first_entry(part, part.table_hash(record.hash(order[i])));
    if (entry != nullptr) prefetch_two_lines(entry);
  }
  std::uint64_t bytes = 0;
  for (; next < end && bytes < kBytesPerLock; ++next) {
    if (!record.is_open(order[next])) continue;
    bytes += read_key(shard, part, order[next], now);
    take(steps, kStepsPerKeyRead);
  }
  take(steps, static_cast<std::size_t>(std::min(bytes, kBytesPerLock) / kBytesReadPerStep));
  if (next == order.size() || record.value_bytes() > record.value_bytes_max) phase = Phase::kDone;
}

std::uint64_t MomentRead::Impl::read_key(Shard& shard, NamespacePart& part, std::size_t index,
                                         const Instant& now) {
  Step step{.now = now};
  std::uint64_t bytes = 0;
  const auto keep = [&](const EntryView& entry) {
    record.close(index, &entry);
    if (entry.value.shared == nullptr) bytes = entry.value.bytes.size();
  };
  // One whose time has come since the moment is removed, which tells the record what it was.
  const auto got =
      shard.get(Site(part, record.key(index), record.hash(index)), options, keep, step);
  APPMEM_CHECK(got);  // a read does not fail
  if (record.is_open(index)) record.close(index, nullptr);
  return record.keeps_values ? bytes : 0;
}

void MomentRead::Impl::forget_some(std::size_t& steps) {
  if (next == 0) {
    record.forget_kept();
    ++restarts;
  }
  const std::size_t end = next + std::min(record.size() - next, steps * kKeysOrderedPerStep);
  record.forget(next, end);
  take(steps, (end - next + kKeysOrderedPerStep - 1) / kKeysOrderedPerStep);
  next = end;
  if (next == record.size()) phase = Phase::kWait;
}

void MomentRead::Impl::leave() {
  if (!counted) return;
  const Store::Impl::AllLocked locked(store);
  counted = false;
  --store.moments;
  if (record.broken) return;
  MomentListener** link = &ns->moments;
  while (*link != &record)
    link = &(*link)->next;
  *link = record.next;
}

void Store::Impl::break_moments(NamespaceState& ns) {
  for (MomentListener* listener = std::exchange(ns.moments, nullptr); listener != nullptr;
       listener = listener->next) {
    listener->broken = true;
  }
}

std::size_t MomentRead::size() const {
  return impl_->record.size();
}

std::optional<EntryView> MomentRead::entry(std::size_t index) const {
  return impl_->record.entry(index);
}

std::size_t MomentRead::found() const {
  return impl_->record.found();
}

std::size_t MomentRead::found_keys() const {
  return impl_->record.found_keys();
}

std::uint64_t MomentRead::value_bytes() const {
  return impl_->record.value_bytes();
}

std::size_t MomentRead::memory_bytes() const {
  return impl_->record.memory_bytes();
}

}  // namespace appmem::core
