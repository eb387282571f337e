// RESP: COPY, DEL, EXISTS, MOVE, RENAME, TYPE and their kin. Replies are those of Redis 7.0.15.

#include "appmem/base/limits.h"
#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

using RedisKeysTest = RedisTest;

constexpr const char* kSameObjects = "-ERR source and destination objects are the same\r\n";
constexpr const char* kNotAnInt =
    "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n";

TEST_F(RedisKeysTest, EveryMentionOfAKeyIsCountedOnceItIsDeleted) {
  ask("MSET a 1 b 2");
  EXPECT_EQ(ask("EXISTS a b a nope"), ":3\r\n");
  EXPECT_EQ(ask("TOUCH a a nope"), ":2\r\n");
  EXPECT_EQ(ask("DEL a a nope"), ":1\r\n");
  EXPECT_EQ(ask("UNLINK b"), ":1\r\n");
  EXPECT_EQ(ask("UNLINK b"), ":0\r\n");
  EXPECT_EQ(ask("EXISTS a b"), ":0\r\n");
}

TEST_F(RedisKeysTest, WhatHasExpiredIsNotThere) {
  ask("SET a 1 PX 100");
  pass(milliseconds{100});
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
  EXPECT_EQ(ask("TYPE a"), "+none\r\n");
  EXPECT_EQ(ask("DEL a"), ":0\r\n");
  EXPECT_EQ(ask("RENAME a b"), "-ERR no such key\r\n");
  EXPECT_EQ(ask("COPY a b"), ":0\r\n");
  EXPECT_EQ(ask("MOVE a 1"), ":0\r\n");
}

TEST_F(RedisKeysTest, ADeletionWithAKeyThatIsTooLongDeletesNothing) {
  ask("SET a 1");
  EXPECT_EQ(ask({"DEL", "a", std::string(kKeyBytesMax + 1, 'k')}),
            "-ERR the key of 65537 bytes is over the limit of 65536\r\n");
  EXPECT_EQ(ask("EXISTS a"), ":1\r\n");
}

TEST_F(RedisKeysTest, EveryValueIsAString) {
  json_.ask(R"({"op":"mset","entries":[{"key":"n","value":1},{"key":"d","value":{"a":1}}]})");
  EXPECT_EQ(ask("TYPE n"), "+string\r\n");
  EXPECT_EQ(ask("TYPE d"), "+string\r\n");
  EXPECT_EQ(ask("TYPE nope"), "+none\r\n");
}

TEST_F(RedisKeysTest, ARenamedKeyTakesValueAndDeadlineAlong) {
  ask("SET a 1 PX 5000");
  ask("SET b 2");
  EXPECT_EQ(ask("RENAME a b"), "+OK\r\n");
  EXPECT_EQ(ask("PTTL b"), ":5000\r\n");
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
  ask("SET c 3");
  EXPECT_EQ(ask("RENAME c b"), "+OK\r\n");
  EXPECT_EQ(ask("PTTL b"), ":-1\r\n");
  EXPECT_EQ(ask("GET b"), "$1\r\n3\r\n");
}

TEST_F(RedisKeysTest, ARenameToItselfNeedsAKeyAndChangesNothing) {
  EXPECT_EQ(ask("RENAME a a"), "-ERR no such key\r\n");
  EXPECT_EQ(ask("RENAMENX a a"), "-ERR no such key\r\n");
  ask("SET a 1 PX 5000");
  EXPECT_EQ(ask("RENAME a a"), "+OK\r\n");
  EXPECT_EQ(ask("RENAMENX a a"), ":0\r\n");
  EXPECT_EQ(ask("PTTL a"), ":5000\r\n");
}

TEST_F(RedisKeysTest, RenamenxLeavesAnotherKeyAlone) {
  ask("MSET a 1 b 2");
  EXPECT_EQ(ask("RENAMENX a b"), ":0\r\n");
  EXPECT_EQ(ask("RENAMENX a c"), ":1\r\n");
  EXPECT_EQ(ask("MGET a b c"), "*3\r\n$-1\r\n$1\r\n2\r\n$1\r\n1\r\n");
}

TEST_F(RedisKeysTest, ALargeValueIsRenamedAndCopied) {
  const std::string large(3'000'000, 'x');
  ask({"SET", "a", large});
  EXPECT_EQ(ask("RENAME a b"), "+OK\r\n");
  EXPECT_EQ(ask("COPY b c"), ":1\r\n");
  EXPECT_EQ(ask("APPEND c y"), ":3000001\r\n");
  EXPECT_EQ(ask("GET b"), "$3000000\r\n" + large + "\r\n");
}

TEST_F(RedisKeysTest, ACopyTakesValueAndDeadlineAlong) {
  ask("SET a 1 PX 5000");
  EXPECT_EQ(ask("COPY a b"), ":1\r\n");
  EXPECT_EQ(ask("PTTL b"), ":5000\r\n");
  ask("SET c 3");
  EXPECT_EQ(ask("COPY c b"), ":0\r\n");
  EXPECT_EQ(ask("COPY c b replace"), ":1\r\n");
  EXPECT_EQ(ask("GET b"), "$1\r\n3\r\n");
  EXPECT_EQ(ask("PTTL b"), ":-1\r\n");
  EXPECT_EQ(ask("COPY nope b REPLACE"), ":0\r\n");
  EXPECT_EQ(ask("GET b"), "$1\r\n3\r\n");
}

TEST_F(RedisKeysTest, ACopyGoesToAnotherDatabase) {
  ask("SET a 1 PX 5000");
  EXPECT_EQ(ask("COPY a a DB 1"), ":1\r\n");
  EXPECT_EQ(ask("COPY a b DB 2 REPLACE DB 1"), ":1\r\n");
  EXPECT_EQ(ask("COPY a b db 1"), ":0\r\n");
  ask("SELECT 1");
  EXPECT_EQ(ask("DBSIZE"), ":2\r\n");
  EXPECT_EQ(ask("PTTL a"), ":5000\r\n");
  EXPECT_EQ(ask("COPY a c DB 0"), ":1\r\n");
  ask("SELECT 0");
  EXPECT_EQ(ask("GET c"), "$1\r\n1\r\n");
}

TEST_F(RedisKeysTest, ACopyIsRefused) {
  EXPECT_EQ(ask("COPY a a"), kSameObjects);
  EXPECT_EQ(ask("COPY a a DB 0"), kSameObjects);
  EXPECT_EQ(ask("COPY a b DB 16"), kDatabaseOutOfRange);
  EXPECT_EQ(ask("COPY a b DB -1"), kDatabaseOutOfRange);
  EXPECT_EQ(ask("COPY a b DB x"), kNotAnInteger);
  EXPECT_EQ(ask("COPY a b DB 4294967297"), kNotAnInt);
  EXPECT_EQ(ask("COPY a b DB 16 WHAT"), kDatabaseOutOfRange);
  EXPECT_EQ(ask("COPY a b WHAT"), kSyntaxError);
  EXPECT_EQ(ask("COPY a b DB"), kSyntaxError);
}

TEST_F(RedisKeysTest, AKeyMovesToAnotherDatabase) {
  ask("SET a 1 PX 5000");
  EXPECT_EQ(ask("MOVE a 3"), ":1\r\n");
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
  ask("SET a 2");
  EXPECT_EQ(ask("MOVE a 3"), ":0\r\n");
  ask("SELECT 3");
  EXPECT_EQ(ask("GET a"), "$1\r\n1\r\n");
  EXPECT_EQ(ask("PTTL a"), ":5000\r\n");
}

TEST_F(RedisKeysTest, AMoveIsRefused) {
  EXPECT_EQ(ask("MOVE a 0"), kSameObjects);
  EXPECT_EQ(ask("MOVE a 16"), kDatabaseOutOfRange);
  EXPECT_EQ(ask("MOVE a -1"), kDatabaseOutOfRange);
  EXPECT_EQ(ask("MOVE a x"), kNotAnInteger);
  EXPECT_EQ(ask("MOVE a 99999999999999999999"), kNotAnInteger);
  EXPECT_EQ(ask("MOVE a 4294967297"), kNotAnInt);
  EXPECT_EQ(ask("MOVE nope 1"), ":0\r\n");
}

TEST_F(RedisKeysTest, FromADatabaseThatDoesNotExistNothingMoves) {
  ask("SELECT 5");
  EXPECT_EQ(ask("MOVE a 5"), kSameObjects);
  EXPECT_EQ(ask("MOVE a 6"), ":0\r\n");
  EXPECT_EQ(ask("RENAME a b"), "-ERR no such key\r\n");
  EXPECT_EQ(ask("COPY a b DB 0"), ":0\r\n");
  EXPECT_EQ(ask("DEL a"), ":0\r\n");
  EXPECT_EQ(ask("EXISTS a a"), ":0\r\n");
  EXPECT_EQ(ask("TYPE a"), "+none\r\n");
}

TEST_F(RedisKeysTest, ATransactionMovesAndCopies) {
  ask("MULTI");
  ask("SET a 1");
  ask("MOVE a 7");
  ask("COPY a b");
  ask("SET a 2");
  ask("COPY a b DB 7");
  ask("SELECT 7");
  ask("MGET a b");
  EXPECT_EQ(ask("EXEC"),
            "*7\r\n+OK\r\n:1\r\n:0\r\n+OK\r\n:1\r\n+OK\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
}

TEST_F(RedisKeysTest, AMemberOfTheGroupWritesToNoOtherDatabase) {
  RedisPeer member(server_, Role::kMember);
  EXPECT_EQ(member.ask("SET a 1"), "+OK\r\n");
  constexpr const char* kRefused =
      "-NOPERM this user has no permissions to write to that database\r\n";
  EXPECT_EQ(member.ask("MOVE a 1"), kRefused);
  EXPECT_EQ(member.ask("COPY a b DB 1"), kRefused);
  EXPECT_EQ(member.ask("COPY a b DB 0"), ":1\r\n");
  EXPECT_EQ(server_.store.find_namespace("db1"), std::nullopt);
}

TEST_F(RedisKeysTest, AValueBecomesWhatTheOtherNamespaceHolds) {
  ask("CREATE PARTITION db1 JSON NONE");
  ask("CREATE PARTITION db2 INT NONE");
  ask("MSET n 5 d [1] x text");
  EXPECT_EQ(ask("COPY d d DB 1"), ":1\r\n");
  EXPECT_EQ(ask("COPY n n DB 1"), ":1\r\n");
  EXPECT_EQ(ask("COPY n n DB 2"), ":1\r\n");
  EXPECT_THAT(ask("COPY x x DB 1"), testing::StartsWith("-"));
  EXPECT_THAT(ask("MOVE x 2"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_EQ(ask("EXISTS x"), ":1\r\n");
  EXPECT_EQ(json_.ask(R"({"op":"get","key":"d","ns":"db1"})"),
            R"({"ok":true,"found":true,"value":[1],"version":1})");
  ask("SELECT 1");
  EXPECT_EQ(ask("RENAME d e"), "+OK\r\n");
  EXPECT_EQ(ask("COPY e f"), ":1\r\n");
  EXPECT_EQ(ask("GET f"), "$3\r\n[1]\r\n");
  EXPECT_EQ(ask("COPY f f DB 0"), ":1\r\n");
}

TEST_F(RedisKeysTest, ADefaultTimeToLiveIsNotGivenToWhatHadNone) {
  json_.ask(R"({"op":"ns.create","name":"short","default_ttl_ms":1000})");
  ask("SELECT short");
  ask("SET a 1");
  ask("PERSIST a");
  ask("RENAME a b");
  EXPECT_EQ(ask("PTTL b"), ":-1\r\n");
  ask("COPY b c");
  EXPECT_EQ(ask("PTTL c"), ":-1\r\n");
}

TEST_F(RedisKeysTest, TheNumberOfKeysIsBoundedWhereverTheCommandStands) {
  std::string exists = "EXISTS";
  for (std::size_t i = 0; i < kRequestKeysMax; ++i)
    exists += " k";
  const std::string refused = "-ERR a command names at most 100000 keys\r\n";
  EXPECT_EQ(ask(exists), ":0\r\n");
  EXPECT_EQ(ask(exists + " k"), refused);
  ask("SELECT 7");
  EXPECT_EQ(ask(exists), ":0\r\n");
  EXPECT_EQ(ask(exists + " k"), refused) << "in a database that does not exist";
  ask("MULTI");
  EXPECT_EQ(ask(exists + " k"), refused) << "in a transaction";
  EXPECT_EQ(ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

TEST_F(RedisKeysTest, NoDatabaseIsMadeForAKeyThatDoesNotExist) {
  EXPECT_EQ(ask("MOVE nope 11"), ":0\r\n");
  EXPECT_EQ(ask("COPY nope x DB 13"), ":0\r\n");
  EXPECT_EQ(ask("COPY nope x DB 13 WHAT"), kSyntaxError);
  ask("SELECT 12");
  EXPECT_EQ(ask("MOVE nope 11"), ":0\r\n");
  EXPECT_EQ(ask("COPY nope x DB 13"), ":0\r\n");
  EXPECT_EQ(ask("COPY nope x"), ":0\r\n");
  for (const char* name : {"db11", "db12", "db13"}) {
    EXPECT_EQ(server_.store.find_namespace(name), std::nullopt) << name;
  }
  ask("SELECT 0");
  ask("SET k v");
  EXPECT_EQ(ask("COPY k x DB 13"), ":1\r\n");
  EXPECT_EQ(ask("MOVE k 11"), ":1\r\n");
  EXPECT_NE(server_.store.find_namespace("db11"), std::nullopt);
  ask("MULTI");
  ask("SET k v");
  ask("MOVE k 10");
  EXPECT_EQ(ask("EXEC"), "*2\r\n+OK\r\n:1\r\n");
}

}  // namespace
}  // namespace appmem::test
