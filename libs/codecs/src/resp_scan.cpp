#include "resp_scan.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "appmem/base/check.h"
#include "appmem/base/decimal.h"
#include "appmem/protocol/codec.h"

namespace appmem::codecs {
namespace {

constexpr auto kUnauthenticatedWordsMax =
    static_cast<std::int64_t>(protocol::kUnauthenticatedWordsMax);
constexpr auto kUnauthenticatedWordBytesMax =
    static_cast<std::int64_t>(protocol::kUnauthenticatedBytesMax);

/// The most words and bytes that Redis lets a request announce, before it looks at its own limits.
constexpr std::int64_t kAnnouncedWordsMax = std::numeric_limits<std::int32_t>::max();

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// Within a word without quotes a vertical tab and a form feed are bytes like others, though they
/// stand between words where there is none: the rule is Redis's.
bool ends_word(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

/// Walks over the words of an inline request as redis-cli and Redis do: white space before a
/// word is skipped, and ends_word() ends it; in double quotes `\xHH`, `\n` and the like are undone,
/// in single quotes only `\'`; behind a closing quote a word must end.
class LineWords {
 public:
  explicit LineWords(std::string_view line) : p_(line.data()), end_(p_ + line.size()) {}

  /// Moves to the next word. False at the end of the line, and where quotes are not balanced.
  bool next() {
    while (p_ != end_ && is_space(*p_))
      ++p_;
    return p_ != end_;
  }

  /// Reads the word that next() came to and gives its characters to `put`, one after the other.
  /// False where quotes are not balanced.
  template <typename Put>
  bool read(Put put) {
    while (p_ != end_ && !ends_word(*p_)) {
      if (*p_ == '"' || *p_ == '\'') {
        if (!read_quoted(put)) return false;
        return p_ == end_ || is_space(*p_);
      }
      put(*p_++);
    }
    return true;
  }

 private:
  template <typename Put>
  bool read_quoted(Put put) {
    const char quote = *p_++;
    while (p_ != end_ && *p_ != quote) {
      if (*p_ != '\\' || p_ + 1 == end_) {
        put(*p_++);
      } else if (quote == '\'') {
        if (p_[1] == '\'') ++p_;
        put(*p_++);
      } else if (p_ + 3 < end_ && p_[1] == 'x' && hex_digit(p_[2]) && hex_digit(p_[3])) {
        put(static_cast<char>(*hex_digit(p_[2]) * 16 + *hex_digit(p_[3])));
        p_ += 4;
      } else {
        put(unescaped(p_[1]));
        p_ += 2;
      }
    }
    if (p_ == end_) return false;
    ++p_;
    return true;
  }

  const char* p_;
  const char* end_;
};

bool quotes_are_balanced(std::string_view line) {
  LineWords words(line);
  while (words.next()) {
    if (!words.read([](char /*c*/) {})) return false;
  }
  return true;
}

std::size_t find_line_end(std::string_view input, std::size_t from) {
  const auto* const end =
      static_cast<const char*>(std::memchr(input.data() + from, '\n', input.size() - from));
  return end == nullptr ? std::string_view::npos : static_cast<std::size_t>(end - input.data());
}

std::string_view without_carriage_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// The number of a header in its usual form: `mark`, a digit, or a few without a zero in front, and
/// a line end. Moves `at` behind it; nothing, and `at` means nothing, for any other.
[[gnu::always_inline]] inline std::optional<std::size_t> plain_number(const char*& at,
                                                                      const char* end, char mark) {
  // One or two digits are looked at as a word.
  if (end - at >= 8) [[likely]] {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    const auto digit = [word](unsigned byte) {
      return (word >> (8 * byte) & 0xFF) - '0';
    };
    const auto sign = std::uint64_t{static_cast<unsigned char>(mark)};
    if ((word & 0xFFFF'00FF) == (sign | std::uint64_t{'\r'} << 16U | std::uint64_t{'\n'} << 24U)) {
      at += 4;
      if (digit(1) <= 9) [[likely]]
        return digit(1);
      return std::nullopt;
    }
    if ((word & 0xFF'FF00'00FF) ==
        (sign | std::uint64_t{'\r'} << 24U | std::uint64_t{'\n'} << 32U)) {
      at += 5;
      if (digit(1) - 1 <= 8 && digit(2) <= 9) [[likely]]
        return digit(1) * 10 + digit(2);
      return std::nullopt;
    }
  }
  if (at == end || *at++ != mark) return std::nullopt;
  constexpr std::ptrdiff_t kDigitsMax = 6;
  const char* const line_end_max = end - at > kDigitsMax + 1 ? at + kDigitsMax : end - 2;
  const char* const begin = at;
  std::size_t number = 0;
  while (at <= line_end_max && *at >= '0' && *at <= '9')
    number = number * 10 + static_cast<std::size_t>(*at++ - '0');
  if (at == begin || at > line_end_max || at[0] != '\r' || at[1] != '\n') return std::nullopt;
  if (*begin == '0' && at != begin + 1) return std::nullopt;
  at += 2;
  return number;
}

}  // namespace

RespScan::Found RespScan::broken(std::string_view problem) {
  problem_ = "Protocol error: ";
  problem_ += problem;
  return {.kind = Kind::kBroken};
}

RespScan::Found RespScan::incomplete() {
  const std::size_t blank = std::exchange(begin_, 0);
  scanned_ -= blank;
  if (searched_ != 0) searched_ -= blank;
  if (bulk_end_ != 0) bulk_end_ -= blank;
  return {Kind::kIncomplete, blank};
}

RespScan::Found RespScan::next(std::string_view input) {
  Found plain;
  if (scanned_ == 0 && next_plain(input, plain)) [[likely]]
    return plain;
  plain_count_ = 0;
  if (words_left_ == 0) {
    Found found = next_line(input);
    if (words_left_ == 0) return found;
  }
  return next_bulks(input);
}

bool RespScan::next_plain(std::string_view input, Found& found) {
  const char* at = input.data();
  const char* const end = at + input.size();
  if (unauthenticated_) return false;
  const auto count = plain_number(at, end, '*');
  if (!count || *count == 0 || *count > kPlainWordsMax) return false;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto size = plain_number(at, end, '$');
    if (!size || static_cast<std::size_t>(end - at) < *size + 2) return false;
    plain_words_[i] = {static_cast<std::uint32_t>(at - input.data()),
                       static_cast<std::uint32_t>(*size)};
    at += *size;
    if (at[0] != '\r' || at[1] != '\n') return false;
    at += 2;
  }
  found.consumed = static_cast<std::size_t>(at - input.data());
  if (found.consumed > request_bytes_max_) return false;
  found.kind = Kind::kRequest;
  found.words = plain_count_ = *count;
  return true;
}

/// An inline request, or the header of an array, which sets words_left_. Goes past what asks for
/// nothing: blank lines and empty arrays.
RespScan::Found RespScan::next_line(std::string_view input) {
  for (;;) {
    if (begin_ == input.size()) return incomplete();
    const bool is_array = input[begin_] == '*';
    const std::size_t line_end = find_line_end(input, scanned_);
    const bool whole = line_end != std::string_view::npos;
    const std::string_view line =
        without_carriage_return(input.substr(begin_, (whole ? line_end : input.size()) - begin_));
    if (line.size() > kRespLineBytesMax) {
      return broken(is_array ? "too big mbulk count string" : "too big inline request");
    }
    if (!whole) {
      scanned_ = input.size();
      return incomplete();
    }
    if (is_array) {
      const auto words = integer_of(line.substr(1));
      const bool ends_in_both = input[line_end - 1] == '\r';
      if (!ends_in_both || !words || *words > kAnnouncedWordsMax) {
        return broken("invalid multibulk length");
      }
      if (unauthenticated_ && words > kUnauthenticatedWordsMax) {
        return broken("unauthenticated multibulk length");
      }
      if (*words > kRespWordsMax) return broken("invalid multibulk length");
      scanned_ = line_end + 1;
      if (*words > 0) {
        words_ = words_left_ = *words;
        return {};
      }
    } else {
      scanned_ = line_end + 1;
      if (!std::all_of(line.begin(), line.end(), is_space)) {
        if (!quotes_are_balanced(line)) return broken("unbalanced quotes in request");
        const Found found{Kind::kRequest, scanned_, begin_};
        begin_ = scanned_ = 0;
        return found;
      }
    }
    begin_ = scanned_;
  }
}

RespScan::Found RespScan::next_bulks(std::string_view input) {
  while (words_left_ > 0) {
    if (bulk_end_ == 0) {
      if (scanned_ == input.size()) return incomplete();
      if (input[scanned_] != '$') {
        return broken(std::string("expected '$', got '") + input[scanned_] + "'");
      }
      const std::size_t line_end = find_line_end(input, std::max(scanned_, searched_));
      const bool whole = line_end != std::string_view::npos;
      const std::string_view line =
          input.substr(scanned_, (whole ? line_end : input.size()) - scanned_);
      const std::size_t room = request_bytes_max_ - std::min(request_bytes_max_, scanned_ - begin_);
      if (without_carriage_return(line).size() > std::min(kRespLineBytesMax, room)) {
        return broken("too big bulk count string");
      }
      if (!whole) {
        searched_ = input.size();
        return incomplete();
      }
      searched_ = 0;
      const auto size = integer_of(without_carriage_return(line.substr(1)));
      const std::size_t used = line_end + 1 - begin_;
      if (!line.ends_with('\r') || !size || *size < 0 || used >= request_bytes_max_ ||
          static_cast<std::uint64_t>(*size) > request_bytes_max_ - used) {
        return broken("invalid bulk length");
      }
      if (unauthenticated_ && size > kUnauthenticatedWordBytesMax) {
        return broken("unauthenticated bulk length");
      }
      scanned_ = line_end + 1;
      bulk_end_ = scanned_ + static_cast<std::size_t>(*size) + 2;
    }
    if (bulk_end_ > input.size()) return incomplete();
    if (input[bulk_end_ - 2] != '\r' || input[bulk_end_ - 1] != '\n') {
      return broken("expected a line end behind a bulk string");
    }
    scanned_ = std::exchange(bulk_end_, 0);
    --words_left_;
  }
  const Found found{Kind::kRequest, scanned_, begin_, static_cast<std::size_t>(words_)};
  begin_ = scanned_ = 0;
  return found;
}

void RespScan::split(std::span<char> request, std::vector<std::string_view>& words) const {
  words.clear();
  const std::string_view text(request.data(), request.size());
  for (std::size_t i = 0; i < plain_count_; ++i)
    words.emplace_back(text.data() + plain_words_[i].begin, plain_words_[i].size);
  if (plain_count_ != 0) return;
  if (!text.starts_with('*')) {
    LineWords line(without_carriage_return(text.substr(0, text.size() - 1)));
    char* to = request.data();  // never ahead of what is read
    while (line.next()) {
      char* const begin = to;
      APPMEM_CHECK(line.read([&to](char c) { *to++ = c; }));
      words.emplace_back(begin, static_cast<std::size_t>(to - begin));
    }
    return;
  }
  std::size_t at = text.find('\n') + 1;
  std::size_t count = 0;
  std::from_chars(text.data() + 1, text.data() + at, count);
  if (count > words.capacity()) words.reserve(std::min(count, kRespWordsKeptMax));
  while (at < text.size() && words.size() < kRespWordsKeptMax) {
    const std::size_t line_end = text.find('\n', at);
    std::size_t size = 0;
    std::from_chars(text.data() + at + 1, text.data() + line_end, size);
    words.push_back(text.substr(line_end + 1, size));
    at = line_end + 1 + size + 2;
  }
}

}  // namespace appmem::codecs
