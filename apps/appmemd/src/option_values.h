#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "appmem/base/error.h"
#include "appmem/base/units.h"

/// What texts of options say: numbers, sizes, durations and words. What cannot be taken is
/// kInvalidRequest with what was expected, and leaves the target as it was.
namespace appmem::daemon {

inline tl::unexpected<Error> expected(std::string_view what) {
  return fail(ErrorCode::kInvalidRequest, "expected " + std::string(what));
}

template <typename Number>
Result<void> set_number(std::string_view text, std::uint64_t min, std::uint64_t max,
                        Number& target) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max) {
    return expected("a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  }
  target = static_cast<Number>(value);
  return {};
}

/// What is expected of a size.
inline std::string size_between(std::uint64_t min, std::uint64_t max) {
  return "a size from " + format_byte_size(min) + " to " + format_byte_size(max) +
         ", in B, KiB, MiB, GiB or TiB, such as 64MiB";
}

template <typename Number>
Result<void> set_size(std::string_view text, std::uint64_t min, std::uint64_t max, Number& target) {
  const auto value = parse_byte_size(text);
  if (!value || *value < min || *value > max) {
    return expected(size_between(min, max));
  }
  target = static_cast<Number>(*value);
  return {};
}

inline constexpr std::chrono::milliseconds kDurationMax = std::chrono::hours{24 * 365};

inline Result<void> set_duration(std::string_view text, std::chrono::milliseconds min,
                                 std::chrono::milliseconds& target) {
  const auto value = parse_duration(text);
  if (!value || *value < min || *value > kDurationMax) {
    return expected(min.count() == 0 ? "a duration with its unit, such as 30s or 500ms, or 0"
                                     : "a duration with its unit, such as 30s or 500ms");
  }
  target = *value;
  return {};
}

/// 0 stands for no limit.
inline std::string show_patience(std::chrono::milliseconds duration) {
  return duration.count() == 0 ? "0" : format_duration(duration);
}

template <typename Enum>
using Words = std::span<const std::pair<std::string_view, Enum>>;

template <typename Enum>
Result<void> set_word(std::string_view text, Words<Enum> words, Enum& target) {
  std::string known;
  for (const auto& [word, value] : words) {
    if (word == text) {
      target = value;
      return {};
    }
    known.append(known.empty() ? "" : ", ").append(word);
  }
  return expected("one of " + known);
}

template <typename Enum>
std::string show_word(Words<Enum> words, Enum value) {
  const auto found = std::find_if(words.begin(), words.end(),
                                  [value](const auto& word) { return word.second == value; });
  return std::string(found->first);
}

}  // namespace appmem::daemon
