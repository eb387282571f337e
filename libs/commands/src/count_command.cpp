#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "access.h"
#include "handlers.h"
#include "logged_job.h"
#include "visits.h"

namespace appmem::commands {
namespace {

using protocol::Field;
using protocol::Outcome;
using protocol::ReplyWriter;

/// Counts the live keys of a namespace that begin with a prefix. A key that is there throughout is
/// counted exactly once.
class CountKeys final : public protocol::Job {
 public:
  CountKeys(core::Store& store, core::NamespaceId ns, std::string prefix)
      : store_(store), ns_(ns), prefix_(std::move(prefix)) {}

  bool run(protocol::Reply& out, const Instant& now, protocol::TurnBudget& budget) override {
    ReplyWriter& reply = out.fields();
    while (budget.steps > 0) {
      Visits visits(budget.steps);
      const auto visit = [&](const core::EntryView& entry) {
        if (entry.key.starts_with(prefix_)) ++count_;
        return visits.add(entry.key);
      };
      const auto step = store_.scan(ns_, cursor_, visits.max(), now, visit);
      if (!step) {
        // Where the answer's beginning has left already, a namespace that has gone has no keys.
        if (streamed_) {
          reply.unsigned_integer(Field::kCount, 0);
        } else {
          reply.error(step.error());
        }
        return true;
      }
      cursor_ = step->next;
      if (step->done) {
        reply.unsigned_integer(Field::kCount, count_);
        return true;
      }
    }
    streamed_ = streamed_ || reply.congested();
    return false;
  }

 private:
  core::Store& store_;
  const core::NamespaceId ns_;
  const std::string prefix_;
  core::ScanCursor cursor_ = 0;
  std::uint64_t count_ = 0;
  /// Whether the output was congested at the end of a turn: then what has been written may be gone.
  bool streamed_ = false;
};

}  // namespace

Outcome handle_count(Call& call) {
  const auto ns = admit(call.store, call.session, call.args);
  if (!ns) return refuse(call, ns.error());
  std::string prefix(call.args.text(Field::kPrefix).value_or(""));
  return Outcome::later(resting_on_log(
      call.store, *ns, std::make_unique<CountKeys>(call.store, *ns, std::move(prefix))));
}

}  // namespace appmem::commands
