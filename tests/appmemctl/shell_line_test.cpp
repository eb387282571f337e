#include "shell_line.h"

#include <gtest/gtest.h>

namespace appmem::ctl {
namespace {

TEST(ShellLine, CutsWords) {
  ShellLine line("  get \t \"a b\" 'c\\n' d\"e  \r\n");
  EXPECT_EQ(line.command(), "GET");
  EXPECT_EQ(line.word(), "a b");
  EXPECT_EQ(line.word(), "c\\n");
  EXPECT_EQ(line.word(), "d\"e");
  EXPECT_TRUE(line.at_end());
  EXPECT_FALSE(line.word());
  EXPECT_FALSE(line.rest());
}

TEST(ShellLine, ResolvesEscapesInDoubleQuotes) {
  ShellLine line(R"(x "\"\\\n\r\t\x41\xff\xzz\q")");
  EXPECT_EQ(line.word(),
            "\"\\\n\r\tA\xff"
            "xzzq");
}

TEST(ShellLine, AQuoteThatIsNotClosedIsNoWord) {
  ShellLine line("x \"abc");
  EXPECT_FALSE(line.word());
  EXPECT_FALSE(line.at_end());
  ShellLine escaped("x \"abc\\");
  EXPECT_FALSE(escaped.word());
}

TEST(ShellLine, TheRestIsTakenAsItStandsUnlessItIsOneQuotedText) {
  const auto rest = [](const char* text) {
    ShellLine line(text);
    line.word();
    return line.rest();
  };
  EXPECT_EQ(rest("SET k  a  b "), "a  b");
  EXPECT_EQ(rest("SET k \"a  b\""), "a  b");
  EXPECT_EQ(rest("SET k \"a\" b"), "\"a\" b");
  EXPECT_EQ(rest("SET k \"a"), "\"a");
  EXPECT_EQ(rest("SET k \"\""), "");
  EXPECT_FALSE(rest("SET k"));
}

TEST(ShellLine, NothingHasNoCommand) {
  EXPECT_EQ(ShellLine("").command(), "");
  EXPECT_EQ(ShellLine(" \t\r\n").command(), "");
}

}  // namespace
}  // namespace appmem::ctl
