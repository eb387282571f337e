#pragma once

#include <cstdint>
#include <string_view>

namespace appmem {

class SharedBytes;

/// What a value is, and stays: bytes, a signed 64-bit integer, or the text of a JSON document.
enum class ValueKind : std::uint8_t { kBytes, kInteger, kJson };

/// A value on its way in or out. Lifetime: `bytes` is borrowed from whoever made the view.
struct ValueView {
  ValueKind kind = ValueKind::kBytes;
  /// The bytes of kBytes and kJson; empty for kInteger.
  std::string_view bytes;
  /// The number of kInteger; 0 otherwise.
  std::int64_t integer = 0;
  /// When `bytes` lies in a large value: that value, so that it can be kept (on the way out) or
  /// adopted (on the way in) without a copy. Otherwise null.
  const SharedBytes* shared = nullptr;

  static ValueView from_bytes(std::string_view bytes) {
    return {ValueKind::kBytes, bytes, 0, nullptr};
  }
  static ValueView from_integer(std::int64_t integer) {
    return {ValueKind::kInteger, {}, integer, nullptr};
  }
  static ValueView from_json(std::string_view text) { return {ValueKind::kJson, text, 0, nullptr}; }
};

}  // namespace appmem
