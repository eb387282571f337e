#include "redis_handlers.h"

namespace appmem::commands {

void redis_incr(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_incrbyfloat(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

}  // namespace appmem::commands
