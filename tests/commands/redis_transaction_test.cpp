#include <atomic>
#include <cstddef>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "appmem/base/limits.h"
#include "appmem/commands/session_view.h"
#include "commands/harness.h"
#include "support/environment.h"

namespace appmem::test {
namespace {

class RedisTransactionTest : public RedisTest {
 protected:
  /// What the connection holds, as CLIENT LIST tells.
  std::uint64_t held_bytes() {
    commands::SessionView view;
    view.publish(redis_.session);
    return view.queue_bytes();
  }
  /// What is charged when nothing waits to be given back.
  std::uint64_t used() {
    while (server_.store.maintain(0, 1, server_.clock.now(), {1'000})) {
    }
    return server_.store.memory().used();
  }
};

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

TEST_F(RedisTransactionTest, ACommandThatWasNotEvenReadRefusesTheWhole) {
  commands::Dispatcher::refused_unread(redis_.session);
  ask("MULTI");
  ask("SET a 1");
  commands::Dispatcher::refused_unread(redis_.session);
  ask("SET b 1");
  EXPECT_EQ(ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(ask("EXISTS a b"), ":0\r\n");
  ask("MULTI");
  EXPECT_EQ(ask("EXEC"), "*0\r\n");
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
  const std::uint64_t before = used();
  ask("MULTI");
  ask({"SET", "a", std::string(100'000, 'x')});
  EXPECT_GE(used(), before + 100'000);
  ask("DISCARD");
  EXPECT_LT(used(), before + 10'000);
}

TEST_F(RedisTransactionTest, ManyCommandsAreExecutedAsTheyWereQueued) {
  constexpr std::size_t kCommands = 3'000;
  ask("MULTI");
  std::string expected = '*' + std::to_string(kCommands) + "\r\n";
  for (std::size_t i = 0; i < kCommands; ++i) {
    const std::string word(i % 700 == 0 ? 100'000 : i % 50, static_cast<char>('a' + i % 26));
    EXPECT_EQ(ask({"ECHO", word}), "+QUEUED\r\n");
    expected += '$' + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  EXPECT_EQ(ask("EXEC"), expected);
}

TEST_F(RedisTransactionTest, ATransactionTakesItsShareOfMemoryAtMost) {
  const std::uint64_t share = server_.store.memory().limit() / kTransactionMemoryShare;
  ASSERT_EQ(share, 4_MiB);
  ask("MULTI");
  const std::uint64_t before = used();
  std::size_t queued = 0;
  const std::string value(100, 'x');
  std::string reply;
  while ((reply = ask({"SET", "a", value})) == "+QUEUED\r\n") {
    ++queued;
    ASSERT_LE(used(), before + share);
    ASSERT_EQ(held_bytes(), used() - before);
  }
  EXPECT_EQ(reply, "-ERR a transaction has at most 100000 commands of together 4MiB\r\n");
  EXPECT_GT(queued, share / 150);
  EXPECT_LT(used(), before + 10'000) << "it cannot be executed any more";
  EXPECT_EQ(ask("SET a 1"), "+QUEUED\r\n") << "as Redis, which keeps nothing either";
  EXPECT_LT(used(), before + 10'000);
  EXPECT_EQ(ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
}

TEST_F(RedisTransactionTest, AllTransactionsTogetherTakeAQuarterOfMemoryAtMost) {
  const std::uint64_t before = used();
  std::vector<std::unique_ptr<RedisPeer>> peers;
  const std::string value(1'000, 'x');
  std::size_t refused = 0;
  for (int i = 0; i < 10; ++i) {
    RedisPeer& peer = *peers.emplace_back(std::make_unique<RedisPeer>(server_));
    peer.ask(i % 2 == 0 ? "MULTI" : "WATCH w");
    peer.ask("MULTI");
    for (int command = 0; command < 3'500; ++command) {
      const std::string reply = peer.ask({"SET", "a", value});
      if (reply == "+QUEUED\r\n") continue;
      ASSERT_EQ(reply, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
      ++refused;
      break;
    }
    EXPECT_LE(used(), before + 16_MiB + 100'000);
  }
  EXPECT_EQ(refused, 6U);  // what was queued there is given back
  EXPECT_EQ(ask({"WATCH", std::string(60'000, 'k')}), "+OK\r\n");
  ask("UNWATCH");
  peers.clear();
  EXPECT_LE(used(), before + 100'000);
}

TEST_F(RedisTransactionTest, TheLargestCommandFillsTheShareAndOneByteMoreIsRefused) {
  const std::size_t share = transaction_bytes_max(server_.store.memory().limit());
  const auto fits = [&](std::size_t bytes) {
    ask("MULTI");
    const bool queued = ask({"SET", "a", std::string(bytes, 'x')}) == "+QUEUED\r\n";
    EXPECT_LE(held_bytes(), share);
    EXPECT_EQ(held_bytes() > bytes, queued);
    ask("DISCARD");
    return queued;
  };
  std::size_t good = 0;
  std::size_t bad = share;
  while (good + 1 < bad) {
    const std::size_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  EXPECT_TRUE(fits(good));
  EXPECT_FALSE(fits(good + 1));
  EXPECT_GT(good, share - 8_KiB);
}

TEST_F(RedisTransactionTest, WhatIsWatchedIsPartOfTheShare) {
  const std::size_t share = transaction_bytes_max(server_.store.memory().limit());
  ask("PING");
  const std::uint64_t before = used();
  std::size_t watched = 0;
  std::string reply;
  while ((reply = ask({"WATCH", std::to_string(watched) + std::string(60'000, 'k')})) == "+OK\r\n")
    ++watched;
  EXPECT_EQ(reply, "-ERR a connection watches keys of together at most 4MiB\r\n");
  EXPECT_EQ(watched, share / 60'300);
  EXPECT_LE(used(), before + share);
  ask("MULTI");
  EXPECT_EQ(ask({"SET", "a", std::string(60'000, 'x')}),
            "-ERR a transaction has at most 100000 commands of together 4MiB\r\n");
  ask("DISCARD");
  EXPECT_EQ(used(), before);
}

TEST_F(RedisTransactionTest, WithoutMemoryACommandIsRefusedAndWithItTheTransaction) {
  MemoryBudget& memory = server_.store.memory();
  ask("SET a 1");
  EXPECT_EQ(ask("WATCH a"), "+OK\r\n");
  ask("MULTI");
  EXPECT_EQ(ask("GET a"), "+QUEUED\r\n");
  const std::uint64_t rest = memory.limit() - memory.used();
  memory.charge(rest);
  const std::string too_much(10'000, 'x');
  constexpr const char* kOutOfMemory =
      "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
  // The one entry there is may go for it, but does not make room enough.
  memory.charge(1_MiB);
  EXPECT_EQ(ask({"SET", "b", too_much}), kOutOfMemory);
  EXPECT_EQ(ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(ask("WATCH a"), kOutOfMemory);
  memory.release(rest + 1_MiB);
  EXPECT_EQ(ask("WATCH a"), "+OK\r\n");
  EXPECT_EQ(ask("EXISTS b"), ":0\r\n");
}

TEST_F(RedisTransactionTest, EntriesGiveWayToATransaction) {
  MemoryBudget& memory = server_.store.memory();
  const std::string value(1'000, 'v');
  for (std::size_t i = 0; memory.used() < memory.limit() - 1_MiB; ++i)
    ASSERT_EQ(ask({"SET", "key" + std::to_string(i), value}), "+OK\r\n");
  ask("MULTI");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask({"SET", "a", std::string(1'000'000, 'x')}), "+QUEUED\r\n");
    EXPECT_LE(memory.used(), memory.limit());
  }
  EXPECT_EQ(ask("EXEC"), "*3\r\n+OK\r\n+OK\r\n+OK\r\n");
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

TEST_F(RedisTransactionTest, CopyingWhatIsNotThereMakesNoDatabase) {
  ask("SET there 1");
  ask("MULTI");
  ask("COPY absent absent DB 5");
  ask("DEL there");
  ask("MOVE other 6");
  EXPECT_EQ(ask("EXEC"), "*3\r\n:0\r\n:1\r\n:0\r\n");
  EXPECT_FALSE(server_.store.find_namespace("db5"));
  EXPECT_FALSE(server_.store.find_namespace("db6"));
}

TEST_F(RedisTransactionTest, WhatACommandBeforeHasStoredIsCopiedToANewDatabase) {
  ask("SET there 1");
  ask("MULTI");
  ask("COPY new new DB 4");  // too early
  ask("SET new 2");
  ask("COPY new new DB 5");
  ask("RENAME there moved");
  ask("MOVE moved 6");
  ask("COPY there there DB 7");  // gone, though it was there when keys were locked
  EXPECT_EQ(ask("EXEC"), "*6\r\n:0\r\n+OK\r\n:1\r\n+OK\r\n:1\r\n:0\r\n");
  EXPECT_FALSE(server_.store.find_namespace("db4"));
  ask("SELECT 5");
  EXPECT_EQ(ask("GET new"), "$1\r\n2\r\n");
  ask("SELECT 6");
  EXPECT_EQ(ask("GET moved"), "$1\r\n1\r\n");
}

TEST_F(RedisTransactionTest, WhoClosesItselfIsToldNoMoreAndTheRestIsExecuted) {
  commands::ClientInfo own;
  own.id = redis_.session.id;
  server_.control.clients_value = {own};
  ask("MULTI");
  ask("CLIENT ID");
  ask("CLIENT KILL TYPE normal SKIPME no");
  ask("SET a 1");
  EXPECT_EQ(ask("EXEC"), "*3\r\n:" + std::to_string(redis_.session.id) + "\r\n:1\r\n");
  EXPECT_TRUE(redis_.close);
  RedisPeer other(server_);
  EXPECT_EQ(other.ask("GET a"), "$1\r\n1\r\n");
}

}  // namespace
}  // namespace appmem::test
