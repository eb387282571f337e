#include "redis_handlers.h"

namespace appmem::commands {

void redis_create(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_describe(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_drop(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_list(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_stats(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

}  // namespace appmem::commands
