#include "appmem/commands/dispatcher.h"

#include <algorithm>
#include <array>

#include "call.h"
#include "handlers.h"

namespace appmem::commands {
namespace {

using protocol::CommandId;

/// The handler of each command, by CommandId.
constexpr std::array<Handler, protocol::kCommandCount> kHandlers = [] {
  std::array<Handler, protocol::kCommandCount> handlers{};
  const auto set = [&](CommandId id, Handler handler) {
    handlers[static_cast<std::size_t>(id)] = handler;
  };
  set(CommandId::kGet, handle_get);
  set(CommandId::kSet, handle_set);
  set(CommandId::kDel, handle_del);
  set(CommandId::kExists, handle_exists);
  set(CommandId::kMget, handle_mget);
  set(CommandId::kMset, handle_mset);
  set(CommandId::kIncr, handle_incr);
  set(CommandId::kDecr, handle_decr);
  set(CommandId::kAppend, handle_append);
  set(CommandId::kTtl, handle_ttl);
  set(CommandId::kExpire, handle_expire);
  set(CommandId::kPersist, handle_persist);
  set(CommandId::kScan, handle_scan);
  set(CommandId::kCount, handle_count);
  set(CommandId::kBatch, handle_batch);
  set(CommandId::kNsCreate, handle_ns_create);
  set(CommandId::kNsAlter, handle_ns_alter);
  set(CommandId::kNsDrop, handle_ns_drop);
  set(CommandId::kNsClear, handle_ns_clear);
  set(CommandId::kNsList, handle_ns_list);
  set(CommandId::kNsInfo, handle_ns_info);
  set(CommandId::kUse, handle_use);
  set(CommandId::kHello, handle_hello);
  set(CommandId::kAuth, handle_auth);
  set(CommandId::kPing, handle_ping);
  set(CommandId::kWhoami, handle_whoami);
  set(CommandId::kStats, handle_stats);
  set(CommandId::kHealth, handle_health);
  set(CommandId::kConfigGet, handle_config_get);
  set(CommandId::kClients, handle_clients);
  set(CommandId::kClientKill, handle_client_kill);
  set(CommandId::kShutdown, handle_shutdown);
  for (const CommandId id :
       {CommandId::kMetrics, CommandId::kConfigReload, CommandId::kCheckpoint, CommandId::kCompact,
        CommandId::kBackup, CommandId::kLogVerify, CommandId::kStorageResume, CommandId::kSlowlog,
        CommandId::kWatch, CommandId::kUnwatch, CommandId::kLeaseRelease}) {
    set(id, handle_unavailable);
  }
  return handlers;
}();

static_assert(std::find(kHandlers.begin(), kHandlers.end(), nullptr) == kHandlers.end(),
              "a row of the command table has no handler");

}  // namespace

Dispatcher::Dispatcher(core::Store& store, ServerControl& control,
                       const protocol::JsonValidator& validator)
    : store_(store), control_(control), validator_(validator) {
}

protocol::Outcome Dispatcher::execute(Session& session, const protocol::Request& request,
                                      protocol::ReplyWriter& reply, const Instant& now) {
  Call call{store_, control_, validator_, settings_mutex_, session, request, request.arguments(),
            reply,  now};
  return kHandlers[static_cast<std::size_t>(request.command().id)](call);
}

}  // namespace appmem::commands
