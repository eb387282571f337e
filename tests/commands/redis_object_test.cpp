// RESP: OBJECT and MEMORY. Replies are those of Redis 7.0.15.

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

using RedisObjectTest = RedisTest;

TEST_F(RedisObjectTest, AnEncodingFollowsFromTheValue) {
  const auto encoding = [&](const std::string& value) {
    ask({"SET", "a", value});
    return ask("OBJECT ENCODING a");
  };
  constexpr const char* kInt = "$3\r\nint\r\n";
  constexpr const char* kEmbedded = "$6\r\nembstr\r\n";
  constexpr const char* kRaw = "$3\r\nraw\r\n";
  for (const char* value : {"0", "-1", "12345", "9223372036854775807", "-9223372036854775808"}) {
    EXPECT_EQ(encoding(value), kInt) << value;
  }
  for (const char* value : {"", "a", "01", "-0", "+1", " 1", "1.0", "9223372036854775808"}) {
    EXPECT_EQ(encoding(value), kEmbedded) << value;
  }
  EXPECT_EQ(encoding(std::string(44, 'x')), kEmbedded);
  EXPECT_EQ(encoding(std::string(45, 'x')), kRaw);
  EXPECT_EQ(encoding(std::string(1'000'000, 'x')), kRaw);
  ask("INCR n");
  EXPECT_EQ(ask("OBJECT ENCODING n"), kInt);
}

TEST_F(RedisObjectTest, IdleTimeIsInSecondsAndLookingIsNoAccess) {
  ask("SET a 1");
  pass(milliseconds{2'900});
  EXPECT_EQ(ask("OBJECT IDLETIME a"), ":2\r\n");
  EXPECT_EQ(ask("OBJECT ENCODING a"), "$3\r\nint\r\n");
  EXPECT_EQ(ask("object idletime a"), ":2\r\n");
  ask("TOUCH a");
  EXPECT_EQ(ask("OBJECT IDLETIME a"), ":0\r\n");
}

TEST_F(RedisObjectTest, NothingIsSharedAndFrequenciesAreNotKept) {
  ask("SET a 1");
  EXPECT_EQ(ask("OBJECT REFCOUNT a"), ":1\r\n");
  EXPECT_THAT(ask("OBJECT FREQ a"),
              testing::StartsWith("-ERR An LFU maxmemory policy is not selected"));
}

TEST_F(RedisObjectTest, AKeyThatDoesNotExistIsNull) {
  ask("SET a 1 PX 100");
  pass(milliseconds{100});
  for (const char* command : {"ENCODING", "FREQ", "IDLETIME", "REFCOUNT"}) {
    EXPECT_EQ(ask(std::string("OBJECT ") + command + " a"), "$-1\r\n") << command;
  }
  EXPECT_EQ(ask("MEMORY USAGE a"), "$-1\r\n");
  ask("SELECT 8");
  EXPECT_EQ(ask("OBJECT ENCODING a"), "$-1\r\n");
  EXPECT_EQ(ask("MEMORY USAGE a"), "$-1\r\n");
}

TEST_F(RedisObjectTest, SubcommandsAreCheckedAsRedisDoes) {
  EXPECT_EQ(ask("OBJECT ENCODING"),
            "-ERR wrong number of arguments for 'object|encoding' command\r\n");
  EXPECT_EQ(ask("OBJECT HELP x"), "-ERR wrong number of arguments for 'object|help' command\r\n");
  EXPECT_EQ(ask("OBJECT What x"), "-ERR unknown subcommand 'What'. Try OBJECT HELP.\r\n");
  EXPECT_EQ(ask("MEMORY USAGE"), "-ERR wrong number of arguments for 'memory|usage' command\r\n");
  EXPECT_EQ(ask("MEMORY What"), "-ERR unknown subcommand 'What'. Try MEMORY HELP.\r\n");
  EXPECT_THAT(ask("OBJECT HELP"),
              testing::StartsWith("*15\r\n+OBJECT <subcommand> [<arg> [value] [opt] ...]. "));
  EXPECT_THAT(ask("memory help"),
              testing::StartsWith("*6\r\n+MEMORY <subcommand> [<arg> [value] [opt] ...]. "));
}

TEST_F(RedisObjectTest, MemoryUsageGrowsWithTheValue) {
  ask("SET a 1");
  ask({"SET", "b", std::string(10'000, 'x')});
  const auto usage = [&](const std::string& words) {
    const std::string reply = ask("MEMORY USAGE " + words);
    EXPECT_TRUE(reply.starts_with(':')) << reply;
    return std::stoul(reply.substr(1));
  };
  EXPECT_GT(usage("a"), 0U);
  EXPECT_GT(usage("b"), 10'000U);
  EXPECT_EQ(usage("b SAMPLES 0"), usage("b"));
  EXPECT_EQ(usage("b samples 1 SAMPLES 2"), usage("b"));
  EXPECT_EQ(ask("MEMORY USAGE a SAMPLES"), kSyntaxError);
  EXPECT_EQ(ask("MEMORY USAGE a SAMPLES -1"), kSyntaxError);
  EXPECT_EQ(ask("MEMORY USAGE a WHAT 1"), kSyntaxError);
  EXPECT_EQ(ask("MEMORY USAGE a SAMPLES x"), kNotAnInteger);
}

}  // namespace
}  // namespace appmem::test
