#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "redis_handlers.h"
#include "redis_values.h"

/// OBJECT and MEMORY: what is known about an entry.
namespace appmem::commands {
namespace {

constexpr core::GetOptions kPeek{.touch = std::nullopt, .peek = true};

/// One subcommand of a command. `words_max` and `words_min` count all words.
struct Subcommand {
  std::string_view name;  // in capitals
  std::size_t words_min;
  std::size_t words_max;
  RedisHandler handler;
};

std::string in_small_letters(std::string_view word) {
  std::string text(word);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

/// Runs the subcommand that the second word names, or refuses it as Redis does.
void run_subcommand(RedisCall& call, std::span<const Subcommand> table) {
  for (const Subcommand& each : table) {
    if (!is_redis_word(call.words[1], each.name)) continue;
    if (call.words.size() >= each.words_min && call.words.size() <= each.words_max) {
      return each.handler(call);
    }
    return call.reply.failure("ERR wrong number of arguments for '" + std::string(call.spec.name) +
                              '|' + in_small_letters(each.name) + "' command");
  }
  constexpr std::size_t kShownBytesMax = 128;
  std::string name = in_small_letters(call.spec.name);
  for (char& c : name)
    c = static_cast<char>(c - 'a' + 'A');
  call.reply.failure("ERR unknown subcommand '" +
                     std::string(call.words[1].substr(0, kShownBytesMax)) + "'. Try " + name +
                     " HELP.");
}

void write_lines(RedisCall& call, std::span<const std::string_view> lines) {
  call.reply.array(lines.size());
  for (const std::string_view line : lines)
    call.reply.status(line);
}

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
  write_lines(call, kLines);
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
  write_lines(call, kLines);
}

}  // namespace

void redis_memory(RedisCall& call) {
  constexpr Subcommand kTable[] = {
      {"HELP", 2, 2, memory_help},
      {"USAGE", 3, SIZE_MAX, memory_usage},
  };
  run_subcommand(call, kTable);
}

void redis_object(RedisCall& call) {
  constexpr Subcommand kTable[] = {
      {"ENCODING", 3, 3, object_encoding}, {"FREQ", 3, 3, object_freq},
      {"HELP", 2, 2, object_help},         {"IDLETIME", 3, 3, object_idletime},
      {"REFCOUNT", 3, 3, object_refcount},
  };
  run_subcommand(call, kTable);
}

}  // namespace appmem::commands
