#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../glob.h"
#include "redis_addresses.h"
#include "redis_answer.h"
#include "redis_databases.h"
#include "redis_handlers.h"
#include "redis_info.h"
#include "redis_statistics.h"
#include "redis_subcommand.h"

/// CONFIG: the daemon's own options under their own names, and what clients and tools of Redis ask
/// for under Redis's names. Options are set when the daemon starts; CONFIG SET accepts what is so.
namespace appmem::commands {
namespace {

/// What the values under Redis's names are taken from.
struct Sources {
  RedisCall& call;
  const std::vector<std::pair<std::string, std::string>>& options;

  /// An option of the daemon; empty where it has none of this name.
  [[nodiscard]] std::string_view option(std::string_view name) const {
    const auto found = std::find_if(options.begin(), options.end(),
                                    [name](const auto& each) { return each.first == name; });
    return found == options.end() ? std::string_view() : std::string_view(found->second);
  }
  [[nodiscard]] const Limits& limits() const { return call.control.limits(); }
};

std::string seconds(milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count());
}

/// One name of Redis, and where its value comes from here.
struct Row {
  std::string_view name;
  std::string (*value)(const Sources& from);
};

constexpr Row kRows[] = {
    // Nothing is stored.
    {"appendonly",
     [](const Sources&) {
       return std::string("no");
     }},
    {"save",
     [](const Sources&) {
       return std::string();
     }},
    // Nothing is replicated, shared among nodes, or told to subscribers.
    {"cluster-enabled",
     [](const Sources&) {
       return std::string("no");
     }},
    {"notify-keyspace-events",
     [](const Sources&) {
       return std::string();
     }},
    {"replicaof",
     [](const Sources&) {
       return std::string();
     }},
    // The options listen, tcp and socket.
    {"bind",
     [](const Sources& from) {
       return redis_addresses(from.call.control).host;
     }},
    {"port",
     [](const Sources& from) {
       return redis_addresses(from.call.control).port;
     }},
    {"unixsocket",
     [](const Sources& from) {
       return redis_addresses(from.call.control).socket_path;
     }},
    // The option background.
    {"daemonize",
     [](const Sources& from) {
       return std::string(from.option("background") == "true" ? "yes" : "no");
     }},
    // The option threads.
    {"io-threads",
     [](const Sources& from) {
       return std::string(from.option("threads"));
     }},
    // The option pid-file.
    {"pidfile",
     [](const Sources& from) {
       return std::string(from.option("pid-file"));
     }},
    // Namespaces with a number.
    {"databases",
     [](const Sources&) {
       return std::to_string(kRedisDatabases);
     }},
    // The limits.
    {"client-query-buffer-limit",
     [](const Sources& from) {
       return std::to_string(from.limits().effective_request_bytes_max());
     }},
    {"maxclients",
     [](const Sources& from) {
       return std::to_string(from.limits().connections_max);
     }},
    {"proto-max-bulk-len",
     [](const Sources& from) {
       return std::to_string(from.limits().effective_request_bytes_max());
     }},
    {"timeout",
     [](const Sources& from) {
       return seconds(from.limits().idle_timeout);
     }},
    // The store, and how the namespace `default` makes room.
    {"maxmemory",
     [](const Sources& from) {
       return std::to_string(from.call.store.memory().limit());
     }},
    {"maxmemory-policy",
     [](const Sources& from) {
       return std::string(redis_eviction_policy(from.call.store));
     }},
};

/// Names and values, the daemon's own first: where Redis has the same name, its own is meant.
std::vector<std::pair<std::string, std::string>> shown_config(RedisCall& call) {
  std::vector<std::pair<std::string, std::string>> shown = call.control.config();
  const std::vector<std::pair<std::string, std::string>> own = shown;
  const Sources from{call, own};
  for (const Row& row : kRows) {
    const bool is_own = std::any_of(own.begin(), own.end(),
                                    [&](const auto& each) { return each.first == row.name; });
    if (!is_own) shown.emplace_back(row.name, row.value(from));
  }
  return shown;
}

void config_get(RedisCall& call) {
  std::vector<std::pair<std::string, std::string>> options = shown_config(call);
  std::vector<std::pair<std::string, std::string>> matches;
  std::size_t pattern_bytes = 0;
  for (const std::string_view word : call.words.subspan(2)) {
    if (options.empty()) break;
    // What is longer than any name or pattern is not looked at in full.
    const std::string wanted = in_small_letters(word.substr(0, kGlobBytesMax + 1));
    const bool is_pattern = std::any_of(wanted.begin(), wanted.end(),
                                        [](char c) { return c == '[' || c == '*' || c == '?'; });
    // Many patterns are to take no more time than a long one.
    if (is_pattern) pattern_bytes = std::min(pattern_bytes + wanted.size(), kGlobBytesMax + 1);
    const auto pattern = Glob::of(is_pattern ? wanted : std::string());
    if (!pattern || pattern_bytes > kGlobBytesMax) {
      return call.reply.failure("ERR the patterns are together at most " +
                                std::to_string(kGlobBytesMax) + " bytes");
    }
    std::erase_if(options, [&](auto& option) {
      const auto& name = option.first;
      if (is_pattern ? !pattern->matches(name) : name != wanted) return false;
      // Redis echoes a name that it was given in full.
      matches.emplace_back(is_pattern ? name : std::string(word), std::move(option.second));
      return true;
    });
  }
  std::size_t bytes = 0;
  for (const auto& [name, value] : matches)
    bytes += name.size() + value.size();
  if (!admits_bytes(call, bytes)) return;
  call.reply.map(matches.size());
  for (const auto& [name, value] : matches) {
    call.reply.bulk(name);
    call.reply.bulk(value);
  }
}

void config_set(RedisCall& call) {
  const auto words = call.words.subspan(2);
  if (words.size() % 2 != 0) return call.reply.failure(kRedisSyntaxError);
  std::vector<std::pair<std::string, std::string>> options = shown_config(call);
  std::vector<std::string> seen;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const std::string name = in_small_letters(words[i]);
    const auto option = std::find_if(options.begin(), options.end(),
                                     [&](const auto& each) { return each.first == name; });
    if (option == options.end()) {
      return call.reply.failure("ERR Unknown option or number of arguments for CONFIG SET - '" +
                                std::string(words[i]) + "'");
    }
    const bool is_repeated = std::find(seen.begin(), seen.end(), name) != seen.end();
    if (is_repeated || option->second != words[i + 1]) {
      return call.reply.failure(
          "ERR CONFIG SET failed (possibly related to argument '" + std::string(words[i]) +
          "') - " + (is_repeated ? "duplicate parameter" : "can't set immutable config"));
    }
    seen.push_back(name);
  }
  call.reply.ok();
}

void config_resetstat(RedisCall& call) {
  call.statistics.reset(count_all(call));
  if (auto* const errors = call.control.redis_errors()) errors->clear();
  call.reply.ok();
}

void config_help(RedisCall& call) {
  constexpr std::string_view kLines[] = {
      "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "GET <pattern>",
      "    Return parameters matching the glob-like <pattern> and their values.",
      "SET <directive> <value>",
      "    Accept the configuration <directive> if <value> is what it is set to.",
      "RESETSTAT",
      "    Reset statistics reported by the INFO command.",
      "HELP",
      "    Prints this help.",
  };
  write_redis_help(call, kLines);
}

}  // namespace

void redis_config(RedisCall& call) {
  constexpr RedisSubcommandRow kSubcommands[] = {
      {"config|get", config_get},
      {"config|help", config_help},
      {"config|resetstat", config_resetstat},
      {"config|set", config_set},
  };
  run_redis_subcommand(call, kSubcommands);
}

}  // namespace appmem::commands
