#include <algorithm>
#include <utility>
#include <vector>

#include "access.h"
#include "handlers.h"
#include "key_operation.h"
#include "many_keys.h"
#include "many_keys_command.h"

/// The handlers of operations on keys: rights, namespace, then the operation, alone or, for several
/// keys, inside an atomic step.
namespace appmem::commands {
namespace {

using core::CommitTicket;
using protocol::Field;
using protocol::Outcome;

Outcome finish(Call& call, const Result<CommitTicket>& ticket) {
  return ticket ? answered(*ticket) : refuse(call, ticket.error());
}

KeyCall key_call(Call& call, core::Keyspace& keys, core::NamespaceId ns, core::ValueType type) {
  return {keys, ns, type, call.args, call.reply, call.now};
}

template <KeyOperation kOperation>
Outcome on_one_key(Call& call) {
  const auto ns = admit(call.store, call.session, call.args);
  if (!ns) return refuse(call, ns.error());
  KeyCall key = key_call(call, call.store, *ns, core::ValueType::kAny);
  return finish(call, kOperation(key));
}

Result<CommitTicket> on_keys(Call& call, core::NamespaceId ns, core::ValueType type,
                             KeyOperation operation) {
  std::vector<core::KeyRef> keys;
  append_keys(call.args, ns, keys);
  if (keys.size() <= 1) {
    KeyCall one = key_call(call, call.store, ns, type);
    return operation(one);
  }
  const AnswerLimit limit(call.control.limits(), call.store.memory());
  CommitTicket seen = 0;
  auto ticket = call.store.atomically(keys, call.now, [&](core::Batch& batch) -> Result<void> {
    KeyCall all = key_call(call, batch, ns, type);
    all.limit = &limit;
    auto done = operation(all);
    if (!done) return fail(std::move(done).error());
    seen = *done;
    return {};
  });
  if (!ticket) return ticket;
  return std::max(seen, *ticket);
}

/// For commands that take `key` or `keys`.
template <KeyOperation kOperation>
Outcome on_any_keys(Call& call) {
  if (call.args.has(Field::kKey)) return on_one_key<kOperation>(call);
  const auto ns = admit(call.store, call.session, call.args);
  if (!ns) return refuse(call, ns.error());
  return finish(call, on_keys(call, *ns, core::ValueType::kAny, kOperation));
}

/// The same for those that only read.
template <KeyOperation kOperation, ManyKeys kWhat>
Outcome read_any_keys(Call& call) {
  if (call.args.has(Field::kKey)) return on_one_key<kOperation>(call);
  const auto ns = admit(call.store, call.session, call.args);
  if (!ns) return refuse(call, ns.error());
  if (reads_in_slices(call.store, *ns, call.args.keys(Field::kKeys))) {
    return read_in_slices(call, *ns, kWhat);
  }
  return finish(call, on_keys(call, *ns, core::ValueType::kAny, kOperation));
}

}  // namespace

Outcome handle_get(Call& call) {
  return on_one_key<get_entry>(call);
}

Outcome handle_set(Call& call) {
  const auto ns = admit(call.store, call.session, call.args);
  if (!ns) return refuse(call, ns.error());
  KeyCall key = key_call(call, call.store, *ns, core::ValueType::kAny);
  auto ticket = set_entry(key);
  if (ticket) [[likely]]
    return answered(*ticket);
  // The store takes everything as it is but bytes for a namespace of documents. It is asked first,
  // so that the other namespaces' writes need not look up what theirs is.
  if (ticket.error().code != ErrorCode::kWrongType) return refuse(call, ticket.error());
  const auto settings = call.store.namespace_settings(*ns);
  if (!settings || settings->type != core::ValueType::kJson) return refuse(call, ticket.error());
  if (auto checked = check_values(settings->type, call.args, call.validator); !checked) {
    call.store.note_refused(*ns, call.args.bytes(Field::kKey));
    return refuse(call, checked.error());
  }
  key.type = settings->type;
  return finish(call, set_entry(key));
}

Outcome handle_del(Call& call) {
  return on_any_keys<delete_entries>(call);
}

Outcome handle_exists(Call& call) {
  return read_any_keys<count_existing, ManyKeys::kExists>(call);
}

Outcome handle_mget(Call& call) {
  return read_any_keys<get_entries, ManyKeys::kMget>(call);
}

Outcome handle_mset(Call& call) {
  const auto ns = admit(call.store, call.session, call.args);
  if (!ns) return refuse(call, ns.error());
  const auto settings = call.store.namespace_settings(*ns);
  if (!settings) return refuse(call, settings.error());
  if (auto checked = check_values(settings->type, call.args, call.validator); !checked) {
    return refuse(call, checked.error());
  }
  return finish(call, on_keys(call, *ns, settings->type, set_entries));
}

Outcome handle_incr(Call& call) {
  return on_one_key<increment_counter>(call);
}

Outcome handle_decr(Call& call) {
  return on_one_key<decrement_counter>(call);
}

Outcome handle_append(Call& call) {
  return on_one_key<append_to_entry>(call);
}

Outcome handle_ttl(Call& call) {
  return on_one_key<read_deadline>(call);
}

Outcome handle_expire(Call& call) {
  return on_one_key<change_deadline>(call);
}

Outcome handle_persist(Call& call) {
  return on_one_key<remove_deadline>(call);
}

}  // namespace appmem::commands
