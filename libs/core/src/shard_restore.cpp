// What storage puts back at the start.

#include "appmem/base/check.h"
#include "shard.h"

namespace appmem::core {

Result<void> Shard::restore(const Site& site, const EntryView& given, bool if_absent, Step& step) {
  Handle old = find(site);
  if (if_absent && old != kNoHandle) return {};
  if (old != kNoHandle && entry(old).log_position() > given.ticket) return {};
  // One that has passed is kept as well: a later change may have given the entry another. What is
  // over at the end is met by nobody, and reaped.
  const std::uint64_t deadline = given.deadline ? deadline_of(*given.deadline) : Entry::kNever;
  const EntryShape shape = shape_of(site, given.value, deadline);
  const std::size_t large_bytes = shape.large ? given.value.shared->memory_bytes() : 0;
  step.restoring = true;
  // What is replaced is not to go for its successor.
  if (old != kNoHandle && entry(old).deadline() <= deadline_of(step.now.mono)) {
    set_deadline(site.part, old, Entry::kNever);
  }
  auto made = make_block(site, old, shape, large_bytes, step);
  if (!made) return fail(std::move(made).error());
  fill(site, *made, shape, given.value, deadline, step);
  if (shape.large) large_bytes_ += large_bytes;
  Entry written = entry(*made);
  // fill() has given it a new version, which it keeps if its own cannot be told here.
  const Version floor = context_.version_floor;
  if (given.version > floor && given.version - floor <= Entry::kVersionMax / 2) {
    written.set_version(given.version - floor);
    skip_versions(given.version - floor);
  }
  written.set_log_position(given.ticket);
  put_back(site, old, *made);
  return {};
}

void Shard::restore_removal(const Site& site, CommitTicket ticket) {
  const Handle old = find(site);
  if (old != kNoHandle && entry(old).log_position() <= ticket) put_back(site, old, kNoHandle);
}

Result<void> Shard::restore_deadline(const Site& site, std::optional<TimePoint> deadline,
                                     CommitTicket ticket, Step& step) {
  const Handle old = find(site);
  if (old == kNoHandle) {
    const bool would_last = !deadline || *deadline > step.now.mono;
    if (would_last && site.ns().reaped_restored.load(std::memory_order_relaxed)) {
      return fail(ErrorCode::kOutOfMemory,
                  "no memory is left for entries that get another deadline later in the log");
    }
    return {};
  }
  if (entry(old).log_position() > ticket) return {};
  EntryView changed = view(old);
  changed.deadline = deadline;
  changed.ticket = ticket;
  // The view is of the block that is replaced: a copy outlives what making room may move.
  const std::string bytes(changed.value.shared == nullptr ? changed.value.bytes
                                                          : std::string_view());
  SharedBytes shared;
  if (changed.value.shared != nullptr) {
    shared = *changed.value.shared;
    changed.value.shared = &shared;
    changed.value.bytes = shared.view();
  } else if (changed.value.kind != ValueKind::kInteger) {
    changed.value.bytes = bytes;
  }
  return restore(site, changed, false, step);
}

void Shard::put_back(const Site& site, Handle old, Handle fresh) {
  NamespacePart& part = site.part;
  if (fresh != kNoHandle && part.is_s3fifo()) enter_queue(site, old, fresh);
  if (old == kNoHandle) {
    part.table.insert(site.table_hash, fresh);
  } else if (fresh == kNoHandle) {
    APPMEM_CHECK(part.table.erase(site.table_hash, old));
    take_from(part, old);
  } else {
    APPMEM_CHECK(part.table.replace(site.table_hash, old, fresh));
    take_from(part, old);
  }
  if (fresh != kNoHandle) add_to(part, fresh);
  tell_usage(part);
  if (old != kNoHandle) release(old);
}

}  // namespace appmem::core
