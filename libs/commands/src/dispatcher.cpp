#include "appmem/commands/dispatcher.h"

#include <cstddef>
#include <iterator>
#include <utility>

#include "call.h"
#include "compose_job.h"
#include "handlers.h"
#include "redis/redis_dispatch.h"
#include "redis/redis_state.h"
#include "redis/redis_statistics.h"
#include "redis/transaction_memory.h"

namespace appmem::commands {
namespace {

using protocol::CommandId;

struct Row {
  CommandId command;
  Handler handler;
};

/// The handler of each command, in the order of CommandId.
constexpr Row kRows[] = {
    {CommandId::kGet, handle_get},
    {CommandId::kSet, handle_set},
    {CommandId::kDel, handle_del},
    {CommandId::kExists, handle_exists},
    {CommandId::kMget, handle_mget},
    {CommandId::kMset, handle_mset},
    {CommandId::kIncr, handle_incr},
    {CommandId::kDecr, handle_decr},
    {CommandId::kAppend, handle_append},
    {CommandId::kTtl, handle_ttl},
    {CommandId::kExpire, handle_expire},
    {CommandId::kPersist, handle_persist},
    {CommandId::kScan, handle_scan},
    {CommandId::kCount, handle_count},
    {CommandId::kBatch, handle_batch},
    {CommandId::kNsCreate, handle_ns_create},
    {CommandId::kNsAlter, handle_ns_alter},
    {CommandId::kNsDrop, handle_ns_drop},
    {CommandId::kNsClear, handle_ns_clear},
    {CommandId::kNsList, handle_ns_list},
    {CommandId::kNsInfo, handle_ns_info},
    {CommandId::kUse, handle_use},
    {CommandId::kHello, handle_hello},
    {CommandId::kAuth, handle_auth},
    {CommandId::kPing, handle_ping},
    {CommandId::kWhoami, handle_whoami},
    {CommandId::kStats, handle_stats},
    {CommandId::kMetrics, handle_unavailable},
    {CommandId::kHealth, handle_health},
    {CommandId::kConfigGet, handle_config_get},
    {CommandId::kConfigReload, handle_unavailable},
    {CommandId::kClients, handle_clients},
    {CommandId::kClientKill, handle_client_kill},
    {CommandId::kCheckpoint, handle_checkpoint},
    {CommandId::kCompact, handle_checkpoint},
    {CommandId::kBackup, handle_unavailable},
    {CommandId::kLogVerify, handle_log_verify},
    {CommandId::kStorageResume, handle_storage_resume},
    {CommandId::kSlowlog, handle_unavailable},
    {CommandId::kWatch, handle_unavailable},
    {CommandId::kUnwatch, handle_unavailable},
    {CommandId::kShutdown, handle_shutdown},
    {CommandId::kLeaseRelease, handle_unavailable},
};

/// What a client may send before it has shown the token that its listener asks for.
bool needs_no_token(CommandId command) {
  return command == CommandId::kAuth || command == CommandId::kHello || command == CommandId::kPing;
}

constexpr bool every_command_has_its_row() {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (static_cast<std::size_t>(kRows[i].command) != i) return false;
  }
  return std::size(kRows) == protocol::kCommandCount;
}
static_assert(every_command_has_its_row());

}  // namespace

Dispatcher::Dispatcher(core::Store& store, ServerControl& control,
                       const protocol::JsonValidator& validator)
    : store_(store),
      control_(control),
      validator_(validator),
      statistics_(std::make_unique<RedisStatistics>()),
      transactions_(std::make_unique<TransactionMemory>(store.memory().limit())) {
}

Dispatcher::~Dispatcher() = default;

void Dispatcher::refused_unread(Session& session) {
  if (session.redis != nullptr) session.redis->refused = session.redis->in_transaction;
}

protocol::Outcome Dispatcher::execute(Session& session, const protocol::Request& request,
                                      protocol::Reply& reply, const Instant& now) {
  if (!request.words().empty()) {
    const RedisContext context{store_,          control_,     validator_,
                               settings_mutex_, *statistics_, *transactions_};
    return execute_redis(context, session, request, reply.redis(), now);
  }
  Call call{store_,  control_, validator_,          settings_mutex_,
            session, request,  request.arguments(), reply.fields(),
            now};
  const CommandId command = request.command().id;
  if (session.caller.role == protocol::Caller::Role::kUnauthenticated && !needs_no_token(command))
      [[unlikely]] {
    return refuse(call, {ErrorCode::kUnauthenticated,
                         "a token is needed first: {\"op\":\"auth\",\"token\":\"...\"}"});
  }
  protocol::Outcome outcome = kRows[static_cast<std::size_t>(command)].handler(call);
  return compose_large_values(std::move(outcome), reply);
}

}  // namespace appmem::commands
