#include "compose_job.h"

#include <cstddef>
#include <utility>

#include "appmem/base/units.h"

namespace appmem::commands {
namespace {

using protocol::Job;
using protocol::Outcome;
using protocol::Reply;

/// What one turn composes for one connection, of values as they are stored: some hundred
/// microseconds where every byte becomes six.
constexpr std::size_t kComposedBytesPerTurn = 256_KiB;

/// A job (or none) whose answer may hold large values.
class ComposeJob final : public Job {
 public:
  explicit ComposeJob(std::unique_ptr<Job> inner) : inner_(std::move(inner)) {}

  bool run(Reply& reply, const Instant& now, protocol::TurnBudget& budget) override {
    if (reply.deferred() && !reply.compose(kComposedBytesPerTurn)) {
      budget.steps = 0;  // as much work as a turn's steps
      return false;
    }
    if (inner_ == nullptr) return true;
    if (!inner_->run(reply, now, budget)) return false;
    inner_.reset();
    return !reply.deferred();
  }

  [[nodiscard]] std::size_t memory_bytes() const override {
    return inner_ == nullptr ? 0 : inner_->memory_bytes();
  }

 private:
  std::unique_ptr<Job> inner_;
};

}  // namespace

Outcome compose_large_values(Outcome outcome, Reply& reply) {
  if (outcome.job != nullptr) {
    outcome.job = std::make_unique<ComposeJob>(std::move(outcome.job));
  } else if (reply.deferred() && !reply.compose(kComposedBytesPerTurn)) {
    outcome.progress = Outcome::Progress::kContinue;
    outcome.job = std::make_unique<ComposeJob>(nullptr);
  }
  return outcome;
}

}  // namespace appmem::commands
