#include "many_keys.h"

#include <algorithm>
#include <utility>

namespace appmem::commands {
namespace {

/// So many keys are read in one step: some 100 microseconds.
constexpr std::size_t kKeysAtOnceMax = 512;

/// Of the steps of a turn: the turn in which it begins has had to take the request apart.
constexpr std::size_t kStepsPerTurnMax = 1'200;

/// What is composed in a step, besides an item.
constexpr std::size_t kBytesComposedPerStep = 512;

}  // namespace

bool reads_in_slices(const core::Store& store, core::NamespaceId ns,
                     std::span<const std::string_view> keys) {
  if (keys.size() <= kKeysAtOnceMax) [[likely]]
    return false;
  std::size_t key_bytes = 0;
  for (const std::string_view key : keys)
    key_bytes += key.size();
  if (key_bytes > core::MomentRead::kKeyBytesMax) return false;
  const auto settings = store.namespace_settings(ns);
  return settings && settings->persist != core::Persistence::kWal;
}

ManyKeysJob::ManyKeysJob(std::unique_ptr<core::MomentRead> read, const AnswerLimit& limit,
                         std::size_t item_bytes)
    : read_(std::move(read)), limit_(limit), item_bytes_(item_bytes) {
}

bool ManyKeysJob::run(protocol::Reply& reply, const Instant& now, protocol::TurnBudget& budget) {
  std::size_t steps = std::min(budget.steps, kStepsPerTurnMax);
  budget.steps -= steps;
  const bool done = run_some(reply, now, steps);
  budget.steps += steps;
  return done;
}

bool ManyKeysJob::run_some(protocol::Reply& reply, const Instant& now, std::size_t& steps) {
  if (!is_read_) {
    const auto done = read_->run(now, steps);
    if (!done) {
      refuse(reply, done.error());
      return true;
    }
    if (const auto within = check_limit(reply); !within) {
      refuse(reply, within.error());
      return true;
    }
    is_read_ = *done;
    if (!is_read_) return false;
    begin_answer(reply);
  }
  return compose(reply, steps);
}

Result<void> ManyKeysJob::check_limit(const protocol::Reply& reply) const {
  return limit_.check_bytes(reply.answer_bytes() + read_->value_bytes() +
                            item_bytes_ * read_->size());
}

void ManyKeysJob::answered_one(std::size_t value_bytes, std::size_t& steps) {
  ++next_;
  steps -= std::min(steps, 1 + value_bytes / kBytesComposedPerStep);
}

}  // namespace appmem::commands
