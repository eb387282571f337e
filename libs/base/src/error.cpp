#include "appmem/base/error.h"

#include <array>
#include <cstddef>

namespace appmem {
namespace {

/// By code; the order is that of ErrorCode.
constexpr std::array<std::string_view, kErrorCodeCount> kNames = {
    "invalid_json", "invalid_request",
    "unknown_op",   "unauthenticated",
    "forbidden",    "not_found",
    "exists",       "conflict",
    "too_large",    "wrong_type",
    "not_integer",  "overflow",
    "out_of_range", "busy",
    "timeout",      "out_of_memory",
    "read_only",    "unavailable",
    "internal",
};

}  // namespace

std::string_view error_code_name(ErrorCode code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : kNames.back();
}

std::optional<ErrorCode> error_code_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<ErrorCode>(i);
  }
  return std::nullopt;
}

}  // namespace appmem
