#pragma once

#include <cstdint>
#include <string_view>

#include "redis_call.h"

namespace appmem::commands {

/// How the namespace `default` makes room when memory is full, in Redis's words.
std::string_view redis_eviction_policy(const core::Store& store);

/// When a snapshot was written last, in seconds since 1970. As with Redis, which counts its start
/// as the first, this is when the server was started.
std::int64_t redis_last_save(const RedisCall& call);

}  // namespace appmem::commands
