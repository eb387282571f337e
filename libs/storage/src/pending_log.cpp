#include "pending_log.h"

#include <algorithm>
#include <utility>

#include "appmem/base/check.h"

namespace appmem::storage {

using Kind = core::Mutation::Kind;

std::uint64_t PendingLog::append(std::span<const core::Mutation> mutations, const Instant& now) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t sequence = latest_.load(std::memory_order_relaxed) + 1;
  records_.begin(format::RecordKind::kChanges, sequence);
  for (const core::Mutation& mutation : mutations)
    add(mutation, now);
  records_.end();
  bytes_.store(records_.bytes(), std::memory_order_relaxed);
  latest_.store(sequence, std::memory_order_release);
  return sequence;
}

void PendingLog::add(const core::Mutation& mutation, const Instant& now) {
  std::optional<WallTime> deadline;
  if (mutation.deadline) deadline = now.wall_of(*mutation.deadline);
  switch (mutation.kind) {
    case Kind::kSet:
      records_.set(known(mutation.ns), {.key = mutation.key,
                                        .value = mutation.value,
                                        .version = mutation.version,
                                        .deadline = deadline});
      break;
    case Kind::kDelete:
      records_.remove(known(mutation.ns), mutation.key);
      break;
    case Kind::kExpire:
      records_.expire(known(mutation.ns), mutation.key, deadline);
      break;
    case Kind::kClear:
      records_.clear(known(mutation.ns));
      numbers_[mutation.ns.index].begun = latest_.load(std::memory_order_relaxed) + 1;
      break;
    case Kind::kCreate:
    case Kind::kAlter:
      describe(mutation);
      break;
    case Kind::kDrop:
      records_.drop(known(mutation.ns));
      numbers_[mutation.ns.index].number.reset();
      break;
  }
}

void PendingLog::describe(const core::Mutation& mutation) {
  Number& number = numbers_[mutation.ns.index];
  const bool durable = mutation.settings->persist != core::Persistence::kNone;
  const bool known_before = number.number && number.generation == mutation.ns.generation;
  if (!durable) {
    APPMEM_CHECK(known_before);
    records_.drop(*number.number);
    number.number.reset();
    return;
  }
  if (!known_before) number = {mutation.ns.generation, next_number_++, 0};
  number.begun = latest_.load(std::memory_order_relaxed) + 1;
  // What it had before it got a log is in none: only a checkpoint makes it whole.
  const bool incomplete = !known_before && mutation.has_entries;
  if (mutation.has_entries) owes_checkpoint_.store(true);
  records_.describe(known_before ? format::Operation::kAlter : format::Operation::kCreate,
                    *number.number, mutation.name, *mutation.settings, incomplete);
}

NamespaceNumber PendingLog::known(core::NamespaceId ns) const {
  const Number& number = numbers_[ns.index];
  APPMEM_CHECK(number.number && number.generation == ns.generation);
  return *number.number;
}

std::optional<std::uint64_t> PendingLog::take(RecordBuffer& records) {
  const std::lock_guard lock(mutex_);
  return take_all(records);
}

std::optional<std::uint64_t> PendingLog::take_if_plain(RecordBuffer& records) {
  const std::lock_guard lock(mutex_);
  return records_.has_uncompressed() ? std::nullopt : take_all(records);
}

std::optional<std::uint64_t> PendingLog::take_all(RecordBuffer& records) {
  if (records_.empty()) return std::nullopt;
  std::swap(records, records_);
  bytes_.store(0, std::memory_order_relaxed);
  return latest_.load(std::memory_order_relaxed);
}

std::uint64_t PendingLog::discard() {
  const std::lock_guard lock(mutex_);
  records_.clear_all(0);
  bytes_.store(0, std::memory_order_relaxed);
  return latest_.load(std::memory_order_relaxed);
}

std::optional<NamespaceNumber> PendingLog::number_of(core::NamespaceId ns) const {
  const std::lock_guard lock(mutex_);
  const Number& number = numbers_[ns.index];
  return number.generation == ns.generation ? number.number : std::nullopt;
}

std::uint64_t PendingLog::begun_at(NamespaceNumber number) const {
  const std::lock_guard lock(mutex_);
  const auto* const found =
      std::find_if(numbers_.begin(), numbers_.end(),
                   [&](const Number& known) { return known.number == number; });
  return found == numbers_.end() ? 0 : found->begun;
}

bool PendingLog::has_number(NamespaceNumber number) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(numbers_.begin(), numbers_.end(),
                     [number](const Number& known) { return known.number == number; });
}

void PendingLog::begin_after(std::uint64_t sequence) {
  latest_.store(sequence, std::memory_order_release);
}

void PendingLog::set_number(core::NamespaceId ns, NamespaceNumber number, std::uint64_t begun) {
  const std::lock_guard lock(mutex_);
  numbers_[ns.index] = {ns.generation, number, begun};
}

void PendingLog::forget_number(core::NamespaceId ns) {
  const std::lock_guard lock(mutex_);
  numbers_[ns.index].number.reset();
}

void PendingLog::number_from(NamespaceNumber next) {
  const std::lock_guard lock(mutex_);
  next_number_ = next;
}

NamespaceNumber PendingLog::next_number() const {
  const std::lock_guard lock(mutex_);
  return next_number_;
}

}  // namespace appmem::storage
