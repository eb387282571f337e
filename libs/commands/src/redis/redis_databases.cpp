#include "redis_databases.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "../logged_job.h"
#include "redis_handlers.h"
#include "redis_state.h"

namespace appmem::commands {
namespace {

using protocol::Right;

/// FLUSHDB and FLUSHALL take one word, which makes no difference here: clearing takes constant time
/// and the memory comes back in the background. False when an error has been replied.
bool read_flush_options(RedisCall& call) {
  const auto words = call.words.subspan(1);
  const bool known =
      words.empty() ||
      (words.size() == 1 && (is_redis_word(words[0], "ASYNC") || is_redis_word(words[0], "SYNC")));
  if (!known) call.reply.failure(kRedisSyntaxError);
  return known;
}

/// Whether a word can only be meant as a number.
bool looks_like_number(std::string_view word) {
  if (word.starts_with('-')) word.remove_prefix(1);
  return word.find_first_not_of("0123456789") == std::string_view::npos;
}

void refuse_right(RedisCall& call) {
  call.reply.failure("NOPERM this user has no permissions to run the '" +
                     std::string(call.spec.name) + "' command");
}

void select_number(RedisCall& call) {
  int number = 0;
  if (!read_redis_database(call, call.words[1], number)) return;
  if (!call.session.caller.may(Right::kRead, number == 0)) return refuse_right(call);
  call.session.ns = find_redis_database(call.store, number);
  call.session.redis->unmade_database = call.session.ns == kUnmadeDatabase ? number : 0;
  call.reply.ok();
}

}  // namespace

void redis_dbsize(RedisCall& call) {
  if (call.ns == kUnmadeDatabase) return call.reply.integer(0);
  const auto info = call.store.namespace_info(call.ns, call.now);
  if (!info) return refuse_redis(call, info.error());
  call.rests_on(log_ticket(call.store, call.ns));
  call.reply.integer(static_cast<std::int64_t>(info->keys));
}

void redis_flushdb(RedisCall& call) {
  if (!read_flush_options(call)) return;
  if (call.ns != kUnmadeDatabase) {
    const auto cleared = call.store.clear_namespace(call.ns, call.now);
    if (!cleared) return refuse_redis(call, cleared.error());
    call.rests_on(durable_ticket(call.store, call.ns));
  }
  call.reply.ok();
}

void redis_flushall(RedisCall& call) {
  const auto may_clear = [&](int number) {
    return call.session.caller.may(Right::kAdmin, number == 0);
  };
  if (!may_clear(0) && !may_clear(1)) return refuse_right(call);
  if (!read_flush_options(call)) return;
  for (int number = 0; number < kRedisDatabases; ++number) {
    if (!may_clear(number)) continue;
    const core::NamespaceId ns = find_redis_database(call.store, number);
    if (ns == kUnmadeDatabase) continue;
    const auto cleared = call.store.clear_namespace(ns, call.now);
    call.rests_on(durable_ticket(call.store, ns));
    // One that has been dropped meanwhile is empty.
    if (!cleared && cleared.error().code != ErrorCode::kNotFound) {
      return refuse_redis(call, cleared.error());
    }
  }
  call.reply.ok();
}

void redis_select(RedisCall& call) {
  const std::string_view word = call.words[1];
  if (looks_like_number(word)) return select_number(call);
  // Rights first: an answer says nothing of what exists to those who have none.
  if (!call.session.caller.may(Right::kRead, word == redis_database_name(0))) {
    return refuse_right(call);
  }
  const auto found = call.store.find_namespace(word);
  if (!found) return call.reply.failure("ERR no such namespace");
  call.session.ns = *found;
  call.session.redis->unmade_database = 0;
  call.reply.ok();
}

void redis_swapdb(RedisCall& call) {
  constexpr std::string_view kRefusals[] = {"ERR invalid first DB index",
                                            "ERR invalid second DB index"};
  std::int64_t numbers[2];
  for (std::size_t i = 0; i < 2; ++i) {
    constexpr std::int64_t kIntMax = std::numeric_limits<int>::max();
    if (!read_redis_integer(call.words[i + 1], numbers[i]) || numbers[i] > kIntMax ||
        numbers[i] < -kIntMax - 1) {
      return call.reply.failure(kRefusals[i]);
    }
  }
  core::NamespaceId ids[2];
  for (const std::int64_t number : numbers) {
    if (number < 0 || number >= kRedisDatabases) return call.reply.failure(kDatabaseOutOfRange);
  }
  if (numbers[0] == numbers[1]) return call.reply.ok();
  for (std::size_t i = 0; i < 2; ++i) {
    const int number = static_cast<int>(numbers[i]);
    ids[i] = find_redis_database(call.store, number);
    if (ids[i] != kUnmadeDatabase) continue;
    const auto made = make_redis_database(call.store, number, call.now);
    if (!made) return refuse_redis(call, made.error());
    ids[i] = *made;
  }
  const auto swapped = call.store.swap_namespaces(ids[0], ids[1], call.now);
  if (!swapped) return refuse_redis(call, swapped.error());
  call.reply.ok();
}

}  // namespace appmem::commands
