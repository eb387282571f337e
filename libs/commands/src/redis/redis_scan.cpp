#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "../answer_limit.h"
#include "../glob.h"
#include "../logged_job.h"
#include "../visits.h"
#include "redis_databases.h"
#include "redis_handlers.h"
#include "redis_key_list.h"
#include "redis_state.h"

/// KEYS, SCAN and RANDOMKEY: passes over the keys of a namespace.
namespace appmem::commands {
namespace {

using protocol::RedisReply;

constexpr std::uint64_t kScanCountDefault = 10;

/// Which keys are listed, from where, and how they are replied.
struct KeyQuery {
  std::optional<Glob> glob = std::nullopt;  // nothing: all
  bool nothing = false;                     // of another type than there is here
  core::ScanCursor cursor = 0;
  /// How many keys are looked at.
  std::uint64_t visits = std::numeric_limits<std::uint64_t>::max();
  /// Whether the place where the pass ended is told before the keys.
  bool tells_cursor = false;
};

void begin_key_array(RedisReply& reply, const KeyQuery& query, std::size_t keys) {
  if (query.tells_cursor) {
    reply.array(2);
    reply.bulk(std::to_string(query.cursor));
  }
  reply.array(keys);
}

/// Collects keys, then writes them.
class ListKeys final : public protocol::Job {
 public:
  ListKeys(RedisCall& call, KeyQuery query)
      : store_(call.store),
        ns_(call.ns),
        limit_(call.control.limits(), call.store.memory()),
        query_(std::move(query)),
        keys_(call.store.memory()) {}

  bool run(protocol::Reply& out, const Instant& now, protocol::TurnBudget& budget) override {
    RedisReply& reply = out.redis();
    std::size_t& steps = budget.steps;
    if (!is_collected_) {
      if (const auto collected = collect(reply, now, steps); !collected) {
        write_redis_error(reply, collected.error());
        return true;
      }
      if (!is_collected_) return false;
      begin_key_array(reply, query_, keys_.size());
    }
    for (; keys_.size() > 0; --steps) {
      if (steps == 0 || reply.congested()) return false;
      reply.bulk(keys_.front());
      keys_.pop();
    }
    return true;
  }

 private:
  Result<void> collect(const RedisReply& reply, const Instant& now, std::size_t& steps) {
    while (steps > 0) {
      Visits visits(steps);
      const auto visit = [&](const core::EntryView& entry) {
        if (matches(entry.key)) keys_.push(entry.key);
        // Those with the same hash are shown as well.
        query_.visits -= std::min<std::uint64_t>(query_.visits, 1);
        return visits.add(entry.key) && query_.visits > 0;
      };
      const auto step = store_.scan(ns_, query_.cursor, visits.max(), now, visit);
      if (!step) return fail(step.error());
      // In a transaction there are others before it.
      auto within = limit_.check_bytes(reply.answer_bytes() + keys_.wire_bytes());
      if (!within) return within;
      query_.cursor = step->next;
      is_collected_ = step->done || query_.visits == 0;
      if (is_collected_) break;
    }
    return {};
  }

  [[nodiscard]] bool matches(std::string_view key) const {
    return !query_.nothing && (!query_.glob || query_.glob->matches(key));
  }

  core::Store& store_;
  const core::NamespaceId ns_;
  const AnswerLimit limit_;
  KeyQuery query_;
  RedisKeyList keys_;
  bool is_collected_ = false;
};

/// Replies with the first live key behind a random place.
class RandomKey final : public protocol::Job {
 public:
  RandomKey(RedisCall& call, core::ScanCursor from)
      : store_(call.store), ns_(call.ns), cursor_(from) {}

  bool run(protocol::Reply& out, const Instant& now, protocol::TurnBudget& budget) override {
    RedisReply& reply = out.redis();
    std::size_t& steps = budget.steps;
    while (steps > 0) {
      Visits visits(steps);
      bool found = false;
      const auto visit = [&](const core::EntryView& entry) {
        if (!found) reply.bulk(entry.key);
        found = true;
        return false;
      };
      const auto step = store_.scan(ns_, cursor_, visits.max(), now, visit);
      if (!step) {
        write_redis_error(reply, step.error());
        return true;
      }
      if (found) return true;
      cursor_ = step->next;
      if (step->done && std::exchange(wrapped_, true)) {
        reply.null();
        return true;
      }
    }
    return false;
  }

 private:
  core::Store& store_;
  const core::NamespaceId ns_;
  core::ScanCursor cursor_;
  bool wrapped_ = false;  // the pass has come to the end, and gone on at the beginning
};

/// Sets the pattern of a query. False when an error has been replied.
bool read_pattern(RedisCall& call, std::string_view pattern, KeyQuery& query) {
  query.glob.reset();
  if (pattern == "*") return true;
  auto glob = Glob::of(pattern);
  if (!glob) {
    refuse_redis(call, glob.error());
    return false;
  }
  query.glob = *std::move(glob);
  return true;
}

/// Reads a cursor with C's rules for numbers, as Redis does.
bool read_cursor(std::string_view word, core::ScanCursor& cursor) {
  const std::string text(word);
  if (!text.empty() && std::isspace(static_cast<unsigned char>(text[0])) != 0) return false;
  char* end = nullptr;
  errno = 0;
  cursor = std::strtoull(text.c_str(), &end, 10);
  return *end == '\0' && errno != ERANGE;
}

/// False when an error has been replied.
bool read_scan(RedisCall& call, KeyQuery& query) {
  query.tells_cursor = true;
  query.visits = kScanCountDefault;
  std::string_view pattern = "*";  // the last one counts, and only that is made
  if (!read_cursor(call.words[1], query.cursor)) {
    call.reply.failure("ERR invalid cursor");
    return false;
  }
  for (std::size_t i = 2; i < call.words.size(); i += 2) {
    const bool has_value = i + 1 < call.words.size();
    std::int64_t count = 1;
    if (has_value && is_redis_word(call.words[i], "MATCH")) {
      pattern = call.words[i + 1];
    } else if (has_value && is_redis_word(call.words[i], "TYPE")) {
      query.nothing = !is_redis_word(call.words[i + 1], "STRING");
    } else if (has_value && is_redis_word(call.words[i], "COUNT")) {
      if (!read_redis_integer(call.words[i + 1], count)) {
        call.reply.failure(kRedisNotAnInteger);
        return false;
      }
      query.visits = static_cast<std::uint64_t>(count);
    } else {
      count = 0;
    }
    if (count < 1) {
      call.reply.failure(kRedisSyntaxError);
      return false;
    }
  }
  return read_pattern(call, pattern, query);
}

void list_keys(RedisCall& call, KeyQuery query) {
  if (call.ns != kUnmadeDatabase) {
    call.job =
        resting_on_log(call.store, call.ns, std::make_unique<ListKeys>(call, std::move(query)));
    return;
  }
  query.cursor = 0;
  begin_key_array(call.reply, query, 0);
}

/// The output function of SplitMix64.
std::uint64_t mix(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31U);
}

}  // namespace

void redis_keys(RedisCall& call) {
  KeyQuery query;
  if (read_pattern(call, call.words[1], query)) list_keys(call, std::move(query));
}

void redis_scan(RedisCall& call) {
  KeyQuery query;
  if (read_scan(call, query)) list_keys(call, std::move(query));
}

void redis_randomkey(RedisCall& call) {
  if (call.ns == kUnmadeDatabase) return call.reply.null();
  // Connections go ways of their own, and so does each at every call.
  std::uint64_t& last = call.session.redis->random_place;
  const auto time = static_cast<std::uint64_t>(call.now.mono.time_since_epoch().count());
  last = mix(last + 0x9e3779b97f4a7c15U + mix(call.session.id) + time);
  call.job = resting_on_log(call.store, call.ns, std::make_unique<RandomKey>(call, last));
}

}  // namespace appmem::commands
