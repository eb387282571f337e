#pragma once

#include <string_view>

#include "redis_call.h"

namespace appmem::commands {

/// The release of Redis whose commands and replies these are. Clients choose what they send by it.
inline constexpr std::string_view kRedisVersion = "7.0.15";

/// Whether a text that a client gives about itself may stand in a line of CLIENT LIST.
bool is_redis_client_text(std::string_view text);

/// False when an error has been replied: a client may not be called so.
bool check_redis_client_name(RedisCall& call, std::string_view name);

}  // namespace appmem::commands
