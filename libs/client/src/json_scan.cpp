#include "json_scan.h"

#include <cstdint>

namespace appmem::client {
namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Four hex digits at `position`, or nothing above 0xFFFF.
std::uint32_t hex_unit(std::string_view text, std::size_t position) {
  constexpr std::uint32_t kNoUnit = 0x1'0000;
  if (text.size() < position + 4) return kNoUnit;
  std::uint32_t unit = 0;
  for (std::size_t i = position; i < position + 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return kNoUnit;
    unit = unit * 16 + static_cast<std::uint32_t>(digit);
  }
  return unit;
}

void append_utf8(std::string& out, std::uint32_t code_point) {
  const auto byte = [&](std::uint32_t bits) {
    out.push_back(static_cast<char>(bits));
  };
  if (code_point < 0x80) {
    byte(code_point);
  } else if (code_point < 0x800) {
    byte(0xC0U | (code_point >> 6U));
    byte(0x80U | (code_point & 0x3FU));
  } else if (code_point < 0x1'0000) {
    byte(0xE0U | (code_point >> 12U));
    byte(0x80U | ((code_point >> 6U) & 0x3FU));
    byte(0x80U | (code_point & 0x3FU));
  } else {
    byte(0xF0U | (code_point >> 18U));
    byte(0x80U | ((code_point >> 12U) & 0x3FU));
    byte(0x80U | ((code_point >> 6U) & 0x3FU));
    byte(0x80U | (code_point & 0x3FU));
  }
}

bool is_high_surrogate(std::uint32_t unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low_surrogate(std::uint32_t unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

/// Resolves the \uXXXX at `position` (of its first digit) and returns how many bytes it took.
std::size_t append_unicode_escape(std::string& out, std::string_view text, std::size_t position) {
  const std::uint32_t unit = hex_unit(text, position);
  if (is_high_surrogate(unit) && text.substr(position + 4, 2) == "\\u") {
    const std::uint32_t low = hex_unit(text, position + 6);
    if (is_low_surrogate(low)) {
      append_utf8(out, 0x1'0000 + ((unit - 0xD800) << 10U) + (low - 0xDC00));
      return 10;
    }
  }
  append_utf8(out, is_high_surrogate(unit) || is_low_surrogate(unit) ? kReplacement : unit);
  return 4;
}

}  // namespace

void JsonScanner::skip_space() {
  while (!at_end() && is_space(text_[position_]))
    ++position_;
}

bool JsonScanner::skip(char c) {
  if (at_end() || text_[position_] != c) return false;
  ++position_;
  return true;
}

bool JsonScanner::check_document(std::size_t depth_max) {
  skip_space();
  if (!check_value(depth_max)) return false;
  skip_space();
  return at_end();
}

bool JsonScanner::check_value(std::size_t depth) {
  if (at_end()) return false;
  switch (text_[position_]) {
    case '{':
      return depth > 0 && check_members(depth, true);
    case '[':
      return depth > 0 && check_members(depth, false);
    case '"':
      return check_string();
    case 't':
      return check_word("true");
    case 'f':
      return check_word("false");
    case 'n':
      return check_word("null");
    default:
      return check_number();
  }
}

bool JsonScanner::check_members(std::size_t depth, bool object) {
  const char close = object ? '}' : ']';
  ++position_;
  skip_space();
  if (skip(close)) return true;
  for (;;) {
    skip_space();
    if (object) {
      if (at_end() || text_[position_] != '"' || !check_string()) return false;
      skip_space();
      if (!skip(':')) return false;
      skip_space();
    }
    if (!check_value(depth - 1)) return false;
    skip_space();
    if (skip(close)) return true;
    if (!skip(',')) return false;
  }
}

bool JsonScanner::check_string() {
  ++position_;
  while (!at_end()) {
    const char c = text_[position_];
    if (static_cast<unsigned char>(c) < 0x20) return false;
    ++position_;
    if (c == '"') return true;
    if (c != '\\') continue;
    if (at_end()) return false;
    const char escape = text_[position_];
    if (escape == 'u') {
      if (hex_unit(text_, position_ + 1) > 0xFFFF) return false;
      position_ += 5;
    } else {
      if (std::string_view("\"\\/bfnrt").find(escape) == std::string_view::npos) return false;
      ++position_;
    }
  }
  return false;
}

bool JsonScanner::digits() {
  const std::size_t begin = position_;
  while (!at_end() && is_digit(text_[position_]))
    ++position_;
  return position_ > begin;
}

bool JsonScanner::check_number() {
  skip('-');
  if (!skip('0') && !digits()) return false;
  if (skip('.') && !digits()) return false;
  if (skip('e') || skip('E')) {
    if (!skip('+')) skip('-');
    return digits();
  }
  return true;
}

bool JsonScanner::check_word(std::string_view word) {
  if (text_.substr(position_, word.size()) != word) return false;
  position_ += word.size();
  return true;
}

void JsonScanner::skip_string() {
  const std::size_t begin = position_ + 1;
  std::size_t end = begin;
  for (;;) {
    end = text_.find('"', end);
    if (end == std::string_view::npos) {
      position_ = text_.size();
      return;
    }
    std::size_t backslashes = 0;
    while (end - backslashes > begin && text_[end - backslashes - 1] == '\\')
      ++backslashes;
    ++end;
    if (backslashes % 2 == 0) break;
  }
  position_ = end;
}

void JsonScanner::skip_value() {
  std::size_t depth = 0;
  while (!at_end()) {
    const char c = text_[position_];
    if (c == '"') {
      skip_string();
      if (depth == 0) return;
    } else if (c == '{' || c == '[') {
      ++position_;
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return;  // the end of what this value stands in
      ++position_;
      if (--depth == 0) return;
    } else if (depth == 0) {
      // A number or a word ends where the text around it goes on.
      while (!at_end() && !is_space(text_[position_]) &&
             std::string_view(",:]}").find(text_[position_]) == std::string_view::npos) {
        ++position_;
      }
      return;
    } else {
      ++position_;
    }
  }
}

std::string_view trim_json_space(std::string_view text) {
  while (!text.empty() && is_space(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_space(text.back()))
    text.remove_suffix(1);
  return text;
}

std::string unescape_json_string(std::string_view literal) {
  if (literal.size() < 2) return {};
  const std::string_view text = literal.substr(1, literal.size() - 2);
  std::string out;
  out.reserve(text.size());
  std::size_t position = 0;
  while (position < text.size()) {
    const std::size_t escape = text.find('\\', position);
    out.append(text.substr(position, escape - position));
    if (escape == std::string_view::npos || escape + 1 >= text.size()) break;
    position = escape + 2;
    switch (text[escape + 1]) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u':
        position += append_unicode_escape(out, text, position);
        break;
      default:  // '"', '\\' and '/' stand for themselves
        out.push_back(text[escape + 1]);
    }
  }
  return out;
}

void append_json_escaped(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.substr(begin, i - begin));
    begin = i + 1;
    out.push_back('\\');
    switch (c) {
      case '\n':
        out.push_back('n');
        break;
      case '\r':
        out.push_back('r');
        break;
      case '\t':
        out.push_back('t');
        break;
      case '"':
      case '\\':
        out.push_back(static_cast<char>(c));
        break;
      default:
        out.append("u00");
        out.push_back(kHex[c >> 4U]);
        out.push_back(kHex[c & 0xFU]);
    }
  }
  out.append(text.substr(begin));
}

bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](std::size_t i) {
    return (byte(i) & 0xC0U) == 0x80U;
  };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned c = byte(i);
    if (c < 0x80) {
      i += 1;
    } else if (c >= 0xC2 && c <= 0xDF && tail(i + 1)) {
      i += 2;
    } else if (c >= 0xE0 && c <= 0xEF && tail(i + 1) && tail(i + 2) &&
               (c != 0xE0 || byte(i + 1) >= 0xA0) && (c != 0xED || byte(i + 1) < 0xA0)) {
      i += 3;
    } else if (c >= 0xF0 && c <= 0xF4 && tail(i + 1) && tail(i + 2) && tail(i + 3) &&
               (c != 0xF0 || byte(i + 1) >= 0x90) && (c != 0xF4 || byte(i + 1) < 0x90)) {
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace appmem::client
