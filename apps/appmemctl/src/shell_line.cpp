#include "shell_line.h"

#include <algorithm>

namespace appmem::ctl {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Resolves the escape behind the backslash at the front of `text` and takes it off.
char take_escape(std::string_view& text) {
  const char c = text.front();
  text.remove_prefix(1);
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'x':
      if (text.size() >= 2 && hex_digit(text[0]) >= 0 && hex_digit(text[1]) >= 0) {
        const int byte = hex_digit(text[0]) * 16 + hex_digit(text[1]);
        text.remove_prefix(2);
        return static_cast<char>(byte);
      }
      return c;
    default:
      return c;
  }
}

/// Takes a quoted text off the front; nothing, and `text` as it was, when its quote is not closed.
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string_view rest = text;
  const char quote = rest.front();
  rest.remove_prefix(1);
  std::string content;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == quote) {
      text = rest;
      return content;
    }
    if (c == '\\' && quote == '"' && !rest.empty()) {
      content.push_back(take_escape(rest));
    } else {
      content.push_back(c);
    }
  }
  return std::nullopt;
}

bool is_quote(char c) {
  return c == '"' || c == '\'';
}

}  // namespace

ShellLine::ShellLine(std::string_view line) : text_(line) {
  while (!text_.empty() && kSpace.find(text_.back()) != std::string_view::npos)
    text_.remove_suffix(1);
  skip_space();
  const std::size_t end = std::min(text_.find_first_of(kSpace), text_.size());
  command_.assign(text_.substr(0, end));
  for (char& c : command_) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  text_.remove_prefix(end);
  skip_space();
}

void ShellLine::skip_space() {
  text_.remove_prefix(std::min(text_.find_first_not_of(kSpace), text_.size()));
}

std::optional<std::string> ShellLine::word() {
  if (text_.empty()) return std::nullopt;
  std::optional<std::string> word;
  if (is_quote(text_.front())) {
    word = take_quoted(text_);
    if (!word) return std::nullopt;
  } else {
    const std::size_t end = std::min(text_.find_first_of(kSpace), text_.size());
    word = std::string(text_.substr(0, end));
    text_.remove_prefix(end);
  }
  skip_space();
  return word;
}

std::optional<std::string> ShellLine::rest() {
  if (text_.empty()) return std::nullopt;
  std::string_view rest = text_;
  text_ = {};
  if (is_quote(rest.front())) {
    std::string_view behind = rest;
    auto content = take_quoted(behind);
    if (content && behind.empty()) return content;
  }
  return std::string(rest);
}

}  // namespace appmem::ctl
