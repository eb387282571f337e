#include "scan_cursor.h"

#include <charconv>

#include "appmem/base/limits.h"

namespace appmem::commands {
namespace {

using protocol::Argument;
using protocol::Field;

constexpr char kKeyMark = 'k';
constexpr std::string_view kHexDigits = "0123456789abcdef";

/// The cursor, or nullptr where the scan begins.
const Argument* cursor_of(const protocol::Arguments& args) {
  const Argument* cursor = args.find(Field::kCursor);
  return cursor == nullptr || cursor->null ? nullptr : cursor;
}

tl::unexpected<Error> no_cursor() {
  return fail(ErrorCode::kInvalidRequest,
              "cursor is none that an earlier answer to the same scan gave; begin without one");
}

}  // namespace

std::string hash_cursor_text(core::ScanCursor cursor) {
  return std::to_string(cursor);
}

std::string key_cursor_text(std::string_view last_key) {
  std::string text;
  text.reserve(1 + 2 * last_key.size());
  text.push_back(kKeyMark);
  for (const char c : last_key) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kHexDigits[byte >> 4U]);
    text.push_back(kHexDigits[byte & 0xfU]);
  }
  return text;
}

Result<core::ScanCursor> hash_cursor_of(const protocol::Arguments& args) {
  const Argument* cursor = cursor_of(args);
  if (cursor == nullptr) return core::ScanCursor{0};
  const std::string_view text = cursor->bytes;
  if (text.empty()) {  // a number
    if (cursor->integer < 0) return no_cursor();
    return static_cast<core::ScanCursor>(cursor->integer);
  }
  core::ScanCursor value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return no_cursor();
  return value;
}

Result<std::optional<std::string>> key_cursor_of(const protocol::Arguments& args) {
  const Argument* cursor = cursor_of(args);
  if (cursor == nullptr) return std::optional<std::string>();
  std::string_view text = cursor->bytes;
  if (text.size() % 2 != 1 || text.front() != kKeyMark || text.size() / 2 > kKeyBytesMax) {
    return no_cursor();
  }
  text.remove_prefix(1);
  std::string key;
  key.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::size_t high = kHexDigits.find(text[i]);
    const std::size_t low = kHexDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return no_cursor();
    key.push_back(static_cast<char>(high << 4U | low));
  }
  return std::optional<std::string>(std::move(key));
}

}  // namespace appmem::commands
