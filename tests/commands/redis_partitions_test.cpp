// RESP: partitions, as GoKV names namespaces.

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

using RedisPartitionsTest = RedisTest;

TEST_F(RedisPartitionsTest, APartitionIsANamespaceOfOneType) {
  EXPECT_EQ(ask("CREATE PARTITION numbers INT NONE"), "+OK\r\n");
  EXPECT_EQ(ask("create partition texts string none"), "+OK\r\n");
  EXPECT_EQ(ask("CREATE PARTITION documents Json None"), "+OK\r\n");
  EXPECT_EQ(ask("CREATE PARTITION all ANY NONE"), "+OK\r\n");
  ask("SELECT numbers");
  EXPECT_EQ(ask("SET a 1"), "+OK\r\n");
  EXPECT_THAT(ask("SET a x"), testing::StartsWith("-WRONGTYPE "));
  EXPECT_EQ(ask("INCR a"), ":2\r\n");
  ask("SELECT texts");
  EXPECT_EQ(ask("SET a x"), "+OK\r\n");
  ask("SELECT documents");
  EXPECT_EQ(ask("SET a {\"b\":1}"), "+OK\r\n");
  EXPECT_THAT(ask("SET a {"), testing::StartsWith("-ERR "));
  EXPECT_THAT(ask("INCR a"), testing::StartsWith("-WRONGTYPE "));
  ask("SELECT all");
  EXPECT_EQ(ask("SET a x"), "+OK\r\n");
}

TEST_F(RedisPartitionsTest, WhatCannotBeKeptIsUnavailable) {
  server_.control.storage_value.result = fail(ErrorCode::kUnavailable, "the disk is full");
  for (const char* persist : {"SNAPSHOT", "wal"}) {
    const std::string reply = ask(std::string("CREATE PARTITION p STRING ") + persist);
    EXPECT_THAT(reply, testing::StartsWith("-ERR unavailable: ")) << persist;
  }
  EXPECT_EQ(ask("LIST PARTITIONS"), "*1\r\n$7\r\ndefault\r\n");
}

TEST_F(RedisPartitionsTest, ACreationIsRefused) {
  EXPECT_EQ(ask("CREATE PARTITION p LIST NONE"), "-ERR type is one of any string int json\r\n");
  EXPECT_EQ(ask("CREATE PARTITION p INT DISK"), "-ERR persist is one of none snapshot wal\r\n");
  EXPECT_EQ(ask("CREATE TABLE p INT NONE"), kSyntaxError);
  EXPECT_EQ(ask("CREATE PARTITION p INT"),
            "-ERR wrong number of arguments for 'create' command\r\n");
  EXPECT_EQ(ask("CREATE PARTITION 17 INT NONE"), "-ERR a namespace name may not be a number\r\n");
  EXPECT_THAT(ask("CREATE PARTITION a/b INT NONE"), testing::StartsWith("-ERR a namespace name"));
  EXPECT_EQ(ask("CREATE PARTITION default INT NONE"), "-ERR the namespace exists already\r\n");
}

TEST_F(RedisPartitionsTest, PartitionsAreListedByName) {
  ask("CREATE PARTITION b INT NONE");
  ask("CREATE PARTITION a INT NONE");
  EXPECT_EQ(ask("list partitions"), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$7\r\ndefault\r\n");
  EXPECT_EQ(ask("LIST TABLES"), kSyntaxError);
}

TEST_F(RedisPartitionsTest, ADroppedPartitionIsGone) {
  ask("CREATE PARTITION p INT NONE");
  ask("SELECT p");
  EXPECT_EQ(ask("DROP PARTITION p"), "+OK\r\n");
  EXPECT_EQ(ask("DROP PARTITION p"), "-ERR no namespace named \"p\"\r\n");
  EXPECT_EQ(ask("DROP TABLE p"), kSyntaxError);
  EXPECT_EQ(ask("GET a"), "-ERR no such namespace\r\n");
  EXPECT_EQ(ask("SELECT 0"), "+OK\r\n");
  EXPECT_THAT(ask("DROP PARTITION default"), testing::StartsWith("-ERR the namespace "));
}

TEST_F(RedisPartitionsTest, SettingsAndCountersAreShown) {
  ask("CREATE PARTITION p INT NONE");
  ask("SELECT p");
  ask("SET a 1");
  ask("GET a");
  ask("GET b");
  EXPECT_EQ(ask("DESCRIBE PARTITION p"),
            "*20\r\n$4\r\nname\r\n$1\r\np\r\n$4\r\ntype\r\n$3\r\nINT\r\n"
            "$7\r\npersist\r\n$4\r\nNONE\r\n$8\r\neviction\r\n$3\r\nLRU\r\n"
            "$9\r\nmax_bytes\r\n$-1\r\n$14\r\nreserved_bytes\r\n:0\r\n$8\r\nmax_keys\r\n$-1\r\n"
            "$15\r\nmax_value_bytes\r\n$-1\r\n$14\r\ndefault_ttl_ms\r\n$-1\r\n"
            "$9\r\nowner_uid\r\n:1000\r\n");
  EXPECT_THAT(ask("STATS PARTITION p"),
              Like("*22\r\n$4\r\nkeys\r\n:1\r\n$5\r\nbytes\r\n:#\r\n$6\r\nmemory\r\n:#\r\n"
                   "$4\r\ngets\r\n:2\r\n$4\r\nhits\r\n:1\r\n$6\r\nmisses\r\n:1\r\n"
                   "$4\r\nsets\r\n:1\r\n$7\r\ndeletes\r\n:0\r\n$9\r\nevictions\r\n:0\r\n"
                   "$11\r\nexpirations\r\n:0\r\n$7\r\nrefused\r\n:0\r\n"));
  for (const char* command : {"DESCRIBE", "STATS"}) {
    EXPECT_EQ(ask(std::string(command) + " PARTITION q"), "-ERR no namespace named \"q\"\r\n");
    EXPECT_EQ(ask(std::string(command) + " TABLE p"), kSyntaxError);
  }
}

TEST_F(RedisPartitionsTest, RightsAreThoseOfNamespaces) {
  ask("CREATE PARTITION p INT NONE");
  RedisPeer member(server_, Role::kMember);
  EXPECT_EQ(member.ask("LIST PARTITIONS"), "*1\r\n$7\r\ndefault\r\n");
  EXPECT_THAT(member.ask("DESCRIBE PARTITION default"), testing::StartsWith("*20\r\n"));
  for (const char* request :
       {"CREATE PARTITION q INT NONE", "DROP PARTITION p", "DROP PARTITION q",
        "DESCRIBE PARTITION p", "DESCRIBE PARTITION q", "STATS PARTITION p"}) {
    EXPECT_THAT(member.ask(request), testing::StartsWith("-NOPERM ")) << request;
  }
  EXPECT_EQ(member.ask("DESCRIBE PARTITION p"), member.ask("DESCRIBE PARTITION q"));
  RedisPeer stranger(server_, Role::kStranger);
  EXPECT_THAT(stranger.ask("LIST PARTITIONS"), testing::StartsWith("-NOPERM "));
}

}  // namespace
}  // namespace appmem::test
