#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Replies of RESP that many tests expect, as they stand on the wire. Errors are in Redis's words.
namespace appmem::test {

inline constexpr const char* kSyntaxError = "-ERR syntax error\r\n";
inline constexpr const char* kNotAnInteger = "-ERR value is not an integer or out of range\r\n";
inline constexpr const char* kDatabaseOutOfRange = "-ERR DB index is out of range\r\n";

/// A bulk string.
inline std::string bulk(std::string_view text) {
  return '$' + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

/// An array of them.
inline std::string bulks(const std::vector<std::string>& texts) {
  std::string reply = '*' + std::to_string(texts.size()) + "\r\n";
  for (const std::string& text : texts)
    reply += bulk(text);
  return reply;
}

}  // namespace appmem::test
