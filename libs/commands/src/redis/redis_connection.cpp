#include "redis_handlers.h"

namespace appmem::commands {

void redis_auth(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_client(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_echo(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_hello(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_ping(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_quit(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_reset(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

}  // namespace appmem::commands
