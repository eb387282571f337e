#include "json_compose.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include <simdjson.h>

#include "base64.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
/// Encoded and copied in pieces of this many bytes (a multiple of 3).
constexpr std::size_t kBase64PieceBytes = 3072;

/// What a byte becomes in a string: itself, or its escape.
struct Escape {
  char text[7];
  std::uint8_t size;
};
constexpr std::size_t kEscapeBytesMax = 6;

constexpr Escape escape_of(unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kNamed = "\bb\ff\nn\rr\tt\"\"\\\\";
  for (std::size_t i = 0; i < kNamed.size(); i += 2) {
    if (static_cast<unsigned char>(kNamed[i]) == c) return {{'\\', kNamed[i + 1]}, 2};
  }
  if (c >= 0x20) return {{static_cast<char>(c)}, 1};
  return {{'\\', 'u', '0', '0', kHex[c >> 4U], kHex[c & 15U]}, kEscapeBytesMax};
}

constexpr auto kEscapes = [] {
  std::array<Escape, 256> escapes{};
  for (std::size_t i = 0; i < escapes.size(); ++i)
    escapes[i] = escape_of(static_cast<unsigned char>(i));
  return escapes;
}();

/// Text where so many bytes in a row stand for themselves is copied rather than looked up.
constexpr std::size_t kPlainRun = 16;
constexpr std::size_t kEscapedPieceBytes = 1024;

/// The length of the UTF-8 sequence at the start of `text`, or 0 when there is none.
std::size_t utf8_sequence(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  return length <= text.size() && is_utf8(text.substr(0, length)) ? length : 0;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  return simdjson::validate_utf8(bytes.data(), bytes.size());
}

template <typename Out>
void append_json_escaped(Out& out, std::string_view bytes) {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  for (;;) {
    const char* const special = find_json_special(p, end);
    out.append(std::string_view(p, static_cast<std::size_t>(special - p)));
    if (special == end) return;
    // Where there is one, there often are more.
    p = special;
    std::size_t plain = 0;
    while (p != end && plain < kPlainRun) {
      char piece[kEscapedPieceBytes];
      char* to = piece;
      while (p != end && plain < kPlainRun && to <= piece + sizeof piece - sizeof(Escape)) {
        const Escape& escape = kEscapes[static_cast<unsigned char>(*p++)];
        std::memcpy(to, &escape, sizeof escape);  // a fixed size is faster to copy
        to += escape.size;
        plain = escape.size == 1 ? plain + 1 : 0;
      }
      out.append(std::string_view(piece, static_cast<std::size_t>(to - piece)));
    }
  }
}

template <typename Out>
void append_json_text(Out& out, std::string_view text) {
  out.append(std::string_view("\""));
  if (is_utf8(text)) [[likely]] {
    append_json_escaped(out, text);
  } else {
    while (!text.empty()) {
      const std::size_t length = utf8_sequence(text);
      append_json_escaped(out, length == 0 ? kReplacement : text.substr(0, length));
      text.remove_prefix(std::max<std::size_t>(length, 1));
    }
  }
  out.append(std::string_view("\""));
}

template <typename Out>
void append_base64(Out& out, std::string_view bytes) {
  char piece[base64_encoded_size(kBase64PieceBytes)];
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kBase64PieceBytes);
    base64_encode(part, piece);
    out.append(std::string_view(piece, base64_encoded_size(part.size())));
    bytes.remove_prefix(part.size());
  }
}

template <typename Out>
void append_json_document(Out& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t line = std::min(text.find('\n'), text.size());
    out.append(text.substr(0, line));
    if (line == text.size()) return;
    out.append(std::string_view(" "));
    text.remove_prefix(line + 1);
  }
}

template void append_json_escaped(protocol::OutputBuffer&, std::string_view);
template void append_json_text(protocol::OutputBuffer&, std::string_view);
template void append_base64(protocol::OutputBuffer&, std::string_view);
template void append_json_document(protocol::OutputBuffer&, std::string_view);
template void append_json_escaped(std::string&, std::string_view);
template void append_json_text(std::string&, std::string_view);
template void append_base64(std::string&, std::string_view);
template void append_json_document(std::string&, std::string_view);

}  // namespace appmem::codecs
