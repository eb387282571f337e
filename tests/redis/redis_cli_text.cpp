#include "redis/redis_cli_text.h"

#include <cctype>
#include <cstddef>
#include <cstdio>
#include <string_view>

namespace appmem::test {
namespace {

std::string in_quotes(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : bytes) {
    switch (c) {
      case '\\':
      case '"':
        text += {'\\', c};
        break;
      case '\n':
        text += "\\n";
        break;
      case '\r':
        text += "\\r";
        break;
      case '\t':
        text += "\\t";
        break;
      case '\a':
        text += "\\a";
        break;
      case '\b':
        text += "\\b";
        break;
      default:
        if (std::isprint(static_cast<unsigned char>(c)) != 0) {
          text += c;
        } else {
          char escape[5];
          std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
          text += escape;
        }
    }
  }
  return text + '"';
}

/// What stands behind an item's number.
char mark_of(char type) {
  return type == '%' ? '#' : type == '~' ? '~' : ')';
}

std::string text_of(const RespReply& reply, const std::string& indent) {
  if (reply.null) return "(nil)";
  switch (reply.type) {
    case '+':
      return reply.text;
    case '-':
      return "(error) " + reply.text;
    case ':':
      return "(integer) " + reply.text;
    case ',':
      return "(double) " + reply.text;
    case '#':
      return reply.text == "t" ? "(true)" : "(false)";
    case '=':
      return reply.text.substr(4);  // behind "txt:"
    case '$':
      return in_quotes(reply.text);
    default:
      break;
  }
  const bool is_map = reply.type == '%';
  if (reply.items.empty()) {
    return is_map ? "(empty hash)" : reply.type == '~' ? "(empty set)" : "(empty array)";
  }
  const std::size_t count = is_map ? reply.items.size() / 2 : reply.items.size();
  const std::size_t digits = std::to_string(count).size();
  const std::string deeper = indent + std::string(digits + 2, ' ');
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i + 1);
    if (i > 0) text += '\n' + indent;
    text += std::string(digits - number.size(), ' ') + number + mark_of(reply.type) + ' ';
    if (is_map) {
      const RespReply& value = reply.items[2 * i + 1];
      text += text_of(reply.items[2 * i], deeper) + " => ";
      if (!value.items.empty()) text += '\n' + deeper;
      text += text_of(value, deeper);
    } else {
      text += text_of(reply.items[i], deeper);
    }
  }
  return text;
}

}  // namespace

std::string to_redis_cli(const RespReply& reply) {
  return text_of(reply, "");
}

}  // namespace appmem::test
