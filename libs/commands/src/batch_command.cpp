#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access.h"
#include "appmem/base/limits.h"
#include "handlers.h"
#include "key_operation.h"

namespace appmem::commands {
namespace {

using core::CommitTicket;
using protocol::Field;
using protocol::Outcome;

/// One op, ready to run.
struct Step {
  KeyOperation operation = nullptr;
  protocol::Arguments args;
  core::NamespaceId ns;
  core::ValueType type = core::ValueType::kAny;
};

/// The error of an op, with its position in place of one within the op, which the message names.
tl::unexpected<Error> fail_at(std::size_t index, Error error) {
  error.message = "ops[" + std::to_string(index) + "]: " + error.message;
  error.index = static_cast<std::uint32_t>(index);
  return fail(std::move(error));
}

/// Everything that can be found out about a batch before anything is locked.
class Plan {
 public:
  explicit Plan(Call& call) : call_(call) {}

  /// Errors: as the ops', with the index of the op.
  Result<void> prepare() {
    if (auto may = check_all_rights(); !may) return may;
    const auto ns = resolve_namespace(call_.store, call_.args, call_.session.ns);
    if (!ns) return fail(ns.error());
    const std::size_t count = call_.request.op_count();
    steps_.reserve(count);
    keys_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      auto step = step_of(call_.request.op(i), *ns);
      if (!step) return fail_at(i, std::move(step).error());
      append_keys(step->args, step->ns, keys_);
      if (keys_.size() > kRequestKeysMax) {
        return fail_at(
            i, {ErrorCode::kTooLarge, "the ops of a batch name at most " +
                                          std::to_string(kRequestKeysMax) + " keys together"});
      }
      steps_.push_back(std::move(*step));
    }
    return {};
  }

  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] const std::vector<core::KeyRef>& keys() const { return keys_; }

 private:
  /// All of them first, so that a refusal does not depend on what exists.
  Result<void> check_all_rights() {
    // An op without a namespace of its own is in the batch's. Which that is matters for rights only
    // in so far as it is the default one.
    core::NamespaceId ns = call_.session.ns;
    if (const protocol::Argument* named = call_.args.find(Field::kNs)) {
      const bool is_default = named->bytes == kDefaultNamespaceName;
      // Who names it learns whether it exists, also where no op is in it.
      auto may = check_right(call_.session.caller, protocol::Right::kRead, is_default);
      if (!may) return may;
      ns = is_default ? core::kDefaultNamespace : kSomeOtherNamespace;
    }
    for (std::size_t i = 0; i < call_.request.op_count(); ++i) {
      auto may = check_rights(call_.session.caller, call_.request.op(i), ns);
      if (!may) return fail_at(i, std::move(may).error());
    }
    return check_rights(call_.session.caller, call_.args, ns);
  }

  Result<Step> step_of(const protocol::Arguments& args, core::NamespaceId batch_ns) {
    Step step;
    step.args = args;
    step.operation = key_operation(args.command().id);
    if (step.operation == nullptr) {
      return fail(ErrorCode::kInvalidRequest,
                  std::string(args.command().name) + " cannot stand in a batch");
    }
    const auto ns = resolve_namespace(call_.store, args, batch_ns);
    if (!ns) return fail(ns.error());
    step.ns = *ns;
    if (args.has(Field::kValue) || args.has(Field::kEntries)) {
      auto type = type_of(*ns);
      if (!type) return fail(std::move(type).error());
      step.type = *type;
      auto checked = check_values(step.type, args, call_.validator);
      if (!checked) return fail(std::move(checked).error());
    }
    return step;
  }

  /// Looked up once for ops in a row on one namespace.
  Result<core::ValueType> type_of(core::NamespaceId ns) {
    if (!known_ns_ || *known_ns_ != ns) {
      const auto settings = call_.store.namespace_settings(ns);
      if (!settings) return fail(settings.error());
      known_ns_ = ns;
      known_type_ = settings->type;
    }
    return known_type_;
  }

  /// Stands for any namespace but the default one; no store has it.
  static constexpr core::NamespaceId kSomeOtherNamespace{0xffff, 0xffff'ffff};

  Call& call_;
  std::vector<Step> steps_;
  std::vector<core::KeyRef> keys_;
  std::optional<core::NamespaceId> known_ns_;
  core::ValueType known_type_ = core::ValueType::kAny;
};

/// Runs the ops one after the other and writes their results. The results of a batch that fails in
/// the middle are replaced by the error.
Result<CommitTicket> run_steps(Call& call, core::Keyspace& keys, const std::vector<Step>& steps) {
  const AnswerLimit limit(call.control.limits(), call.store.memory());
  CommitTicket seen = 0;
  call.reply.begin_list(Field::kResults);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    KeyCall op{keys, step.ns, step.type, step.args, call.reply, call.now, &limit};
    call.reply.begin_item_object();
    auto ticket = step.operation(op);
    if (!ticket) return fail_at(i, std::move(ticket).error());
    call.reply.end_item_object();
    if (auto within = limit.check(call.reply); !within)
      return fail_at(i, std::move(within).error());
    seen = std::max(seen, *ticket);
  }
  call.reply.end_list();
  return seen;
}

}  // namespace

Outcome handle_batch(Call& call) {
  Plan plan(call);
  if (auto prepared = plan.prepare(); !prepared) return refuse(call, prepared.error());
  CommitTicket seen = 0;
  const auto body = [&](core::Keyspace& keys) -> Result<void> {
    auto ticket = run_steps(call, keys, plan.steps());
    if (!ticket) return fail(std::move(ticket).error());
    seen = *ticket;
    return {};
  };
  if (plan.keys().empty()) {  // no ops, or only ops on no keys
    const auto done = body(call.store);
    return done ? answered(seen) : refuse(call, done.error());
  }
  const auto committed = call.store.atomically(plan.keys(), call.now, body);
  if (!committed) return refuse(call, committed.error());
  return answered(std::max(seen, *committed));
}

}  // namespace appmem::commands
