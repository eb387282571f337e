#include <cstdint>
#include <string>
#include <string_view>

#include "../storage_commands.h"
#include "redis_handlers.h"
#include "redis_info.h"

/// What a client asks of the process.
namespace appmem::commands {
namespace {

std::string unavailable(std::string_view what) {
  return "ERR unavailable: " + std::string(what) +
         " needs storage, which this server does not have";
}

}  // namespace

void redis_save(RedisCall& call) {
  const bool in_background = call.spec.id == protocol::RedisId::kBgsave;
  const auto words = call.words.subspan(1);
  if (words.size() > 1 || (words.size() == 1 && !is_redis_word(words[0], "SCHEDULE"))) {
    return call.reply.failure(kRedisSyntaxError);
  }
  StorageControl* const storage = call.control.storage();
  if (storage == nullptr) {
    return call.reply.failure(unavailable(in_background ? "BGSAVE" : "SAVE"));
  }
  const auto request = storage->request_checkpoint();
  if (!request) return refuse_redis(call, request.error());
  if (in_background) return call.reply.status("Background saving started");
  call.job = wait_for_storage(*storage, *request, true);
}

void redis_lastsave(RedisCall& call) {
  call.reply.integer(redis_last_save(call));
}

void redis_shutdown(RedisCall& call) {
  bool save = false;
  bool nosave = false;
  bool abort = false;
  const auto words = call.words.subspan(1);
  for (const std::string_view word : words) {
    save = save || is_redis_word(word, "SAVE");
    nosave = nosave || is_redis_word(word, "NOSAVE");
    abort = abort || is_redis_word(word, "ABORT");
    // An orderly end waits for nobody but those who are still being answered.
    const bool is_known = is_redis_word(word, "SAVE") || is_redis_word(word, "NOSAVE") ||
                          is_redis_word(word, "NOW") || is_redis_word(word, "FORCE") ||
                          is_redis_word(word, "ABORT");
    if (!is_known) return call.reply.failure(kRedisSyntaxError);
  }
  if ((save && nosave) || (abort && words.size() > 1)) {
    return call.reply.failure(kRedisSyntaxError);
  }
  if (abort) return call.reply.failure("ERR No shutdown in progress.");
  // An orderly end writes in any case what is to be kept.
  if (save && call.control.storage() == nullptr) {
    return call.reply.failure(unavailable("SHUTDOWN SAVE"));
  }
  // The end of the connection is the reply: clients take any other for a failure.
  call.reply.set_silence(protocol::RedisReply::Silence::kAll);
  call.close = true;
  call.control.shutdown();
}

void redis_time(RedisCall& call) {
  const std::int64_t now_ms = call.now.wall.time_since_epoch().count();
  call.reply.array(2);
  call.reply.bulk(std::to_string(now_ms / 1000));
  call.reply.bulk(std::to_string(now_ms % 1000 * 1000));
}

}  // namespace appmem::commands
