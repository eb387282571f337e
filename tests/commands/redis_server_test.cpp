// RESP: COMMAND, CONFIG, SAVE, BGSAVE, LASTSAVE, SHUTDOWN, TIME. Replies are those of Redis 7.0.15
// where nothing else is said.

#include <algorithm>

#include "appmem/protocol/redis_table.h"
#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

using RedisServerTest = RedisTest;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(RedisServerTest, CommandCountsAndDescribesAll) {
  const std::size_t count = protocol::redis_table().size();
  EXPECT_EQ(ask("COMMAND COUNT"), ":" + std::to_string(count) + "\r\n");
  EXPECT_THAT(ask("COMMAND"), StartsWith("*" + std::to_string(count) + "\r\n*10\r\n$6\r\nappend"));
  EXPECT_EQ(ask("COMMAND INFO"), ask("COMMAND"));
  EXPECT_EQ(ask("COMMAND COUNT x"),
            "-ERR wrong number of arguments for 'command|count' command\r\n");
  EXPECT_EQ(ask("COMMAND foo"), "-ERR unknown subcommand 'foo'. Try COMMAND HELP.\r\n");
}

TEST_F(RedisServerTest, CommandInfoTellsArityFlagsKeysAndCategories) {
  EXPECT_EQ(ask("COMMAND INFO mset nosuch ping"),
            "*3\r\n"
            "*10\r\n$4\r\nmset\r\n:-3\r\n*2\r\n+write\r\n+denyoom\r\n:1\r\n:-1\r\n:2\r\n"
            "*3\r\n+@write\r\n+@string\r\n+@slow\r\n*0\r\n*0\r\n*0\r\n"
            "$-1\r\n"
            "*10\r\n$4\r\nping\r\n:-1\r\n*1\r\n+fast\r\n:0\r\n:0\r\n:0\r\n"
            "*2\r\n+@fast\r\n+@connection\r\n*0\r\n*0\r\n*0\r\n");
  EXPECT_EQ(ask("COMMAND INFO client|id"),
            "*1\r\n*10\r\n$9\r\nclient|id\r\n:2\r\n*3\r\n+noscript\r\n+loading\r\n+stale\r\n"
            ":0\r\n:0\r\n:0\r\n*2\r\n+@slow\r\n+@connection\r\n*0\r\n*0\r\n*0\r\n");
  EXPECT_THAT(ask("COMMAND INFO CONFIG"),
              StartsWith("*1\r\n*10\r\n$6\r\nconfig\r\n:-2\r\n*0\r\n:0\r\n:0\r\n:0\r\n"
                         "*1\r\n+@slow\r\n*0\r\n*0\r\n*4\r\n*10\r\n$10\r\nconfig|get\r\n"));
}

TEST_F(RedisServerTest, CommandInfoUsesTheTypesOfVersion3) {
  ask("HELLO 3");
  EXPECT_EQ(ask("COMMAND INFO get nosuch"),
            "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
            "~3\r\n+@read\r\n+@string\r\n+@fast\r\n~0\r\n~0\r\n~0\r\n_\r\n");
}

TEST_F(RedisServerTest, CommandDocsTellsWhatIsInTheTable) {
  EXPECT_EQ(ask("COMMAND DOCS nosuch get"),
            "*2\r\n$3\r\nget\r\n*8\r\n$7\r\nsummary\r\n$13\r\nTells a value\r\n$5\r\nsince\r\n"
            "$5\r\n1.0.0\r\n$5\r\ngroup\r\n$6\r\nstring\r\n$9\r\narguments\r\n"
            "*1\r\n*4\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n");
  EXPECT_EQ(ask("COMMAND DOCS nosuch"), "*0\r\n");
  EXPECT_THAT(ask("COMMAND DOCS config"), HasSubstr("$11\r\nsubcommands\r\n*8\r\n"));
  ask("HELLO 3");
  EXPECT_THAT(ask("COMMAND DOCS"), StartsWith("%75\r\n$6\r\nappend\r\n%4\r\n"));
  EXPECT_THAT(ask("COMMAND DOCS info"),
              testing::EndsWith("$9\r\narguments\r\n*1\r\n%3\r\n$4\r\nname\r\n$7\r\nsection\r\n"
                                "$4\r\ntype\r\n$6\r\nstring\r\n$5\r\nflags\r\n~2\r\n+optional\r\n"
                                "+multiple\r\n"));
}

TEST_F(RedisServerTest, CommandDocsTellsWhatRedisAdvisesAgainst) {
  EXPECT_THAT(ask("COMMAND DOCS substr"),
              HasSubstr("$6\r\nstring\r\n$9\r\ndoc_flags\r\n*1\r\n+deprecated\r\n"
                        "$16\r\ndeprecated_since\r\n$5\r\n2.0.0\r\n"
                        "$11\r\nreplaced_by\r\n$10\r\n`GETRANGE`\r\n$9\r\narguments\r\n"));
  EXPECT_THAT(ask("COMMAND DOCS substr getset"), testing::Not(HasSubstr("-ERR")));
}

TEST_F(RedisServerTest, DescriptionsAreRefusedOnlyWhereTheyWouldNotFit) {
  Limits& limits = server_.control.limits_value;
  limits.value_bytes_max = 1;
  limits.request_bytes_max = 1;
  limits.output_bytes_hard_max = 1;
  for (const std::string what : {"COMMAND INFO client", "COMMAND DOCS client"}) {
    const std::string one = ask(what);
    const std::size_t bytes = one.size() - (one.find("\r\n") + 2);
    const std::size_t fits = limits.answer_bytes_max() / bytes;
    const std::string name = what.substr(what.rfind(' '));
    std::string all = what;
    for (std::size_t i = 1; i < fits; ++i)
      all += name;
    ASSERT_LT(fits, 1'020U) << what;
    EXPECT_EQ(ask(all).find("-ERR"), std::string::npos) << what;
    EXPECT_THAT(ask(all + name), StartsWith("-ERR the answer is over the limit")) << what;
  }
}

TEST_F(RedisServerTest, CommandListNamesThem) {
  const std::string all = ask("COMMAND LIST");
  EXPECT_THAT(all, HasSubstr("$6\r\nclient\r\n$14\r\nclient|getname\r\n"));
  EXPECT_EQ(ask("COMMAND LIST FILTERBY PATTERN GETR*"), bulks({"getrange"}));
  EXPECT_EQ(ask("COMMAND LIST FILTERBY PATTERN config*"),
            bulks({"config", "config|get", "config|help", "config|resetstat", "config|set"}));
  EXPECT_EQ(ask("COMMAND LIST FILTERBY ACLCAT transaction"),
            bulks({"discard", "exec", "multi", "unwatch", "watch"}));
  EXPECT_EQ(ask("COMMAND LIST FILTERBY ACLCAT nosuch"), "*0\r\n");
  EXPECT_EQ(ask("COMMAND LIST FILTERBY MODULE nosuch"), "*0\r\n");
  for (const char* line :
       {"COMMAND LIST x", "COMMAND LIST FILTERBY", "COMMAND LIST FILTERBY FOO x"})
    EXPECT_EQ(ask(line), kSyntaxError) << line;
}

TEST_F(RedisServerTest, CommandGetkeysFindsKeys) {
  EXPECT_EQ(ask("COMMAND GETKEYS get a"), bulks({"a"}));
  EXPECT_EQ(ask("COMMAND GETKEYS mset a 1 b 2"), bulks({"a", "b"}));
  EXPECT_EQ(ask("COMMAND GETKEYS mset a 1 b"), bulks({"a", "b"}));
  EXPECT_EQ(ask("COMMAND GETKEYS copy a b"), bulks({"a", "b"}));
  EXPECT_EQ(ask("COMMAND GETKEYS object encoding a"), bulks({"a"}));
  EXPECT_EQ(ask("COMMAND GETKEYS memory usage a"), bulks({"a"}));
  constexpr const char* kNoKeys = "-ERR The command has no key arguments\r\n";
  constexpr const char* kInvalid = "-ERR Invalid command specified\r\n";
  EXPECT_EQ(ask("COMMAND GETKEYS ping a b"), kNoKeys);
  EXPECT_EQ(ask("COMMAND GETKEYS config get a"), kNoKeys);
  EXPECT_EQ(ask("COMMAND GETKEYS nosuch x"), kInvalid);
  EXPECT_EQ(ask("COMMAND GETKEYS memory foo x"), kInvalid);
  EXPECT_EQ(ask("COMMAND GETKEYS memory usage"),
            "-ERR Invalid number of arguments specified for command\r\n");
  EXPECT_EQ(ask("COMMAND GETKEYS get"),
            "-ERR wrong number of arguments for 'command|getkeys' command\r\n");
}

TEST_F(RedisServerTest, WhatOneTransactionMaySayIsLimited) {
  Limits& limits = server_.control.limits_value;
  limits.value_bytes_max = 1_MiB;
  limits.request_bytes_max = 1_MiB;
  limits.output_bytes_hard_max = 1_MiB;
  ask("MULTI");
  for (int i = 0; i < 500; ++i)
    ask("COMMAND");
  const std::string reply = ask("EXEC");
  EXPECT_NE(reply.find("\r\n-ERR the answer is over the limit"), std::string::npos);
  EXPECT_LE(reply.size(), limits.answer_bytes_max() + 50'000) << "with the refusals";
}

TEST_F(RedisServerTest, ConfigGetKnowsRedisNamesAndItsOwn) {
  server_.control.config_value = {{"max-memory", "64MiB"},
                                  {"socket", "/run/x.sock"},
                                  {"tcp", "127.0.0.1:6379"},
                                  {"threads", "2"}};
  EXPECT_EQ(ask("CONFIG GET save"), bulks({"save", ""}));
  EXPECT_EQ(ask("CONFIG GET appendonly databases"), bulks({"appendonly", "no", "databases", "16"}));
  EXPECT_EQ(ask("CONFIG GET SAVE"), bulks({"SAVE", ""})) << "a name in full comes back as it was";
  EXPECT_EQ(ask("CONFIG GET MAXMEM*"),
            bulks({"maxmemory", "67108864", "maxmemory-policy", "allkeys-lru"}));
  EXPECT_EQ(ask("CONFIG GET maxmemory max[m]emory"), bulks({"maxmemory", "67108864"}));
  EXPECT_EQ(ask("CONFIG GET max-*"), bulks({"max-memory", "64MiB"}));
  EXPECT_EQ(ask("CONFIG GET bind port unixsocket"),
            bulks({"bind", "127.0.0.1", "port", "6379", "unixsocket", "/run/x.sock"}));
  EXPECT_EQ(ask("CONFIG GET maxclients timeout proto-max-bulk-len"),
            bulks({"maxclients", "10000", "timeout", "0", "proto-max-bulk-len", "67108864"}));
  EXPECT_EQ(ask("CONFIG GET nosuch"), "*0\r\n");
  EXPECT_EQ(ask("CONFIG GET"), "-ERR wrong number of arguments for 'config|get' command\r\n");
  ask("HELLO 3");
  EXPECT_EQ(ask("CONFIG GET save"), "%1\r\n" + bulk("save") + bulk(""));
}

TEST_F(RedisServerTest, AddressesAreThoseOfTheListeners) {
  server_.control.config_value = {
      {"listen", "unix:/run/a%20b.sock?mode=0600 tcp://127.0.0.1:7000?protocol=resp"},
      {"socket", ""},
      {"tcp", ""}};
  EXPECT_EQ(ask("CONFIG GET bind port unixsocket"),
            bulks({"bind", "127.0.0.1", "port", "7000", "unixsocket", "/run/a%20b.sock"}));
  server_.control.config_value = {};
  EXPECT_EQ(ask("CONFIG GET bind port unixsocket"),
            bulks({"bind", "", "port", "0", "unixsocket", ""}));
}

TEST_F(RedisServerTest, ConfigSetAcceptsOnlyWhatIsSo) {
  EXPECT_EQ(ask({"CONFIG", "SET", "save", "", "appendonly", "no"}), "+OK\r\n");
  EXPECT_EQ(ask("CONFIG SET nosuch 1"),
            "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n");
  EXPECT_EQ(ask("CONFIG SET Databases 3"),
            "-ERR CONFIG SET failed (possibly related to argument 'Databases') - can't set "
            "immutable config\r\n");
  EXPECT_EQ(ask("CONFIG SET timeout 0 timeout 0"),
            "-ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate "
            "parameter\r\n");
  EXPECT_EQ(ask("CONFIG SET timeout 0 maxmemory"), kSyntaxError);
  EXPECT_EQ(ask("CONFIG SET timeout"),
            "-ERR wrong number of arguments for 'config|set' command\r\n");
}

TEST_F(RedisServerTest, OnlyAnOperatorMayAskForTheConfiguration) {
  RedisPeer member(server_, Role::kMember);
  EXPECT_EQ(member.ask("CONFIG GET save"),
            "-NOPERM this user has no permissions to run the 'config|get' command\r\n");
  EXPECT_EQ(member.ask("SHUTDOWN"),
            "-NOPERM this user has no permissions to run the 'shutdown' command\r\n");
  EXPECT_EQ(server_.control.shutdowns, 0);
}

TEST_F(RedisServerTest, SaveWaitsForACheckpoint) {
  EXPECT_EQ(ask("SAVE"), "+OK\r\n");
  EXPECT_EQ(ask("BGSAVE"), "+Background saving started\r\n");
  EXPECT_EQ(ask("BGSAVE SCHEDULE"), "+Background saving started\r\n");
  EXPECT_EQ(server_.control.storage_value.requests, 3U);
  server_.control.storage_value.result = fail(ErrorCode::kUnavailable, "the disk is full");
  EXPECT_EQ(ask("SAVE"), "-ERR the disk is full\r\n");
  EXPECT_EQ(ask("BGSAVE foo"), kSyntaxError);
  EXPECT_EQ(ask("BGSAVE SCHEDULE x"), kSyntaxError);
  EXPECT_EQ(ask("SAVE x"), "-ERR wrong number of arguments for 'save' command\r\n");
}

TEST_F(RedisServerTest, InfoTellsOfStorage) {
  EXPECT_THAT(ask("INFO persistence"), testing::HasSubstr("rdb_last_bgsave_time_sec:-1\r\n"));
  EXPECT_THAT(ask("INFO persistence"), testing::HasSubstr("aof_enabled:0\r\n"));
  server_.control.storage_value.stats_value = {{"read_only", 1},
                                               {"checkpoints", 3},
                                               {"checkpoint_pending", 1},
                                               {"checkpoint_failed", 1},
                                               {"checkpoint_ms", 2500}};
  const std::string info = ask("INFO persistence");
  for (const char* line :
       {"rdb_saves:3", "rdb_bgsave_in_progress:1", "rdb_last_bgsave_status:err",
        "rdb_last_bgsave_time_sec:2", "aof_enabled:1", "aof_last_write_status:err"}) {
    EXPECT_THAT(info, testing::HasSubstr(std::string(line) + "\r\n")) << line;
  }
}

TEST_F(RedisServerTest, LastsaveIsTheStart) {
  const auto wall = server_.clock.now().wall.time_since_epoch();
  const auto start = std::chrono::floor<std::chrono::seconds>(wall - std::chrono::seconds{5});
  EXPECT_EQ(ask("LASTSAVE"), ":" + std::to_string(start.count()) + "\r\n");
}

TEST_F(RedisServerTest, TimeIsInSecondsAndMicroseconds) {
  const std::int64_t ms = server_.clock.now().wall.time_since_epoch().count();
  EXPECT_EQ(ask("TIME"), bulks({std::to_string(ms / 1000), std::to_string(ms % 1000 * 1000)}));
}

TEST_F(RedisServerTest, ShutdownClosesWithoutAReply) {
  for (const char* line :
       {"SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE", "shutdown nosave now force"}) {
    RedisPeer peer(server_);
    server_.control.shutdowns = 0;
    EXPECT_EQ(peer.ask(line), "") << line;
    EXPECT_TRUE(peer.close) << line;
    EXPECT_EQ(server_.control.shutdowns, 1) << line;
  }
}

TEST_F(RedisServerTest, ShutdownRefusesWhatItCannotDo) {
  for (const char* line : {"SHUTDOWN foo", "SHUTDOWN NOSAVE SAVE", "SHUTDOWN NOSAVE FOO",
                           "SHUTDOWN ABORT NOW", "SHUTDOWN SAVE NOSAVE NOW"})
    EXPECT_EQ(ask(line), kSyntaxError) << line;
  EXPECT_EQ(ask("SHUTDOWN ABORT"), "-ERR No shutdown in progress.\r\n");
  ask("MULTI");
  EXPECT_EQ(ask("SHUTDOWN"), "-ERR Command not allowed inside a transaction\r\n");
  EXPECT_EQ(server_.control.shutdowns, 0);
}

TEST_F(RedisServerTest, PatternsHaveALimit) {
  const std::string longest(1024, '?');
  EXPECT_EQ(ask("COMMAND LIST FILTERBY PATTERN " + longest), "*0\r\n");
  EXPECT_EQ(ask("COMMAND LIST FILTERBY PATTERN " + longest + '?'),
            "-ERR a pattern is at most 1024 bytes\r\n");
  EXPECT_EQ(ask("CONFIG GET " + longest + " save"), bulks({"save", ""}));
  for (const char* more : {"?", " ?"}) {
    EXPECT_EQ(ask("CONFIG GET " + longest + more),
              "-ERR the patterns are together at most 1024 bytes\r\n");
  }
}

}  // namespace
}  // namespace appmem::test
