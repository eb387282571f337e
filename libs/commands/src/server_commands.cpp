#include <cstdint>
#include <string>
#include <string_view>

#include "access.h"
#include "appmem/base/limits.h"
#include "expiry_argument.h"
#include "handlers.h"

namespace appmem::commands {
namespace {

using protocol::Field;
using protocol::Outcome;
using protocol::ReplyWriter;

/// The version of the protocol that this server speaks.
constexpr std::int64_t kProtocolVersion = 1;

constexpr std::string_view kServerName = "appmem";

std::string_view role_name(protocol::Caller::Role role) {
  switch (role) {
    case protocol::Caller::Role::kOperator:
      return "operator";
    case protocol::Caller::Role::kMember:
      return "member";
    case protocol::Caller::Role::kUnauthenticated:
      return "unauthenticated";
    case protocol::Caller::Role::kStranger:
      break;
  }
  return "stranger";
}

std::string_view kind_name(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBytes:
      return "bytes";
    case ValueKind::kInteger:
      return "integer";
    case ValueKind::kJson:
      break;
  }
  return "json";
}

/// The number of a user or group; null for one that the kernel does not know.
void write_user(ReplyWriter& reply, Field field, std::uint32_t id) {
  if (id == protocol::kNobody) {
    reply.null(field);
  } else {
    reply.unsigned_integer(field, id);
  }
}

void write_limits(ReplyWriter& reply, const Limits& limits) {
  const auto write = [&](std::string_view name, std::size_t limit) {
    reply.named_integer(name, static_cast<std::int64_t>(limit));
  };
  reply.begin_object(Field::kLimits);
  write("key_bytes", kKeyBytesMax);
  write("value_bytes", limits.value_bytes_max);
  write("request_bytes", limits.effective_request_bytes_max());
  write("id_bytes", kRequestIdBytesMax);
  write("json_depth", kJsonDepthMax);
  write("keys", kRequestKeysMax);
  write("ops", kBatchOpsMax);
  write("namespaces", kNamespacesMax);
  write("connections", limits.connections_max);
  write("answer_bytes", limits.answer_bytes_max());
  write("output_bytes", limits.effective_output_bytes_hard_max());
  reply.named_integer("ttl_ms", kTtlMax.count());
  reply.named_integer("request_timeout_ms", limits.request_timeout.count());
  reply.named_integer("idle_timeout_ms", limits.idle_timeout.count());
  reply.end_object();
}

/// The name of the connection's namespace, or null when that has been dropped.
void write_session_namespace(Call& call) {
  if (call.session.ns == core::kDefaultNamespace) {
    call.reply.text(Field::kNs, kDefaultNamespaceName);
    return;
  }
  const auto info = call.store.namespace_info(call.session.ns, call.now);
  if (info) {
    call.reply.text(Field::kNs, info->name);
  } else {
    call.reply.null(Field::kNs);
  }
}

Outcome entry_stats(Call& call, core::NamespaceId ns, std::string_view key) {
  const auto stats = call.store.stats(ns, key, call.now);
  if (!stats) return refuse(call, stats.error());
  ReplyWriter& reply = call.reply;
  reply.boolean(Field::kFound, stats->has_value());
  if (!stats->has_value()) return Outcome::done();
  const core::EntryStats& entry = **stats;
  reply.text(Field::kType, kind_name(entry.kind));
  reply.unsigned_integer(Field::kLength, entry.value_bytes);
  reply.unsigned_integer(Field::kBytes, entry.memory_bytes);
  reply.integer(Field::kIdleMs, entry.idle.count());
  if (entry.deadline) {
    reply.integer(Field::kTtlMs, remaining_ms(*entry.deadline, call.now));
  } else {
    reply.null(Field::kTtlMs);
  }
  reply.unsigned_integer(Field::kVersion, entry.version);
  return Outcome::done();
}

Outcome server_stats(Call& call) {
  const core::StoreStats store = call.store.store_stats(call.now);
  const ServerInfo server = call.control.info(call.now);
  ReplyWriter& reply = call.reply;
  reply.integer(Field::kUptimeMs, server.uptime.count());
  reply.unsigned_integer(Field::kConnections, server.connections);
  reply.unsigned_integer(Field::kThreads, server.threads);
  reply.unsigned_integer(Field::kShards, store.shards);
  reply.unsigned_integer(Field::kKeys, store.keys);
  reply.unsigned_integer(Field::kMemoryUsed, store.memory_used);
  reply.unsigned_integer(Field::kMemoryLimit, store.memory_limit);
  reply.unsigned_integer(Field::kLive, store.entries_live_bytes);
  reply.unsigned_integer(Field::kTables, store.table_bytes);
  reply.unsigned_integer(Field::kLarge, store.large_bytes);
  reply.integer(Field::kExpiryLagMs, store.expiry_lag.count());
  if (StorageControl* const storage = call.control.storage(); storage != nullptr) {
    const auto numbers = storage->stats();
    if (!numbers.empty()) {
      reply.begin_object(Field::kStorage);
      for (const auto& [name, number] : numbers)
        reply.named_integer(name, number);
      reply.end_object();
    }
  }
  return Outcome::done();
}

}  // namespace

Outcome handle_hello(Call& call) {
  // A client that speaks another version learns here which one this server speaks.
  if (const auto name = call.args.text(Field::kClientName)) call.session.client_name = *name;
  const ServerInfo server = call.control.info(call.now);
  ReplyWriter& reply = call.reply;
  reply.text(Field::kServer, kServerName);
  reply.text(Field::kServerVersion, server.version);
  reply.integer(Field::kProtocolVersion, kProtocolVersion);
  reply.unsigned_integer(Field::kClient, call.session.id);
  reply.begin_list(Field::kFeatures);
  for (const std::string& feature : server.features)
    reply.item_text(feature);
  reply.end_list();
  write_limits(reply, call.control.limits());
  return Outcome::done();
}

Outcome handle_auth(Call& call) {
  switch (call.control.authenticate(call.session, *call.args.text(Field::kToken))) {
    case TokenCheck::kAccepted:
      call.reply.text(Field::kRole, role_name(call.session.caller.role));
      return Outcome::done();
    case TokenCheck::kWrong:
      return refuse(call, {ErrorCode::kUnauthenticated, "this is not the listener's token"});
    case TokenCheck::kNotTaken:
      break;
  }
  return refuse(call, {ErrorCode::kUnavailable,
                       "this listener takes no token: you have your rights without, see whoami"});
}

Outcome handle_ping(Call& call) {
  call.reply.boolean(Field::kPong, true);
  return Outcome::done();
}

Outcome handle_whoami(Call& call) {
  const protocol::Caller& caller = call.session.caller;
  ReplyWriter& reply = call.reply;
  write_user(reply, Field::kUid, caller.credentials.uid);
  write_user(reply, Field::kGid, caller.credentials.gid);
  reply.begin_list(Field::kGids);
  for (const std::uint32_t gid : caller.credentials.groups)
    reply.item_unsigned(gid);
  reply.end_list();
  reply.integer(Field::kPid, caller.credentials.pid);
  reply.text(Field::kRole, role_name(caller.role));
  reply.unsigned_integer(Field::kClient, call.session.id);
  reply.text(Field::kClientName, call.session.client_name);
  write_session_namespace(call);
  return Outcome::done();
}

Outcome handle_stats(Call& call) {
  const auto ns = admit(call.store, call.session, call.args);
  if (!ns) return refuse(call, ns.error());
  const protocol::Argument* key = call.args.find(Field::kKey);
  return key != nullptr ? entry_stats(call, *ns, key->bytes) : server_stats(call);
}

Outcome handle_health(Call& call) {
  const ServerInfo server = call.control.info(call.now);
  StorageControl* const storage = call.control.storage();
  const std::string failure = storage == nullptr ? std::string() : storage->failure();
  call.reply.text(Field::kStatus, failure.empty() ? "ok" : "read_only");
  if (!failure.empty()) {
    call.reply.text(Field::kMessage, "namespaces with a log are read-only: " + failure);
  }
  call.reply.text(Field::kServerVersion, server.version);
  call.reply.integer(Field::kUptimeMs, server.uptime.count());
  return Outcome::done();
}

Outcome handle_config_get(Call& call) {
  const auto may = check_rights(call.session.caller, call.args, call.session.ns);
  if (!may) return refuse(call, may.error());
  call.reply.begin_object(Field::kConfig);
  for (const auto& [name, value] : call.control.config())
    call.reply.named_text(name, value);
  call.reply.end_object();
  return Outcome::done();
}

Outcome handle_clients(Call& call) {
  const auto may = check_rights(call.session.caller, call.args, call.session.ns);
  if (!may) return refuse(call, may.error());
  ReplyWriter& reply = call.reply;
  reply.begin_list(Field::kClients);
  for (const ClientInfo& client : call.control.clients(call.now)) {
    reply.begin_item_object();
    reply.unsigned_integer(Field::kClient, client.id);
    reply.text(Field::kClientName, client.name);
    reply.text(Field::kAddress, client.address);
    if (!client.peer.empty()) reply.text(Field::kPeer, client.peer);
    write_user(reply, Field::kUid, client.uid);
    reply.integer(Field::kPid, client.pid);
    reply.integer(Field::kAgeMs, client.age.count());
    reply.integer(Field::kIdleMs, client.idle.count());
    reply.unsigned_integer(Field::kRequests, client.requests);
    reply.unsigned_integer(Field::kMemory, client.memory_bytes);
    reply.end_item_object();
  }
  reply.end_list();
  return Outcome::done();
}

Outcome handle_client_kill(Call& call) {
  const auto may = check_rights(call.session.caller, call.args, call.session.ns);
  if (!may) return refuse(call, may.error());
  const auto id = static_cast<std::uint64_t>(call.args.integer_or(Field::kClient, 0));
  Outcome outcome = Outcome::done();
  // The answer still leaves over the connection that it is about.
  outcome.close = id == call.session.id;
  if (!outcome.close && !call.control.kill_client(id)) {
    return refuse(call,
                  {ErrorCode::kNotFound, "no connection has the number " + std::to_string(id)});
  }
  call.reply.boolean(Field::kKilled, true);
  return outcome;
}

Outcome handle_shutdown(Call& call) {
  const auto may = check_rights(call.session.caller, call.args, call.session.ns);
  if (!may) return refuse(call, may.error());
  call.control.shutdown();
  Outcome outcome = Outcome::done();
  outcome.close = true;
  return outcome;
}

Outcome handle_unavailable(Call& call) {
  const auto may = check_rights(call.session.caller, call.args, call.session.ns);
  if (!may) return refuse(call, may.error());
  return refuse(call, {ErrorCode::kUnavailable,
                       std::string(call.args.command().name) + " is not available yet"});
}

}  // namespace appmem::commands
