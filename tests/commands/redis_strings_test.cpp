#include <string>

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

using RedisStringsTest = RedisTest;

TEST_F(RedisStringsTest, GetTellsAValueOrNil) {
  EXPECT_EQ(ask("GET a"), "$-1\r\n");
  ask("SET a hello");
  EXPECT_EQ(ask("GET a"), "$5\r\nhello\r\n");
  EXPECT_EQ(ask("get a"), "$5\r\nhello\r\n");
  EXPECT_EQ(ask("GET a b"), "-ERR wrong number of arguments for 'get' command\r\n");
}

TEST_F(RedisStringsTest, WhatJsonClientsStoredIsItsDigitsOrItsText) {
  json_.ask(R"({"op":"set","key":"n","value":-42})");
  json_.ask(R"({"op":"set","key":"d","value":{"a": [1]}})");
  EXPECT_EQ(ask("GET n"), "$3\r\n-42\r\n");
  EXPECT_EQ(ask("STRLEN n"), ":3\r\n");
  EXPECT_EQ(ask("GETRANGE n 1 -1"), "$2\r\n42\r\n");
  EXPECT_EQ(ask("GET d"), bulk(R"({"a": [1]})"));
  EXPECT_EQ(ask("GETRANGE d 0 3"), bulk(R"({"a")"));
  EXPECT_EQ(ask("STRLEN d"), ":10\r\n");
  EXPECT_EQ(ask("APPEND n 7"), ":4\r\n");
  EXPECT_EQ(ask("GET n"), "$4\r\n-427\r\n");
  EXPECT_THAT(ask("APPEND d x"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_THAT(ask("SETRANGE d 0 x"), testing::StartsWith("-WRONGTYPE "));
}

TEST_F(RedisStringsTest, LargeValuesAreSentAsTheyLie) {
  const std::string large(kInlineValueBytesMax + 1, 'x');
  ask({"SET", "a", large});
  const std::uint64_t before = server_.store.memory().used();
  EXPECT_EQ(ask("GET a"), bulk(large));
  EXPECT_EQ(ask("GETRANGE a -3 -1"), "$3\r\nxxx\r\n");
  EXPECT_EQ(ask("MGET a b a"), "*3\r\n" + bulk(large) + "$-1\r\n" + bulk(large));
  EXPECT_LT(redis_.waiting_bytes_max, 3 * large.size());
  EXPECT_LT(server_.store.memory().used(), before + large.size());
  EXPECT_EQ(ask({"APPEND", "a", "y"}), ':' + std::to_string(large.size() + 1) + "\r\n");
  EXPECT_EQ(ask("SETRANGE a 1 Z"), ':' + std::to_string(large.size() + 1) + "\r\n");
  EXPECT_EQ(ask("GETRANGE a 0 2"), "$3\r\nxZx\r\n");
  EXPECT_EQ(ask("GETRANGE a -2 -1"), "$2\r\nxy\r\n");
}

TEST_F(RedisStringsTest, GetdelTellsAndDeletes) {
  ask("SET a 1");
  EXPECT_EQ(ask("GETDEL a"), "$1\r\n1\r\n");
  EXPECT_EQ(ask("GETDEL a"), "$-1\r\n");
}

TEST_F(RedisStringsTest, AppendCreatesAndKeepsTheDeadline) {
  EXPECT_EQ(ask("APPEND a ab"), ":2\r\n");
  ask("PEXPIRE a 1000");
  EXPECT_EQ(ask("APPEND a cd"), ":4\r\n");
  EXPECT_EQ(ask("GET a"), "$4\r\nabcd\r\n");
  EXPECT_EQ(ask("PTTL a"), ":1000\r\n");
  EXPECT_EQ(ask({"APPEND", "b", ""}), ":0\r\n");
  EXPECT_EQ(ask("GET b"), "$0\r\n\r\n");
}

TEST_F(RedisStringsTest, GetrangeCountsFromEitherEnd) {
  ask({"SET", "a", "This is a string"});
  EXPECT_EQ(ask("GETRANGE a 0 3"), "$4\r\nThis\r\n");
  EXPECT_EQ(ask("GETRANGE a -3 -1"), "$3\r\ning\r\n");
  EXPECT_EQ(ask("GETRANGE a 0 -1"), bulk("This is a string"));
  EXPECT_EQ(ask("GETRANGE a 10 100"), bulk("string"));
  EXPECT_EQ(ask("SUBSTR a 5 6"), "$2\r\nis\r\n");
  EXPECT_EQ(ask("GETRANGE a 5 4"), "$0\r\n\r\n");
  EXPECT_EQ(ask("GETRANGE a 16 20"), "$0\r\n\r\n");
  EXPECT_EQ(ask("GETRANGE a -100 -50"), "$1\r\nT\r\n");
  EXPECT_EQ(ask("GETRANGE a -50 -100"), "$0\r\n\r\n");
  EXPECT_EQ(ask("GETRANGE a -9223372036854775808 9223372036854775807"), bulk("This is a string"));
  EXPECT_EQ(ask("GETRANGE nosuch 0 -1"), "$0\r\n\r\n");
  EXPECT_EQ(ask("GETRANGE a x 1"), kNotAnInteger);
  EXPECT_EQ(ask("GETRANGE nosuch 0 1.5"), kNotAnInteger);
}

TEST_F(RedisStringsTest, SetrangeOverwritesAndFillsUpWithZeros) {
  ask({"SET", "a", "Hello World"});
  ask("PEXPIRE a 1000");
  EXPECT_EQ(ask("SETRANGE a 6 Redis"), ":11\r\n");
  EXPECT_EQ(ask("GET a"), bulk("Hello Redis"));
  EXPECT_EQ(ask("PTTL a"), ":1000\r\n");
  EXPECT_EQ(ask("SETRANGE b 2 x"), ":3\r\n");
  EXPECT_EQ(ask("GET b"), bulk(std::string("\0\0x", 3)));
  EXPECT_EQ(ask("SETRANGE b 5 y"), ":6\r\n");
  EXPECT_EQ(ask("GET b"), bulk(std::string("\0\0x\0\0y", 6)));
  EXPECT_EQ(ask({"SETRANGE", "nosuch", "9223372036854775807", ""}), ":0\r\n");
  EXPECT_EQ(ask("EXISTS nosuch"), ":0\r\n");
  EXPECT_EQ(ask({"SETRANGE", "a", "100", ""}), ":11\r\n");
  ask("SET n 1234");
  ask("INCR n");
  EXPECT_EQ(ask("SETRANGE n 1 9"), ":4\r\n");
  EXPECT_EQ(ask("GET n"), "$4\r\n1935\r\n");
}

TEST_F(RedisStringsTest, SetrangeIsRefusedBeforeItTakesMemory) {
  EXPECT_EQ(ask("SETRANGE a -1 x"), "-ERR offset is out of range\r\n");
  EXPECT_EQ(ask("SETRANGE a x x"), kNotAnInteger);
  EXPECT_EQ(ask("SETRANGE a 536870912 x"),
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
  EXPECT_EQ(ask("SETRANGE a 9223372036854775807 x"),
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
  EXPECT_EQ(ask("SETRANGE a 536870911 x"),
            "-ERR the value of 536870912 bytes is over max_value_bytes, 16777216\r\n");
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
}

TEST_F(RedisStringsTest, MgetTellsEachKeyInOrder) {
  ask("MSET a 1 b two");
  EXPECT_EQ(ask("MGET b nosuch a b"), "*4\r\n$3\r\ntwo\r\n$-1\r\n$1\r\n1\r\n$3\r\ntwo\r\n");
}

TEST_F(RedisStringsTest, ReadingADatabaseThatDoesNotExistYet) {
  ask("SELECT 7");
  EXPECT_EQ(ask("GET a"), "$-1\r\n");
  EXPECT_EQ(ask("MGET a b"), "*2\r\n$-1\r\n$-1\r\n");
  EXPECT_EQ(ask("GETDEL a"), "$-1\r\n");
  EXPECT_EQ(ask("STRLEN a"), ":0\r\n");
  EXPECT_EQ(ask("APPEND a x"), ":1\r\n");
  EXPECT_EQ(ask("GET a"), "$1\r\nx\r\n");
}

TEST_F(RedisStringsTest, NamespacesConvertOrRefuse) {
  for (const char* type : {"int", "string", "json"}) {
    json_.ask(R"({"op":"ns.create","name":")" + std::string(type) + R"(","type":")" + type +
              R"("})");
  }
  ask("SELECT int");
  EXPECT_EQ(ask("SET a 12"), "+OK\r\n");
  EXPECT_THAT(ask("SET a x"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_THAT(ask("APPEND a 3"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_THAT(ask("SETRANGE a 1 5"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_EQ(ask("GET a"), "$2\r\n12\r\n");
  ask("SELECT string");
  EXPECT_EQ(ask("SET a 12"), "+OK\r\n");
  EXPECT_EQ(ask("APPEND a 3"), ":3\r\n");
  ask("SELECT json");
  EXPECT_EQ(ask("SET a [1]"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$3\r\n[1]\r\n");
  EXPECT_THAT(ask("SET a [1"), testing::StartsWith("-ERR "));
  EXPECT_THAT(ask("APPEND a x"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_THAT(ask("SETRANGE b 0 1"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_EQ(json_.ask(R"({"op":"get","key":"a","ns":"json","id":1})").find(R"("value":[1])") !=
                std::string::npos,
            true);
}

class RedisAnswerLimitTest : public RedisTest {
 protected:
  RedisAnswerLimitTest() : RedisTest(ServerOptions{.max_memory_bytes = 256_MiB}) {}
};

TEST_F(RedisAnswerLimitTest, AnAnswerThatNoConnectionMayHoldIsRefusedWhereItStands) {
  const std::string large(15_MiB, 'x');
  ask({"SET", "a", large});
  ask("SET b small");
  std::vector<std::string> many{"MGET"};
  many.resize(20, "a");
  EXPECT_THAT(ask(many), testing::StartsWith("-ERR the answer is over the limit of "));

  ask("MULTI");
  for (int i = 0; i < 20; ++i)
    ask("GET a");
  ask("GETDEL a");
  ask("GETSET a new");
  ask("MGET a b");
  ask("GET b");
  const std::string replies = ask("EXEC");
  EXPECT_THAT(replies, testing::StartsWith("*24\r\n$15728640\r\nxxx"));
  EXPECT_THAT(replies, testing::EndsWith("$5\r\nsmall\r\n"));
  EXPECT_LT(replies.size(), server_.control.limits_value.answer_bytes_max());
  std::size_t refusals = 0;
  for (std::size_t at = 0; (at = replies.find("-ERR the answer", at)) != std::string::npos; ++at)
    ++refusals;
  EXPECT_EQ(refusals, 20U - 16 + 3);
  // What could not be told has not been deleted or replaced.
  EXPECT_EQ(ask("STRLEN a"), ":15728640\r\n");
}

class RedisLargeValueTest : public RedisTest {
 protected:
  RedisLargeValueTest() : RedisTest(ServerOptions{.max_memory_bytes = 32_MiB}) {}
};

TEST_F(RedisLargeValueTest, AreStoredWhereTheyWerePutTogether) {
  // There is room for one of these, so that a copy would find none.
  const std::string large(15_MiB, 'x');
  EXPECT_EQ(ask({"SET", "a", large}), "+OK\r\n");
  EXPECT_EQ(ask("STRLEN a"), ":15728640\r\n");
  EXPECT_EQ(ask({"APPEND", "a", "more"}), ":15728644\r\n");
  EXPECT_EQ(ask({"SETRANGE", "a", "15728646", "end"}), ":15728649\r\n");
  EXPECT_EQ(ask({"GETRANGE", "a", "-10", "-1"}), std::string_view("$10\r\nxmore\0\0end\r\n", 17));
  EXPECT_EQ(ask("DEL a"), ":1\r\n");
  EXPECT_EQ(ask({"MSET", "a", std::string(7_MiB, 'a'), "b", std::string(7_MiB, 'b')}), "+OK\r\n");
  EXPECT_EQ(ask("STRLEN b"), ":7340032\r\n");
}

}  // namespace
}  // namespace appmem::test
