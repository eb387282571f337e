#pragma once

#include <span>
#include <string_view>

#include "redis_call.h"
#include "redis_state.h"

namespace appmem::commands {

/// Keeps a command until EXEC, and says so; or refuses it, and with it the transaction, when the
/// commands that wait are over a limit.
void queue_redis_command(RedisState& state, const protocol::RedisSpec& spec,
                         std::span<const std::string_view> words, protocol::RedisReply& reply);

/// Ends a transaction whose EXEC is refused, and says why.
void abandon_redis_transaction(RedisState& state, std::string_view why,
                               protocol::RedisReply& reply);

}  // namespace appmem::commands
