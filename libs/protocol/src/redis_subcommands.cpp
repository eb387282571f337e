#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "appmem/protocol/redis_table.h"

namespace appmem::protocol {
namespace {

constexpr auto kUsual = static_cast<std::uint16_t>(kRedisLoading | kRedisStale);

// As in Redis 7.0; SETINFO came with 7.2.
constexpr RedisSpec kRows[] = {
    {"client|getname",
     "connection",
     "2.6.9",
     "Tells the name of the connection",
     kRedisNoScript | kUsual | kRedisFree,
     RedisId::kClient,
     2,
     Right::kNone,
     {}},
    {"client|help",
     "connection",
     "5.0.0",
     "Tells what CLIENT can do",
     kUsual | kRedisFree,
     RedisId::kClient,
     2,
     Right::kNone,
     {}},
    {"client|id",
     "connection",
     "5.0.0",
     "Tells the number of the connection",
     kRedisNoScript | kUsual | kRedisFree,
     RedisId::kClient,
     2,
     Right::kNone,
     {}},
    {"client|info",
     "connection",
     "6.2.0",
     "Tells about the connection",
     kRedisNoScript | kUsual,
     RedisId::kClient,
     2,
     Right::kNone,
     {}},
    {"client|kill",
     "connection",
     "2.4.0",
     "Closes connections",
     kRedisAdmin | kRedisNoScript | kUsual,
     RedisId::kClient,
     -3,
     Right::kServer,
     {}},
    {"client|list",
     "connection",
     "2.4.0",
     "Tells about all connections",
     kRedisAdmin | kRedisNoScript | kUsual,
     RedisId::kClient,
     -2,
     Right::kServer,
     {}},
    {"client|no-evict",
     "connection",
     "7.0.0",
     "Keeps the connection when memory runs out",
     kRedisAdmin | kRedisNoScript | kUsual | kRedisFree,
     RedisId::kClient,
     3,
     Right::kServer,
     {}},
    {"client|reply",
     "connection",
     "3.2.0",
     "Tells whether commands are replied to",
     kRedisNoScript | kUsual | kRedisFree,
     RedisId::kClient,
     3,
     Right::kNone,
     {}},
    {"client|setinfo",
     "connection",
     "7.2.0",
     "Tells the name and the version of the library that the client uses",
     kRedisNoScript | kUsual | kRedisFree,
     RedisId::kClient,
     4,
     Right::kNone,
     {}},
    {"client|setname",
     "connection",
     "2.6.9",
     "Gives the connection a name",
     kRedisNoScript | kUsual | kRedisFree,
     RedisId::kClient,
     3,
     Right::kNone,
     {}},
    {"command|count",
     "server",
     "2.8.13",
     "Counts the commands",
     kUsual | kRedisFree,
     RedisId::kCommand,
     2,
     Right::kNone,
     {}},
    {"command|docs",
     "server",
     "7.0.0",
     "Tells what commands are for",
     kUsual | kRedisFree,
     RedisId::kCommand,
     -2,
     Right::kNone,
     {}},
    {"command|getkeys",
     "server",
     "2.8.13",
     "Tells the keys in a command",
     kUsual | kRedisFree,
     RedisId::kCommand,
     -4,
     Right::kNone,
     {}},
    {"command|help",
     "server",
     "5.0.0",
     "Tells what COMMAND can do",
     kUsual | kRedisFree,
     RedisId::kCommand,
     2,
     Right::kNone,
     {}},
    {"command|info",
     "server",
     "2.8.13",
     "Tells arity, flags and keys of commands",
     kUsual | kRedisFree,
     RedisId::kCommand,
     -2,
     Right::kNone,
     {}},
    {"command|list",
     "server",
     "7.0.0",
     "Lists the names of commands",
     kUsual | kRedisFree,
     RedisId::kCommand,
     -2,
     Right::kNone,
     {}},
    {"config|get",
     "server",
     "2.0.0",
     "Shows options",
     kRedisAdmin | kRedisNoScript | kUsual | kRedisFree,
     RedisId::kConfig,
     -3,
     Right::kServer,
     {}},
    {"config|help",
     "server",
     "5.0.0",
     "Tells what CONFIG can do",
     kUsual | kRedisFree,
     RedisId::kConfig,
     2,
     Right::kNone,
     {}},
    {"config|resetstat",
     "server",
     "2.0.0",
     "Lets what INFO counts begin at nothing",
     kRedisAdmin | kRedisNoScript | kUsual,
     RedisId::kConfig,
     2,
     Right::kServer,
     {}},
    {"config|set",
     "server",
     "2.0.0",
     "Accepts what is so already",
     kRedisAdmin | kRedisNoScript | kUsual | kRedisFree,
     RedisId::kConfig,
     -4,
     Right::kServer,
     {}},
    {"memory|help",
     "server",
     "4.0.0",
     "Tells what MEMORY can do",
     kUsual | kRedisFree,
     RedisId::kMemory,
     2,
     Right::kNone,
     {}},
    {"memory|usage",
     "server",
     "4.0.0",
     "Tells how many bytes an entry takes",
     kRedisReadonly,
     RedisId::kMemory,
     -3,
     Right::kRead,
     {2, 2, 1}},
    {"object|encoding",
     "generic",
     "2.2.3",
     "Tells how Redis would hold a value",
     kRedisReadonly,
     RedisId::kObject,
     3,
     Right::kRead,
     {2, 2, 1}},
    {"object|freq",
     "generic",
     "4.0.0",
     "Tells how often a key is used, where that is known",
     kRedisReadonly,
     RedisId::kObject,
     3,
     Right::kRead,
     {2, 2, 1}},
    {"object|help",
     "generic",
     "6.2.0",
     "Tells what OBJECT can do",
     kUsual | kRedisFree,
     RedisId::kObject,
     2,
     Right::kNone,
     {}},
    {"object|idletime",
     "generic",
     "2.2.3",
     "Tells since when a key has not been used",
     kRedisReadonly,
     RedisId::kObject,
     3,
     Right::kRead,
     {2, 2, 1}},
    {"object|refcount",
     "generic",
     "2.2.3",
     "Tells how many share a value: one",
     kRedisReadonly,
     RedisId::kObject,
     3,
     Right::kRead,
     {2, 2, 1}},
};

constexpr bool names_ascend() {
  for (std::size_t i = 1; i < std::size(kRows); ++i) {
    if (kRows[i - 1].name >= kRows[i].name) return false;
  }
  return true;
}
static_assert(names_ascend(), "those of one command stand together");

/// Which rows are a command's.
struct Range {
  std::uint8_t first = 0;
  std::uint8_t count = 0;
};

constexpr auto kRanges = [] {
  std::array<Range, kRedisCommandCount> ranges{};
  for (std::size_t i = 0; i < std::size(kRows); ++i) {
    Range& range = ranges[static_cast<std::size_t>(kRows[i].id)];
    if (range.count++ == 0) range.first = static_cast<std::uint8_t>(i);
  }
  return ranges;
}();

char small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::span<const RedisSpec> redis_subcommands(RedisId id) {
  const Range range = kRanges[static_cast<std::size_t>(id)];
  return std::span(kRows).subspan(range.first, range.count);
}

const RedisSpec* find_redis_subcommand(const RedisSpec& command, std::string_view name) {
  const auto rows = redis_subcommands(command.id);
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const RedisSpec& row) {
    const std::string_view own = row.name.substr(command.name.size() + 1);
    return std::equal(own.begin(), own.end(), name.begin(), name.end(),
                      [](char a, char b) { return a == small(b); });
  });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace appmem::protocol
