#include "redis_handlers.h"

namespace appmem::commands {

void redis_command(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_config(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_info(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_save(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_lastsave(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_shutdown(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_time(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

}  // namespace appmem::commands
