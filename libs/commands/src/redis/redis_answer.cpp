#include "redis_answer.h"

#include "../answer_limit.h"
#include "appmem/base/units.h"

namespace appmem::commands {
namespace {

/// Behind less than this, any single value has room.
constexpr std::uint64_t kSmallReplyBytes = 1_MiB;
/// A value's length, its line ends; and the digits of an integer.
constexpr std::uint64_t kFrameBytesMax = 48;

/// Whether so many bytes fit behind the reply, for which so much more memory will be taken.
bool is_within_limits(RedisCall& call, std::uint64_t bytes, std::uint64_t memory) {
  const AnswerLimit limit(call.control.limits(), call.store.memory());
  const auto within = limit.check_bytes(call.reply.answer_bytes() + bytes, memory);
  if (!within) refuse_redis(call, within.error());
  return within.has_value();
}

}  // namespace

bool admits_value(RedisCall& call, std::string_view key) {
  return call.reply.answer_bytes() <= kSmallReplyBytes || admits_values(call, {&key, 1});
}

bool admits_values(RedisCall& call, std::span<const std::string_view> keys) {
  std::uint64_t bytes = kFrameBytesMax * (keys.size() + 1);
  std::uint64_t copied = 0;
  const auto add = [&](const core::EntryView& entry) {
    bytes += entry.value.bytes.size();
    if (entry.value.shared == nullptr) copied += entry.value.bytes.size();
  };
  const core::GetOptions peek{.touch = std::nullopt, .peek = true};
  for (const std::string_view key : keys) {
    const auto outcome = call.keys.get(call.ns, key, peek, call.now, add);
    if (!outcome) {
      refuse_redis(call, outcome.error());
      return false;
    }
  }
  return is_within_limits(call, bytes, copied);
}

bool admits_bytes(RedisCall& call, std::uint64_t bytes) {
  return is_within_limits(call, bytes, bytes);
}

}  // namespace appmem::commands
