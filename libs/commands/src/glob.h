#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/protocol/command_table.h"

namespace appmem::commands {

/// A pattern takes 32 times its size, and matching takes time in proportion to it.
inline constexpr std::size_t kGlobBytesMax = protocol::kTextBytesMax;

/// A glob pattern with the syntax of Redis: `*` any bytes, `?` any one byte, `[abc]` `[a-c]` `[^x]`
/// one byte of a class, `\` takes the special meaning of the next byte. A class that is not closed
/// ends with the pattern; one without members matches nothing, and `[^]` any byte.
///
/// The pattern becomes an automaton whose states are bits ("n bytes of the pattern are matched"),
/// so matching takes one pass over the text, whatever the pattern: length of the text times number
/// of states / 64. (Baeza-Yates and Gonnet, "A new approach to text searching", 1992.)
/// Thread safety: matching changes nothing.
class Glob {
 public:
  /// Takes the pattern's bytes as they are; it is not needed afterwards. Error: kTooLarge (over
  /// kGlobBytesMax).
  static Result<Glob> of(std::string_view pattern);

  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  explicit Glob(std::string_view pattern);

  using Word = std::uint64_t;
  static constexpr std::size_t kWordBits = 64;

  void add_byte(unsigned char byte) { set(byte, tokens_); }
  void set(unsigned char byte, std::size_t state) {
    accepted_[byte * words_ + state / kWordBits] |= Word{1} << (state % kWordBits);
  }
  /// Adds what the class at the start of `pattern` (behind its bracket) accepts; returns what is
  /// left behind it.
  std::string_view add_class(std::string_view pattern);

  /// Tokens that match one byte; as many states, and one more.
  std::size_t tokens_ = 0;
  std::size_t words_ = 0;
  /// For each byte, the states that it leads on from.
  std::vector<Word> accepted_;
  /// States that any byte stays in: where the pattern has a star.
  std::vector<Word> stars_;
};

}  // namespace appmem::commands
