// RESP: SELECT, DBSIZE, FLUSHDB, FLUSHALL, SWAPDB. Replies are those of Redis 7.0.15.

#include <future>
#include <string>
#include <vector>

#include "appmem/base/limits.h"
#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

using RedisDatabasesTest = RedisTest;

TEST_F(RedisDatabasesTest, DatabasesAreSelectedByNumber) {
  ask("SET a 0");
  EXPECT_EQ(ask("SELECT 15"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$-1\r\n");
  EXPECT_EQ(server_.store.find_namespace("db15"), std::nullopt);
  EXPECT_EQ(ask("SET a 15"), "+OK\r\n");
  EXPECT_NE(server_.store.find_namespace("db15"), std::nullopt);
  EXPECT_EQ(ask("SELECT 0"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$1\r\n0\r\n");
}

TEST_F(RedisDatabasesTest, NumbersAreReadAsRedisReadsThem) {
  EXPECT_EQ(ask("SELECT 16"), kDatabaseOutOfRange);
  EXPECT_EQ(ask("SELECT -1"), kDatabaseOutOfRange);
  EXPECT_EQ(ask("SELECT 01"), kNotAnInteger);
  EXPECT_EQ(ask("SELECT 99999999999999999999"), kNotAnInteger);
  EXPECT_EQ(ask(std::vector<std::string>{"SELECT", ""}), kNotAnInteger);
  EXPECT_EQ(ask("SELECT 4294967296"),
            "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
}

TEST_F(RedisDatabasesTest, NamespacesAreSelectedByName) {
  EXPECT_EQ(ask("SELECT sessions"), "-ERR no such namespace\r\n");
  json_.ask(R"({"op":"ns.create","name":"sessions"})");
  EXPECT_EQ(ask("SELECT sessions"), "+OK\r\n");
  ask("SET a 1");
  EXPECT_EQ(ask("SELECT default"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$-1\r\n");
  EXPECT_EQ(ask("SELECT 3"), "+OK\r\n");
  EXPECT_EQ(ask("SELECT sessions"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$1\r\n1\r\n");
}

TEST_F(RedisDatabasesTest, WhoMayNotReadSelectsNothingAndLearnsNothing) {
  json_.ask(R"({"op":"ns.create","name":"sessions"})");
  constexpr const char* kRefused =
      "-NOPERM this user has no permissions to run the 'select' command\r\n";
  RedisPeer member(server_, Role::kMember);
  EXPECT_EQ(member.ask("SELECT 0"), "+OK\r\n");
  EXPECT_EQ(member.ask("SELECT default"), "+OK\r\n");
  for (const char* request : {"SELECT 1", "SELECT sessions", "SELECT nope"}) {
    EXPECT_EQ(member.ask(request), kRefused);
  }
  RedisPeer stranger(server_, Role::kStranger);
  EXPECT_EQ(stranger.ask("SELECT 0"), kRefused);
}

TEST_F(RedisDatabasesTest, DbsizeCountsTheSelectedDatabase) {
  EXPECT_EQ(ask("DBSIZE"), ":0\r\n");
  ask("MSET a 1 b 2");
  EXPECT_EQ(ask("DBSIZE"), ":2\r\n");
  ask("SELECT 4");
  EXPECT_EQ(ask("DBSIZE"), ":0\r\n");
}

TEST_F(RedisDatabasesTest, AWriteThatFailsMakesNoDatabase) {
  const auto exists = [&] {
    return server_.store.find_namespace("db5").has_value();
  };
  const std::string longest_key(kKeyBytesMax + 1, 'k');
  server_.control.limits_value.value_bytes_max = 1'000;
  const std::string longest_value(server_.control.limits_value.value_bytes_max + 1, 'v');
  const std::vector<std::vector<std::string>> failing = {
      {"SET", "a", "1", "XX"},
      {"SET", "a", "1", "EX", "0"},
      {"SET", "a", "1", "NX", "XX"},
      {"SET", "a", "1", "PXAT", "1"},
      {"SET", longest_key, "1"},
      {"SET", "a", longest_value},
      {"SETEX", "a", "-1", "1"},
      {"INCRBY", "a", "x"},
      {"INCR", longest_key},
      {"INCRBYFLOAT", "a", "x"},
      {"DECRBY", "a", "-9223372036854775808"},
      {"APPEND", "a", longest_value},
      {"SETRANGE", "a", "-1", "x"},
      {"SETRANGE", "a", "0", ""},
      {"SETRANGE", "a", "536870911", "xx"},
      {"MSET", "a", "1", "b"},
      {"MSET", "a", "1", "b", longest_value},
      {"MSET", "a", "1", longest_key, "2"},
      {"MSETNX", "a", "1", "b", longest_value},
      {"RENAME", "a", "b"},
      {"COPY", "a", "b"},
      {"GETEX", "a", "EX", "10"},
      {"GETSET", "a", longest_value},
      {"LCS", "a", "b"},
      {"EXPIRE", "a", "10"},
      {"INFO"},
  };
  ask("SELECT 5");
  for (const auto& words : failing) {
    ask(words);
    EXPECT_FALSE(exists()) << words[0] << ' ' << words.size();
  }
  ask("WATCH a");
  ask("MULTI");
  for (const auto& words : failing)
    EXPECT_EQ(ask(words), "+QUEUED\r\n");
  ask("EXEC");
  EXPECT_FALSE(exists());
  // The first one that succeeds makes it, within a transaction as well.
  ask("MULTI");
  ask("INCRBY a x");
  ask("INCRBY a 5");
  ask("RENAME a b");
  ask("GET b");
  EXPECT_EQ(ask("EXEC"),
            "*4\r\n-ERR value is not an integer or out of range\r\n:5\r\n+OK\r\n$1\r\n5\r\n");
  EXPECT_TRUE(exists());
  EXPECT_EQ(ask("DBSIZE"), ":1\r\n");
}

TEST_F(RedisDatabasesTest, WhatComesToNothingWaitsForNoLock) {
  ask("SELECT 5");
  server_.store.exclusively([&] {
    const auto answer_of = [&](const std::string& line) {
      return std::async(std::launch::async, [&] { return ask(line); }).get();
    };
    EXPECT_EQ(answer_of("SET a 1 XX"), "$-1\r\n");
    EXPECT_EQ(answer_of("SET a 1 XX GET"), "$-1\r\n");
    EXPECT_EQ(answer_of("SET a 1 EX 0"), "-ERR invalid expire time in 'set' command\r\n");
    EXPECT_EQ(answer_of("INCRBY a x"), "-ERR value is not an integer or out of range\r\n");
    EXPECT_EQ(answer_of("COPY a b"), ":0\r\n");
  });
  EXPECT_EQ(ask("SET a 1"), "+OK\r\n");
  EXPECT_EQ(ask("SET a 2 XX GET"), "$1\r\n1\r\n");
}

TEST_F(RedisDatabasesTest, EveryKindOfWriteMakesTheDatabaseThatItNeeds) {
  const std::vector<std::string> writes = {"SET a 1",        "SETNX a 1",         "MSET a 1 b 2",
                                           "MSETNX a 1 b 2", "APPEND a x",        "SETRANGE a 2 x",
                                           "INCR a",         "INCRBYFLOAT a 1.5", "SETEX a 10 x",
                                           "GETSET a x",     "SET a x GET"};
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    ask("SELECT " + number);
    EXPECT_EQ(ask(writes[i]).find('-'),
              writes[i].find("GET") == std::string::npos ? std::string::npos : 1)
        << writes[i];
    EXPECT_TRUE(server_.store.find_namespace("db" + number)) << writes[i];
    EXPECT_EQ(ask("EXISTS a"), ":1\r\n");
  }
}

TEST_F(RedisDatabasesTest, FlushdbClearsTheSelectedDatabase) {
  ask("SET a 1");
  ask("SELECT 4");
  EXPECT_EQ(ask("FLUSHDB"), "+OK\r\n");
  EXPECT_EQ(server_.store.find_namespace("db4"), std::nullopt);
  ask("SET a 1");
  EXPECT_EQ(ask("FLUSHDB ASYNC"), "+OK\r\n");
  EXPECT_EQ(ask("FLUSHDB sync"), "+OK\r\n");
  EXPECT_EQ(ask("DBSIZE"), ":0\r\n");
  ask("SELECT 0");
  EXPECT_EQ(ask("DBSIZE"), ":1\r\n");
  EXPECT_EQ(ask("FLUSHDB now"), kSyntaxError);
  EXPECT_EQ(ask("FLUSHDB ASYNC ASYNC"), kSyntaxError);
}

TEST_F(RedisDatabasesTest, FlushallClearsNumberedDatabasesAndNoNamespace) {
  json_.ask(R"({"op":"ns.create","name":"sessions"})");
  for (const char* name : {"0", "1", "15", "sessions"}) {
    ask(std::string("SELECT ") + name);
    ask("SET a 1");
  }
  EXPECT_EQ(ask("FLUSHALL now"), kSyntaxError);
  EXPECT_EQ(ask("FLUSHALL"), "+OK\r\n");
  EXPECT_EQ(ask("DBSIZE"), ":1\r\n");
  for (const char* name : {"0", "1", "15"}) {
    ask(std::string("SELECT ") + name);
    EXPECT_EQ(ask("DBSIZE"), ":0\r\n") << name;
  }
  RedisPeer member(server_, Role::kMember);
  EXPECT_EQ(member.ask("FLUSHALL"),
            "-NOPERM this user has no permissions to run the 'flushall' command\r\n");
}

TEST_F(RedisDatabasesTest, SwappedDatabasesAreSeenByEveryConnection) {
  ask("SET a 0");
  RedisPeer other(server_);
  other.ask("SELECT 5");
  EXPECT_EQ(ask("SWAPDB 0 5"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$-1\r\n");
  EXPECT_EQ(other.ask("GET a"), "$1\r\n0\r\n");
  EXPECT_EQ(json_.ask(R"({"op":"exists","key":"a"})"), R"({"ok":true,"count":0})");
  EXPECT_EQ(ask("SWAPDB 5 0"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$1\r\n0\r\n");
  EXPECT_EQ(ask("SWAPDB 3 3"), "+OK\r\n");
}

TEST_F(RedisDatabasesTest, ASwapIsRefused) {
  EXPECT_EQ(ask("SWAPDB a b"), "-ERR invalid first DB index\r\n");
  EXPECT_EQ(ask("SWAPDB 16 b"), "-ERR invalid second DB index\r\n");
  EXPECT_EQ(ask("SWAPDB 99999999999 0"), "-ERR invalid first DB index\r\n");
  EXPECT_EQ(ask("SWAPDB 0 16"), kDatabaseOutOfRange);
  EXPECT_EQ(ask("SWAPDB -1 0"), kDatabaseOutOfRange);
  RedisPeer member(server_, Role::kMember);
  EXPECT_EQ(member.ask("SWAPDB 0 1"),
            "-NOPERM this user has no permissions to run the 'swapdb' command\r\n");
}

TEST_F(RedisDatabasesTest, AWatchedKeyNoticesASwap) {
  // As the first keys of their databases, both may have the same version.
  ask("SET a 1");
  ask("COPY a a DB 1");
  ask("WATCH a");
  RedisPeer other(server_);
  EXPECT_EQ(other.ask("SWAPDB 0 1"), "+OK\r\n");
  ask("MULTI");
  ask("SET a 2");
  EXPECT_EQ(ask("EXEC"), "*-1\r\n");
}

}  // namespace
}  // namespace appmem::test
