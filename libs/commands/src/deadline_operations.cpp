#include "expiry_argument.h"
#include "key_operation.h"

/// ttl, expire and persist.
namespace appmem::commands {

using core::CommitTicket;
using core::EntryView;
using protocol::Field;

Result<CommitTicket> read_deadline(KeyCall& call) {
  std::optional<TimePoint> deadline;
  const auto look = [&](const EntryView& entry) {
    deadline = entry.deadline;
  };
  const core::GetOptions options{.touch = std::nullopt, .peek = true};
  auto outcome = call.keys.get(call.ns, call.args.bytes(Field::kKey), options, call.now, look);
  if (!outcome) return fail(std::move(outcome).error());
  call.reply.boolean(Field::kFound, outcome->found);
  if (deadline) {
    call.reply.integer(Field::kTtlMs, remaining_ms(*deadline, call.now));
  } else if (outcome->found) {
    call.reply.null(Field::kTtlMs);
  }
  return outcome->ticket;
}

Result<CommitTicket> change_deadline(KeyCall& call) {
  const protocol::Argument* ttl = call.args.find(Field::kTtlMs);
  const protocol::Argument* moment = call.args.find(Field::kExpiresAtMs);
  if (ttl == nullptr && moment == nullptr) {
    return fail(ErrorCode::kInvalidRequest, "expire needs ttl_ms or expires_at_ms");
  }
  auto expiry =
      ttl != nullptr ? expiry_of_ttl(*ttl, call.now) : expiry_of_moment(*moment, call.now);
  if (!expiry) return fail(std::move(expiry).error());
  core::ExpireOptions options;
  options.expiry = *expiry;
  options.if_none = call.args.flag(Field::kIfNone);
  options.if_longer = call.args.flag(Field::kIfLonger);
  options.if_shorter = call.args.flag(Field::kIfShorter);
  auto outcome = call.keys.expire(call.ns, call.args.bytes(Field::kKey), options, call.now);
  if (!outcome) return fail(std::move(outcome).error());
  call.reply.boolean(Field::kFound, outcome->found);
  return outcome->ticket;
}

Result<CommitTicket> remove_deadline(KeyCall& call) {
  core::ExpireOptions options;
  options.expiry.mode = core::Expiry::Mode::kNever;
  auto outcome = call.keys.expire(call.ns, call.args.bytes(Field::kKey), options, call.now);
  if (!outcome) return fail(std::move(outcome).error());
  call.reply.boolean(Field::kFound, outcome->found);
  return outcome->ticket;
}

}  // namespace appmem::commands
