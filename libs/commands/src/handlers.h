#pragma once

#include "call.h"

/// The handlers of the command table, one for each row; the sources are split by topic.
namespace appmem::commands {

// key_commands.cpp
protocol::Outcome handle_get(Call& call);
protocol::Outcome handle_set(Call& call);
protocol::Outcome handle_del(Call& call);
protocol::Outcome handle_exists(Call& call);
protocol::Outcome handle_mget(Call& call);
protocol::Outcome handle_mset(Call& call);
protocol::Outcome handle_incr(Call& call);
protocol::Outcome handle_decr(Call& call);
protocol::Outcome handle_append(Call& call);
protocol::Outcome handle_ttl(Call& call);
protocol::Outcome handle_expire(Call& call);
protocol::Outcome handle_persist(Call& call);

// batch_command.cpp
protocol::Outcome handle_batch(Call& call);

// scan_command.cpp, count_command.cpp
protocol::Outcome handle_scan(Call& call);
protocol::Outcome handle_count(Call& call);

// namespace_commands.cpp
protocol::Outcome handle_ns_create(Call& call);
protocol::Outcome handle_ns_alter(Call& call);
protocol::Outcome handle_ns_drop(Call& call);
protocol::Outcome handle_ns_clear(Call& call);
protocol::Outcome handle_ns_list(Call& call);
protocol::Outcome handle_ns_info(Call& call);
protocol::Outcome handle_use(Call& call);

// server_commands.cpp
protocol::Outcome handle_hello(Call& call);
protocol::Outcome handle_auth(Call& call);
protocol::Outcome handle_ping(Call& call);
protocol::Outcome handle_whoami(Call& call);
protocol::Outcome handle_stats(Call& call);
protocol::Outcome handle_health(Call& call);
protocol::Outcome handle_config_get(Call& call);
protocol::Outcome handle_clients(Call& call);
protocol::Outcome handle_client_kill(Call& call);
protocol::Outcome handle_shutdown(Call& call);
/// A checkpoint is what compacts the log as well (decision 0018).
protocol::Outcome handle_checkpoint(Call& call);
protocol::Outcome handle_storage_resume(Call& call);
protocol::Outcome handle_log_verify(Call& call);
/// Every row flagged kUnavailable.
protocol::Outcome handle_unavailable(Call& call);

}  // namespace appmem::commands
