#pragma once

#include <span>
#include <string_view>

#include "redis_call.h"
#include "redis_state.h"

namespace appmem::commands {

/// Keeps a command until EXEC, and says so; or refuses it, and with it the transaction, when the
/// commands that wait are over a limit or there is no memory: then it gives back what they took.
/// What follows in a transaction that has been refused is not kept.
void queue_redis_command(RedisCall& call);

/// Ends a transaction whose EXEC is refused, and says why.
void abandon_redis_transaction(RedisState& state, std::string_view why,
                               protocol::RedisReply& reply);

}  // namespace appmem::commands
