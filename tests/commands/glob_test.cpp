#include "glob.h"

#include <string>

#include <gtest/gtest.h>

#include "support/random.h"

namespace appmem::commands {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  return Glob::of(pattern).value().matches(text);
}

/// The same rules by backtracking, for short texts.
bool naive(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (std::size_t skip = 0; skip <= text.size(); ++skip) {
      if (naive(pattern.substr(1), text.substr(skip))) return true;
    }
    return false;
  }
  if (text.empty()) return false;
  const auto c = static_cast<unsigned char>(text.front());
  if (pattern.front() == '?') return naive(pattern.substr(1), text.substr(1));
  if (pattern.front() == '[') {
    pattern.remove_prefix(1);
    const bool negated = !pattern.empty() && pattern.front() == '^';
    if (negated) pattern.remove_prefix(1);
    bool member = false;
    while (!pattern.empty() && pattern.front() != ']') {
      if (pattern.front() == '\\' && pattern.size() > 1) {
        member = member || static_cast<unsigned char>(pattern[1]) == c;
        pattern.remove_prefix(2);
      } else if (pattern.size() > 2 && pattern[1] == '-') {
        const auto a = static_cast<unsigned char>(pattern[0]);
        const auto b = static_cast<unsigned char>(pattern[2]);
        member = member || (std::min(a, b) <= c && c <= std::max(a, b));
        pattern.remove_prefix(3);
      } else {
        member = member || static_cast<unsigned char>(pattern[0]) == c;
        pattern.remove_prefix(1);
      }
    }
    if (!pattern.empty()) pattern.remove_prefix(1);
    return member != negated && naive(pattern, text.substr(1));
  }
  if (pattern.front() == '\\' && pattern.size() > 1) pattern.remove_prefix(1);
  return pattern.front() == text.front() && naive(pattern.substr(1), text.substr(1));
}

TEST(GlobTest, BytesStandForThemselves) {
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_TRUE(matches("abc", "abc"));
  EXPECT_FALSE(matches("abc", "ab"));
  EXPECT_FALSE(matches("abc", "abcd"));
  EXPECT_FALSE(matches("abc", "ABC"));
}

TEST(GlobTest, StarsAndQuestionMarks) {
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("**", "anything"));
  EXPECT_TRUE(matches("a*c", "abbbc"));
  EXPECT_TRUE(matches("a*c", "ac"));
  EXPECT_FALSE(matches("a*c", "acb"));
  EXPECT_TRUE(matches("h?llo", "hallo"));
  EXPECT_FALSE(matches("h?llo", "hllo"));
  EXPECT_TRUE(matches("?*?", "ab"));
  EXPECT_FALSE(matches("?*?", "a"));
}

TEST(GlobTest, Classes) {
  EXPECT_TRUE(matches("h[ae]llo", "hello"));
  EXPECT_FALSE(matches("h[ae]llo", "hillo"));
  EXPECT_TRUE(matches("h[^e]llo", "hallo"));
  EXPECT_FALSE(matches("h[^e]llo", "hello"));
  EXPECT_TRUE(matches("[a-c]", "b"));
  EXPECT_TRUE(matches("[c-a]", "b"));
  EXPECT_FALSE(matches("[a-c]", "d"));
  EXPECT_TRUE(matches("[-a]", "-"));
  EXPECT_TRUE(matches("[a-]", "^"));  // from `a` to `]`, and never closed
  EXPECT_TRUE(matches("[\\]]", "]"));
  EXPECT_TRUE(matches("[*?]", "*"));
  EXPECT_FALSE(matches("[*?]", "x"));
  EXPECT_FALSE(matches("[]", "]"));
  EXPECT_TRUE(matches("[^]", "x"));
  EXPECT_TRUE(matches("[abc", "c"));
  EXPECT_TRUE(matches("[\x80-\xff]", "\xc3"));
}

TEST(GlobTest, Quoting) {
  EXPECT_TRUE(matches("a\\*c", "a*c"));
  EXPECT_FALSE(matches("a\\*c", "abc"));
  EXPECT_TRUE(matches("\\[a]", "[a]"));
  EXPECT_TRUE(matches("a\\", "a\\"));
  EXPECT_TRUE(matches("\\\\", "\\"));
}

TEST(GlobTest, PatternsLongerThanAWord) {
  for (const std::size_t length : {62U, 63U, 64U, 65U, 127U, 128U, 255U, 256U, 300U, 1000U}) {
    const std::string literal(length, 'a');
    EXPECT_TRUE(matches(literal, literal)) << length;
    EXPECT_FALSE(matches(literal, literal + "a")) << length;
    EXPECT_FALSE(matches(literal, literal.substr(1))) << length;
    EXPECT_TRUE(matches("*" + literal + "*", "xx" + literal + "yy")) << length;
    EXPECT_TRUE(matches(literal + "*", literal)) << length;
  }
}

TEST(GlobTest, StarsDoNotMultiply) {
  std::string pattern;
  for (int i = 0; i < 500; ++i)
    pattern += "*a";
  pattern += "b";
  const std::string text(60'000, 'a');
  EXPECT_FALSE(matches(pattern, text));
  EXPECT_TRUE(matches(pattern, text + "b"));
}

TEST(GlobTest, AgreesWithBacktracking) {
  test::Random random(5);
  const std::string_view alphabet = "ab*?[]^-\\";
  for (int round = 0; round < 50'000; ++round) {
    std::string pattern;
    std::string text;
    for (std::uint64_t i = random.below(9); i > 0; --i)
      pattern += alphabet[random.below(alphabet.size())];
    for (std::uint64_t i = random.below(6); i > 0; --i)
      text += alphabet[random.below(alphabet.size())];
    ASSERT_EQ(matches(pattern, text), naive(pattern, text)) << pattern << " over " << text;
  }
}

TEST(GlobTest, APatternHasALimit) {
  EXPECT_TRUE(Glob::of(std::string(kGlobBytesMax, '?')));
  const auto longer = Glob::of(std::string(kGlobBytesMax + 1, '?'));
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace appmem::commands
