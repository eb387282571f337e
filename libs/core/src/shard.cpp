#include "shard.h"

#include <algorithm>

#include "appmem/base/check.h"
#include "moment_listener.h"

namespace appmem::core {
namespace {

/// How far an unbounded namespace's usage may be off in each part.
constexpr std::int64_t kUsageGrainBytes = 4096;

}  // namespace

Shard::Shard(const ShardContext& context, std::size_t index)
    : context_(context),
      index_(index),
      arena_(context.budget, context.arena_region_bytes),
      wheel_(context.budget, context.epoch) {
}

Shard::~Shard() {
  // Blocks go with the arena, large values do not.
  for (const std::uint16_t id : part_ids_) {
    parts_[id]->table.for_each_from(0, [&](std::uint32_t /*hash*/, Handle handle) {
      entry(handle).destroy();
      return true;
    });
  }
  while (drain(SIZE_MAX)) {
  }
}

NamespacePart& Shard::make_part(NamespaceState& ns, bool spread) {
  const std::uint16_t id = NamespacePart::id_of(ns.index, spread);
  if (parts_[id] == nullptr) {
    parts_[id] =
        std::make_unique<NamespacePart>(context_.budget, ns, spread, context_.split, index_);
    part_ids_.push_back(id);
    context_.budget.charge(sizeof(NamespacePart));
  }
  return *parts_[id];
}

std::size_t Shard::detach_entries(NamespacePart& part) {
  const std::size_t keys = part.table.size();
  dying_.push_back(std::move(part.table));
  part.content_bytes = 0;
  part.entry_memory = 0;
  part.deadlines = 0;
  part.main_memory = 0;
  part.victims = {};
  part.main_victims = {};
  part.ghosts.clear();
  tell_usage(part);
  return keys;
}

void Shard::drop_part(std::uint16_t table_id) {
  detach_entries(*parts_[table_id]);
  parts_[table_id].reset();
  part_ids_.erase(std::find(part_ids_.begin(), part_ids_.end(), table_id));
  context_.budget.release(sizeof(NamespacePart));
}

std::size_t Shard::memory_of(Handle handle) const {
  const Entry found = entry(handle);
  return arena_.block_bytes(handle) + (found.large() ? found.shared().memory_bytes() : 0);
}

void Shard::remove_expired(const Site& site, Handle handle, Step& step) {
  ++site.part.counters.expirations;
  uninstall(site, handle, Journal::Kind::kExpired, step);
}

void Shard::keep_for_moments(const NamespacePart& part, std::uint64_t hash, std::string_view key,
                             Handle old) const {
  EntryView was;
  if (old != kNoHandle) was = view(old);
  for (MomentListener* record = part.ns->moments; record != nullptr; record = record->next)
    record->before_change(hash, key, old == kNoHandle ? nullptr : &was);
}

void Shard::protect(NamespacePart& part) {
  if (part.protect_step == step_) return;
  part.protect_step = step_;
  part.protect_tick = part.ticks.current() + 1;
}

bool Shard::is_protected(const NamespacePart& part, std::uint32_t tick) const {
  if (part.protect_step != step_) return false;
  const std::uint32_t touched = part.ticks.current() + 1 - part.protect_tick;
  return part.ticks.age(tick) < touched;
}

Result<void> Shard::admit(const NamespaceState& ns, Step& step) {
  if (!ns.logged()) return {};
  if (step.journal != nullptr && step.journal->admitted) return {};
  if (auto admitted = context_.sink->admit(); !admitted) return admitted;
  if (step.journal != nullptr) step.journal->admitted = true;
  return {};
}

CommitTicket Shard::tell_sink(const Site& site, Mutation::Kind kind, Handle handle,
                              const Instant& now) {
  if (!site.ns().logged()) return 0;
  Mutation mutation;
  mutation.kind = kind;
  mutation.ns = site.ns().id();
  mutation.key = site.key;
  if (handle != kNoHandle) {
    const EntryView shown = view(handle);
    mutation.deadline = shown.deadline;
    if (kind == Mutation::Kind::kSet) {
      mutation.value = shown.value;
      mutation.version = shown.version;
    }
  }
  const CommitTicket ticket = context_.sink->append({&mutation, 1}, now);
  if (handle != kNoHandle) {
    entry(handle).set_log_position(ticket);
  } else {
    site.part.deleted_at = ticket;
  }
  return ticket;
}

CommitTicket Shard::install(const Site& site, Handle old, Handle fresh, Journal::Kind kind,
                            Step& step) {
  NamespacePart& part = site.part;
  if (part.is_s3fifo()) [[unlikely]] {
    enter_queue(site, old, fresh);
  }
  tell_moments(site, old);
  if (old == kNoHandle) {
    part.table.insert(site.table_hash, fresh);
  } else {
    APPMEM_CHECK(part.table.replace(site.table_hash, old, fresh));
    take_from(part, old);
  }
  add_to(part, fresh);
  tell_usage(part);
  if (step.journal != nullptr) {
    step.journal->records.push_back({this, &part, site.table_hash, kind, site.key, old, fresh});
    return 0;
  }
  if (old != kNoHandle) release(old);
  return tell_sink(site,
                   kind == Journal::Kind::kSet ? Mutation::Kind::kSet : Mutation::Kind::kExpire,
                   fresh, step.now);
}

CommitTicket Shard::uninstall(const Site& site, Handle old, Journal::Kind kind, Step& step) {
  NamespacePart& part = site.part;
  tell_moments(site, old);
  APPMEM_CHECK(part.table.erase(site.table_hash, old));
  take_from(part, old);
  tell_usage(part);
  if (step.journal != nullptr) {
    step.journal->records.push_back({this, &part, site.table_hash, kind, site.key, old, kNoHandle});
    return 0;
  }
  const CommitTicket ticket = kind == Journal::Kind::kDelete
                                  ? tell_sink(site, Mutation::Kind::kDelete, kNoHandle, step.now)
                                  : 0;
  release(old);
  return ticket;
}

void Shard::commit(const Journal::Record& record) {
  if (record.before != kNoHandle) release(record.before);
}

void Shard::undo(const Journal::Record& record) {
  NamespacePart& part = *record.part;
  if (record.after == kNoHandle) {
    part.table.insert(record.table_hash, record.before);
  } else if (record.before == kNoHandle) {
    APPMEM_CHECK(part.table.erase(record.table_hash, record.after));
  } else {
    APPMEM_CHECK(part.table.replace(record.table_hash, record.after, record.before));
  }
  if (record.after != kNoHandle) {
    take_from(part, record.after);
    release(record.after);
  }
  if (record.before != kNoHandle) add_to(part, record.before);
  tell_usage(part);
  if (record.kind == Journal::Kind::kSet) --part.counters.sets;
  if (record.kind == Journal::Kind::kDelete) --part.counters.deletes;
  if (record.kind == Journal::Kind::kExpired) --part.counters.expirations;
}

void Shard::add_to(NamespacePart& part, Handle handle) {
  const Entry added = entry(handle);
  const auto memory = static_cast<std::int64_t>(memory_of(handle));
  part.content_bytes += added.key().size() + added.value_bytes();
  part.entry_memory += memory;
  if (added.in_main()) part.main_memory += memory;
  if (added.deadline() != Entry::kNever) ++part.deadlines;
}

void Shard::take_from(NamespacePart& part, Handle handle) {
  const Entry taken = entry(handle);
  const auto memory = static_cast<std::int64_t>(memory_of(handle));
  part.content_bytes -= taken.key().size() + taken.value_bytes();
  part.entry_memory -= memory;
  if (taken.in_main()) part.main_memory -= memory;
  if (taken.deadline() != Entry::kNever) --part.deadlines;
}

void Shard::tell_usage(NamespacePart& part) {
  const auto keys = static_cast<std::int64_t>(part.table.size());
  const auto tables = static_cast<std::int64_t>(part.index_memory());
  const std::int64_t memory_change = part.entry_memory - part.told_memory;
  if (memory_change > -kUsageGrainBytes && memory_change < kUsageGrainBytes && keys > 1 &&
      !part.ns->bounded() && tables == part.told_tables) {
    return;
  }
  NamespaceUsage& usage = context_.registry.usage(part.ns->index);
  constexpr auto kRelaxed = std::memory_order_relaxed;
  if (memory_change != 0) usage.memory.fetch_add(memory_change, kRelaxed);
  if (keys != part.told_keys) usage.keys.fetch_add(keys - part.told_keys, kRelaxed);
  if (tables != part.told_tables) usage.tables.fetch_add(tables - part.told_tables, kRelaxed);
  part.told_memory = part.entry_memory;
  part.told_keys = keys;
  part.told_tables = tables;
}

void Shard::release(Handle handle) {
  Entry gone = entry(handle);
  if (gone.has_deadline_field() && gone.bucket() != DeadlineWheel::kNoBucket) wheel_.note_stale();
  if (gone.large()) large_bytes_ -= gone.shared().memory_bytes();
  gone.destroy();
  arena_.free(handle);
}

void Shard::set_deadline(NamespacePart& part, Handle handle, std::uint64_t deadline) {
  Entry changed = entry(handle);
  const std::uint64_t before = changed.deadline();
  if (before != Entry::kNever) --part.deadlines;
  if (deadline != Entry::kNever) ++part.deadlines;
  const bool filed = changed.bucket() != DeadlineWheel::kNoBucket;
  changed.set_deadline(deadline);
  if (deadline == Entry::kNever) {
    if (filed) wheel_.note_stale();
    changed.set_bucket(DeadlineWheel::kNoBucket);
  } else if (!filed || deadline < before) {
    if (filed) wheel_.note_stale();
    changed.set_bucket(wheel_.file(handle, time_of(deadline)));
  }
}

std::uint64_t Shard::keys() const {
  std::uint64_t keys = 0;
  for (const std::uint16_t id : part_ids_)
    keys += parts_[id]->table.size();
  return keys;
}

std::uint64_t Shard::table_bytes() const {
  std::uint64_t bytes = 0;
  for (const std::uint16_t id : part_ids_)
    bytes += parts_[id]->index_memory();
  for (const HashTable& table : dying_)
    bytes += table.memory_bytes();
  return bytes;
}

}  // namespace appmem::core
