#include "redis_handlers.h"

namespace appmem::commands {

void redis_expire(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_expiretime(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_persist(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_ttl(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

}  // namespace appmem::commands
