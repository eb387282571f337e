#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "appmem/base/error.h"

namespace appmem {

/// `64_MiB` and friends.
constexpr std::uint64_t operator""_KiB(unsigned long long n) {
  return n << 10U;
}
constexpr std::uint64_t operator""_MiB(unsigned long long n) {
  return n << 20U;
}
constexpr std::uint64_t operator""_GiB(unsigned long long n) {
  return n << 30U;
}

/// Parses a size: a non-negative decimal number with an optional fraction and an optional unit,
/// "B", "KiB", "MiB", "GiB", "TiB", or "kB"/"KB", "MB", "GB", "TB" (powers of 1000), or the short
/// "k", "m", "g", "t" (powers of 1024), in any case; no unit means bytes. White space is allowed
/// between number and unit. Errors: kInvalidRequest, with a message that shows the text and an
/// example.
Result<std::uint64_t> parse_byte_size(std::string_view text);

/// The shortest exact form: "512MiB", "1536KiB", "1000B".
std::string format_byte_size(std::uint64_t bytes);

/// Parses a duration: number (fraction allowed) and unit "ms", "s", "m"/"min", "h", "d", "w";
/// several may follow each other ("1h30m"). A number without a unit is an error, because nobody
/// remembers which one was meant. "0" is accepted. Errors: kInvalidRequest, with an example.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest exact form: "5m", "90s", "1500ms".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace appmem
