#include "redis_keys.h"

#include <cstdint>
#include <string>

#include "appmem/core/key_check.h"
#include "redis_databases.h"
#include "redis_handlers.h"
#include "redis_state.h"
#include "redis_values.h"

namespace appmem::commands {
namespace {

using protocol::RedisId;

constexpr std::string_view kSameObjects = "ERR source and destination objects are the same";
constexpr core::GetOptions kPeek{.touch = std::nullopt, .peek = true};

/// An entry on its way to another place: its value and its deadline.
struct Carried {
  RedisValue value;
  core::Expiry expiry{.mode = core::Expiry::Mode::kNever};
};

/// Reads the entry of `key` in the session's namespace, if there is one. False when an error has
/// been replied.
bool pick_up(RedisCall& call, std::string_view key, const core::GetOptions& options,
             Carried& carried) {
  const auto keep = [&](const core::EntryView& entry) {
    carried.value.keep(entry.value);
    if (entry.deadline) carried.expiry = {core::Expiry::Mode::kAt, *entry.deadline};
  };
  const auto outcome = call.keys.get(call.ns, key, options, call.now, keep);
  if (!outcome) {
    refuse_redis(call, outcome.error());
    return false;
  }
  call.rests_on(outcome->ticket);
  return true;
}

/// Stores what was picked up, in the form that the namespace takes.
Result<core::SetOutcome> put_down(RedisCall& call, core::NamespaceId ns, std::string_view key,
                                  Carried& carried, bool if_absent) {
  core::SetOptions options;
  options.expiry = carried.expiry;
  options.conditions.if_absent = if_absent;
  auto outcome = call.keys.set(ns, key, carried.value.view(), options, call.now);
  if (!outcome && outcome.error().code == ErrorCode::kWrongType && !(ns == call.ns)) {
    // Another namespace may hold its bytes.
    return write_redis_value(call, ns, key, carried.value.bytes(), options);
  }
  if (outcome) call.rests_on(outcome->ticket);
  return outcome;
}

/// Takes the source away. False when an error has been replied.
bool take_away(RedisCall& call, std::string_view key) {
  const auto removed = call.keys.remove(call.ns, key, {}, call.now);
  if (!removed) {
    refuse_redis(call, removed.error());
    return false;
  }
  call.rests_on(removed->ticket);
  return true;
}

/// Replies that the database which the command names cannot be entered.
void refuse_target(RedisCall& call) {
  if (!call.session.caller.may(call.spec.right, false)) {
    return call.reply.failure("NOPERM this user has no permissions to write to that database");
  }
  call.reply.failure("ERR the database does not exist, and cannot be made");
}

/// Whether the session is in this numbered database.
bool is_in_database(const RedisCall& call, int number) {
  if (call.ns == kUnmadeDatabase) return call.session.redis->unmade_database == number;
  return find_redis_database(call.store, number) == call.ns;
}

/// What COPY says behind its two keys.
struct CopyOptions {
  std::optional<int> database = std::nullopt;
  bool replace = false;
};

/// False when an error has been replied.
bool read_copy_options(RedisCall& call, CopyOptions& options) {
  for (std::size_t i = 3; i < call.words.size(); ++i) {
    if (is_redis_word(call.words[i], "REPLACE")) {
      options.replace = true;
    } else if (is_redis_word(call.words[i], "DB") && i + 1 < call.words.size()) {
      int number = 0;
      if (!read_redis_database(call, call.words[++i], number)) return false;
      options.database = number;
    } else {
      call.reply.failure(kRedisSyntaxError);
      return false;
    }
  }
  return true;
}

/// The word of the command that names a database, the last one where there are several.
std::string_view target_word(RedisId id, std::span<const std::string_view> words) {
  if (id == RedisId::kMove) return words[2];
  std::string_view word;
  for (std::size_t i = 3; id == RedisId::kCopy && i + 1 < words.size(); ++i) {
    if (is_redis_word(words[i], "DB")) word = words[++i];
  }
  return word;
}

}  // namespace

void redis_copy(RedisCall& call) {
  CopyOptions options;
  if (!read_copy_options(call, options)) return;
  const std::string_view from = call.words[1];
  const std::string_view to = call.words[2];
  const bool stays = !options.database || is_in_database(call, *options.database);
  if (stays && from == to) return call.reply.failure(kSameObjects);
  if (call.ns == kUnmadeDatabase) return call.reply.integer(0);
  if (!stays && !call.target) return refuse_target(call);
  if (!stays && *call.target == kUnmadeDatabase) return call.reply.integer(0);
  const core::NamespaceId ns = stays ? call.ns : *call.target;
  Carried carried;
  if (!pick_up(call, from, {}, carried)) return;
  if (!carried.value) return call.reply.integer(0);
  const auto copied = put_down(call, ns, to, carried, !options.replace);
  if (copied) return call.reply.integer(1);
  if (copied.error().code == ErrorCode::kExists) return call.reply.integer(0);
  refuse_redis(call, copied.error());
}

void redis_del(RedisCall& call) {
  const auto keys = call.words.subspan(1);
  for (const std::string_view key : keys) {
    // Known before anything is deleted.
    if (const auto checked = core::check_key(key); !checked) {
      return refuse_redis(call, checked.error());
    }
  }
  std::int64_t deleted = 0;
  for (const std::string_view key : keys) {
    const auto removed = call.keys.remove(call.ns, key, {}, call.now);
    if (!removed) return refuse_redis(call, removed.error());
    call.rests_on(removed->ticket);
    if (removed->removed) ++deleted;
  }
  call.reply.integer(deleted);
}

void redis_exists(RedisCall& call) {
  core::GetOptions options;
  options.peek = call.spec.id == RedisId::kExists;
  std::int64_t found = 0;
  for (const std::string_view key : call.words.subspan(1)) {
    const auto outcome =
        call.keys.get(call.ns, key, options, call.now, [](const core::EntryView&) {});
    if (!outcome) return refuse_redis(call, outcome.error());
    call.rests_on(outcome->ticket);
    if (outcome->found) ++found;
  }
  call.reply.integer(found);
}

void redis_move(RedisCall& call) {
  int number = 0;
  if (!read_redis_database(call, call.words[2], number)) return;
  if (is_in_database(call, number)) return call.reply.failure(kSameObjects);
  if (call.ns == kUnmadeDatabase) return call.reply.integer(0);
  if (!call.target) return refuse_target(call);
  if (*call.target == kUnmadeDatabase) return call.reply.integer(0);
  const std::string_view key = call.words[1];
  Carried carried;
  if (!pick_up(call, key, kPeek, carried)) return;
  if (!carried.value) return call.reply.integer(0);
  if (const auto moved = put_down(call, *call.target, key, carried, true); !moved) {
    if (moved.error().code == ErrorCode::kExists) return call.reply.integer(0);
    return refuse_redis(call, moved.error());
  }
  if (take_away(call, key)) call.reply.integer(1);
}

void redis_rename(RedisCall& call) {
  const std::string_view from = call.words[1];
  const std::string_view to = call.words[2];
  const bool if_absent = call.spec.id == RedisId::kRenamenx;
  Carried carried;
  if (!pick_up(call, from, kPeek, carried)) return;
  if (!carried.value) return call.reply.failure("ERR no such key");
  if (from != to) {
    if (const auto set = put_down(call, call.ns, to, carried, if_absent); !set) {
      if (set.error().code == ErrorCode::kExists) return call.reply.integer(0);
      return refuse_redis(call, set.error());
    }
    if (!take_away(call, from)) return;
  }
  if (!if_absent) return call.reply.ok();
  call.reply.integer(from == to ? 0 : 1);
}

void redis_type(RedisCall& call) {
  const auto stats = call.keys.stats(call.ns, call.words[1], call.now);
  if (!stats) return refuse_redis(call, stats.error());
  call.reply.status(*stats ? "string" : "none");
}

std::optional<core::NamespaceId> enter_redis_target(core::Store& store, const Session& session,
                                                    const protocol::RedisSpec& spec,
                                                    std::span<const std::string_view> words,
                                                    const Instant& now, bool only_if_needed) {
  const auto number = redis_database_number(target_word(spec.id, words));
  if (!number || !session.caller.may(spec.right, *number == 0)) return std::nullopt;
  const core::NamespaceId found = find_redis_database(store, *number);
  if (!(found == kUnmadeDatabase)) return found;
  if (only_if_needed) {
    const auto source = store.stats(session.ns, words[1], now);
    if (!source || !*source) return kUnmadeDatabase;  // there is nothing to put into it
  }
  const auto made = make_redis_database(store, *number, now);
  if (!made || *made == kUnmadeDatabase) return std::nullopt;
  return *made;
}

std::size_t redis_target_key(RedisId id) {
  return id == RedisId::kCopy ? 2 : 1;
}

}  // namespace appmem::commands
