#include "arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace appmem::ctl {
namespace {

using testing::ElementsAre;

/// Tokens as CLI11 gets them, data in brackets.
std::vector<std::string> shown(const Arguments& arguments) {
  std::vector<std::string> tokens;
  for (const std::string& token : arguments.tokens) {
    const bool is_data = token[0] == kDataMark || token[0] == kEqualsMark;
    const std::string sign = token[0] == kEqualsMark ? "=" : "";
    tokens.push_back(is_data ? sign + "<" + unprotected(token) + ">" : token);
  }
  return tokens;
}

TEST(ReadArguments, FindsTheSubcommandBehindGlobalOptions) {
  const Arguments arguments = read_arguments({"-a", "ns", "--json", "-n", "get", "set", "k", "v"});
  EXPECT_EQ(arguments.words, "set");
  EXPECT_EQ(arguments.subcommand->name, "set");
  EXPECT_THAT(shown(arguments),
              ElementsAre("-a", "<ns>", "--json", "-n", "<get>", "set", "<k>", "<v>"));
}

TEST(ReadArguments, ASubcommandMayHaveTwoWords) {
  const Arguments arguments = read_arguments({"ns", "--json", "create", "create"});
  EXPECT_EQ(arguments.subcommand->name, "ns create");
  EXPECT_THAT(shown(arguments), ElementsAre("ns", "--json", "create", "<create>"));
  EXPECT_EQ(read_arguments({"ns"}).subcommand, nullptr);
  EXPECT_EQ(read_arguments({"ns", "frob"}).words, "ns frob");
}

TEST(ReadArguments, NumbersBelowZeroAreData) {
  EXPECT_THAT(shown(read_arguments({"set", "k", "-5"})), ElementsAre("set", "<k>", "<-5>"));
  EXPECT_THAT(shown(read_arguments({"set", "k", "-"})), ElementsAre("set", "<k>", "<->"));
  EXPECT_THAT(shown(read_arguments({"incr", "k", "--by", "-5"})),
              ElementsAre("incr", "<k>", "--by", "<-5>"));
}

TEST(ReadArguments, AnEqualsSignSeparatesFlagAndValue) {
  EXPECT_THAT(shown(read_arguments({"set", "--key=a=b", "--value="})),
              ElementsAre("set", "--key", "=<a=b>", "--value", "=<>"));
}

TEST(ReadArguments, BehindTwoDashesAllIsData) {
  EXPECT_THAT(shown(read_arguments({"set", "--", "--key", "--"})),
              ElementsAre("set", "<--key>", "<-->"));
}

TEST(ReadArguments, HelpMayComeFirst) {
  EXPECT_THAT(shown(read_arguments({"help", "ns", "create"})),
              ElementsAre("ns", "create", "--help"));
  EXPECT_THAT(shown(read_arguments({"help"})), ElementsAre("--help"));
  EXPECT_THAT(shown(read_arguments({"get", "help"})), ElementsAre("get", "<help>"));
}

}  // namespace
}  // namespace appmem::ctl
