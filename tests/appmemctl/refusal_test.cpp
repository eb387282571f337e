#include "refusal.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace appmem::ctl::test {
namespace {

const Subcommand& named(std::string_view name) {
  return *std::find_if(subcommands().begin(), subcommands().end(),
                       [name](const Subcommand& subcommand) { return subcommand.name == name; });
}

std::string of(std::string_view subcommand, const std::string& message) {
  return in_words_of(named(subcommand), message);
}

TEST(Refusal, FieldsBecomeTheFlagsOfTheSubcommand) {
  EXPECT_EQ(of("scan", "limit must be at least 1"), "--limit must be at least 1");
  EXPECT_EQ(of("set", "expires_at_ms is at most 5 ms from now"),
            "--expires-at is at most 5 ms from now");
  EXPECT_EQ(of("set", "field \"if_version\" must be an integer"),
            "--if-version must be an integer");
  EXPECT_EQ(of("get", "field \"lease_ms\" is not available yet"), "--lease is not available yet");
  EXPECT_EQ(of("ns create", "reserved_bytes is over max_bytes"),
            "--reserved-bytes is over --max-bytes");
  EXPECT_EQ(of("ns create", "this store has no log, so persist must be none"),
            "this store has no log, so --persist must be none");
  EXPECT_EQ(of("set", "the value of 9 bytes is over max_value_bytes, 8"),
            "the value of 9 bytes is over --max-value-bytes, 8");
}

TEST(Refusal, WordsOfASentenceStayWords) {
  EXPECT_EQ(of("scan", "the answer is over the limit of 1KiB"),
            "the answer is over the limit of 1KiB");
  EXPECT_EQ(of("scan", "limits are no limit"), "limits are no limit");
  EXPECT_EQ(of("set", "value of another kind"), "value of another kind");
  EXPECT_EQ(of("ping", "limit must be at least 1"), "limit must be at least 1");
  EXPECT_EQ(of("set", "the field \"if_version"), "the field \"--if-version");  // never closed
}

TEST(Refusal, ArgumentsHaveTheirPlaceInTheCommandLine) {
  EXPECT_EQ(of("del", "keys[1]: field \"key\" is over its limit"),
            "argument 2: the key is over its limit");
  EXPECT_EQ(of("set", "entries[0]: field \"key\" is over its limit"),
            "argument 1: the key is over its limit");
  EXPECT_EQ(of("set", "ops[9]: the key does not exist"), "argument 10: the key does not exist");
  for (const char* const odd : {"keys[]: x", "keys[1] x", "keys[1", "keys", "ops[-1]: x"})
    EXPECT_EQ(of("del", odd), odd);
}

TEST(Refusal, AnArgumentIsNamedByItsKey) {
  const std::vector<std::string> pairs = {"x=1", "q=2=3", "=4", std::string(101, 'k') + "=5"};
  EXPECT_EQ(in_words_of(named("mset"), "entries[1]: the key exists", pairs),
            "argument 2 (q): the key exists");
  EXPECT_EQ(in_words_of(named("mset"), "entries[2]: the key exists", pairs),
            "argument 3: the key exists");
  EXPECT_EQ(in_words_of(named("mset"), "entries[3]: the key exists", pairs),
            "argument 4: the key exists");
  EXPECT_EQ(in_words_of(named("mset"), "entries[4]: the key exists", pairs),
            "argument 5: the key exists");
}

TEST(Refusal, NobodyIsShownARequestOfTheWire) {
  const std::string message = "a token is needed first: {\"op\":\"auth\",\"token\":\"...\"}";
  EXPECT_EQ(of("get", message), "a token is needed first");
  EXPECT_EQ(in_plain_words(message),
            "a token is needed first: start appmemctl with --token-file FILE");
}

TEST(Refusal, TheShellHasNoFlags) {
  EXPECT_EQ(in_plain_words("keys[0]: field \"key\" is over its limit"),
            "the key is over its limit");
  EXPECT_EQ(in_plain_words("no such key"), "no such key");
}

}  // namespace
}  // namespace appmem::ctl::test
