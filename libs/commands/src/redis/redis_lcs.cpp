#include "redis_handlers.h"

namespace appmem::commands {

void redis_lcs(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

}  // namespace appmem::commands
