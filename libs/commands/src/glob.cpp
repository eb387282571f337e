#include "glob.h"

#include <string>
#include <utility>

namespace appmem::commands {
namespace {

constexpr std::size_t kByteValues = 256;

unsigned char byte_of(char c) {
  return static_cast<unsigned char>(c);
}

}  // namespace

Result<Glob> Glob::of(std::string_view pattern) {
  if (pattern.size() <= kGlobBytesMax) return Glob(pattern);
  return fail(ErrorCode::kTooLarge,
              "a pattern is at most " + std::to_string(kGlobBytesMax) + " bytes");
}

Glob::Glob(std::string_view pattern)
    // A token takes at least one byte of the pattern.
    : words_((pattern.size() + 1 + kWordBits - 1) / kWordBits),
      accepted_(kByteValues * words_),
      stars_(words_) {
  while (!pattern.empty()) {
    const char first = pattern.front();
    pattern.remove_prefix(1);
    if (first == '*') {
      stars_[tokens_ / kWordBits] |= Word{1} << (tokens_ % kWordBits);
      continue;
    }
    if (first == '?') {
      for (std::size_t byte = 0; byte < kByteValues; ++byte) {
        add_byte(static_cast<unsigned char>(byte));
      }
    } else if (first == '[') {
      pattern = add_class(pattern);
    } else if (first == '\\' && !pattern.empty()) {
      add_byte(byte_of(pattern.front()));
      pattern.remove_prefix(1);
    } else {
      add_byte(byte_of(first));
    }
    ++tokens_;
  }
}

std::string_view Glob::add_class(std::string_view pattern) {
  const bool negated = !pattern.empty() && pattern.front() == '^';
  if (negated) pattern.remove_prefix(1);
  std::array<bool, kByteValues> members{};
  while (!pattern.empty() && pattern.front() != ']') {
    if (pattern.front() == '\\' && pattern.size() >= 2) {
      members[byte_of(pattern[1])] = true;
      pattern.remove_prefix(2);
    } else if (pattern.size() >= 3 && pattern[1] == '-') {
      unsigned low = byte_of(pattern[0]);
      unsigned high = byte_of(pattern[2]);
      if (low > high) std::swap(low, high);
      for (unsigned byte = low; byte <= high; ++byte)
        members[byte] = true;
      pattern.remove_prefix(3);
    } else {
      members[byte_of(pattern.front())] = true;
      pattern.remove_prefix(1);
    }
  }
  if (!pattern.empty()) pattern.remove_prefix(1);
  for (std::size_t byte = 0; byte < kByteValues; ++byte) {
    if (members[byte] != negated) add_byte(static_cast<unsigned char>(byte));
  }
  return pattern;
}

bool Glob::matches(std::string_view text) const {
  // Nearly every pattern fits one word; the general case keeps its states in the same order.
  constexpr std::size_t kInlineWords = 4;
  std::array<Word, kInlineWords> few{};
  std::vector<Word> many;
  Word* states = few.data();
  if (words_ > kInlineWords) {
    many.resize(words_);
    states = many.data();
  }
  states[0] = 1;
  for (const char c : text) {
    const Word* accepted = accepted_.data() + byte_of(c) * words_;
    Word carry = 0;
    Word any = 0;
    for (std::size_t word = 0; word < words_; ++word) {
      const Word moved = states[word] & accepted[word];
      states[word] = (moved << 1U) | carry | (states[word] & stars_[word]);
      carry = moved >> (kWordBits - 1);
      any |= states[word];
    }
    if (any == 0) return false;
  }
  return (states[tokens_ / kWordBits] >> (tokens_ % kWordBits) & 1U) != 0;
}

}  // namespace appmem::commands
