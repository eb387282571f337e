// The operations on a key.

#include <algorithm>
#include <cstring>
#include <limits>

#include "appmem/base/check.h"
#include "appmem/base/limits.h"
#include "appmem/base/units.h"
#include "shard.h"
#include "value_rules.h"

namespace appmem::core {
namespace {

/// Of a table.
constexpr std::size_t kSlotBytes = 8;

}  // namespace

Result<GetOutcome> Shard::get(const Site& site, const GetOptions& options, EntryVisitor visit,
                              Step& step) {
  NamespacePart& part = site.part;
  Handle handle = find_live(site, step);
  if (handle == kNoHandle) {
    if (!options.peek) {
      ++part.counters.gets;
      ++part.counters.misses;
    }
    if (auto shown = readable(part.deleted_at); !shown) return fail(std::move(shown).error());
    return GetOutcome{.found = false, .ticket = part.deleted_at};
  }
  if (auto shown = readable(entry(handle).log_position()); !shown) {
    return fail(std::move(shown).error());
  }
  GetOutcome outcome{.found = true};
  bool ends = false;
  if (options.touch && options.touch->mode != Expiry::Mode::kKeep) {
    const std::uint64_t deadline = resolve_expiry(site.ns(), *options.touch, handle, step.now);
    if (auto admitted = admit(site.ns(), step); !admitted) return fail(std::move(admitted).error());
    ends = deadline <= deadline_of(step.now.mono);
    if (!ends) {
      auto changed = change_deadline(site, handle, deadline, step, outcome.ticket);
      if (!changed) return fail(std::move(changed).error());
      handle = *changed;
    }
  }
  if (!options.peek) {
    ++part.counters.gets;
    ++part.counters.hits;
    touch(part, entry(handle), step.now);
  }
  visit(view(handle));
  if (ends) {
    outcome.ticket = uninstall(site, handle, Journal::Kind::kDelete, step);
    ++part.counters.deletes;
  } else if (outcome.ticket == 0) {
    outcome.ticket = entry(handle).log_position();
  }
  return outcome;
}

Result<void> Shard::may_set(const Site& site, const ValueView& given, const SetOptions& options,
                            Step& step) {
  ValueView value = given;
  DecimalText text;
  if (auto old = admit_set(site, value, text, options, step); !old) {
    return fail(std::move(old).error());
  }
  return {};
}

Result<Handle> Shard::admit_set(const Site& site, ValueView& value, DecimalText& text,
                                const SetOptions& options, Step& step) {
  const NamespaceState& ns = site.ns();
  if (ns.settings.type != ValueType::kAny) {
    auto coerced = coerce_value(ns.settings.type, value, text);
    if (!coerced) {
      // Bytes for a namespace of documents may come again, as one.
      const bool may_come_again =
          ns.settings.type == ValueType::kJson && value.kind == ValueKind::kBytes;
      if (!may_come_again) note_refused(site.part);
      return fail(std::move(coerced).error());
    }
    value = *coerced;
  }
  const Conditions& conditions = options.conditions;
  if (auto checked = check_value(site, value.kind == ValueKind::kInteger ? 8 : value.bytes.size());
      !checked) {
    return fail(std::move(checked).error());
  }
  const Handle old = find_live(site, step);
  ErrorCode unmet = ErrorCode::kInternal;
  const char* message = nullptr;
  if (old == kNoHandle && (conditions.if_present || conditions.if_version)) {
    unmet = ErrorCode::kNotFound;
    message = "the key does not exist";
  } else if (old != kNoHandle && conditions.if_absent) {
    unmet = ErrorCode::kExists;
    message = "the key exists already";
  } else if (old != kNoHandle && conditions.if_version &&
             *conditions.if_version != context_.version_floor + entry(old).version()) {
    unmet = ErrorCode::kConflict;
    message = "the key has another version";
  }
  if (message != nullptr) {
    if (old != kNoHandle && options.old != nullptr) (*options.old)(view(old));
    return fail(unmet, message);
  }
  if (auto admitted = admit(ns, step); !admitted) return fail(std::move(admitted).error());
  return old;
}

Result<SetOutcome> Shard::set(const Site& site, const ValueView& given, const SetOptions& options,
                              Step& step) {
  ValueView value = given;
  DecimalText text;
  const auto admitted = admit_set(site, value, text, options, step);
  if (!admitted) return fail(admitted.error());
  const Handle old = *admitted;
  SetOutcome outcome;
  const std::uint64_t deadline = resolve_expiry(site.ns(), options.expiry, old, step.now);
  if (deadline <= deadline_of(step.now.mono)) {
    if (old != kNoHandle) {
      if (options.old != nullptr) (*options.old)(view(old));
      outcome.ticket = uninstall(site, old, Journal::Kind::kDelete, step);
      ++site.part.counters.deletes;
    } else {
      outcome.ticket = site.part.deleted_at;
    }
    return outcome;
  }
  const auto fresh = put(site, old, value, deadline, options.old, step, outcome.ticket);
  if (!fresh) return fail(fresh.error());
  outcome.version = context_.version_floor + entry(*fresh).version();
  outcome.created = old == kNoHandle;
  return outcome;
}

Result<RemoveOutcome> Shard::remove(const Site& site, const RemoveOptions& options, Step& step) {
  const Handle old = find_live(site, step);
  if (old == kNoHandle) {
    if (options.if_version) return fail(ErrorCode::kNotFound, "the key does not exist");
    return RemoveOutcome{.removed = false, .ticket = site.part.deleted_at};
  }
  if (options.if_version && *options.if_version != context_.version_floor + entry(old).version()) {
    if (options.old != nullptr) (*options.old)(view(old));
    return fail(ErrorCode::kConflict, "the key has another version");
  }
  if (auto admitted = admit(site.ns(), step); !admitted) return fail(std::move(admitted).error());
  if (options.old != nullptr) (*options.old)(view(old));
  ++site.part.counters.deletes;
  return RemoveOutcome{.removed = true,
                       .ticket = uninstall(site, old, Journal::Kind::kDelete, step)};
}

Result<IncrementOutcome> Shard::increment(const Site& site, const IncrementOptions& options,
                                          Step& step) {
  const NamespaceState& ns = site.ns();
  if (ns.settings.type == ValueType::kJson) {
    note_refused(site.part);
    return fail(ErrorCode::kWrongType, "a namespace of type json has no counters");
  }
  const Handle old = find_live(site, step);
  std::int64_t number = options.initial;
  if (old != kNoHandle) {
    auto counter = counter_of(entry(old).value());
    if (!counter) {
      if (counter.error().code == ErrorCode::kWrongType) note_refused(site.part);
      return fail(std::move(counter).error());
    }
    number = *counter;
  }
  IncrementOutcome outcome{.created = old == kNoHandle};
  if (__builtin_add_overflow(number, options.by, &outcome.value)) {
    return fail(ErrorCode::kOverflow, "the sum is no signed 64-bit integer");
  }
  if (options.min && outcome.value < *options.min) {
    return fail(ErrorCode::kOutOfRange, "the sum, " + std::to_string(outcome.value) +
                                            ", is below min, " + std::to_string(*options.min));
  }
  if (options.max && outcome.value > *options.max) {
    return fail(ErrorCode::kOutOfRange, "the sum, " + std::to_string(outcome.value) +
                                            ", is above max, " + std::to_string(*options.max));
  }
  DecimalText text;
  const ValueView value = counters_are_text(ns.settings.type)
                              ? ValueView::from_bytes(decimal_of(outcome.value, text))
                              : ValueView::from_integer(outcome.value);
  if (auto checked = check_value(site, value.kind == ValueKind::kInteger ? 8 : value.bytes.size());
      !checked) {
    return fail(std::move(checked).error());
  }
  if (auto admitted = admit(ns, step); !admitted) return fail(std::move(admitted).error());
  const std::uint64_t deadline =
      old == kNoHandle ? resolve_expiry(ns, options.expiry, old, step.now) : entry(old).deadline();
  if (deadline <= deadline_of(step.now.mono)) return outcome;  // created in the past: gone
  const auto fresh = put(site, old, value, deadline, nullptr, step, outcome.ticket);
  if (!fresh) return fail(fresh.error());
  outcome.version = context_.version_floor + entry(*fresh).version();
  return outcome;
}

Result<ExpireOutcome> Shard::expire(const Site& site, const ExpireOptions& options, Step& step) {
  const Handle old = find_live(site, step);
  if (old == kNoHandle) return ExpireOutcome{.ticket = site.part.deleted_at};
  const std::uint64_t before = entry(old).deadline();
  const std::uint64_t deadline = resolve_expiry(site.ns(), options.expiry, old, step.now);
  ExpireOutcome outcome{.found = true, .had_deadline = before != Entry::kNever};
  if ((options.if_none && outcome.had_deadline) || (options.if_some && !outcome.had_deadline) ||
      (options.if_longer && deadline <= before) || (options.if_shorter && deadline >= before)) {
    return fail(ErrorCode::kConflict, "the condition on the present deadline is not met");
  }
  if (auto admitted = admit(site.ns(), step); !admitted) return fail(std::move(admitted).error());
  if (deadline <= deadline_of(step.now.mono)) {
    outcome.deleted = true;
    ++site.part.counters.deletes;
    outcome.ticket = uninstall(site, old, Journal::Kind::kDelete, step);
    return outcome;
  }
  auto changed = change_deadline(site, old, deadline, step, outcome.ticket);
  if (!changed) return fail(std::move(changed).error());
  touch(site.part, entry(*changed), step.now);
  return outcome;
}

std::optional<EntryStats> Shard::stats(const Site& site, Step& step) {
  const Handle handle = find_live(site, step);
  if (handle == kNoHandle) return std::nullopt;
  const Entry found = entry(handle);
  EntryStats stats;
  stats.holder = site.part.ns->index;
  stats.kind = found.kind();
  stats.value_bytes = found.value_bytes();
  stats.memory_bytes = memory_of(handle) + kSlotBytes;
  const milliseconds idle = step.now.mono - site.part.ticks.time_at(found.tick());
  stats.idle = std::max(idle, milliseconds{0});
  if (found.deadline() != Entry::kNever) stats.deadline = time_of(found.deadline());
  stats.version = context_.version_floor + found.version();
  return stats;
}

Result<void> Shard::check_value(const Site& site, std::size_t bytes) {
  const NamespaceState& ns = site.ns();
  if (bytes <= ns.value_bytes_max) return {};
  note_refused(site.part);
  return fail(ErrorCode::kTooLarge, "the value of " + std::to_string(bytes) +
                                        " bytes is over max_value_bytes, " +
                                        std::to_string(ns.value_bytes_max));
}

std::uint64_t Shard::resolve_expiry(const NamespaceState& ns, const Expiry& expiry, Handle old,
                                    const Instant& now) const {
  switch (expiry.mode) {
    case Expiry::Mode::kNever:
      return Entry::kNever;
    case Expiry::Mode::kAt:
      return deadline_of(expiry.at);
    case Expiry::Mode::kKeep:
      if (old != kNoHandle) return entry(old).deadline();
      break;
    case Expiry::Mode::kDefault:
      break;
  }
  return ns.settings.default_ttl ? deadline_of(now.mono + *ns.settings.default_ttl) : Entry::kNever;
}

EntryShape Shard::shape_of(const Site& site, const ValueView& value, std::uint64_t deadline) const {
  const bool large = value.bytes.size() > kInlineValueBytesMax;
  APPMEM_CHECK(!large || value.shared != nullptr);
  return {.key_bytes = site.key.size(),
          .value_bytes = value.bytes.size(),
          .kind = value.kind,
          .deadline = deadline != Entry::kNever,
          .log_position = site.ns().logged(),
          .large = large};
}

Result<Handle> Shard::put(const Site& site, Handle old, const ValueView& value,
                          std::uint64_t deadline, const EntryVisitor* show_old, Step& step,
                          CommitTicket& ticket) {
  NamespacePart& part = site.part;
  const EntryShape shape = shape_of(site, value, deadline);
  if (old != kNoHandle && step.journal == nullptr && fits_in_place(old, shape)) {
    if (show_old != nullptr) (*show_old)(view(old));
    overwrite(site, old, shape, value, deadline, step);
    ticket = tell_sink(site, Mutation::Kind::kSet, old, step.now);
    return old;
  }
  const std::size_t large_bytes = shape.large ? value.shared->memory_bytes() : 0;
  // Room is made for it: that may move the old entry, but not evict it.
  auto made = make_block(site, old, shape, large_bytes, step);
  if (!made) return made;
  const Handle fresh = *made;
  if (old != kNoHandle && show_old != nullptr) (*show_old)(view(old));
  fill(site, fresh, shape, value, deadline, step);
  if (shape.large) large_bytes_ += large_bytes;
  ++part.counters.sets;
  ticket = install(site, old, fresh, Journal::Kind::kSet, step);
  return fresh;
}

bool Shard::fits_in_place(Handle old, const EntryShape& shape) const {
  return !shape.large && !entry(old).large() &&
         Arena::block_bytes_for(shape.bytes()) == arena_.block_bytes(old);
}

void Shard::overwrite(const Site& site, Handle handle, const EntryShape& shape,
                      const ValueView& value, std::uint64_t deadline, Step& step) {
  NamespacePart& part = site.part;
  tell_moments(site, handle);
  Entry old = entry(handle);
  const std::uint32_t tick = old.tick();
  const Entry::Standing standing = old.standing();
  part.content_bytes -= old.value_bytes();
  if (old.deadline() != Entry::kNever) --part.deadlines;
  // A filing that is not too late for the new deadline may stay.
  DeadlineWheel::BucketId bucket = DeadlineWheel::kNoBucket;
  if (old.has_deadline_field() && old.bucket() != DeadlineWheel::kNoBucket) {
    if (shape.deadline && old.deadline() <= deadline) {
      bucket = old.bucket();
    } else {
      wheel_.note_stale();
    }
  }
  Entry written = Entry::create(arena_.at(handle), shape, part.table_id, site.key);
  if (shape.deadline) {
    written.set_deadline(deadline);
    if (deadline != Entry::kNever) ++part.deadlines;
    written.set_bucket(bucket != DeadlineWheel::kNoBucket ? bucket
                                                          : wheel_.file(handle, time_of(deadline)));
  }
  if (value.kind == ValueKind::kInteger) {
    written.set_integer(value.integer);
  } else {
    written.set_bytes(value.bytes);
  }
  written.set_version(++version_);
  written.set_tick(tick);
  written.set_standing(standing);
  touch(part, written, step.now);
  part.content_bytes += written.value_bytes();
  ++part.counters.sets;
}

void Shard::fill(const Site& site, Handle fresh, const EntryShape& shape, const ValueView& value,
                 std::uint64_t deadline, Step& step) {
  Entry written = Entry::create(arena_.at(fresh), shape, site.part.table_id, site.key);
  if (shape.deadline) {
    written.set_deadline(deadline);
    written.set_bucket(wheel_.file(fresh, time_of(deadline)));
  }
  if (shape.large) {
    written.set_shared(*value.shared);
  } else if (value.kind == ValueKind::kInteger) {
    written.set_integer(value.integer);
  } else {
    written.set_bytes(value.bytes);
  }
  written.set_version(++version_);
  written.set_tick(site.part.ticks.advance(step.now.mono));
}

Result<Handle> Shard::make_block(const Site& site, Handle& old, const EntryShape& shape,
                                 std::size_t large_bytes, Step& step) {
  NamespacePart& part = site.part;
  const std::uint64_t moves = moves_;
  protect(part);
  if (old != kNoHandle) touch(part, entry(old), step.now);
  if (old == kNoHandle && part.is_s3fifo()) [[unlikely]] {
    make_room_for_ghosts(part, step);
  }
  const std::size_t bytes = shape.bytes();
  if (!within_ceiling(site, old, Arena::block_bytes_for(bytes), large_bytes, step)) {
    return fail(out_of_memory(part, step, "the namespace is at its max_bytes or max_keys"));
  }
  if (old == kNoHandle && !part.table.try_reserve() && !reserve_slot(part, step)) [[unlikely]] {
    return fail(out_of_memory(part, step));
  }
  const Handle fresh = allocate(part, bytes, step);
  if (moves_ != moves) old = old == kNoHandle ? kNoHandle : find(site);
  if (fresh == kNoHandle) return fail(out_of_memory(part, step));
  return fresh;
}

Result<Handle> Shard::change_deadline(const Site& site, Handle old, std::uint64_t deadline,
                                      Step& step, CommitTicket& ticket) {
  const Entry before = entry(old);
  if (before.deadline() == deadline) {
    ticket = before.log_position();
    return old;
  }
  const bool same_shape = before.has_deadline_field() && before.durable() == site.ns().logged();
  if (step.journal == nullptr && same_shape) {
    tell_moments(site, old);
    set_deadline(site.part, old, deadline);
    ticket = tell_sink(site, Mutation::Kind::kExpire, old, step.now);
    return old;
  }
  // A block of another shape with the same contents.
  EntryShape shape = before.shape();
  shape.deadline = deadline != Entry::kNever;
  shape.log_position = site.ns().logged();
  const std::size_t large_bytes = shape.large ? before.shared().memory_bytes() : 0;
  auto made = make_block(site, old, shape, large_bytes, step);
  if (!made) return made;
  const Handle fresh = *made;
  const Entry source = entry(old);
  Entry written = Entry::create(arena_.at(fresh), shape, site.part.table_id, site.key);
  copy_value(source, written);
  if (shape.large) large_bytes_ += large_bytes;
  written.set_version(source.version());
  written.set_tick(source.tick());
  if (shape.deadline) {
    written.set_deadline(deadline);
    written.set_bucket(wheel_.file(fresh, time_of(deadline)));
  }
  ticket = install(site, old, fresh, Journal::Kind::kExpire, step);
  return fresh;
}

void Shard::copy_value(const Entry& from, Entry& to) {
  if (from.large()) {
    to.set_shared(from.shared());
  } else if (from.kind() == ValueKind::kInteger) {
    to.set_integer(from.integer());
  } else {
    to.set_bytes(from.value().bytes);
  }
}

Error Shard::out_of_memory(NamespacePart& part, Step& step, const char* message) {
  if (!step.room.wanted) note_refused(part);
  return Error{ErrorCode::kOutOfMemory, message, std::nullopt};
}

}  // namespace appmem::core
