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
    {RedisId::kClient,
     "client|getname",
     2,
     Right::kNone,
     kRedisNoScript | kUsual,
     {},
     "connection",
     "2.6.9",
     "Tells the name of the connection"},
    {RedisId::kClient,
     "client|help",
     2,
     Right::kNone,
     kUsual,
     {},
     "connection",
     "5.0.0",
     "Tells what CLIENT can do"},
    {RedisId::kClient,
     "client|id",
     2,
     Right::kNone,
     kRedisNoScript | kUsual,
     {},
     "connection",
     "5.0.0",
     "Tells the number of the connection"},
    {RedisId::kClient,
     "client|info",
     2,
     Right::kNone,
     kRedisNoScript | kUsual,
     {},
     "connection",
     "6.2.0",
     "Tells about the connection"},
    {RedisId::kClient,
     "client|kill",
     -3,
     Right::kServer,
     kRedisAdmin | kRedisNoScript | kUsual,
     {},
     "connection",
     "2.4.0",
     "Closes connections"},
    {RedisId::kClient,
     "client|list",
     -2,
     Right::kServer,
     kRedisAdmin | kRedisNoScript | kUsual,
     {},
     "connection",
     "2.4.0",
     "Tells about all connections"},
    {RedisId::kClient,
     "client|no-evict",
     3,
     Right::kServer,
     kRedisAdmin | kRedisNoScript | kUsual,
     {},
     "connection",
     "7.0.0",
     "Keeps the connection when memory runs out"},
    {RedisId::kClient,
     "client|reply",
     3,
     Right::kNone,
     kRedisNoScript | kUsual,
     {},
     "connection",
     "3.2.0",
     "Tells whether commands are replied to"},
    {RedisId::kClient,
     "client|setinfo",
     4,
     Right::kNone,
     kRedisNoScript | kUsual,
     {},
     "connection",
     "7.2.0",
     "Tells the name and the version of the library that the client uses"},
    {RedisId::kClient,
     "client|setname",
     3,
     Right::kNone,
     kRedisNoScript | kUsual,
     {},
     "connection",
     "2.6.9",
     "Gives the connection a name"},
    {RedisId::kCommand,
     "command|count",
     2,
     Right::kNone,
     kUsual,
     {},
     "server",
     "2.8.13",
     "Counts the commands"},
    {RedisId::kCommand,
     "command|docs",
     -2,
     Right::kNone,
     kUsual,
     {},
     "server",
     "7.0.0",
     "Tells what commands are for"},
    {RedisId::kCommand,
     "command|getkeys",
     -4,
     Right::kNone,
     kUsual,
     {},
     "server",
     "2.8.13",
     "Tells the keys in a command"},
    {RedisId::kCommand,
     "command|help",
     2,
     Right::kNone,
     kUsual,
     {},
     "server",
     "5.0.0",
     "Tells what COMMAND can do"},
    {RedisId::kCommand,
     "command|info",
     -2,
     Right::kNone,
     kUsual,
     {},
     "server",
     "2.8.13",
     "Tells arity, flags and keys of commands"},
    {RedisId::kCommand,
     "command|list",
     -2,
     Right::kNone,
     kUsual,
     {},
     "server",
     "7.0.0",
     "Lists the names of commands"},
    {RedisId::kConfig,
     "config|get",
     -3,
     Right::kServer,
     kRedisAdmin | kRedisNoScript | kUsual,
     {},
     "server",
     "2.0.0",
     "Shows options"},
    {RedisId::kConfig,
     "config|help",
     2,
     Right::kNone,
     kUsual,
     {},
     "server",
     "5.0.0",
     "Tells what CONFIG can do"},
    {RedisId::kConfig,
     "config|resetstat",
     2,
     Right::kServer,
     kRedisAdmin | kRedisNoScript | kUsual,
     {},
     "server",
     "2.0.0",
     "Lets what INFO counts begin at nothing"},
    {RedisId::kConfig,
     "config|set",
     -4,
     Right::kServer,
     kRedisAdmin | kRedisNoScript | kUsual,
     {},
     "server",
     "2.0.0",
     "Accepts what is so already"},
    {RedisId::kMemory,
     "memory|help",
     2,
     Right::kNone,
     kUsual,
     {},
     "server",
     "4.0.0",
     "Tells what MEMORY can do"},
    {RedisId::kMemory,
     "memory|usage",
     -3,
     Right::kRead,
     kRedisReadonly,
     {2, 2, 1},
     "server",
     "4.0.0",
     "Tells how many bytes an entry takes"},
    {RedisId::kObject,
     "object|encoding",
     3,
     Right::kRead,
     kRedisReadonly,
     {2, 2, 1},
     "generic",
     "2.2.3",
     "Tells how Redis would hold a value"},
    {RedisId::kObject,
     "object|freq",
     3,
     Right::kRead,
     kRedisReadonly,
     {2, 2, 1},
     "generic",
     "4.0.0",
     "Tells how often a key is used, where that is known"},
    {RedisId::kObject,
     "object|help",
     2,
     Right::kNone,
     kUsual,
     {},
     "generic",
     "6.2.0",
     "Tells what OBJECT can do"},
    {RedisId::kObject,
     "object|idletime",
     3,
     Right::kRead,
     kRedisReadonly,
     {2, 2, 1},
     "generic",
     "2.2.3",
     "Tells since when a key has not been used"},
    {RedisId::kObject,
     "object|refcount",
     3,
     Right::kRead,
     kRedisReadonly,
     {2, 2, 1},
     "generic",
     "2.2.3",
     "Tells how many share a value: one"},
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
