#include "redis_handlers.h"

namespace appmem::commands {

void redis_memory(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_object(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

}  // namespace appmem::commands
