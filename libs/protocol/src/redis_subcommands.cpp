#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "appmem/protocol/redis_table.h"
#include "redis_subcommand_rows.h"

namespace appmem::protocol {
namespace {

using redis_rows::kSubcommands;

constexpr bool names_ascend() {
  for (std::size_t i = 1; i < std::size(kSubcommands); ++i) {
    if (kSubcommands[i - 1].name >= kSubcommands[i].name) return false;
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
  for (std::size_t i = 0; i < std::size(kSubcommands); ++i) {
    Range& range = ranges[static_cast<std::size_t>(kSubcommands[i].id)];
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
  return std::span(kSubcommands).subspan(range.first, range.count);
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
