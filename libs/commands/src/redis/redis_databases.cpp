#include "redis_handlers.h"

namespace appmem::commands {

void redis_dbsize(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_flushall(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_flushdb(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_keys(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_randomkey(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_scan(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_select(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_swapdb(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

}  // namespace appmem::commands
