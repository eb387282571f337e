#include "json_scan.h"

#include <array>
#include <charconv>
#include <cstring>

namespace appmem::codecs {
namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101U;
constexpr std::uint64_t kHighs = 0x8080808080808080U;

/// Compared all at once where the machine can.
using Bytes16 = unsigned char __attribute__((vector_size(16)));

std::uint64_t load(const char* p) {
  std::uint64_t word = 0;
  std::memcpy(&word, p, sizeof word);
  return word;
}

/// Nonzero when a byte of `word` is below 0x20, a quote or a backslash (0x80 and above are not).
std::uint64_t special_bytes(std::uint64_t word) {
  const std::uint64_t quote = word ^ (kOnes * '"');
  const std::uint64_t backslash = word ^ (kOnes * '\\');
  return (((word - kOnes * 0x20) & ~word) | ((quote - kOnes) & ~quote) |
          ((backslash - kOnes) & ~backslash)) &
         kHighs;
}

bool is_special(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The value of four hexadecimal digits, or -1.
int hex4(const char* p) {
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = p[i];
    int digit = 0;
    if (is_digit(c)) {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

struct Escape {
  std::uint32_t code_point = 0;
  std::size_t length = 0;  // of the escape in the text; 0 when it is wrong
};

/// Reads the escape whose backslash is at `p`.
Escape read_escape(const char* p, const char* end) {
  if (end - p < 2) return {};
  switch (p[1]) {
    case '"':
    case '\\':
    case '/':
      return {static_cast<unsigned char>(p[1]), 2};
    case 'b':
      return {'\b', 2};
    case 'f':
      return {'\f', 2};
    case 'n':
      return {'\n', 2};
    case 'r':
      return {'\r', 2};
    case 't':
      return {'\t', 2};
    case 'u':
      break;
    default:
      return {};
  }
  if (end - p < 6) return {};
  const int first = hex4(p + 2);
  if (first < 0 || (first >= 0xDC00 && first <= 0xDFFF)) return {};
  if (first < 0xD800 || first > 0xDBFF) return {static_cast<std::uint32_t>(first), 6};
  if (end - p < 12 || p[6] != '\\' || p[7] != 'u') return {};
  const int second = hex4(p + 8);
  if (second < 0xDC00 || second > 0xDFFF) return {};
  return {static_cast<std::uint32_t>(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)), 12};
}

/// Writes a code point as UTF-8, which is never longer than its escape.
char* put_utf8(std::uint32_t c, char* out) {
  const auto put = [&out](std::uint32_t byte) {
    *out++ = static_cast<char>(byte);
  };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0U | (c >> 6U));
    put(0x80U | (c & 0x3FU));
  } else if (c < 0x10000) {
    put(0xE0U | (c >> 12U));
    put(0x80U | ((c >> 6U) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  } else {
    put(0xF0U | (c >> 18U));
    put(0x80U | ((c >> 12U) & 0x3FU));
    put(0x80U | ((c >> 6U) & 0x3FU));
    put(0x80U | (c & 0x3FU));
  }
  return out;
}

JsonScan wrong(const char* where, const char* problem) {
  return {where, problem, false};
}

JsonScan scan_word(const char* begin, const char* end, std::string_view word) {
  if (static_cast<std::size_t>(end - begin) < word.size() ||
      std::memcmp(begin, word.data(), word.size()) != 0) {
    return wrong(begin, "expected a value");
  }
  return {begin + word.size(), nullptr, false};
}

JsonScan scan_scalar(const char* p, const char* end) {
  switch (*p) {
    case '"':
      return scan_json_string(p, end);
    case 't':
      return scan_word(p, end, "true");
    case 'f':
      return scan_word(p, end, "false");
    case 'n':
      return scan_word(p, end, "null");
    default:
      return scan_json_number(p, end);
  }
}

/// A name and its colon, up to the value.
JsonScan scan_name(const char* p, const char* end) {
  if (p == end || *p != '"') return wrong(p, "expected a name in quotes");
  JsonScan name = scan_json_string(p, end);
  if (!name) return name;
  p = skip_json_space(name.end, end);
  if (p == end || *p != ':') return wrong(p, "expected a colon");
  return {skip_json_space(p + 1, end), nullptr, false};
}

}  // namespace

const char* skip_json_space(const char* begin, const char* end) {
  while (begin != end && is_json_space(*begin))
    ++begin;
  return begin;
}

const char* find_json_special(const char* begin, const char* end) {
  const char* p = begin;
  for (; end - p >= 16; p += 16) {
    Bytes16 bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    const auto special = (bytes < 0x20) | (bytes == '"') | (bytes == '\\');
    std::uint64_t halves[2];
    std::memcpy(halves, &special, sizeof halves);
    if ((halves[0] | halves[1]) != 0) break;
  }
  while (end - p >= 8 && special_bytes(load(p)) == 0)
    p += 8;
  while (p != end && !is_special(*p))
    ++p;
  return p;
}

bool is_plain_json(std::string_view bytes) {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  for (; end - p >= 8; p += 8) {
    const std::uint64_t word = load(p);
    if ((special_bytes(word) | (word & kHighs)) != 0) return false;
  }
  for (; p != end; ++p) {
    if (is_special(*p) || static_cast<unsigned char>(*p) >= 0x80) return false;
  }
  return true;
}

JsonScan scan_json_string(const char* begin, const char* end) {
  const char* p = begin + 1;
  for (;;) {
    p = find_json_special(p, end);
    if (p == end) return wrong(begin, "a string without an end");
    if (*p == '"') return {p + 1, nullptr, false};
    if (*p != '\\') return wrong(p, "a control character in a string");
    const Escape escape = read_escape(p, end);
    if (escape.length == 0) return wrong(p, "a wrong escape in a string");
    p += escape.length;
  }
}

JsonScan scan_json_number(const char* begin, const char* end) {
  const char* p = begin;
  const auto digits = [&p, end] {
    const char* const first = p;
    while (p != end && is_digit(*p))
      ++p;
    return p != first;
  };
  if (p != end && *p == '-') ++p;
  if (p == end || !is_digit(*p)) return wrong(begin, "expected a value");
  if (*p == '0') {
    ++p;
  } else {
    digits();
  }
  if (p != end && *p == '.') {
    ++p;
    if (!digits()) return wrong(p, "expected a digit");
  }
  if (p != end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != end && (*p == '+' || *p == '-')) ++p;
    if (!digits()) return wrong(p, "expected a digit");
  }
  return {p, nullptr, false};
}

JsonScan scan_json_value(const char* begin, const char* end, std::size_t depth_max) {
  const char* p = begin;
  std::size_t depth = 0;
  std::array<char, kJsonScanDepthMax> closing;  // NOLINT(*-member-init): written before it is read
  for (;;) {
    // At a value.
    if (p == end) return wrong(p, "ends too early");
    if (*p == '{' || *p == '[') {
      if (depth == depth_max) return {p, "nested too deeply", true};
      const bool object = *p == '{';
      closing[depth++] = object ? '}' : ']';
      p = skip_json_space(p + 1, end);
      if (p == end) return wrong(p, "ends too early");
      if (*p != (object ? '}' : ']')) {
        if (!object) continue;
        const JsonScan name = scan_name(p, end);
        if (!name) return name;
        p = name.end;
        continue;
      }
    } else {
      const JsonScan scalar = scan_scalar(p, end);
      if (!scalar) return scalar;
      p = scalar.end;
      if (depth == 0) return {p, nullptr, false};
      p = skip_json_space(p, end);
    }
    // Behind a value or at a bracket: close what ends here, up to a comma.
    for (;;) {
      if (p == end) return wrong(p, "ends too early");
      const bool object = closing[depth - 1] == '}';
      if (*p == ',') {
        p = skip_json_space(p + 1, end);
        if (!object) break;
        const JsonScan name = scan_name(p, end);
        if (!name) return name;
        p = name.end;
        break;
      }
      if (*p != closing[depth - 1]) {
        return wrong(p, object ? "expected a comma or }" : "expected a comma or ]");
      }
      ++p;
      if (--depth == 0) return {p, nullptr, false};
      p = skip_json_space(p, end);
    }
  }
}

JsonScan scan_json_text(std::string_view text, std::size_t depth_max) {
  const char* const end = text.data() + text.size();
  const char* const begin = skip_json_space(text.data(), end);
  JsonScan scan = scan_json_value(begin, end, depth_max);
  if (!scan) return scan;
  scan.end = skip_json_space(scan.end, end);
  if (scan.end != end) return wrong(scan.end, "something behind the value");
  return scan;
}

std::size_t unescape_json(std::string_view raw, char* out) {
  const char* p = raw.data();
  const char* const end = p + raw.size();
  char* const begin = out;
  while (p != end) {
    const auto* next =
        static_cast<const char*>(std::memchr(p, '\\', static_cast<std::size_t>(end - p)));
    if (next == nullptr) next = end;
    const auto run = static_cast<std::size_t>(next - p);
    std::memmove(out, p, run);
    out += run;
    p = next;
    if (p == end) break;
    const Escape escape = read_escape(p, end);
    if (escape.length == 0) return kBadEscape;
    out = put_utf8(escape.code_point, out);
    p += escape.length;
  }
  return static_cast<std::size_t>(out - begin);
}

std::size_t unescaped_json_size(std::string_view raw) {
  const char* p = raw.data();
  const char* const end = p + raw.size();
  std::size_t size = raw.size();
  while (p != end) {
    p = static_cast<const char*>(std::memchr(p, '\\', static_cast<std::size_t>(end - p)));
    if (p == nullptr) break;
    char character[4];
    const Escape escape = read_escape(p, end);
    if (escape.length == 0) break;
    size -= escape.length -
            static_cast<std::size_t>(put_utf8(escape.code_point, character) - character);
    p += escape.length;
  }
  return size;
}

JsonInteger read_json_integer(std::string_view text) {
  const std::size_t sign = text.starts_with('-') ? 1 : 0;
  const std::string_view digits = text.substr(sign);
  if (digits.empty() || (digits[0] == '0' && digits.size() > 1)) return {};
  for (const char c : digits) {
    if (!is_digit(c)) return {};
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return {JsonInteger::Kind::kTooLarge, 0};
  return {JsonInteger::Kind::kFits, value};
}

}  // namespace appmem::codecs
