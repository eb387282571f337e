#include <string>
#include <utility>

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

using RedisCountersTest = RedisTest;

constexpr const char* kNotAFloat = "-ERR value is not a valid float\r\n";

TEST_F(RedisCountersTest, CountersGoUpAndDown) {
  EXPECT_EQ(ask("INCR a"), ":1\r\n");
  EXPECT_EQ(ask("INCRBY a 10"), ":11\r\n");
  EXPECT_EQ(ask("DECR a"), ":10\r\n");
  EXPECT_EQ(ask("DECRBY a -5"), ":15\r\n");
  EXPECT_EQ(ask("GET a"), "$2\r\n15\r\n");
  ask("PEXPIRE a 1000");
  EXPECT_EQ(ask("INCRBY a -20"), ":-5\r\n");
  EXPECT_EQ(ask("PTTL a"), ":1000\r\n");
}

TEST_F(RedisCountersTest, OnlyCanonicalIntegersAreCounted) {
  for (const char* value : {"x", "1.0", "01", "-0", "+1", " 1", "", "9223372036854775808"}) {
    ask({"SET", "a", value});
    EXPECT_EQ(ask("INCR a"), kNotAnInteger) << value;
    ask({"SET", "b", "0"});
    EXPECT_EQ(ask({"INCRBY", "b", value}), kNotAnInteger) << value;
    EXPECT_EQ(ask({"DECRBY", "b", value}), kNotAnInteger) << value;
  }
  json_.ask(R"({"op":"set","key":"d","value":[1]})");
  EXPECT_THAT(ask("INCR d"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_THAT(ask("INCRBYFLOAT d 1"), testing::StartsWith("-WRONGTYPE "));
}

TEST_F(RedisCountersTest, NothingWrapsAround) {
  ask("SET a 9223372036854775807");
  EXPECT_EQ(ask("INCR a"), "-ERR increment or decrement would overflow\r\n");
  ask("SET a -9223372036854775808");
  EXPECT_EQ(ask("DECR a"), "-ERR increment or decrement would overflow\r\n");
  EXPECT_EQ(ask("DECRBY a -9223372036854775808"), "-ERR decrement would overflow\r\n");
  EXPECT_EQ(ask("INCRBY a 9223372036854775807"), ":-1\r\n");
}

TEST_F(RedisCountersTest, FractionsAreWrittenAsRedisWritesThem) {
  const std::pair<const char*, const char*> sums[] = {
      {"10.5", "10.5"},    {"0.1", "10.6"},
      {"-5", "5.6"},       {"5.0e3", "5005.60000000000000009"},
      {"-5005.6", "0"},    {"3.000000000000000001", "3"},
      {"0x10", "19"},      {".5", "19.5"},
      {"-19.75", "-0.25"},
  };
  for (const auto& [by, sum] : sums) {
    const std::string text(sum);
    EXPECT_EQ(ask("INCRBYFLOAT a " + std::string(by)),
              '$' + std::to_string(text.size()) + "\r\n" + text + "\r\n");
  }
  ask("SET b 3");
  ask("PEXPIRE b 1000");
  EXPECT_EQ(ask("INCRBYFLOAT b 1"), "$1\r\n4\r\n");
  EXPECT_EQ(ask("INCR b"), ":5\r\n");
  EXPECT_EQ(ask("INCRBYFLOAT b 0.5"), "$3\r\n5.5\r\n");
  EXPECT_EQ(ask("INCR b"), kNotAnInteger);
  EXPECT_EQ(ask("PTTL b"), ":1000\r\n");
}

TEST_F(RedisCountersTest, WhatIsNoNumberIsNotAdded) {
  ask("SET a 1");
  for (const char* number : {"", "x", " 1", "1 ", "1e", "nan", "1e5000", "-1e5000", "1e-5000"})
    EXPECT_EQ(ask({"INCRBYFLOAT", "a", number}), kNotAFloat) << number;
  EXPECT_EQ(ask({"INCRBYFLOAT", "a", std::string(5120, '1')}), kNotAFloat);
  EXPECT_EQ(ask("INCRBYFLOAT a inf"), "-ERR increment would produce NaN or Infinity\r\n");
  ask("SET b x");
  EXPECT_EQ(ask("INCRBYFLOAT b inf"), kNotAFloat);
  EXPECT_EQ(ask("GET a"), "$1\r\n1\r\n");
  // The longest number there is.
  ask("SET c 1e4931");
  const std::string longest = ask("INCRBYFLOAT c 1e4931");
  EXPECT_THAT(longest, testing::StartsWith("$4932\r\n2"));
}

TEST_F(RedisCountersTest, NamespacesOfOtherTypes) {
  for (const char* type : {"int", "string", "json"}) {
    json_.ask(R"({"op":"ns.create","name":")" + std::string(type) + R"(","type":")" + type +
              R"("})");
  }
  ask("SELECT int");
  EXPECT_EQ(ask("INCR a"), ":1\r\n");
  EXPECT_EQ(ask("INCRBYFLOAT a 2"), "$1\r\n3\r\n");
  EXPECT_THAT(ask("INCRBYFLOAT a 0.5"), testing::StartsWith("-WRONGTYPE "));
  ask("SELECT string");
  EXPECT_EQ(ask("INCR a"), ":1\r\n");
  EXPECT_EQ(ask("INCRBYFLOAT a 0.5"), "$3\r\n1.5\r\n");
  ask("SELECT json");
  EXPECT_THAT(ask("INCR a"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_THAT(ask("INCRBYFLOAT a 1"), testing::StartsWith("-WRONGTYPE "));
}

}  // namespace
}  // namespace appmem::test
