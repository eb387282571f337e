#include "appmem/protocol/redis_table.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "name_index.h"
#include "redis_command_rows.h"
#include "redis_subcommand_rows.h"

namespace appmem::protocol {
namespace {

/// The rows, marked where there are subcommands.
constexpr auto kCommands = [] {
  std::array rows = std::to_array(redis_rows::kCommands);
  for (const RedisSpec& subcommand : redis_rows::kSubcommands)
    rows[static_cast<std::size_t>(subcommand.id)].flags |= kRedisContainer;
  return rows;
}();

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < std::size(kCommands); ++i) {
    if (static_cast<std::size_t>(kCommands[i].id) != i) return false;
    if (i > 0 && kCommands[i - 1].name >= kCommands[i].name) return false;
  }
  return std::size(kCommands) == kRedisCommandCount;
}
static_assert(rows_are_in_order());

constexpr auto kIndex = [] {
  NameIndex<256, LetterCase::kIsIgnored> index;
  for (std::size_t i = 0; i < std::size(kCommands); ++i)
    index.add(kCommands[i].name, static_cast<std::uint16_t>(i));
  return index;
}();

constexpr std::string_view kFlagNames[] = {"write",   "readonly", "denyoom", "admin",   "noscript",
                                           "loading", "stale",    "fast",    "no_auth", "no_multi"};

}  // namespace

std::span<const RedisSpec> redis_table() {
  return kCommands;
}

const RedisSpec& redis_spec(RedisId id) {
  return kCommands[static_cast<std::size_t>(id)];
}

std::optional<RedisDeprecation> redis_deprecation(RedisId id) {
  switch (id) {
    case RedisId::kGetset:
      return RedisDeprecation{"6.2.0", "`SET` with the `!GET` argument"};
    case RedisId::kSubstr:
      return RedisDeprecation{"2.0.0", "`GETRANGE`"};
    default:
      return std::nullopt;
  }
}

const RedisSpec* find_redis_command(std::string_view name) {
  const std::uint16_t found = kIndex.find(name);
  return found == kIndex.kNone ? nullptr : &kCommands[found];
}

void append_key_positions(const RedisSpec& spec, std::size_t words,
                          std::vector<std::size_t>& positions) {
  if (spec.keys.first == 0) return;
  const auto count = static_cast<std::ptrdiff_t>(words);
  const std::ptrdiff_t last = spec.keys.last < 0 ? count + spec.keys.last : spec.keys.last;
  for (std::ptrdiff_t at = 0; at + spec.keys.first <= last; at += spec.keys.step)
    positions.push_back(static_cast<std::size_t>(at + spec.keys.first));
}

std::size_t redis_key_count(const RedisSpec& spec, std::size_t words) {
  if (spec.keys.first == 0) return 0;
  const auto count = static_cast<std::ptrdiff_t>(words);
  const std::ptrdiff_t last = spec.keys.last < 0 ? count + spec.keys.last : spec.keys.last;
  if (last < spec.keys.first) return 0;
  return static_cast<std::size_t>((last - spec.keys.first) / spec.keys.step + 1);
}

std::string_view redis_flag_name(unsigned bit) {
  return bit < std::size(kFlagNames) ? kFlagNames[bit] : std::string_view();
}

}  // namespace appmem::protocol
