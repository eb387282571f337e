#include <string>

#include "redis_deadline.h"
#include "redis_handlers.h"

namespace appmem::commands {
namespace {

using protocol::RedisId;

/// Reads the words behind a deadline. False when an error has been replied.
bool read_conditions(RedisCall& call, core::ExpireOptions& options) {
  for (const std::string_view word : call.words.subspan(3)) {
    if (is_redis_word(word, "NX")) {
      options.if_none = true;
    } else if (is_redis_word(word, "XX")) {
      options.if_some = true;
    } else if (is_redis_word(word, "GT")) {
      options.if_longer = true;
    } else if (is_redis_word(word, "LT")) {
      options.if_shorter = true;
    } else {
      call.reply.failure("ERR Unsupported option " + std::string(shown_word(word)));
      return false;
    }
  }
  if (options.if_none && (options.if_some || options.if_longer || options.if_shorter)) {
    call.reply.failure("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (options.if_longer && options.if_shorter) {
    call.reply.failure("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

/// Changes the deadline and replies whether that was done.
void change_deadline(RedisCall& call, const core::ExpireOptions& options) {
  const auto outcome = call.keys.expire(call.ns, call.words[1], options, call.now);
  if (!outcome) {
    if (outcome.error().code == ErrorCode::kConflict) return call.reply.integer(0);
    return refuse_redis(call, outcome.error());
  }
  call.rests_on(outcome->ticket);
  call.reply.integer(outcome->found ? 1 : 0);
}

/// What TTL and its relatives say of a key.
enum class Answer : std::uint8_t { kRemaining, kMoment };

void tell_deadline(RedisCall& call, Answer what, bool in_milliseconds) {
  constexpr std::int64_t kNoKey = -2;
  constexpr std::int64_t kNoDeadline = -1;
  std::int64_t answer = kNoKey;
  const auto look = [&](const core::EntryView& entry) {
    answer = kNoDeadline;
    if (!entry.deadline) return;
    answer = what == Answer::kRemaining
                 ? (*entry.deadline - call.now.mono).count()
                 : call.now.wall_of(*entry.deadline).time_since_epoch().count();
    if (!in_milliseconds) answer = (answer + 500) / 1000;
  };
  const core::GetOptions peek{.touch = std::nullopt, .peek = true};
  const auto outcome = call.keys.get(call.ns, call.words[1], peek, call.now, look);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  call.reply.integer(answer);
}

}  // namespace

void redis_expire(RedisCall& call) {
  core::ExpireOptions options;
  if (!read_conditions(call, options)) return;
  std::int64_t number = 0;
  if (!read_redis_integer(call.words[2], number)) return call.reply.failure(kRedisNotAnInteger);
  const RedisId id = call.spec.id;
  const DeadlineForm form{
      .milliseconds = id == RedisId::kPexpire || id == RedisId::kPexpireat,
      .moment = id == RedisId::kExpireat || id == RedisId::kPexpireat,
  };
  const auto expiry = redis_deadline(number, form, call.now);
  if (!expiry) return refuse_redis_deadline(call);
  options.expiry = *expiry;
  change_deadline(call, options);
}

void redis_expiretime(RedisCall& call) {
  tell_deadline(call, Answer::kMoment, call.spec.id == RedisId::kPexpiretime);
}

void redis_persist(RedisCall& call) {
  core::ExpireOptions options;
  options.expiry.mode = core::Expiry::Mode::kNever;
  options.if_some = true;
  change_deadline(call, options);
}

void redis_ttl(RedisCall& call) {
  tell_deadline(call, Answer::kRemaining, call.spec.id == RedisId::kPttl);
}

}  // namespace appmem::commands
