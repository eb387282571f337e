#include <string>

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

class RedisExpiryTest : public RedisTest {
 protected:
  std::int64_t wall_ms() { return server_.clock.now().wall.time_since_epoch().count(); }
};

TEST_F(RedisExpiryTest, ADeadlineIsSetToldAndTakenAway) {
  ask("SET a 1");
  EXPECT_EQ(ask("TTL a"), ":-1\r\n");
  EXPECT_EQ(ask("PERSIST a"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a 10"), ":1\r\n");
  EXPECT_EQ(ask("TTL a"), ":10\r\n");
  EXPECT_EQ(ask("PTTL a"), ":10000\r\n");
  EXPECT_EQ(ask("PEXPIRE a 700"), ":1\r\n");
  EXPECT_EQ(ask("PTTL a"), ":700\r\n");
  EXPECT_EQ(ask("PERSIST a"), ":1\r\n");
  EXPECT_EQ(ask("PTTL a"), ":-1\r\n");
  const std::int64_t second = wall_ms() / 1000 + 60;
  EXPECT_EQ(ask("EXPIREAT a " + std::to_string(second)), ":1\r\n");
  EXPECT_EQ(ask("EXPIRETIME a"), ':' + std::to_string(second) + "\r\n");
  EXPECT_EQ(ask("PEXPIREAT a " + std::to_string(wall_ms() + 1234)), ":1\r\n");
  EXPECT_EQ(ask("PEXPIRETIME a"), ':' + std::to_string(wall_ms() + 1234) + "\r\n");
  pass(milliseconds{1234});
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
}

TEST_F(RedisExpiryTest, SecondsAreRounded) {
  ask("SET a 1 PX 1499");
  EXPECT_EQ(ask("TTL a"), ":1\r\n");
  pass(milliseconds{1000});
  EXPECT_EQ(ask("TTL a"), ":0\r\n");
  ask("SET a 1 PX 1500");
  EXPECT_EQ(ask("TTL a"), ":2\r\n");
  ask("SET a 1 PXAT " + std::to_string(wall_ms() / 1000 * 1000 + 5500));
  EXPECT_EQ(ask("EXPIRETIME a"), ':' + std::to_string(wall_ms() / 1000 + 6) + "\r\n");
}

TEST_F(RedisExpiryTest, KeysThatDoNotExist) {
  for (const char* command : {"TTL a", "PTTL a", "EXPIRETIME a", "PEXPIRETIME a"})
    EXPECT_EQ(ask(command), ":-2\r\n");
  for (const char* command : {"EXPIRE a 1", "PEXPIREAT a 1", "PERSIST a", "EXPIRE a 1 XX"})
    EXPECT_EQ(ask(command), ":0\r\n");
  ask("SELECT 9");
  EXPECT_EQ(ask("TTL a"), ":-2\r\n");
  EXPECT_EQ(ask("EXPIRE a 1"), ":0\r\n");
  EXPECT_EQ(ask("PERSIST a"), ":0\r\n");
}

TEST_F(RedisExpiryTest, AMomentThatHasPassedDeletes) {
  for (const char* command : {"EXPIRE a 0", "EXPIRE a -1", "PEXPIRE a -9223372036854775808",
                              "EXPIREAT a 1", "PEXPIREAT a -5", "EXPIRE a -1 LT"}) {
    ask("SET a 1");
    EXPECT_EQ(ask(command), ":1\r\n") << command;
    EXPECT_EQ(ask("EXISTS a"), ":0\r\n") << command;
  }
  ask("SET a 1 EX 10");
  EXPECT_EQ(ask("EXPIRE a -1 GT"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a -1 NX"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a -1 XX LT"), ":1\r\n");
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
}

TEST_F(RedisExpiryTest, ConditionsOnThePresentDeadline) {
  ask("SET a 1");
  EXPECT_EQ(ask("EXPIRE a 10 XX"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a 10 GT"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a 10 XX LT"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a 10 nx"), ":1\r\n");
  EXPECT_EQ(ask("EXPIRE a 20 NX"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a 10 GT"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a 10 LT"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a 20 gt"), ":1\r\n");
  EXPECT_EQ(ask("EXPIRE a 15 XX LT"), ":1\r\n");
  EXPECT_EQ(ask("TTL a"), ":15\r\n");
  ask("PERSIST a");
  EXPECT_EQ(ask("EXPIRE a 30 LT"), ":1\r\n");
  EXPECT_EQ(ask("EXPIRE a 40 XX XX"), ":1\r\n");
}

TEST_F(RedisExpiryTest, OptionsAreCheckedFirstThenTheNumber) {
  ask("SET a 1");
  EXPECT_EQ(ask("EXPIRE a x bad"), "-ERR Unsupported option bad\r\n");
  for (const char* words : {"NX XX", "NX GT", "LT NX"}) {
    EXPECT_EQ(ask("EXPIRE a x " + std::string(words)),
              "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
  }
  EXPECT_EQ(ask("EXPIRE a x GT LT"),
            "-ERR GT and LT options at the same time are not compatible\r\n");
  EXPECT_EQ(ask("EXPIRE nosuch x NX"), kNotAnInteger);
  EXPECT_EQ(ask("EXPIRE nosuch 9223372036854775807"),
            "-ERR invalid expire time in 'expire' command\r\n");
  EXPECT_EQ(ask("EXPIRE nosuch -9223372036854775808"),
            "-ERR invalid expire time in 'expire' command\r\n");
  EXPECT_EQ(ask("PEXPIRE nosuch 9223372036854775807"),
            "-ERR invalid expire time in 'pexpire' command\r\n");
  // Later than 100 years from now, where Redis ends after some 292 million.
  EXPECT_EQ(ask("EXPIRE a 3155760001"), "-ERR invalid expire time in 'expire' command\r\n");
  EXPECT_EQ(ask("PEXPIREAT a 9223372036854775807"),
            "-ERR invalid expire time in 'pexpireat' command\r\n");
  EXPECT_EQ(ask("EXPIRE a 3155760000"), ":1\r\n");
}

}  // namespace
}  // namespace appmem::test
