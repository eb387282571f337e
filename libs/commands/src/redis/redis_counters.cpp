#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>

#include "redis_handlers.h"
#include "redis_values.h"

namespace appmem::commands {
namespace {

using protocol::RedisId;

/// What Redis calls MAX_LONG_DOUBLE_CHARS: longer numbers are none.
constexpr std::size_t kNumberBytesMax = std::size_t{5} * 1024;
using NumberText = std::array<char, kNumberBytesMax>;

/// Reads a number as Redis does, in long double: whatever strtold takes, without blanks before it.
std::optional<long double> read_number(std::string_view text) {
  NumberText copy;
  if (text.empty() || text.size() >= copy.size()) return std::nullopt;
  copy[text.copy(copy.data(), copy.size() - 1)] = '\0';
  if (std::isspace(static_cast<unsigned char>(text.front())) != 0) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const long double number = std::strtold(copy.data(), &end);
  if (end != copy.data() + text.size() || std::isnan(number)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(number) || number == 0)) return std::nullopt;
  return number;
}

/// Writes a number as Redis does: 17 digits behind the point, without the zeros at their end.
/// Precondition: it is finite.
std::string_view write_number(long double number, NumberText& text) {
  const int written = std::snprintf(text.data(), text.size(), "%.17Lf", number);
  std::string_view digits(text.data(), static_cast<std::size_t>(written));
  digits = digits.substr(0, digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.remove_suffix(1);
  return digits == "-0" ? "0" : digits;
}

}  // namespace

void redis_incr(RedisCall& call) {
  core::IncrementOptions options;
  if (call.words.size() > 2 && !read_redis_integer(call.words[2], options.by)) {
    return call.reply.failure(kRedisNotAnInteger);
  }
  if (call.spec.id == RedisId::kDecr || call.spec.id == RedisId::kDecrby) {
    if (options.by == std::numeric_limits<std::int64_t>::min()) {
      return call.reply.failure("ERR decrement would overflow");
    }
    options.by = -options.by;
  }
  const auto outcome = call.keys.increment(call.ns, call.words[1], options, call.now);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  call.reply.integer(outcome->value);
}

void redis_incrbyfloat(RedisCall& call) {
  const std::string_view key = call.words[1];
  RedisValue value;
  const core::GetOptions peek{.touch = std::nullopt, .peek = true};
  if (!read_redis_value(call, key, peek, value)) return;
  if (value && value.view().kind == ValueKind::kJson) return call.reply.failure(kRedisWrongType);
  const auto number = value ? read_number(value.bytes()) : 0.0L;
  const auto by = read_number(call.words[2]);
  if (!number || !by) return call.reply.failure("ERR value is not a valid float");
  const long double sum = *number + *by;
  if (!std::isfinite(sum)) {
    return call.reply.failure("ERR increment would produce NaN or Infinity");
  }
  NumberText text;
  const std::string_view bytes = write_number(sum, text);
  core::SetOptions options;
  options.expiry.mode = core::Expiry::Mode::kKeep;
  // Not as a document: like other counters, it has no place in a namespace of these.
  const auto outcome = call.keys.set(call.ns, key, ValueView::from_bytes(bytes), options, call.now);
  if (!outcome) return refuse_redis(call, outcome.error());
  call.rests_on(outcome->ticket);
  call.reply.bulk(bytes);
}

}  // namespace appmem::commands
