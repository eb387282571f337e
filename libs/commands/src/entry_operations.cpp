#include <string>

#include "appmem/base/check.h"
#include "expiry_argument.h"
#include "kept_value.h"
#include "key_operation.h"
#include "value_form.h"

/// get, set and append.
namespace appmem::commands {

using core::CommitTicket;
using core::EntryView;
using protocol::Argument;
using protocol::Field;

namespace {

/// Where a moment in the past has deleted instead, there is none.
void write_version(KeyCall& call, core::Version version) {
  if (version != 0) call.reply.unsigned_integer(Field::kVersion, version);
}

}  // namespace

Result<CommitTicket> get_entry(KeyCall& call) {
  std::string_view key;
  core::GetOptions options;
  for (const Argument& argument : call.args.all()) {
    if (argument.field == Field::kKey) {
      key = argument.bytes;
    } else if (argument.field == Field::kTouchTtlMs) {
      auto expiry = expiry_of_ttl(argument, call.now);
      if (!expiry) return fail(std::move(expiry).error());
      options.touch = *expiry;
    }
  }
  const auto write = [&](const EntryView& entry) {
    call.reply.boolean(Field::kFound, true);
    call.reply.value(Field::kValue, entry.value);
    call.reply.unsigned_integer(Field::kVersion, entry.version);
    std::optional<TimePoint> deadline = entry.deadline;
    if (options.touch) {
      deadline.reset();
      if (options.touch->mode == core::Expiry::Mode::kAt) deadline = options.touch->at;
    }
    if (deadline) call.reply.integer(Field::kTtlMs, remaining_ms(*deadline, call.now));
  };
  auto outcome = call.keys.get(call.ns, key, options, call.now, write);
  if (!outcome) return fail(std::move(outcome).error());
  if (!outcome->found) call.reply.boolean(Field::kFound, false);
  return outcome->ticket;
}

Result<CommitTicket> set_entry(KeyCall& call) {
  std::string_view key;
  const protocol::ValueArgument* value = nullptr;
  core::SetOptions options;
  bool return_old = false;
  for (const Argument& argument : call.args.all()) {
    switch (argument.field) {
      case Field::kKey:
        key = argument.bytes;
        break;
      case Field::kValue:
        value = &argument.value;
        break;
      case Field::kTtlMs:
      case Field::kExpiresAtMs: {
        auto expiry = argument.field == Field::kTtlMs ? expiry_of_ttl(argument, call.now)
                                                      : expiry_of_moment(argument, call.now);
        if (!expiry) return fail(std::move(expiry).error());
        options.expiry = *expiry;
        break;
      }
      case Field::kKeepTtl:
        if (argument.integer != 0) options.expiry.mode = core::Expiry::Mode::kKeep;
        break;
      case Field::kIfAbsent:
        options.conditions.if_absent = argument.integer != 0;
        break;
      case Field::kIfPresent:
        options.conditions.if_present = argument.integer != 0;
        break;
      case Field::kIfVersion:
        options.conditions.if_version = static_cast<core::Version>(argument.integer);
        break;
      case Field::kReturnOld:
        return_old = argument.integer != 0;
        break;
      default:
        break;
    }
  }
  APPMEM_CHECK(value != nullptr);  // required, so the codec has seen to it
  if (!return_old) [[likely]] {
    auto outcome = call.keys.set(call.ns, key, stored_form(call.type, *value), options, call.now);
    if (!outcome) return fail(std::move(outcome).error());
    write_version(call, outcome->version);
    return outcome->ticket;
  }
  KeptValue old;
  const auto keep = [&](const EntryView& entry) {
    old.keep(entry.value);
  };
  const core::EntryVisitor visitor(keep);
  options.old = &visitor;
  auto outcome = call.keys.set(call.ns, key, stored_form(call.type, *value), options, call.now);
  if (!outcome) return fail(std::move(outcome).error());
  write_version(call, outcome->version);
  if (old) call.reply.value(Field::kOld, old.view());
  return outcome->ticket;
}

Result<CommitTicket> append_to_entry(KeyCall& call) {
  DecimalText digits{};
  auto bytes = appended_bytes(call.args.value(Field::kValue).view, digits);
  if (!bytes) return fail(std::move(bytes).error());
  auto outcome = call.keys.patch(call.ns, call.args.bytes(Field::kKey), {*bytes}, call.now);
  if (!outcome) return fail(std::move(outcome).error());
  call.reply.unsigned_integer(Field::kLength, outcome->length);
  call.reply.unsigned_integer(Field::kVersion, outcome->version);
  return outcome->ticket;
}

}  // namespace appmem::commands
