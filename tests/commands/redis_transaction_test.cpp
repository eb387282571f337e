#include "commands/harness.h"

namespace appmem::test {
namespace {

using RedisTransactionTest = RedisTest;

TEST_F(RedisTransactionTest, CommandsAreQueuedAndExecutedInOrder) {
  EXPECT_EQ(ask("MULTI"), "+OK\r\n");
  EXPECT_EQ(ask("SET a 1"), "+QUEUED\r\n");
  EXPECT_EQ(ask("INCR a"), "+QUEUED\r\n");
  EXPECT_EQ(ask("GET a"), "+QUEUED\r\n");
  EXPECT_EQ(ask("EXEC"), "*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n");
  EXPECT_EQ(ask("EXEC"), "-ERR EXEC without MULTI\r\n");
}

TEST_F(RedisTransactionTest, NothingIsSeenOfATransactionThatIsDiscarded) {
  ask("MULTI");
  ask("SET a 1");
  EXPECT_EQ(ask("DISCARD"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$-1\r\n");
  EXPECT_EQ(ask("DISCARD"), "-ERR DISCARD without MULTI\r\n");
}

TEST_F(RedisTransactionTest, ARefusedCommandRefusesTheWhole) {
  ask("MULTI");
  EXPECT_EQ(ask("SET a"), "-ERR wrong number of arguments for 'set' command\r\n");
  EXPECT_EQ(ask("SET a 1"), "+QUEUED\r\n");
  EXPECT_EQ(ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(ask("GET a"), "$-1\r\n");
}

TEST_F(RedisTransactionTest, AnExecThatIsRefusedEndsTheTransaction) {
  ask("SET a 1");
  ask("WATCH a");
  ask("MULTI");
  EXPECT_EQ(ask("EXEC now"),
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' "
            "command\r\n");
  EXPECT_EQ(ask("EXEC"), "-ERR EXEC without MULTI\r\n");
  ask("SET a 2");
  ask("MULTI");
  EXPECT_EQ(ask("EXEC"), "*0\r\n") << "and nothing is watched any more";
}

TEST_F(RedisTransactionTest, ACommandThatFailsLeavesTheOthersAlone) {
  ask("SET a x");
  ask("MULTI");
  ask("INCR a");
  ask("SET b 2");
  EXPECT_EQ(ask("EXEC"), "*2\r\n-ERR value is not an integer or out of range\r\n+OK\r\n");
  EXPECT_EQ(ask("GET b"), "$1\r\n2\r\n");
}

TEST_F(RedisTransactionTest, AWatchedKeyThatChangesPreventsIt) {
  for (const char* change : {"SET a 2", "DEL a", "PEXPIRE a 5000", "INCR a"}) {
    ask("SET a 1");
    EXPECT_EQ(ask("WATCH a"), "+OK\r\n");
    RedisPeer other(server_);
    other.ask(change);
    ask("MULTI");
    ask("SET b 1");
    EXPECT_EQ(ask("EXEC"), "*-1\r\n") << change;
    EXPECT_EQ(ask("EXISTS b"), ":0\r\n") << change;
  }
  ask("WATCH a");
  ask("MULTI");
  ask("SET b 1");
  EXPECT_EQ(ask("EXEC"), "*1\r\n+OK\r\n");
}

TEST_F(RedisTransactionTest, AWatchedKeyThatExpiresPreventsIt) {
  ask("SET a 1 PX 100");
  ask("WATCH a");
  pass(milliseconds{100});
  ask("MULTI");
  ask("SET b 1");
  EXPECT_EQ(ask("EXEC"), "*-1\r\n");
}

TEST_F(RedisTransactionTest, AKeyWatchedInADatabaseThatComesLaterPreventsIt) {
  EXPECT_EQ(ask("SELECT 3"), "+OK\r\n");
  EXPECT_EQ(ask("WATCH a"), "+OK\r\n");
  RedisPeer other(server_);
  other.ask("SELECT 3");
  other.ask("SET a 1");
  ask("MULTI");
  ask("GET a");
  EXPECT_EQ(ask("EXEC"), "*-1\r\n");
}

TEST_F(RedisTransactionTest, CommandsOnWholeNamespacesStandBetweenOthers) {
  ask("MULTI");
  ask("SET a 1");
  ask("DBSIZE");
  ask("SELECT 2");
  ask("SET b 1");
  ask("KEYS *");
  ask("FLUSHDB");
  ask("EXISTS b");
  EXPECT_EQ(ask("EXEC"), "*7\r\n+OK\r\n:1\r\n+OK\r\n+OK\r\n*1\r\n$1\r\nb\r\n+OK\r\n:0\r\n");
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
  ask("SELECT 0");
  EXPECT_EQ(ask("EXISTS a"), ":1\r\n");
}

TEST_F(RedisTransactionTest, UnwatchForgetsAndWatchHasNoPlaceInATransaction) {
  ask("SET a 1");
  ask("WATCH a");
  EXPECT_EQ(ask("UNWATCH"), "+OK\r\n");
  ask("SET a 2");
  ask("MULTI");
  EXPECT_EQ(ask("WATCH a"), "-ERR WATCH inside MULTI is not allowed\r\n");
  EXPECT_EQ(ask("MULTI"), "-ERR MULTI calls can not be nested\r\n");
  EXPECT_EQ(ask("EXEC"), "*0\r\n");
}

TEST_F(RedisTransactionTest, AListOfKeysBehindALargeValueEnds) {
  ask({"SET", "large", std::string(400'000, 'x')});
  ask("MULTI");
  ask("GET large");
  ask("KEYS *");
  const std::string reply = ask("EXEC");
  EXPECT_TRUE(reply.starts_with("*2\r\n$400000\r\n"));
  EXPECT_TRUE(reply.ends_with("*1\r\n$5\r\nlarge\r\n"));
}

TEST_F(RedisTransactionTest, TheMemoryOfWhatIsQueuedIsChargedAndComesBack) {
  const std::uint64_t before = server_.store.memory().used();
  ask("MULTI");
  ask({"SET", "a", std::string(100'000, 'x')});
  EXPECT_GE(server_.store.memory().used(), before + 100'000);
  ask("DISCARD");
  EXPECT_LT(server_.store.memory().used(), before + 10'000);
}

}  // namespace
}  // namespace appmem::test
