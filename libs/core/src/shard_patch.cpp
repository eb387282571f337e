// Shard: a part of a value changes.

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "appmem/base/check.h"
#include "shard.h"
#include "value_rules.h"

namespace appmem::core {

Result<PatchOutcome> Shard::patch(const Site& site, const Patch& patch, Step& step) {
  const NamespaceState& ns = site.ns();
  if (ns.settings.type == ValueType::kInt || ns.settings.type == ValueType::kJson) {
    note_refused(site.part);
    return fail(ErrorCode::kWrongType, "values of a namespace of type int or json have no parts");
  }
  const Handle old = find_live(site, step);
  DecimalText text;
  ValueView head = ValueView::from_bytes({});
  if (old != kNoHandle) {
    head = entry(old).value();
    if (head.kind == ValueKind::kJson) {
      note_refused(site.part);
      return fail(ErrorCode::kWrongType, "the value is a JSON document");
    }
    if (head.kind == ValueKind::kInteger) {
      head = ValueView::from_bytes(decimal_of(head.integer, text));
    }
  }
  const std::size_t offset = patch.offset.value_or(head.bytes.size());
  const std::size_t room = std::numeric_limits<std::size_t>::max() - offset;
  PatchOutcome outcome{.length = std::max<std::size_t>(
                           head.bytes.size(), offset + std::min(patch.bytes.size(), room))};
  if (auto checked = check_value(site, outcome.length); !checked) {
    return fail(std::move(checked).error());
  }
  if (auto admitted = admit(ns, step); !admitted) return fail(std::move(admitted).error());
  if (outcome.length <= kInlineValueBytesMax) {
    const auto fresh = patch_inline(site, old, head, {patch.bytes, offset}, step, outcome.ticket);
    if (!fresh) return fail(fresh.error());
    outcome.version = context_.version_floor + entry(*fresh).version();
    return outcome;
  }
  if (patch_where_it_lies(site, old, {patch.bytes, offset}, outcome.length, step)) {
    outcome.version = context_.version_floor + entry(old).version();
    outcome.ticket = tell_sink(site, Mutation::Kind::kSet, old, step.now);
    return outcome;
  }
  if (step.large_patch != nullptr) {
    *step.large_patch = parts_of(old, outcome.length);
    return outcome;
  }
  const auto fresh =
      patch_copy(site, old, {patch.bytes, offset}, outcome.length, step, outcome.ticket);
  if (!fresh) return fail(fresh.error());
  outcome.version = context_.version_floor + entry(*fresh).version();
  return outcome;
}

std::uint64_t Shard::patched_deadline(const Site& site, Handle old, const Step& step) const {
  return old == kNoHandle ? resolve_expiry(site.ns(), Expiry{}, old, step.now)
                          : entry(old).deadline();
}

Result<Handle> Shard::patch_inline(const Site& site, Handle old, const ValueView& head,
                                   const Patch& patch, Step& step, CommitTicket& ticket) {
  NamespacePart& part = site.part;
  const std::uint64_t deadline = patched_deadline(site, old, step);
  const std::size_t before = head.bytes.size();
  EntryShape shape = shape_of(site, head, deadline);
  shape.value_bytes = std::max(before, *patch.offset + patch.bytes.size());
  if (old != kNoHandle) shape.deadline = entry(old).has_deadline_field();
  const bool from_block = old != kNoHandle && entry(old).kind() == ValueKind::kBytes;
  if (from_block && step.journal == nullptr && fits_in_place(old, shape)) {
    tell_moments(site, old);
    Entry longer = entry(old);
    longer.patch_bytes(before, *patch.offset, patch.bytes);
    longer.set_version(++version_);
    touch(part, longer, step.now);
    part.content_bytes += shape.value_bytes - before;
    ++part.counters.sets;
    ticket = tell_sink(site, Mutation::Kind::kSet, old, step.now);
    return old;
  }
  auto made = make_block(site, old, shape, 0, step);
  if (!made) return made;
  const Handle fresh = *made;
  const ValueView start = from_block ? entry(old).value() : head;
  fill(site, fresh, shape, start, deadline, step);
  entry(fresh).patch_bytes(before, *patch.offset, patch.bytes);
  ++part.counters.sets;
  ticket = install(site, old, fresh, Journal::Kind::kSet, step);
  return fresh;
}

bool Shard::patch_where_it_lies(const Site& site, Handle old, const Patch& patch,
                                std::size_t length, Step& step) {
  if (old == kNoHandle || step.journal != nullptr || !entry(old).large()) return false;
  if (entry(old).durable() != site.ns().logged()) return false;
  // Longer ones are not copied under the lock.
  if (patch.bytes.size() > kInlineValueBytesMax) return false;
  NamespacePart& part = site.part;
  tell_moments(site, old);  // who keeps the value shares it from here on
  Entry changed = entry(old);
  SharedBytes& value = changed.shared();
  if (!value.sole()) return false;
  if (length > value.view().size()) {
    const std::size_t more = SharedBytes::memory_bytes_for(length) - value.memory_bytes();
    const auto max_bytes = site.ns().settings.max_bytes;
    // Whatever needs room made for it takes the other way.
    if (more > 0 && max_bytes) {
      const NamespaceUsage& usage = context_.registry.usage(site.ns().index);
      const std::int64_t used = usage.memory.load(std::memory_order_relaxed) +
                                usage.tables.load(std::memory_order_relaxed);
      if (used + static_cast<std::int64_t>(more) > static_cast<std::int64_t>(*max_bytes)) {
        return false;
      }
    }
    take_from(part, old);
    const bool grown = value.try_grow(length);
    add_to(part, old);
    if (!grown) return false;
    large_bytes_ += more;
    tell_usage(part);
  }
  if (!patch.bytes.empty()) {
    std::memcpy(value.writable().data() + *patch.offset, patch.bytes.data(), patch.bytes.size());
  }
  changed.set_version(++version_);
  touch(part, changed, step.now);
  ++part.counters.sets;
  return true;
}

Result<Handle> Shard::patch_copy(const Site& site, Handle old, const Patch& patch,
                                 std::size_t length, Step& step, CommitTicket& ticket) {
  const LargePatch parts = parts_of(old, length);
  const std::uint64_t deadline = patched_deadline(site, old, step);
  protect(site.part);
  if (old != kNoHandle) touch(site.part, entry(old), step.now);
  SharedBytes whole = make_shared(site.part, length, step);
  if (!whole) return fail(out_of_memory(site.part, step));
  parts.compose(patch, whole.writable());
  ValueView value = ValueView::from_bytes(whole.view());
  value.shared = &whole;
  if (old != kNoHandle) old = find(site);  // it may have been moved
  return put(site, old, value, deadline, nullptr, step, ticket);
}

LargePatch Shard::parts_of(Handle old, std::size_t length) const {
  LargePatch parts;
  parts.length = length;
  if (old == kNoHandle) return parts;
  const ValueView value = entry(old).value();
  parts.version = context_.version_floor + entry(old).version();
  if (value.shared != nullptr) {
    parts.shared = *value.shared;
  } else {
    DecimalText text;
    parts.head = value.kind == ValueKind::kInteger ? decimal_of(value.integer, text) : value.bytes;
  }
  return parts;
}

void LargePatch::compose(const Patch& patch, std::span<char> out) const {
  const std::string_view before = shared ? shared.view() : head;
  if (!before.empty()) std::memcpy(out.data(), before.data(), before.size());
  const std::size_t offset = patch.offset.value_or(before.size());
  if (!patch.bytes.empty()) {
    std::memcpy(out.data() + offset, patch.bytes.data(), patch.bytes.size());
  }
}

}  // namespace appmem::core
