#include "appmem/protocol/redis_table.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "name_index.h"
#include "redis_command_rows.h"

namespace appmem::protocol {
namespace {

using redis_rows::kCommands;

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < std::size(kCommands); ++i) {
    if (static_cast<std::size_t>(kCommands[i].id) != i) return false;
    if (i > 0 && kCommands[i - 1].name >= kCommands[i].name) return false;
  }
  return std::size(kCommands) == kRedisCommandCount;
}
static_assert(rows_are_in_order());

constexpr std::size_t kNameBytesMax = 16;

constexpr auto kIndex = [] {
  NameIndex<256> index;
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

const RedisSpec* find_redis_command(std::string_view name) {
  std::array<char, kNameBytesMax> small{};
  if (name.size() > small.size()) return nullptr;
  std::transform(name.begin(), name.end(), small.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  const std::uint16_t found = kIndex.find({small.data(), name.size()});
  return found == kIndex.kNone ? nullptr : &kCommands[found];
}

bool has_arity(const RedisSpec& spec, std::size_t words) {
  const auto count = static_cast<std::ptrdiff_t>(words);
  return spec.arity >= 0 ? count == spec.arity : count >= -spec.arity;
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
