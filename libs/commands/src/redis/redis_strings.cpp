#include "redis_handlers.h"

namespace appmem::commands {

void redis_append(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_get(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_getdel(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_getex(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_getrange(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_getset(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_mget(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_mset(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_set(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_setex(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_setnx(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_setrange(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_strlen(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

}  // namespace appmem::commands
