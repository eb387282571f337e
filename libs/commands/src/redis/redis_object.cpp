#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "redis_handlers.h"
#include "redis_subcommand.h"
#include "redis_values.h"

/// OBJECT and MEMORY: what is known about an entry.
namespace appmem::commands {
namespace {

constexpr core::GetOptions kPeek{.touch = std::nullopt, .peek = true};

/// What is known of the key that is the third word. Nothing when there is none, or when that has
/// been replied with an error.
std::optional<core::EntryStats> find_entry(RedisCall& call) {
  const auto stats = call.keys.stats(call.ns, call.words[2], call.now);
  if (!stats) {
    refuse_redis(call, stats.error());
    return std::nullopt;
  }
  if (!*stats) call.reply.null();
  return *stats;
}

/// Redis stores a number as one, short bytes next to their header, and others on their own.
std::string_view encoding_of(std::string_view bytes) {
  constexpr std::size_t kEmbeddedBytesMax = 44;
  std::int64_t number = 0;
  if (read_redis_integer(bytes, number)) return "int";
  return bytes.size() <= kEmbeddedBytesMax ? "embstr" : "raw";
}

void object_encoding(RedisCall& call) {
  RedisValue value;
  if (!read_redis_value(call, call.words[2], kPeek, value)) return;
  if (!value) return call.reply.null();
  call.reply.bulk(encoding_of(value.bytes()));
}

void object_freq(RedisCall& call) {
  if (!find_entry(call)) return;
  call.reply.failure(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
      "when switching between policies at runtime LRU and LFU data will take some time to adjust.");
}

void object_idletime(RedisCall& call) {
  const auto entry = find_entry(call);
  if (!entry) return;
  call.reply.integer(std::chrono::duration_cast<std::chrono::seconds>(entry->idle).count());
}

void object_refcount(RedisCall& call) {
  if (find_entry(call)) call.reply.integer(1);
}

void object_help(RedisCall& call) {
  constexpr std::string_view kLines[] = {
      "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "ENCODING <key>",
      "    Return the kind of internal representation used in order to store the value",
      "    associated with a <key>.",
      "FREQ <key>",
      "    Return the access frequency index of the <key>. The returned integer is",
      "    proportional to the logarithm of the recent access frequency of the key.",
      "IDLETIME <key>",
      "    Return the idle time of the <key>, that is the approximated number of",
      "    seconds elapsed since the last access to the key.",
      "REFCOUNT <key>",
      "    Return the number of references of the value associated with the specified",
      "    <key>.",
      "HELP",
      "    Prints this help.",
  };
  write_redis_help(call, kLines);
}

void memory_usage(RedisCall& call) {
  for (std::size_t i = 3; i < call.words.size(); i += 2) {
    std::int64_t samples = 0;
    if (!is_redis_word(call.words[i], "SAMPLES") || i + 1 == call.words.size()) {
      return call.reply.failure(kRedisSyntaxError);
    }
    if (!read_redis_integer(call.words[i + 1], samples)) {
      return call.reply.failure(kRedisNotAnInteger);
    }
    if (samples < 0) return call.reply.failure(kRedisSyntaxError);
  }
  const auto entry = find_entry(call);
  if (entry) call.reply.integer(static_cast<std::int64_t>(entry->memory_bytes));
}

void memory_help(RedisCall& call) {
  constexpr std::string_view kLines[] = {
      "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "USAGE <key> [SAMPLES <count>]",
      "    Return memory in bytes used by <key> and its value. Nested values are",
      "    sampled up to <count> times (default: 5, 0 means sample all).",
      "HELP",
      "    Prints this help.",
  };
  write_redis_help(call, kLines);
}

}  // namespace

void redis_memory(RedisCall& call) {
  constexpr RedisSubcommandRow kRows[] = {
      {"memory|help", memory_help},
      {"memory|usage", memory_usage},
  };
  run_redis_subcommand(call, kRows);
}

void redis_object(RedisCall& call) {
  constexpr RedisSubcommandRow kRows[] = {
      {"object|encoding", object_encoding}, {"object|freq", object_freq},
      {"object|help", object_help},         {"object|idletime", object_idletime},
      {"object|refcount", object_refcount},
  };
  run_redis_subcommand(call, kRows);
}

}  // namespace appmem::commands
