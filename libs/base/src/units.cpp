#include "appmem/base/units.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>

namespace appmem {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t scale;
};

/// In lower case. The first of each scale is the one that format_byte_size writes, apart from case.
constexpr std::array kByteUnits = {
    Unit{"b", 1},
    Unit{"kib", 1_KiB},
    Unit{"k", 1_KiB},
    Unit{"mib", 1_MiB},
    Unit{"m", 1_MiB},
    Unit{"gib", 1_GiB},
    Unit{"g", 1_GiB},
    Unit{"tib", 1024_GiB},
    Unit{"t", 1024_GiB},
    Unit{"kb", 1000},
    Unit{"mb", 1'000'000},
    Unit{"gb", 1'000'000'000},
    Unit{"tb", 1'000'000'000'000},
};

constexpr std::array kWrittenByteUnits = {
    Unit{"TiB", 1024_GiB}, Unit{"GiB", 1_GiB}, Unit{"MiB", 1_MiB}, Unit{"KiB", 1_KiB}, Unit{"B", 1},
};

/// In milliseconds, longest first; of two names for one scale the first is written.
constexpr std::array kTimeUnits = {
    Unit{"w", 7 * 86'400'000ULL}, Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000},
    Unit{"min", 60'000},          Unit{"s", 1000},       Unit{"ms", 1},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Takes the longest prefix whose characters satisfy `belongs` off `text`.
template <typename F>
std::string_view take_while(std::string_view& text, F belongs) {
  const auto end = std::find_if_not(text.begin(), text.end(), belongs);
  const auto length = static_cast<std::size_t>(end - text.begin());
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

struct Number {
  std::string_view whole;
  std::string_view fraction;
};

/// Digits, and perhaps a point and more digits.
std::optional<Number> take_number(std::string_view& text) {
  Number number{take_while(text, is_digit), {}};
  if (number.whole.empty()) return std::nullopt;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    number.fraction = take_while(text, is_digit);
    if (number.fraction.empty()) return std::nullopt;
  }
  return number;
}

struct Scaled {
  std::uint64_t value = 0;
  bool exact = true;
};

/// number * scale, rounded down; nothing when it overflows. `scale` is below 2^60, so that ten
/// times as much still fits.
std::optional<Scaled> scaled(const Number& number, std::uint64_t scale) {
  Scaled result;
  for (const char digit : number.whole) {
    if (__builtin_mul_overflow(result.value, 10U, &result.value) ||
        __builtin_add_overflow(result.value, static_cast<unsigned>(digit - '0'), &result.value)) {
      return std::nullopt;
    }
  }
  if (__builtin_mul_overflow(result.value, scale, &result.value)) return std::nullopt;
  // From the last digit to the first: rounding down once a digit rounds down the whole.
  std::uint64_t below_one = 0;
  for (std::size_t i = number.fraction.size(); i > 0; --i) {
    below_one += static_cast<std::uint64_t>(number.fraction[i - 1] - '0') * scale;
    result.exact = result.exact && below_one % 10 == 0;
    below_one /= 10;
  }
  if (__builtin_add_overflow(result.value, below_one, &result.value)) return std::nullopt;
  return result;
}

/// What was given, short and printable, for a message.
std::string quoted(std::string_view text) {
  constexpr std::size_t kShownMax = 40;
  std::string shown = "\"";
  for (const char c : text.substr(0, kShownMax))
    shown += c >= ' ' && c <= '~' ? c : '?';
  if (text.size() > kShownMax) shown += "...";
  shown += '"';
  return shown;
}

tl::unexpected<Error> bad_size(std::string_view text, std::string_view why) {
  return fail(ErrorCode::kInvalidRequest, quoted(text) + " is no size: " + std::string(why) +
                                              "; write it like 512MiB, 1.5GiB or 4096");
}

tl::unexpected<Error> bad_duration(std::string_view text, std::string_view why) {
  return fail(ErrorCode::kInvalidRequest, quoted(text) + " is no duration: " + std::string(why) +
                                              "; write it like 250ms, 30s, 5m or 1h30m");
}

std::string format_in(std::uint64_t value, const Unit& unit) {
  return std::to_string(value / unit.scale) + std::string(unit.name);
}

}  // namespace

Result<std::uint64_t> parse_byte_size(std::string_view text) {
  std::string_view rest = text;
  const std::optional<Number> number = take_number(rest);
  if (!number) return bad_size(text, "a number of digits must come first");
  const std::string_view space = take_while(rest, [](char c) { return c == ' ' || c == '\t'; });

  std::uint64_t scale = 1;
  if (rest.empty()) {
    if (!space.empty()) return bad_size(text, "white space at its end");
  } else {
    const auto* unit = std::find_if(kByteUnits.begin(), kByteUnits.end(), [rest](const Unit& each) {
      return std::equal(rest.begin(), rest.end(), each.name.begin(), each.name.end(),
                        [](char a, char b) { return to_lower(a) == b; });
    });
    if (unit == kByteUnits.end()) return bad_size(text, "unknown unit " + quoted(rest));
    scale = unit->scale;
  }
  if (scale == 1 && !number->fraction.empty()) return bad_size(text, "a byte has no fractions");
  const std::optional<Scaled> bytes = scaled(*number, scale);
  if (!bytes) return bad_size(text, "it does not fit 64 bits");
  return bytes->value;
}

std::string format_byte_size(std::uint64_t bytes) {
  if (bytes == 0) return "0B";
  for (const Unit& unit : kWrittenByteUnits) {
    if (bytes % unit.scale == 0) return format_in(bytes, unit);
  }
  return {};  // not reached: the last unit is 1
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds{0};
  std::uint64_t total_ms = 0;
  std::uint64_t scale_before = std::numeric_limits<std::uint64_t>::max();
  std::string_view rest = text;
  do {
    const std::optional<Number> number = take_number(rest);
    if (!number) return bad_duration(text, "a number of digits must come first");
    const std::string_view name = take_while(rest, is_letter);
    if (name.empty()) return bad_duration(text, "a unit is missing (ms, s, m, h, d, w)");
    const auto* unit = std::find_if(kTimeUnits.begin(), kTimeUnits.end(),
                                    [name](const Unit& each) { return each.name == name; });
    if (unit == kTimeUnits.end()) return bad_duration(text, "unknown unit " + quoted(name));
    if (unit->scale >= scale_before) {
      return bad_duration(text, "longer units come first, and each once");
    }
    scale_before = unit->scale;
    const std::optional<Scaled> part = scaled(*number, unit->scale);
    if (!part || __builtin_add_overflow(total_ms, part->value, &total_ms) ||
        total_ms > static_cast<std::uint64_t>(std::chrono::milliseconds::max().count())) {
      return bad_duration(text, "it is too long");
    }
    if (!part->exact) return bad_duration(text, "it is finer than a millisecond");
  } while (!rest.empty());
  return std::chrono::milliseconds{static_cast<std::int64_t>(total_ms)};
}

std::string format_duration(std::chrono::milliseconds duration) {
  const std::int64_t count = duration.count();
  if (count == 0) return "0s";
  const auto magnitude =
      count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  std::string shortest;
  for (const Unit& unit : kTimeUnits) {
    if (magnitude % unit.scale != 0) continue;
    std::string written = format_in(magnitude, unit);
    if (shortest.empty() || written.size() < shortest.size()) shortest = std::move(written);
  }
  return (count < 0 ? "-" : "") + shortest;
}

}  // namespace appmem
