#include "appmem/base/decimal.h"

#include <charconv>

namespace appmem {

std::string_view decimal_of(std::int64_t integer, DecimalText& text) {
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), integer);
  return {text.data(), static_cast<std::size_t>(end - text.data())};
}

std::optional<std::int64_t> integer_of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const std::string_view digits = text.front() == '-' ? text.substr(1) : text;
  if (digits.empty() || (digits.front() == '0' && text.size() > 1)) return std::nullopt;
  std::int64_t integer = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return integer;
}

}  // namespace appmem
