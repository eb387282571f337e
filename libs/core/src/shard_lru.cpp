// Which entries of a namespace go: windows of the table, and the least recently used in them
// (decision 0003).

#include <algorithm>
#include <array>
#include <utility>

#include "appmem/base/check.h"
#include "shard.h"

namespace appmem::core {
namespace {

/// Entries that one call of evict() looks at.
constexpr std::size_t kEvictionsMax = 512;

/// Up to this many entries, victims are exactly the least recently used.
constexpr std::size_t kExactEntriesMax = 4096;
/// Of these, one look keeps this share, and at least so many.
constexpr std::size_t kExactShare = 16;
constexpr std::size_t kExactVictimsMin = 16;
/// In larger tables one look goes over so many slots, a random sample as hashes are, and keeps this
/// share of the entries in them.
constexpr std::size_t kWindowSlots = 2048;
constexpr std::size_t kWindowShare = 32;
/// Looks for victims before giving up: all of a window may be protected.
constexpr std::size_t kLooksMax = 4;
/// Entries are asked for so far ahead.
constexpr std::size_t kPrefetchDistance = 8;

}  // namespace

std::size_t Shard::evict(NamespaceState& ns, std::size_t bytes, Step& step) {
  // While a namespace spreads, its home shard may have two parts: the larger one gives first.
  std::array<NamespacePart*, 2> parts{part(NamespacePart::id_of(ns.index, false)),
                                      part(NamespacePart::id_of(ns.index, true))};
  if (parts[0] == nullptr ||
      (parts[1] != nullptr && parts[1]->entry_memory > parts[0]->entry_memory)) {
    std::swap(parts[0], parts[1]);
  }
  std::size_t freed = 0;
  for (NamespacePart* const found : parts) {
    if (found == nullptr) continue;
    for (std::size_t i = 0; i < kEvictionsMax && freed < bytes; ++i) {
      const std::size_t one = evict_one(*found, step);
      if (one == 0) break;
      freed += one;
    }
  }
  return freed;
}

std::size_t Shard::evict_one(NamespacePart& part, Step& step) {
  return part.is_s3fifo() ? evict_queued(part, step) : evict_least_recent(part, step);
}

std::size_t Shard::evict_least_recent(NamespacePart& part, Step& step) {
  std::vector<Victim>& found = part.victims.found;
  for (std::size_t looks = 0; looks < kLooksMax; ++looks) {
    while (!found.empty()) {
      const Victim victim = found.back();
      found.pop_back();
      const Handle handle = still_there(part, victim);
      if (handle != kNoHandle) return evict_entry(part, victim.table_hash, handle, step);
    }
    if (!find_least_recent(part)) break;
  }
  return 0;
}

Handle Shard::still_there(const NamespacePart& part, const Victim& victim) const {
  if (is_protected(part, victim.tick)) return kNoHandle;
  return part.table.find(victim.table_hash,
                         [&](Handle candidate) { return entry(candidate).tick() == victim.tick; });
}

std::size_t Shard::evict_entry(NamespacePart& part, std::uint32_t table_hash, Handle handle,
                               Step& step) {
  const std::size_t bytes = memory_of(handle);
  tell_moments(part, handle);
  APPMEM_CHECK(part.table.erase(table_hash, handle));
  take_from(part, handle);
  tell_usage(part);
  ++part.counters.evictions;
  if (part.ns->logged()) {
    Mutation mutation;
    mutation.kind = Mutation::Kind::kDelete;
    mutation.ns = part.ns->id();
    mutation.key = entry(handle).key();
    part.deleted_at = context_.sink->append({&mutation, 1}, step.now);
  }
  release(handle);
  return bytes;
}

std::size_t Shard::look(NamespacePart& part, NamespacePart::Victims& victims) {
  candidates_.clear();
  const bool exact = part.table.size() <= kExactEntriesMax;
  const auto collect = [&](std::uint32_t table_hash, Handle handle) {
    candidates_.push_back({.table_hash = table_hash, .handle = handle});
    return true;
  };
  if (exact) {
    part.table.for_each_from(0, collect);
  } else {
    victims.next = part.table.walk(victims.next, kWindowSlots, collect).next;
  }
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    if (i + kPrefetchDistance < candidates_.size()) {
      __builtin_prefetch(arena_.at(candidates_[i + kPrefetchDistance].handle));
    }
    candidates_[i].age = part.ticks.age(entry(candidates_[i].handle).tick());
  }
  return exact ? std::max(kExactVictimsMin, candidates_.size() / kExactShare)
               : std::max<std::size_t>(1, candidates_.size() / kWindowShare);
}

bool Shard::find_least_recent(NamespacePart& part) {
  if (part.table.empty()) return false;
  const std::size_t keep = look(part, part.victims);
  keep_oldest(keep);
  name_victims(part, part.victims);
  return true;
}

void Shard::keep_oldest(std::size_t keep) {
  if (keep >= candidates_.size()) return;
  std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(keep),
                   candidates_.end(),
                   [](const Candidate& a, const Candidate& b) { return a.age > b.age; });
  candidates_.resize(keep);
}

void Shard::name_victims(const NamespacePart& part, NamespacePart::Victims& victims) {
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.age < b.age; });
  victims.found.clear();
  for (const Candidate& next : candidates_) {
    victims.found.push_back({next.table_hash, part.ticks.current() - next.age});
  }
}

}  // namespace appmem::core
