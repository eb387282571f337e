#include "redis_keys.h"

#include "redis_handlers.h"

namespace appmem::commands {

void redis_copy(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_del(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_exists(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_move(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_rename(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void redis_type(RedisCall& call) {
  call.reply.failure("ERR unavailable");  // STUB
}

void append_redis_target_keys(const core::Store& /*store*/, const protocol::RedisSpec& /*spec*/,
                              std::span<const std::string_view> /*words*/,
                              std::vector<core::KeyRef>& /*keys*/) {
}

}  // namespace appmem::commands
