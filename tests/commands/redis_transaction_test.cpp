#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "commands/harness.h"
#include "support/environment.h"

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

/// Executes a transaction again and again in a thread of its own, while others ask.
class Repeated {
 public:
  Repeated(TestServer& server, std::vector<std::string> commands)
      : thread_([this, &server, commands = std::move(commands)] {
          RedisPeer peer(server);
          while (!done_) {
            peer.ask("MULTI");
            for (const std::string& command : commands)
              peer.ask(command);
            peer.ask("EXEC");
          }
        }) {}
  Repeated(const Repeated&) = delete;
  Repeated& operator=(const Repeated&) = delete;
  ~Repeated() {
    done_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

TEST_F(RedisTransactionTest, NobodySeesAPartWhateverStandsBetweenTheKeys) {
  const std::size_t times = 10'000 * test_scale();
  for (const char* between :
       {"PING", "ECHO x", "COMMAND COUNT", "CLIENT ID", "OBJECT HELP", "OBJECT ENCODING a",
        "MEMORY USAGE b", "DBSIZE", "RANDOMKEY", "KEYS *", "SCAN 0", "SELECT 0", "SWAPDB 1 2"}) {
    ask("MSET a 0 b 0");
    const Repeated other(server_, {"INCR a", between, "INCR b"});
    for (std::size_t i = 0; i < times; ++i) {
      const std::string reply = ask("MGET a b");
      const std::size_t half = (reply.size() - 4) / 2;
      ASSERT_EQ(reply.substr(4, half), reply.substr(4 + half)) << between;
    }
  }
}

TEST_F(RedisTransactionTest, NobodySeesANamespaceThatIsEmptyForATransactionOnly) {
  ask("SET a 0");
  const Repeated other(server_,
                       {"FLUSHDB", "SET a 1", "SELECT 3", "FLUSHALL", "SELECT 0", "SET a 2"});
  const std::size_t times = 50'000 * test_scale();
  for (std::size_t i = 0; i < times; ++i)
    ASSERT_EQ(ask("EXISTS a"), ":1\r\n");
}

TEST_F(RedisTransactionTest, ADatabaseThatCannotBeMadeIsAnErrorInItsPlace) {
  for (std::size_t i = 0;
       server_.store.create_namespace("n" + std::to_string(i), {}, server_.clock.now()); ++i) {
  }
  ask("MULTI");
  ask("SET a 1");
  ask("SELECT 3");
  ask("SET b 2");
  ask("GET b");
  ask("SELECT 0");
  ask("GET a");
  const std::string reply = ask("EXEC");
  EXPECT_THAT(reply, testing::StartsWith("*6\r\n+OK\r\n+OK\r\n-ERR "));
  EXPECT_THAT(reply, testing::EndsWith("\r\n$-1\r\n+OK\r\n$1\r\n1\r\n"));
}

TEST_F(RedisTransactionTest, KeysOfManyStandForThemselvesInTheirPlace) {
  constexpr std::size_t kListedKeysMax = 100'000;
  const auto transaction = [&] {
    ask("MULTI");
    ask("INCR a");
    ask("KEYS a");
    ask("INCR a");
    return ask("EXEC");
  };
  for (std::size_t i = 1; i < kListedKeysMax; ++i)
    ask("SET " + std::to_string(i) + " x");
  EXPECT_EQ(transaction(), "*3\r\n:1\r\n*1\r\n$1\r\na\r\n:2\r\n");
  ask("SET 0 x");
  EXPECT_EQ(ask("DBSIZE"), ":100001\r\n");
  EXPECT_EQ(transaction(), "*3\r\n:3\r\n*1\r\n$1\r\na\r\n:4\r\n");
}

/// Limits answers to two mebibytes.
void limit_answers(Limits& limits) {
  limits.value_bytes_max = 1;
  limits.request_bytes_max = 1_MiB;
  limits.output_bytes_hard_max = 3_MiB;
}

TEST_F(RedisTransactionTest, RepliesThatTogetherAreOverTheLimitFailInTheirPlaces) {
  limit_answers(server_.control.limits_value);
  const std::string value(900'000, 'x');
  ask({"SET", "a", value});
  ask("MULTI");
  for (int i = 0; i < 3; ++i)
    ask("GET a");
  ask("PING");
  const std::string reply = ask("EXEC");
  EXPECT_TRUE(reply.starts_with("*4\r\n$900000\r\n" + value + "\r\n$900000\r\n" + value +
                                "\r\n-ERR the answer is over the limit of "));
  EXPECT_TRUE(reply.ends_with("\r\n+PONG\r\n"));
}

TEST_F(RedisTransactionTest, ListsOfKeysThatTogetherAreOverTheLimitFailInTheirPlaces) {
  limit_answers(server_.control.limits_value);
  for (char c = 'a'; c < 'l'; ++c)
    ask({"SET", std::string(60'000, c), "1"});
  ask("MULTI");
  for (int i = 0; i < 4; ++i)
    ask("KEYS *");
  ask("PING");
  const std::string reply = ask("EXEC");
  EXPECT_TRUE(reply.starts_with("*5\r\n*11\r\n$60000\r\n"));
  EXPECT_LT(reply.size(), 2_MiB);
  EXPECT_NE(reply.find("\r\n-ERR the answer is over the limit of "), std::string::npos);
  EXPECT_TRUE(reply.ends_with("\r\n+PONG\r\n"));
}

TEST_F(RedisTransactionTest, WatchingNeedsTheRightToRead) {
  const std::string refused = "-NOPERM this user has no permissions to run the 'watch' command\r\n";
  RedisPeer stranger(server_, Role::kStranger);
  EXPECT_EQ(stranger.ask("WATCH a"), refused) << "or it would tell when somebody writes";
  EXPECT_EQ(stranger.ask("MULTI"), "+OK\r\n");
  EXPECT_EQ(stranger.ask("PING"), "+QUEUED\r\n");
  ask("SET a 1");
  EXPECT_EQ(stranger.ask("EXEC"), "*1\r\n+PONG\r\n");
  RedisPeer member(server_, Role::kMember);
  EXPECT_EQ(member.ask("WATCH a"), "+OK\r\n");
}

TEST_F(RedisTransactionTest, WhatACallerMayNotDoIsNotKept) {
  RedisPeer stranger(server_, Role::kStranger);
  stranger.ask("MULTI");
  const auto before = server_.store.memory().used();
  const std::string value(100'000, 'v');
  EXPECT_EQ(stranger.ask("SET a " + value),
            "-NOPERM this user has no permissions to run the 'set' command\r\n");
  EXPECT_EQ(server_.store.memory().used(), before);
}

TEST_F(RedisTransactionTest, LongCommandsHaveABoundTogether) {
  ask("SET a " + std::string(11'000, 'a'));
  ask("MULTI");
  constexpr int kComparisons = 3'000;
  for (int i = 0; i < kComparisons; ++i)
    ask("LCS a a LEN");
  for (const char* last : {"KEYS a*", "SCAN 0", "RANDOMKEY", "STRLEN a"})
    ask(last);
  const std::string reply = ask("EXEC");
  const std::string refused =
      "-ERR KEYS, SCAN, RANDOMKEY and LCS may do no more in this transaction\r\n";
  EXPECT_TRUE(reply.starts_with("*3004\r\n:11000\r\n:11000\r\n"));
  EXPECT_TRUE(reply.ends_with(refused + refused + refused + refused + ":11000\r\n"));
  std::size_t done = 0;
  for (std::size_t at = 0; (at = reply.find(":11000", at)) != std::string::npos; ++at)
    ++done;
  EXPECT_LT(done, 30U);
  ask("MULTI");
  ask("LCS a a LEN");
  EXPECT_EQ(ask("EXEC"), "*1\r\n:11000\r\n") << "the next transaction begins anew";
}

}  // namespace
}  // namespace appmem::test
