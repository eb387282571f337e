#include <string>

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

using RedisSetTest = RedisTest;

TEST_F(RedisSetTest, ConditionsAreMetOrAnswerNil) {
  EXPECT_EQ(ask("SET a 1 XX"), "$-1\r\n");
  EXPECT_EQ(ask("SET a 1 NX"), "+OK\r\n");
  EXPECT_EQ(ask("SET a 2 nx"), "$-1\r\n");
  EXPECT_EQ(ask("SET a 3 xx"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$1\r\n3\r\n");
}

TEST_F(RedisSetTest, GetTellsTheOldValueWhateverBecomesOfTheNewOne) {
  EXPECT_EQ(ask("SET a 1 GET NX"), "$-1\r\n");
  EXPECT_EQ(ask("SET a 2 NX GET"), "$1\r\n1\r\n");
  EXPECT_EQ(ask("SET a 3 GET"), "$1\r\n1\r\n");
  EXPECT_EQ(ask("SET b 1 XX GET"), "$-1\r\n");
  EXPECT_EQ(ask("EXISTS b"), ":0\r\n");
  EXPECT_EQ(ask("GETSET a 4"), "$1\r\n3\r\n");
  EXPECT_EQ(ask("GETSET b 4"), "$-1\r\n");
  EXPECT_EQ(ask("MGET a b"), "*2\r\n$1\r\n4\r\n$1\r\n4\r\n");
}

TEST_F(RedisSetTest, DeadlinesComeInFourForms) {
  const auto wall = server_.clock.now().wall.time_since_epoch();
  ask("SET a 1 EX 10");
  EXPECT_EQ(ask("PTTL a"), ":10000\r\n");
  ask("SET a 1 px 1500");
  EXPECT_EQ(ask("PTTL a"), ":1500\r\n");
  ask("SET a 1 EXAT " + std::to_string(wall.count() / 1000 + 100));
  EXPECT_EQ(ask("EXPIRETIME a"), ':' + std::to_string(wall.count() / 1000 + 100) + "\r\n");
  ask("SET a 1 PXAT " + std::to_string(wall.count() + 700));
  EXPECT_EQ(ask("PTTL a"), ":700\r\n");
  ask("SET a 2 KEEPTTL");
  EXPECT_EQ(ask("PTTL a"), ":700\r\n");
  ask("SET a 2");
  EXPECT_EQ(ask("PTTL a"), ":-1\r\n");
  EXPECT_EQ(ask("SET a 2 EX 5 EX 6"), "+OK\r\n");
  EXPECT_EQ(ask("PTTL a"), ":6000\r\n");
  EXPECT_EQ(ask("GETSET a 3"), "$1\r\n2\r\n");
  EXPECT_EQ(ask("PTTL a"), ":-1\r\n");
  EXPECT_EQ(ask("SET a 2 PXAT 1"), "+OK\r\n");
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
}

TEST_F(RedisSetTest, WordsThatDoNotGoTogetherAreASyntaxError) {
  for (const char* words : {"NX XX", "XX NX", "EX 1 PX 1", "EX 1 KEEPTTL", "KEEPTTL PX 1", "EX",
                            "EX 1 EXAT", "EXAT 1 PXAT 1", "PERSIST", "bad", "EX x bad"}) {
    EXPECT_EQ(ask("SET a 1 " + std::string(words)), kSyntaxError) << words;
  }
  for (const char* words : {"NX", "GET", "KEEPTTL", "PERSIST EX 1", "EX 1 PERSIST", "EX", "bad"})
    EXPECT_EQ(ask("GETEX a " + std::string(words)), kSyntaxError) << words;
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
}

TEST_F(RedisSetTest, ADeadlineIsAPositiveNumberWithinReach) {
  for (const char* number : {"0", "-1", "9223372036854775807", "9223372036854776"}) {
    EXPECT_EQ(ask("SET a 1 EX " + std::string(number)),
              "-ERR invalid expire time in 'set' command\r\n");
  }
  EXPECT_EQ(ask("SET a 1 PX 9223372036854775807"), "-ERR invalid expire time in 'set' command\r\n");
  EXPECT_EQ(ask("SETEX a 0 1"), "-ERR invalid expire time in 'setex' command\r\n");
  EXPECT_EQ(ask("PSETEX a -5 1"), "-ERR invalid expire time in 'psetex' command\r\n");
  // Later than 100 years from now, where Redis ends after some 292 million.
  EXPECT_EQ(ask("SET a 1 EX 3155760001"), "-ERR invalid expire time in 'set' command\r\n");
  EXPECT_EQ(ask("SET a 1 EX 3155760000"), "+OK\r\n");
  for (const char* number : {"x", "1.5", "", "+1", "9223372036854775808"}) {
    EXPECT_EQ(ask({"SET", "b", "1", "EX", number}), kNotAnInteger) << number;
    EXPECT_EQ(ask({"SETEX", "b", number, "1"}), kNotAnInteger) << number;
  }
  EXPECT_EQ(ask("EXISTS b"), ":0\r\n");
}

TEST_F(RedisSetTest, SetexAndSetnx) {
  EXPECT_EQ(ask("SETEX a 10 x"), "+OK\r\n");
  EXPECT_EQ(ask("TTL a"), ":10\r\n");
  EXPECT_EQ(ask("PSETEX a 1500 x"), "+OK\r\n");
  EXPECT_EQ(ask("PTTL a"), ":1500\r\n");
  EXPECT_EQ(ask("SETNX a y"), ":0\r\n");
  EXPECT_EQ(ask("SETNX b y"), ":1\r\n");
  EXPECT_EQ(ask("MGET a b"), "*2\r\n$1\r\nx\r\n$1\r\ny\r\n");
}

TEST_F(RedisSetTest, GetexTellsAValueAndChangesItsDeadline) {
  ask("SET a x");
  EXPECT_EQ(ask("GETEX a EX 10"), "$1\r\nx\r\n");
  EXPECT_EQ(ask("PTTL a"), ":10000\r\n");
  EXPECT_EQ(ask("GETEX a"), "$1\r\nx\r\n");
  EXPECT_EQ(ask("PTTL a"), ":10000\r\n");
  EXPECT_EQ(ask("GETEX a PERSIST"), "$1\r\nx\r\n");
  EXPECT_EQ(ask("PTTL a"), ":-1\r\n");
  EXPECT_EQ(ask("GETEX a PX 0"), "-ERR invalid expire time in 'getex' command\r\n");
  EXPECT_EQ(ask("GETEX a PX x"), kNotAnInteger);
  EXPECT_EQ(ask("GETEX nosuch PX x"), "$-1\r\n");
  EXPECT_EQ(ask("GETEX a EXAT 1"), "$1\r\nx\r\n");
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
}

TEST_F(RedisSetTest, MsetSetsAllAndMsetnxAllOrNone) {
  EXPECT_EQ(ask("MSET a 1 b 2 a 3"), "+OK\r\n");
  EXPECT_EQ(ask("MGET a b"), "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
  EXPECT_EQ(ask("MSETNX c 1 b 2"), ":0\r\n");
  EXPECT_EQ(ask("EXISTS c"), ":0\r\n");
  EXPECT_EQ(ask("MSETNX c 1 c 2"), ":1\r\n");
  EXPECT_EQ(ask("GET c"), "$1\r\n2\r\n");
  EXPECT_EQ(ask("MSETNX c 1"), ":0\r\n");
  EXPECT_EQ(ask("MSET a 1 b"), "-ERR wrong number of arguments for 'mset' command\r\n");
  EXPECT_EQ(ask("MSETNX a 1 b"), "-ERR wrong number of arguments for 'msetnx' command\r\n");
  EXPECT_EQ(ask("MSET a"), "-ERR wrong number of arguments for 'mset' command\r\n");
}

TEST_F(RedisSetTest, AnMsetThatFailsLeavesNothingBehind) {
  json_.ask(R"({"op":"ns.create","name":"n","type":"int"})");
  ask("SELECT n");
  ask("SET a 1");
  EXPECT_THAT(ask("MSET a 2 b 2 c x"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_EQ(ask("MGET a b c"), "*3\r\n$1\r\n1\r\n$-1\r\n$-1\r\n");
  ask("MULTI");
  ask("INCR a");
  ask("MSET a 7 b 2 c x");
  ask("INCR a");
  EXPECT_THAT(ask("EXEC"), testing::MatchesRegex("\\*3\r\n:2\r\n-WRONGTYPE [^\r]*\r\n:3\r\n"));
  EXPECT_EQ(ask("MGET a b c"), "*3\r\n$1\r\n3\r\n$-1\r\n$-1\r\n");
}

}  // namespace
}  // namespace appmem::test
