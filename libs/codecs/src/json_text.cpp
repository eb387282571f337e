#include "appmem/codecs/json_text.h"

#include <algorithm>

#include "base64.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

std::string_view skip_space(std::string_view text) {
  const char* const end = text.data() + text.size();
  const char* const begin = skip_json_space(text.data(), end);
  return {begin, static_cast<std::size_t>(end - begin)};
}

/// Takes what ends at `end` off the front of `text`, and returns it.
std::string_view take_to(std::string_view& text, const char* end) {
  const auto size = static_cast<std::size_t>(end - text.data());
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(size);
  return taken;
}

void take(std::string_view& text, char c) {
  if (text.starts_with(c)) text.remove_prefix(1);
  text = skip_space(text);
}

}  // namespace

Result<std::string_view> check_json(std::string_view text, std::size_t depth_max) {
  const std::string_view value = skip_space(text);
  const JsonScan scan = scan_json_text(value, depth_max);
  if (!scan) {
    return fail(ErrorCode::kInvalidJson,
                std::string(scan.problem) + " at byte " + std::to_string(scan.end - text.data()));
  }
  const auto last = std::find_if_not(value.rbegin(), value.rend(), is_json_space);
  return value.substr(0, static_cast<std::size_t>(value.rend() - last));
}

JsonMembers::JsonMembers(std::string_view container) : object_(container.starts_with('{')) {
  if (object_ || container.starts_with('[')) {
    rest_ = skip_space(container.substr(1, container.size() - 2));
  }
}

bool JsonMembers::next() {
  if (rest_.empty()) return false;
  const char* const end = rest_.data() + rest_.size();
  if (object_) {
    const std::string_view quoted = take_to(rest_, scan_json_string(rest_.data(), end).end);
    name_ = quoted.substr(1, quoted.size() - 2);
    rest_ = skip_space(rest_);
    take(rest_, ':');
  }
  value_ = take_to(rest_, scan_json_value(rest_.data(), end, kJsonScanDepthMax).end);
  rest_ = skip_space(rest_);
  take(rest_, ',');
  return true;
}

std::optional<std::string> json_string(std::string_view token) {
  if (token.size() < 2 || !token.starts_with('"')) return std::nullopt;
  token = token.substr(1, token.size() - 2);
  std::string text(token.size(), '\0');
  const std::size_t size = unescape_json(token, text.data());
  if (size == kBadEscape) return std::nullopt;
  text.resize(size);
  return text;
}

std::optional<std::string> json_base64(std::string_view token) {
  auto text = json_string(token);
  if (!text) return std::nullopt;
  const std::size_t size = base64_decode(*text, text->data());
  if (size == kBadBase64) return std::nullopt;
  text->resize(size);
  return text;
}

}  // namespace appmem::codecs
