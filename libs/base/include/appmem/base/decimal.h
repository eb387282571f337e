#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace appmem {

/// Room for the decimal form of any 64-bit integer.
using DecimalText = std::array<char, 20>;

/// The canonical decimal form of `integer`. Lifetime: `text`'s.
std::string_view decimal_of(std::int64_t integer, DecimalText& text);

/// The integer whose canonical decimal form `text` is: no plus, no leading zeros, no "-0". It is
/// what makes bytes a counter, here as in Redis.
std::optional<std::int64_t> integer_of(std::string_view text);

}  // namespace appmem
