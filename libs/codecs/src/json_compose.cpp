#include "json_compose.h"

#include <algorithm>
#include <cstring>

#include <simdjson.h>

#include "base64.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
/// Encoded and copied in pieces of this many bytes (a multiple of 3).
constexpr std::size_t kBase64PieceBytes = 3072;

void append_escape(char c, char (&text)[6], std::size_t& size) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto two = [&](char second) {
    text[0] = '\\';
    text[1] = second;
    size = 2;
  };
  switch (c) {
    case '"':
    case '\\':
      return two(c);
    case '\b':
      return two('b');
    case '\f':
      return two('f');
    case '\n':
      return two('n');
    case '\r':
      return two('r');
    case '\t':
      return two('t');
    default:
      break;
  }
  std::memcpy(text, "\\u00", 4);
  text[4] = kHex[static_cast<unsigned char>(c) >> 4U];
  text[5] = kHex[static_cast<unsigned char>(c) & 15U];
  size = 6;
}

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
    char text[6];
    std::size_t size = 0;
    append_escape(*special, text, size);
    out.append(std::string_view(text, size));
    p = special + 1;
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
