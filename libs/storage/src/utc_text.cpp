#include "utc_text.h"

#include <array>
#include <ctime>
#include <optional>

namespace appmem::storage {
namespace {

std::optional<std::tm> fields_of(WallTime when) {
  constexpr int kYearMax = 9999 - 1900;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count();
  const auto time = static_cast<std::time_t>(seconds);
  std::tm fields{};
  if (::gmtime_r(&time, &fields) == nullptr || fields.tm_year > kYearMax || fields.tm_year < 0) {
    return std::nullopt;
  }
  return fields;
}

}  // namespace

std::string utc_text(WallTime when) {
  const auto fields = fields_of(when);
  if (!fields) return std::to_string(when.time_since_epoch().count());
  const auto ms = when - std::chrono::floor<std::chrono::seconds>(when);
  const std::string fraction = std::to_string(1000 + ms.count());
  std::array<char, 64> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &*fields);
  return std::string(text.data(), length) + "." + fraction.substr(1) + "Z";
}

std::string utc_name(WallTime when) {
  const auto fields = fields_of(when);
  if (!fields) return std::to_string(when.time_since_epoch().count());
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &*fields)};
}

}  // namespace appmem::storage
