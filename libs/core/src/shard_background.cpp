// Passes over many entries: scans, spreading, expiry, and the freeing of what was cleared.

#include <algorithm>

#include "appmem/base/check.h"
#include "appmem/base/units.h"
#include "shard.h"

namespace appmem::core {
namespace {

/// One step of spreading copies about this much at most.
constexpr std::size_t kSpreadBytesMax = 256_KiB;
/// After so long without a write a shard is quiet.
constexpr milliseconds kQuietAfter{500};

}  // namespace

Shard::ScanSlice Shard::scan(const NamespacePart& part, std::uint64_t from, std::size_t visits_max,
                             const Instant& now, FunctionRef<bool(const EntryView&)> visit) const {
  ScanSlice slice;
  const std::uint64_t time = deadline_of(now.mono);
  const std::uint32_t first = part.table_hash_at(from);
  // A cursor from when the namespace had another order of tables may lie between two positions
  // that this one cannot tell apart.
  const bool between = part.first_position(first) != from;
  const auto position =
      part.table.walk(first, visits_max, [&](std::uint32_t table_hash, Handle handle) {
        ++slice.looked;
        if (between && table_hash == first) {
          const std::uint64_t hash = hash_key(entry(handle).key(), context_.seed);
          if (part.ns->position_of(hash) < from) return true;
        }
        if (entry(handle).deadline() <= time) return true;
        return visit(view(handle));
      });
  slice.done = position.done;
  slice.next = part.first_position(position.next);
  return slice;
}

NamespacePart& Shard::begin_spread(const NamespacePart& from, std::uint64_t versions) {
  NamespacePart& to = make_part(*from.ns, true);
  to.ticks = from.ticks;
  to.deleted_at = from.deleted_at;
  skip_versions(versions);
  return to;
}

std::uint64_t Shard::spread_some(NamespacePart& from, Shard& target, std::uint64_t begin,
                                 std::uint64_t end, std::size_t entries_max, const Instant& now) {
  NamespacePart* existing = target.part(NamespacePart::id_of(from.ns->index, true));
  if (existing == nullptr) {
    // Ask for it first; make_part() charges it again.
    if (!context_.budget.try_charge(sizeof(NamespacePart))) return begin;
    context_.budget.release(sizeof(NamespacePart));
  }
  NamespacePart& to = existing != nullptr ? *existing : target.begin_spread(from, version_);
  if (existing != nullptr) to.ticks.catch_up(from.ticks, now.mono);
  target.skip_versions(version_);
  to.deleted_at = std::max(to.deleted_at, from.deleted_at);

  std::vector<Candidate>& moving = candidates_;
  moving.clear();
  std::size_t bytes = 0;
  bool ended = false;
  const auto position = from.table.walk(
      from.table_hash_at(begin), entries_max * 2, [&](std::uint32_t table_hash, Handle handle) {
        if (from.first_position(table_hash) >= end) {
          ended = true;
          return false;
        }
        moving.push_back({.table_hash = table_hash, .handle = handle});
        bytes += arena_.block_bytes(handle);
        return bytes < kSpreadBytesMax && moving.size() < entries_max;
      });
  const std::uint64_t next = from.first_position(position.next);
  const std::uint64_t done_up_to = ended || position.done || next > end ? end : next;

  std::vector<Handle> fresh;
  for (std::size_t i = 0; i < moving.size();) {
    // Entries that the home table cannot tell apart move together or not at all.
    std::size_t group_end = i + 1;
    while (group_end < moving.size() && moving[group_end].table_hash == moving[i].table_hash) {
      ++group_end;
    }
    bool room = true;
    fresh.clear();
    for (std::size_t j = i; room && j < group_end; ++j) {
      const Handle source = moving[j].handle;
      const std::size_t length = entry(source).shape().bytes();
      Handle block = &target == this ? source : target.arena_.try_allocate(length);
      if (block == kNoHandle && arena_.dirty_bytes() > 0) {
        // What has moved before leaves room for what moves next.
        arena_.purge(kSpreadBytesMax);
        block = target.arena_.try_allocate(length);
      }
      room = block != kNoHandle && to.table.try_reserve();
      if (block != kNoHandle) fresh.push_back(block);
    }
    if (!room) {
      if (&target != this) {
        for (const Handle block : fresh)
          target.arena_.free(block);
      }
      return from.first_position(moving[i].table_hash);
    }
    for (std::size_t j = i; j < group_end; ++j) {
      move_entry(from, moving[j].table_hash, moving[j].handle, target, to, fresh[j - i]);
    }
    i = group_end;
  }
  tell_usage(from);
  target.tell_usage(to);
  return done_up_to;
}

void Shard::move_entry(NamespacePart& from, std::uint32_t table_hash, Handle handle, Shard& target,
                       NamespacePart& to, Handle fresh) {
  Entry source = entry(handle);
  const std::uint64_t hash = hash_key(source.key(), context_.seed);
  take_from(from, handle);
  APPMEM_CHECK(from.table.erase(table_hash, handle));
  if (&target == this) {
    source.set_table_id(to.table_id);
  } else {
    const EntryShape shape = source.shape();
    Entry written = Entry::create(target.arena_.at(fresh), shape, to.table_id, source.key());
    copy_value(source, written);
    if (shape.large) target.large_bytes_ += source.shared().memory_bytes();
    written.set_version(source.version());
    written.set_tick(source.tick());
    written.set_standing(source.standing());
    written.set_log_position(source.log_position());
    if (source.deadline() != Entry::kNever) {
      written.set_deadline(source.deadline());
      written.set_bucket(target.wheel_.file(fresh, time_of(source.deadline())));
    }
    release(handle);
  }
  to.table.insert(to.table_hash(hash), fresh);
  target.add_to(to, fresh);
}

bool Shard::drain(std::size_t slots) {
  if (dying_.empty()) return false;
  const bool empty = dying_.back().drain(slots, [this](Handle handle) { release(handle); });
  if (empty) dying_.pop_back();
  return !dying_.empty();
}

DeadlineWheel::Verdict Shard::judge(Handle handle, DeadlineWheel::BucketId bucket,
                                    const Instant& now) {
  using Verdict = DeadlineWheel::Verdict;
  if (!arena_.is_live_block(handle)) return Verdict::stale();
  Entry found = entry(handle);
  if (!found.has_deadline_field() || found.bucket() != bucket) return Verdict::stale();
  const std::uint64_t deadline = found.deadline();
  if (deadline > deadline_of(now.mono)) return Verdict::later(time_of(deadline));
  found.set_bucket(DeadlineWheel::kNoBucket);
  NamespacePart* owner = part(found.table_id());
  if (owner == nullptr) return Verdict::stale();
  const std::uint32_t table_hash = owner->table_hash(hash_key(found.key(), context_.seed));
  // An entry that was cleared is in no table and is freed with its own.
  if (!owner->table.erase(table_hash, handle)) return Verdict::stale();
  tell_moments(*owner, handle);
  take_from(*owner, handle);
  tell_usage(*owner);
  ++owner->counters.expirations;
  if (reaps_restored_) owner->ns->reaped_restored.store(true, std::memory_order_relaxed);
  release(handle);
  return Verdict::due();
}

std::size_t Shard::reap(const Instant& now, std::size_t filings) {
  return wheel_.advance(
      now.mono, filings,
      [&](Handle handle, DeadlineWheel::BucketId bucket) { return judge(handle, bucket, now); },
      [&](Handle handle, DeadlineWheel::BucketId bucket) { entry(handle).set_bucket(bucket); });
}

bool Shard::sweep(const Instant& now, std::size_t filings) {
  if (!wheel_.needs_sweep()) return false;
  wheel_.sweep(
      filings,
      [&](Handle handle, DeadlineWheel::BucketId bucket) { return judge(handle, bucket, now); },
      [&](Handle handle, DeadlineWheel::BucketId bucket) { entry(handle).set_bucket(bucket); });
  return wheel_.needs_sweep();
}

bool Shard::is_quiet(const Instant& now) {
  if (version_ != seen_version_ || arena_.live_bytes() != seen_live_bytes_) {
    seen_version_ = version_;
    seen_live_bytes_ = arena_.live_bytes();
    changed_at_ = now.mono;
  }
  return now.mono - changed_at_ >= kQuietAfter;
}

bool Shard::stretch_tables(std::size_t slots) {
  for (const std::uint16_t id : part_ids_) {
    NamespacePart& next = *parts_[id];
    const bool more = next.table.step(slots);
    tell_usage(next);
    // One after the other: each ends after so many steps.
    if (more) return true;
  }
  return false;
}

}  // namespace appmem::core
