#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// A strict scanner of JSON text (RFC 8259) that builds nothing and needs no memory: it says where
/// a value ends, or what is wrong and where. Whether the text is UTF-8 is the caller's to check.
namespace appmem::codecs {

struct JsonScan {
  /// Behind the value, or where it is wrong.
  const char* end = nullptr;
  /// What is wrong; null when nothing is.
  const char* problem = nullptr;
  /// Nested deeper than allowed; `problem` is set too.
  bool too_deep = false;

  explicit operator bool() const { return problem == nullptr; }
};

/// Scans one value that begins at `begin` (no white space before it).
/// Precondition: depth_max <= kJsonScanDepthMax, which leaves room for a request or an answer
/// around a document of kJsonDepthMax.
inline constexpr std::size_t kJsonScanDepthMax = 128;
JsonScan scan_json_value(const char* begin, const char* end, std::size_t depth_max);

/// Scans a whole text: one value, white space around it, nothing else.
JsonScan scan_json_text(std::string_view text, std::size_t depth_max);

/// Scans the string whose opening quote is at `begin`.
JsonScan scan_json_string(const char* begin, const char* end);

/// Scans a number that begins at `begin`.
JsonScan scan_json_number(const char* begin, const char* end);

inline bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
const char* skip_json_space(const char* begin, const char* end);

/// The first byte from `begin` on that cannot stand in a JSON string as it is: a control character,
/// a quote or a backslash; `end` when there is none.
const char* find_json_special(const char* begin, const char* end);

/// Whether all bytes are ASCII and stand for themselves in a JSON string.
bool is_plain_json(std::string_view bytes);

/// Replaces the escapes of a string's content (without its quotes) and writes it to `out`, which
/// has room for raw.size() bytes and may be where `raw` is. Returns the number of bytes written, or
/// kBadEscape.
inline constexpr std::size_t kBadEscape = ~std::size_t{0};
std::size_t unescape_json(std::string_view raw, char* out);

/// How many bytes unescape_json writes. Precondition: the content of a string that has been
/// scanned.
std::size_t unescaped_json_size(std::string_view raw);

/// An integer's text.
struct JsonInteger {
  enum class Kind : std::uint8_t { kFits, kTooLarge, kNoInteger };
  Kind kind = Kind::kNoInteger;
  std::int64_t value = 0;
};
/// kTooLarge: an integer that does not fit 64 signed bits. kNoInteger: anything else, `01`
/// included.
JsonInteger read_json_integer(std::string_view text);

}  // namespace appmem::codecs
