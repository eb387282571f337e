#include <string>

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

class RedisLcsTest : public RedisTest {
 protected:
  RedisLcsTest() { ask("MSET a ohmytext b mynewtext"); }
};

TEST_F(RedisLcsTest, TellsTheSubsequenceOrItsLength) {
  EXPECT_EQ(ask("LCS a b"), "$6\r\nmytext\r\n");
  EXPECT_EQ(ask("LCS a b LEN"), ":6\r\n");
  EXPECT_EQ(ask("LCS a nosuch"), "$0\r\n\r\n");
  EXPECT_EQ(ask("LCS nosuch b LEN"), ":0\r\n");
  EXPECT_EQ(ask("LCS a a WITHMATCHLEN"), "$8\r\nohmytext\r\n");
}

TEST_F(RedisLcsTest, TellsRangesFromTheEndOn) {
  EXPECT_EQ(ask("LCS a b IDX"),
            "*4\r\n$7\r\nmatches\r\n*2\r\n"
            "*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
            "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n"
            "$3\r\nlen\r\n:6\r\n");
  EXPECT_EQ(ask("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN"),
            "*4\r\n$7\r\nmatches\r\n*1\r\n"
            "*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n"
            "$3\r\nlen\r\n:6\r\n");
  EXPECT_EQ(ask("LCS a nosuch IDX"), "*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n");
  EXPECT_EQ(ask("LCS a b IDX MINMATCHLEN -4"), ask("LCS a b IDX"));
}

TEST_F(RedisLcsTest, WordsThatAreNone) {
  EXPECT_EQ(ask("LCS a b IDX LEN"),
            "-ERR If you want both the length and indexes, please just use IDX.\r\n");
  EXPECT_EQ(ask("LCS a b bad"), kSyntaxError);
  EXPECT_EQ(ask("LCS a b MINMATCHLEN"), kSyntaxError);
  EXPECT_EQ(ask("LCS a b MINMATCHLEN x"), kNotAnInteger);
}

TEST_F(RedisLcsTest, NumbersAreTheirDigits) {
  json_.ask(R"({"op":"set","key":"n","value":10203})");
  ask("SET m 123");
  EXPECT_EQ(ask("LCS n m"), "$3\r\n123\r\n");
}

TEST_F(RedisLcsTest, IsSlicedAndGivesItsMemoryBack) {
  std::string a;
  std::string b;
  for (int i = 0; i < 3'000; ++i) {
    a += static_cast<char>('a' + i % 7);
    b += static_cast<char>('a' + i % 5);
  }
  ask({"SET", "a", a});
  ask({"SET", "b", b});
  const std::uint64_t before = server_.store.memory().used();
  const std::string whole = redis_.ask(std::vector<std::string>{"LCS", "a", "b", "IDX"}, 1'000'000);
  EXPECT_EQ(redis_.turns, 1U);
  EXPECT_EQ(redis_.ask(std::vector<std::string>{"LCS", "a", "b", "IDX"}, 100), whole);
  EXPECT_GT(redis_.turns, 30U) << "behind a first slice of a turn's budget";
  EXPECT_LT(server_.store.memory().used(), before + 100'000);
  ask("MULTI");
  ask("LCS a b IDX");
  EXPECT_EQ(ask("EXEC"), "*1\r\n" + whole);
}

TEST_F(RedisLcsTest, AsManyPairsAsRedisCompares) {
  const std::string text(11'585, 'x');
  ask({"SET", "a", text});
  ask({"SET", "b", text});
  EXPECT_EQ(ask("LCS a b LEN"),
            "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n");
  for (const char* key : {"a", "b"})
    ask({"SET", key, text.substr(1)});
  EXPECT_EQ(ask("LCS a b LEN"), ":11584\r\n");
}

class RedisLcsMemoryTest : public RedisTest {
 protected:
  RedisLcsMemoryTest() : RedisTest(ServerOptions{.max_memory_bytes = 12_MiB}) {}
};

TEST_F(RedisLcsMemoryTest, IsRefusedWhereMemoryIsMissing) {
  const std::string text(11'500, 'x');
  ask({"SET", "a", text});
  ask({"SET", "b", text});
  EXPECT_EQ(ask("LCS a b"),
            "-ERR Insufficient memory, failed allocating transient memory for LCS\r\n");
  EXPECT_EQ(ask("LCS a b LEN"), ":11500\r\n");
}

}  // namespace
}  // namespace appmem::test
