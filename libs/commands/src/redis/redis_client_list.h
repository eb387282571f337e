#pragma once

#include "redis_call.h"

namespace appmem::commands {

// What CLIENT tells of connections, and ends.
void redis_client_info(RedisCall& call);
void redis_client_kill(RedisCall& call);
void redis_client_list(RedisCall& call);

}  // namespace appmem::commands
