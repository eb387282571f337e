// RESP: PING, ECHO, HELLO, AUTH, QUIT, RESET. Replies are those of Redis 7.0.15.

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

using RedisConnectionTest = RedisTest;

constexpr const char* kWrongPass =
    "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

std::string hello_reply(int version, std::uint64_t id) {
  return std::string(version == 3 ? "%7" : "*14") +
         "\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:" +
         std::to_string(version) + "\r\n$2\r\nid\r\n:" + std::to_string(id) +
         "\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0"
         "\r\n";
}

TEST_F(RedisConnectionTest, PingAndEchoAnswerWhatTheyGet) {
  EXPECT_EQ(ask("PING"), "+PONG\r\n");
  EXPECT_EQ(ask("PING a"), "$1\r\na\r\n");
  EXPECT_EQ(ask("PING a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
  EXPECT_EQ(ask({"ECHO", std::string("\0\r\n", 3)}), std::string("$3\r\n\0\r\n\r\n", 9));
  EXPECT_EQ(ask("ECHO"), "-ERR wrong number of arguments for 'echo' command\r\n");
}

TEST_F(RedisConnectionTest, HelloChoosesTheVersion) {
  const std::uint64_t id = redis_.session.id;
  EXPECT_EQ(ask("HELLO"), hello_reply(2, id));
  EXPECT_EQ(ask("HELLO 3"), hello_reply(3, id));
  EXPECT_EQ(ask("GET nope"), "_\r\n");
  EXPECT_EQ(ask("HELLO"), hello_reply(3, id));
  EXPECT_EQ(ask("HELLO 2"), hello_reply(2, id));
  EXPECT_EQ(ask("GET nope"), "$-1\r\n");
}

TEST_F(RedisConnectionTest, HelloRefusesOtherVersionsAndOptions) {
  for (const char* version : {"1", "4", "-1"})
    EXPECT_EQ(ask(std::string("HELLO ") + version), "-NOPROTO unsupported protocol version\r\n");
  for (const char* version : {"abc", "+3", "9999999999999999999"}) {
    EXPECT_EQ(ask(std::string("HELLO ") + version),
              "-ERR Protocol version is not an integer or out of range\r\n");
  }
  EXPECT_EQ(ask("HELLO 3 AUTH a"), "-ERR Syntax error in HELLO option 'AUTH'\r\n");
  EXPECT_EQ(ask("HELLO 3 setname"), "-ERR Syntax error in HELLO option 'setname'\r\n");
  EXPECT_EQ(ask("HELLO 3 FOO"), "-ERR Syntax error in HELLO option 'FOO'\r\n");
  EXPECT_EQ(ask("GET nope"), "$-1\r\n") << "still version 2";
}

TEST_F(RedisConnectionTest, HelloNamesTheConnection) {
  EXPECT_THAT(ask("HELLO 2 SETNAME a SETNAME b(c"), testing::StartsWith("*14"));
  EXPECT_EQ(ask("CLIENT GETNAME"), "$3\r\nb(c\r\n");
  EXPECT_EQ(ask("HELLO 2 SETNAME nm BAD"), "-ERR Syntax error in HELLO option 'BAD'\r\n");
  EXPECT_EQ(redis_.session.client_name, "nm") << "what stands before a mistake is done";
  EXPECT_EQ(ask("HELLO 2 SETNAME b(c AUTH a b"), kWrongPass);
  EXPECT_EQ(redis_.session.client_name, "b(c");
  EXPECT_EQ(ask({"HELLO", "3", "SETNAME", "a b"}),
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(ask("CLIENT GETNAME"), "$3\r\nb(c\r\n");
}

TEST_F(RedisConnectionTest, WithoutATokenThereIsNothingToShow) {
  EXPECT_EQ(ask("AUTH x"),
            "-ERR AUTH <password> called without any password configured for the default user. Are "
            "you sure your configuration is correct?\r\n");
  EXPECT_EQ(ask("AUTH default x"), "+OK\r\n");
  EXPECT_EQ(ask("AUTH foo x"), kWrongPass);
  EXPECT_EQ(ask("AUTH a b c"), kSyntaxError);
  EXPECT_EQ(ask("AUTH"), "-ERR wrong number of arguments for 'auth' command\r\n");
  EXPECT_EQ(ask("HELLO 3 AUTH default x"), hello_reply(3, redis_.session.id));
  EXPECT_EQ(ask("HELLO 3 AUTH foo x"), kWrongPass);
}

TEST_F(RedisConnectionTest, ATokenIsNeededBeforeAnythingElse) {
  server_.control.token = "s3cret";
  RedisPeer peer(server_, Role::kUnauthenticated);
  constexpr const char* kNoAuth = "-NOAUTH Authentication required.\r\n";
  EXPECT_EQ(peer.ask("PING"), kNoAuth);
  EXPECT_EQ(peer.ask("GET a"), kNoAuth);
  EXPECT_EQ(peer.ask("CLIENT ID"), kNoAuth);
  EXPECT_EQ(peer.ask("MULTI"), kNoAuth);
  EXPECT_EQ(peer.ask("COMMAND"), kNoAuth);
  EXPECT_EQ(peer.ask("NOSUCH"), "-ERR unknown command 'NOSUCH', with args beginning with: \r\n");
  EXPECT_EQ(peer.ask("HELLO 3"),
            "-NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            "HELLO AUTH <user> <pass> option can be used to authenticate the client and "
            "select the RESP protocol version at the same time\r\n");
  EXPECT_EQ(peer.ask("AUTH wrong"), kWrongPass);
  EXPECT_EQ(peer.ask("AUTH somebody s3cret"), kWrongPass);
  EXPECT_EQ(peer.ask("PING"), kNoAuth);
  EXPECT_EQ(peer.ask("AUTH s3cret"), "+OK\r\n");
  EXPECT_EQ(peer.ask("SET a 1"), "+OK\r\n");
}

TEST_F(RedisConnectionTest, HelloShowsATokenToo) {
  server_.control.token = "s3cret";
  RedisPeer peer(server_, Role::kUnauthenticated);
  EXPECT_EQ(peer.ask("HELLO 3 AUTH default wrong SETNAME x"), kWrongPass);
  EXPECT_EQ(peer.session.client_name, "") << "nothing of it has been done";
  EXPECT_EQ(peer.ask("HELLO 3 AUTH default s3cret"), hello_reply(3, peer.session.id));
  EXPECT_EQ(peer.ask("GET a"), "_\r\n");
}

TEST_F(RedisConnectionTest, QuitClosesBehindItsReply) {
  EXPECT_EQ(ask("MULTI"), "+OK\r\n");
  EXPECT_EQ(ask("QUIT"), "+OK\r\n");
  EXPECT_TRUE(redis_.close);
}

TEST_F(RedisConnectionTest, ResetMakesTheConnectionAsItWas) {
  ask("HELLO 3 SETNAME bob");
  ask("SELECT 3");
  ask("WATCH a");
  ask("MULTI");
  EXPECT_EQ(ask("RESET"), "+RESET\r\n");
  EXPECT_EQ(ask("EXEC"), "-ERR EXEC without MULTI\r\n");
  EXPECT_EQ(ask("CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(ask("SET a 1"), "+OK\r\n");
  EXPECT_EQ(json_.ask(R"({"op":"exists","key":"a"})"), R"({"ok":true,"count":1})");
  EXPECT_EQ(ask("CLIENT REPLY OFF"), "");
  EXPECT_EQ(ask("RESET"), "+RESET\r\n");
  EXPECT_EQ(ask("PING"), "+PONG\r\n");
}

TEST_F(RedisConnectionTest, ResetGivesTheRightsOfATokenBack) {
  server_.control.token = "s3cret";
  RedisPeer peer(server_, Role::kUnauthenticated);
  ASSERT_EQ(peer.ask("AUTH s3cret"), "+OK\r\n");
  EXPECT_EQ(peer.ask("RESET"), "+RESET\r\n");
  EXPECT_EQ(peer.ask("PING"), "-NOAUTH Authentication required.\r\n");
}

TEST_F(RedisConnectionTest, HelloWaitsInATransaction) {
  ask("MULTI");
  EXPECT_EQ(ask("HELLO 3"), "+QUEUED\r\n");
  EXPECT_EQ(ask("GET nope"), "+QUEUED\r\n");
  EXPECT_EQ(ask("EXEC"), "*2\r\n" + hello_reply(3, redis_.session.id) + "_\r\n");
}

}  // namespace
}  // namespace appmem::test
