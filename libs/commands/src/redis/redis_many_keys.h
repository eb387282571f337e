#pragma once

#include "redis_call.h"

namespace appmem::commands {

/// Whether the command, which does not stand in a transaction, reads so many keys that it leaves a
/// job for that. Precondition: its namespace exists.
bool is_redis_read_in_slices(const RedisCall& call);

/// Executes it.
void redis_read_in_slices(RedisCall& call);

}  // namespace appmem::commands
