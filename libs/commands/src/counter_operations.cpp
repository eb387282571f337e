#include <cstdint>
#include <limits>

#include "expiry_argument.h"
#include "key_operation.h"

/// incr and decr.
namespace appmem::commands {
namespace {

using core::CommitTicket;
using protocol::Argument;
using protocol::Field;

Result<CommitTicket> add_to_counter(KeyCall& call, std::int64_t by) {
  core::IncrementOptions options;
  options.by = by;
  options.initial = call.args.integer_or(Field::kInitial, 0);
  options.min = call.args.integer(Field::kMin);
  options.max = call.args.integer(Field::kMax);
  if (options.min && options.max && *options.min > *options.max) {
    return fail(ErrorCode::kInvalidRequest, "min is greater than max");
  }
  if (const Argument* ttl = call.args.find(Field::kTtlMs)) {
    auto expiry = expiry_of_ttl(*ttl, call.now);
    if (!expiry) return fail(std::move(expiry).error());
    options.expiry = *expiry;
  }
  auto outcome = call.keys.increment(call.ns, call.args.bytes(Field::kKey), options, call.now);
  if (!outcome) return fail(std::move(outcome).error());
  call.reply.integer(Field::kValue, outcome->value);
  call.reply.unsigned_integer(Field::kVersion, outcome->version);
  return outcome->ticket;
}

}  // namespace

Result<CommitTicket> increment_counter(KeyCall& call) {
  return add_to_counter(call, call.args.integer_or(Field::kBy, 1));
}

Result<CommitTicket> decrement_counter(KeyCall& call) {
  const std::int64_t by = call.args.integer_or(Field::kBy, 1);
  if (by == std::numeric_limits<std::int64_t>::min()) {
    return fail(ErrorCode::kOverflow, "by has no opposite in signed 64 bits");
  }
  return add_to_counter(call, -by);
}

}  // namespace appmem::commands
