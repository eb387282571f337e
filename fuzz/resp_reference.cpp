#include "resp_reference.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>

namespace appmem::reference {
namespace {

constexpr std::size_t kLineMax = 65'536;
constexpr long long kWordsMax = 1'048'576;

bool is_blank(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

/// Not what is_blank() says: so it is in Redis.
bool ends_word(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// A number written as `%lld` writes it.
std::optional<long long> number_of(const std::string& text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  try {
    std::size_t used = 0;
    const long long value = std::stoll(text, &used);
    if (used != text.size() || std::to_string(value) != text) return std::nullopt;
    return value;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// The words of an inline request; nothing where quotes are not balanced.
std::optional<std::vector<std::string>> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::size_t i = 0;
  while (true) {
    while (i < line.size() && is_blank(line[i]))
      ++i;
    if (i == line.size()) return words;
    std::string word;
    bool ended = false;
    while (!ended && i < line.size()) {
      const char c = line[i];
      if (ends_word(c)) break;
      if (c != '"' && c != '\'') {
        word += c;
        ++i;
        continue;
      }
      ++i;
      while (true) {
        if (i >= line.size()) return std::nullopt;
        if (line[i] == c) break;
        if (line[i] == '\\' && i + 1 < line.size()) {
          const char next = line[i + 1];
          if (c == '\'') {
            if (next == '\'') ++i;
            word += line[i];
            ++i;
          } else if (next == 'x' && i + 3 < line.size() &&
                     std::isxdigit(static_cast<unsigned char>(line[i + 2])) != 0 &&
                     std::isxdigit(static_cast<unsigned char>(line[i + 3])) != 0) {
            word += static_cast<char>(std::stoi(line.substr(i + 2, 2), nullptr, 16));
            i += 4;
          } else {
            const std::string from = "nrtba";
            const std::string to = "\n\r\t\b\a";
            const std::size_t at = from.find(next);
            word += at == std::string::npos ? next : to[at];
            i += 2;
          }
          continue;
        }
        word += line[i];
        ++i;
      }
      ++i;
      if (i < line.size() && !is_blank(line[i])) return std::nullopt;
      ended = true;
    }
    words.push_back(word);
  }
}

std::string without_return(std::string line) {
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

}  // namespace

RespStream read_resp(std::string_view input, std::size_t request_bytes_max) {
  RespStream stream;
  const auto wrong = [&](const std::string& what) {
    stream.problem = "Protocol error: " + what;
    return stream;
  };
  while (!input.empty()) {
    const std::size_t line_end = input.find('\n');
    const std::string line = without_return(std::string(input.substr(0, line_end)));
    if (input.front() == '*') {
      if (line.size() > kLineMax) return wrong("too big mbulk count string");
      if (line_end == std::string_view::npos) return stream;
      if (line_end == 0 || input[line_end - 1] != '\r') return wrong("invalid multibulk length");
      const auto count = number_of(line.substr(1));
      if (!count || *count > kWordsMax) return wrong("invalid multibulk length");
      std::size_t at = line_end + 1;
      std::vector<std::string> words;
      for (long long i = 0; i < *count; ++i) {
        if (at == input.size()) return stream;
        if (input[at] != '$') return wrong(std::string("expected '$', got '") + input[at] + "'");
        const std::size_t header_end = input.find('\n', at);
        const std::string header = without_return(std::string(input.substr(at, header_end - at)));
        const std::size_t room = at < request_bytes_max ? request_bytes_max - at : 0;
        if (header.size() > std::min(kLineMax, room)) return wrong("too big bulk count string");
        if (header_end == std::string_view::npos) return stream;
        if (input[header_end - 1] != '\r') return wrong("invalid bulk length");
        const auto size = number_of(header.substr(1));
        const std::size_t used = header_end + 1;
        if (!size || *size < 0 || used >= request_bytes_max ||
            static_cast<unsigned long long>(*size) > request_bytes_max - used) {
          return wrong("invalid bulk length");
        }
        const auto bytes = static_cast<std::size_t>(*size);
        if (used + bytes + 2 > input.size()) return stream;
        if (input.substr(used + bytes, 2) != "\r\n") {
          return wrong("expected a line end behind a bulk string");
        }
        words.emplace_back(input.substr(used, bytes));
        at = used + bytes + 2;
      }
      if (*count > 0) stream.requests.push_back(words);
      input.remove_prefix(at);
      continue;
    }
    if (line.size() > kLineMax) return wrong("too big inline request");
    if (line_end == std::string_view::npos) return stream;
    const auto words = words_of(line);
    if (!words) return wrong("unbalanced quotes in request");
    if (!words->empty()) stream.requests.push_back(*words);
    input.remove_prefix(line_end + 1);
  }
  return stream;
}

}  // namespace appmem::reference
