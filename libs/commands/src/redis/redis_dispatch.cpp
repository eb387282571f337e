#include "redis_dispatch.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>

#include "../access.h"
#include "appmem/base/limits.h"
#include "redis_databases.h"
#include "redis_handlers.h"
#include "redis_keys.h"
#include "redis_many_keys.h"
#include "redis_state.h"
#include "redis_transaction.h"

namespace appmem::commands {
namespace {

using protocol::Outcome;
using protocol::RedisId;
using protocol::RedisReply;
using protocol::RedisSpec;

struct Row {
  RedisId id;
  RedisHandler handler;
};

/// The handler of each command, in the order of RedisId.
constexpr Row kRows[] = {
    {RedisId::kAppend, redis_append},
    {RedisId::kAuth, redis_auth},
    {RedisId::kBgsave, redis_save},
    {RedisId::kClient, redis_client},
    {RedisId::kCommand, redis_command},
    {RedisId::kConfig, redis_config},
    {RedisId::kCopy, redis_copy},
    {RedisId::kCreate, redis_create},
    {RedisId::kDbsize, redis_dbsize},
    {RedisId::kDecr, redis_incr},
    {RedisId::kDecrby, redis_incr},
    {RedisId::kDel, redis_del},
    {RedisId::kDescribe, redis_describe},
    {RedisId::kDiscard, redis_discard},
    {RedisId::kDrop, redis_drop},
    {RedisId::kEcho, redis_echo},
    {RedisId::kExec, redis_exec},
    {RedisId::kExists, redis_exists},
    {RedisId::kExpire, redis_expire},
    {RedisId::kExpireat, redis_expire},
    {RedisId::kExpiretime, redis_expiretime},
    {RedisId::kFlushall, redis_flushall},
    {RedisId::kFlushdb, redis_flushdb},
    {RedisId::kGet, redis_get},
    {RedisId::kGetdel, redis_getdel},
    {RedisId::kGetex, redis_getex},
    {RedisId::kGetrange, redis_getrange},
    {RedisId::kGetset, redis_getset},
    {RedisId::kHello, redis_hello},
    {RedisId::kIncr, redis_incr},
    {RedisId::kIncrby, redis_incr},
    {RedisId::kIncrbyfloat, redis_incrbyfloat},
    {RedisId::kInfo, redis_info},
    {RedisId::kKeys, redis_keys},
    {RedisId::kLastsave, redis_lastsave},
    {RedisId::kLcs, redis_lcs},
    {RedisId::kList, redis_list},
    {RedisId::kMemory, redis_memory},
    {RedisId::kMget, redis_mget},
    {RedisId::kMove, redis_move},
    {RedisId::kMset, redis_mset},
    {RedisId::kMsetnx, redis_mset},
    {RedisId::kMulti, redis_multi},
    {RedisId::kObject, redis_object},
    {RedisId::kPersist, redis_persist},
    {RedisId::kPexpire, redis_expire},
    {RedisId::kPexpireat, redis_expire},
    {RedisId::kPexpiretime, redis_expiretime},
    {RedisId::kPing, redis_ping},
    {RedisId::kPsetex, redis_setex},
    {RedisId::kPttl, redis_ttl},
    {RedisId::kQuit, redis_quit},
    {RedisId::kRandomkey, redis_randomkey},
    {RedisId::kRename, redis_rename},
    {RedisId::kRenamenx, redis_rename},
    {RedisId::kReset, redis_reset},
    {RedisId::kSave, redis_save},
    {RedisId::kScan, redis_scan},
    {RedisId::kSelect, redis_select},
    {RedisId::kSet, redis_set},
    {RedisId::kSetex, redis_setex},
    {RedisId::kSetnx, redis_setnx},
    {RedisId::kSetrange, redis_setrange},
    {RedisId::kShutdown, redis_shutdown},
    {RedisId::kStats, redis_stats},
    {RedisId::kStrlen, redis_strlen},
    {RedisId::kSubstr, redis_getrange},
    {RedisId::kSwapdb, redis_swapdb},
    {RedisId::kTime, redis_time},
    {RedisId::kTouch, redis_exists},
    {RedisId::kTtl, redis_ttl},
    {RedisId::kType, redis_type},
    {RedisId::kUnlink, redis_del},
    {RedisId::kUnwatch, redis_unwatch},
    {RedisId::kWatch, redis_watch},
};

constexpr bool every_command_has_its_row() {
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    if (static_cast<std::size_t>(kRows[i].id) != i) return false;
  }
  return std::size(kRows) == protocol::kRedisCommandCount;
}
static_assert(every_command_has_its_row());

/// Words of a command that does not name any number of keys.
constexpr std::size_t kRedisWordsMax = 1'024;
/// What Redis shows of an unknown command and its arguments at most.
constexpr std::size_t kShownBytesMax = 128;

std::string unknown_command(std::span<const std::string_view> words) {
  std::string shown;
  for (std::size_t i = 1; i < words.size() && shown.size() < kShownBytesMax; ++i) {
    const std::string_view part = shown_word(words[i]).substr(0, kShownBytesMax - shown.size());
    shown.append("'").append(part).append("' ");
  }
  return "ERR unknown command '" + std::string(shown_word(words[0]).substr(0, kShownBytesMax)) +
         "', with args beginning with: " + shown;
}

std::string unknown_subcommand(const RedisSpec& command, std::string_view word) {
  std::string text = "ERR unknown subcommand '";
  text += shown_word(word).substr(0, kShownBytesMax);
  text += "'. Try ";
  for (const char c : command.name)
    text += static_cast<char>(c - 'a' + 'A');
  return text + " HELP.";
}

/// Why a command is not even queued; empty when it may be.
std::string refusal(const RedisSpec* spec, const Session& session,
                    std::span<const std::string_view> words) {
  if (spec == nullptr) return unknown_command(words);
  if (is_unknown_subcommand(*spec, words)) return unknown_subcommand(*spec, words[1]);
  const auto name = [spec] {
    return std::string(spec->name);
  };
  if (!has_arity(*spec, words.size())) {
    return "ERR wrong number of arguments for '" + name() + "' command";
  }
  const bool names_many_keys = spec->keys.last < 0;  // up to the end: kRequestKeysMax bounds them
  if (words.size() > kRedisWordsMax && !names_many_keys) {
    return "ERR '" + name() + "' has at most " + std::to_string(kRedisWordsMax) + " words";
  }
  if (session.caller.role == protocol::Caller::Role::kUnauthenticated &&
      (spec->flags & protocol::kRedisNoAuth) == 0) {
    return "NOAUTH Authentication required.";
  }
  const bool is_default = session.ns == core::kDefaultNamespace;
  if (!session.caller.may(spec->right, is_default)) {
    return "NOPERM this user has no permissions to run the '" + name() + "' command";
  }
  if (session.redis->in_transaction && (spec->flags & protocol::kRedisNoMulti) != 0) {
    return "ERR Command not allowed inside a transaction";
  }
  if (words.size() > kRequestKeysMax &&
      protocol::redis_key_count(*spec, words.size()) > kRequestKeysMax) {
    return "ERR a command names at most " + std::to_string(kRequestKeysMax) + " keys";
  }
  return {};
}

/// Whether nothing speaks against a command: where it says no, refusal() says why, or that there is
/// no reason after all.
bool is_plainly_admitted(const RedisSpec* spec, const Session& session,
                         std::span<const std::string_view> words) {
  return spec != nullptr && (spec->flags & protocol::kRedisContainer) == 0 &&
         has_arity(*spec, words.size()) &&
         words.size() <= std::min(kRedisWordsMax, kRequestKeysMax) &&
         session.caller.role != protocol::Caller::Role::kUnauthenticated &&
         session.caller.may(spec->right, session.ns == core::kDefaultNamespace) &&
         !session.redis->in_transaction;
}

/// Commands that a transaction does not queue.
bool runs_at_once(RedisId id) {
  switch (id) {
    case RedisId::kExec:
    case RedisId::kDiscard:
    case RedisId::kMulti:
    case RedisId::kWatch:
    case RedisId::kQuit:
    case RedisId::kReset:
      return true;
    default:
      return false;
  }
}

Outcome outcome_of(RedisCall& call) {
  Outcome outcome;
  outcome.ticket = call.ticket;
  outcome.close = call.close;
  if (call.job != nullptr) {
    outcome.progress = Outcome::Progress::kContinue;
    outcome.job = std::move(call.job);
  } else if (call.ticket != 0) {
    outcome.progress = Outcome::Progress::kParked;
  }
  return outcome;
}

void refuse(RedisState& state, const RedisSpec* spec, const std::string& why, RedisReply& reply) {
  state.refused = state.refused || state.in_transaction;
  if (spec != nullptr && spec->id == RedisId::kExec) {
    abandon_redis_transaction(state, why, reply);
  } else {
    reply.failure(why);
  }
}

/// Runs the handler with all its keys locked.
void run_atomically(RedisCall& call, std::span<const core::KeyRef> keys) {
  const auto body = [&](core::Batch& batch) -> Result<void> {
    run_redis_handler_on(batch, call);
    return {};
  };
  const auto ticket = call.store.atomically(keys, call.now, body);
  if (ticket) return call.rests_on(*ticket);
  call.reply.error(ticket.error());
}

}  // namespace

const RedisSpec* find_redis_spec(std::span<const std::string_view> words) {
  const RedisSpec* const command = protocol::find_redis_command(words[0]);
  if (command == nullptr || words.size() == 1) return command;
  if ((command->flags & protocol::kRedisContainer) == 0) [[likely]]
    return command;
  const RedisSpec* const subcommand = protocol::find_redis_subcommand(*command, words[1]);
  return subcommand != nullptr ? subcommand : command;
}

bool is_unknown_subcommand(const RedisSpec& spec, std::span<const std::string_view> words) {
  return (spec.flags & protocol::kRedisContainer) != 0 && words.size() > 1;
}

void append_redis_keys(const RedisSpec& spec, std::span<const std::string_view> words,
                       core::NamespaceId ns, const std::optional<core::NamespaceId>& target,
                       std::vector<core::KeyRef>& keys) {
  std::vector<std::size_t> positions;
  append_key_positions(spec, words.size(), positions);
  for (const std::size_t position : positions)
    keys.push_back({ns, words[position]});
  if (target && !(*target == kUnmadeDatabase))
    keys.push_back({*target, words[redis_target_key(spec.id)]});
}

void run_redis_handler(RedisCall& call) {
  kRows[static_cast<std::size_t>(call.spec.id)].handler(call);
}

void run_redis_handler_on(core::Keyspace& keys, RedisCall& call) {
  RedisCall inner{static_cast<const RedisContext&>(call),
                  call.session,
                  keys,
                  call.ns,
                  call.spec,
                  call.words,
                  call.reply,
                  call.now,
                  call.target,
                  call.large_words};
  run_redis_handler(inner);
  call.rests_on(inner.ticket);
  call.job = std::move(inner.job);
  call.close = call.close || inner.close;
}

void run_redis_command(RedisCall& call) {
  const RedisSpec& spec = call.spec;
  const bool changes_what_it_read = (spec.flags & protocol::kRedisAtomic) != 0;
  const bool may_name_several =
      spec.keys.first != 0 && (spec.keys.first != spec.keys.last || spec.id == RedisId::kMove);
  if (call.ns == kUnmadeDatabase) return run_in_unmade_database(call);
  if (spec.id == RedisId::kWatch || !(changes_what_it_read || may_name_several)) {
    return run_redis_handler(call);
  }
  if (is_redis_read_in_slices(call)) [[unlikely]]
    return redis_read_in_slices(call);
  std::vector<core::KeyRef> keys;
  call.target = enter_redis_target(call.store, call.session, spec, call.words, call.now, true);
  append_redis_keys(spec, call.words, call.ns, call.target, keys);
  if (keys.size() == 1 && !changes_what_it_read) return run_redis_handler(call);
  run_atomically(call, keys);
}

Outcome execute_redis(const RedisContext& context, Session& session,
                      const protocol::Request& request, RedisReply& reply, const Instant& now) {
  const std::span<const std::string_view> words = request.words();
  if (session.redis == nullptr) {
    session.redis = std::make_shared<RedisState>(context.store.memory(), context.transactions);
  }
  RedisState& state = *session.redis;
  const RedisSpec* const spec = find_redis_spec(words);
  if (!is_plainly_admitted(spec, session, words)) [[unlikely]] {
    if (const std::string why = refusal(spec, session, words); !why.empty()) {
      refuse(state, spec, why, reply);
      return Outcome::done();
    }
  }
  state.command = spec;
  if (state.in_transaction && !runs_at_once(spec->id)) {
    RedisCall call{context, session, context.store, session.ns, *spec, words, reply, now};
    queue_redis_command(call);
    return Outcome::done();
  }
  enter_redis_database(context.store, session);
  RedisCall call{context, session, context.store, session.ns, *spec, words, reply, now};
  call.large_words = &request.large_pool();
  run_redis_command(call);
  return outcome_of(call);
}

}  // namespace appmem::commands
