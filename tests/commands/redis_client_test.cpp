// RESP: CLIENT. Replies are those of Redis 7.0.15 where nothing else is said.

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

class RedisClientTest : public RedisTest {
 protected:
  /// Lets the daemon know of these connections.
  void know(std::vector<commands::ClientInfo> clients) {
    server_.control.clients_value = std::move(clients);
  }
  commands::ClientInfo client(std::uint64_t id) {
    commands::ClientInfo info;
    info.id = id;
    info.address = "unix:/run/x.sock";
    info.uid = 1000;
    info.pid = 4711;
    return info;
  }
  commands::ClientInfo own() { return client(redis_.session.id); }

  /// The text of a reply that is one bulk string.
  std::string text(std::string_view line) {
    std::string reply = ask(line);
    const std::size_t begin = reply.find("\r\n");
    EXPECT_EQ(reply.front(), '$') << reply;
    if (begin == std::string::npos) return reply;
    return reply.substr(begin + 2, reply.size() - begin - 4);
  }
};

TEST_F(RedisClientTest, AnUnknownSubcommandAndArityAreRefused) {
  EXPECT_EQ(ask("CLIENT"), "-ERR wrong number of arguments for 'client' command\r\n");
  EXPECT_EQ(ask("CLIENT foo"), "-ERR unknown subcommand 'foo'. Try CLIENT HELP.\r\n");
  EXPECT_EQ(ask("CLIENT ID x"), "-ERR wrong number of arguments for 'client|id' command\r\n");
  EXPECT_EQ(ask("client|id"), "-ERR unknown command 'client|id', with args beginning with: \r\n");
}

TEST_F(RedisClientTest, ARefusedSubcommandRefusesTheTransaction) {
  for (const char* refused : {"CLIENT foo", "CLIENT ID x", "OBJECT foo", "CONFIG GET"}) {
    ask("MULTI");
    EXPECT_THAT(ask(refused), testing::StartsWith("-ERR "));
    EXPECT_EQ(ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n")
        << refused;
  }
}

TEST_F(RedisClientTest, AConnectionHasANumberAndPerhapsAName) {
  EXPECT_EQ(ask("CLIENT ID"), ":" + std::to_string(redis_.session.id) + "\r\n");
  EXPECT_EQ(ask("CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(ask("CLIENT SETNAME a~!"), "+OK\r\n");
  EXPECT_EQ(ask("CLIENT GETNAME"), "$3\r\na~!\r\n");
  for (const char* name : {"a b", "a\n", "\xff", "\x7f"}) {
    EXPECT_EQ(ask({"CLIENT", "SETNAME", name}),
              "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  }
  EXPECT_EQ(ask({"CLIENT", "SETNAME", ""}), "+OK\r\n");
  EXPECT_EQ(ask("CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(ask({"CLIENT", "SETNAME", std::string(1025, 'x')}),
            "-ERR a client's name has at most 1024 bytes\r\n");
}

TEST_F(RedisClientTest, InfoTellsWhatTheConnectionIsIn) {
  know({own()});
  const std::string id = std::to_string(redis_.session.id);
  EXPECT_EQ(text("CLIENT INFO"),
            "id=" + id +
                " addr=/run/x.sock:0 laddr=/run/x.sock:0 name= age=0 idle=0 flags=U db=0 sub=0 "
                "psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 obl=0 oll=0 "
                "omem=0 tot-mem=0 cmd=client|info user=default "
                "redir=-1 resp=2 lib-name= lib-ver= ns=default uid=1000 pid=4711 requests=0\n");
  ask("CLIENT SETNAME bob");
  ask("CLIENT SETINFO LIB-NAME redis-py");
  ask("CLIENT SETINFO lib-ver 5.0.1");
  ask("CLIENT NO-EVICT on");
  ask("SELECT 3");
  const std::string info = text("CLIENT INFO");
  EXPECT_THAT(info, testing::HasSubstr(" name=bob "));
  EXPECT_THAT(info, testing::HasSubstr(" lib-name=redis-py lib-ver=5.0.1 "));
  EXPECT_THAT(info, testing::HasSubstr(" flags=Ue db=3 "));
  EXPECT_THAT(info, testing::HasSubstr(" ns=db3 "));
  EXPECT_EQ(ask("CLIENT INFO x"), "-ERR wrong number of arguments for 'client|info' command\r\n");
}

TEST_F(RedisClientTest, InfoIsTextToBeShownInVersion3) {
  know({own()});
  ask("HELLO 3");
  const std::string reply = ask("CLIENT INFO");
  EXPECT_THAT(reply, testing::StartsWith("="));
  EXPECT_THAT(reply, testing::HasSubstr("\r\ntxt:id="));
  EXPECT_THAT(reply, testing::HasSubstr(" resp=3 "));
}

TEST_F(RedisClientTest, ANamespaceOfAnyNameHasNoNumber) {
  know({own()});
  json_.ask(R"({"op":"ns.create","name":"orders"})");
  ask("SELECT orders");
  EXPECT_THAT(text("CLIENT INFO"), testing::HasSubstr(" db=-1 "));
  EXPECT_THAT(text("CLIENT INFO"), testing::HasSubstr(" ns=orders "));
}

TEST_F(RedisClientTest, ListTellsOfAllConnections) {
  commands::ClientInfo tcp = client(90);
  tcp.address = "tcp://127.0.0.1:6379";
  tcp.peer = "127.0.0.1:50000";
  tcp.uid = protocol::kNobody;
  tcp.pid = 0;
  tcp.age = std::chrono::milliseconds{2'500};
  tcp.redis.version = 3;
  tcp.redis.queued = 2;
  tcp.redis.queue_bytes = 100;
  tcp.redis.command = protocol::find_redis_command("get");
  // NDJSON takes any text for a name.
  tcp.name = "a b\nid=1";
  know({own(), tcp});
  const std::string line =
      "id=90 addr=127.0.0.1:50000 laddr=127.0.0.1:6379 name=a_b_id=1 age=2 idle=0 flags=x db=0 "
      "sub=0 psub=0 ssub=0 multi=2 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=100 obl=0 oll=0 omem=0 "
      "tot-mem=0 cmd=get user=default redir=-1 resp=3 "
      "lib-name= lib-ver= ns=default requests=0\n";
  EXPECT_THAT(text("CLIENT LIST"), testing::EndsWith("\n" + line));
  EXPECT_EQ(text("CLIENT LIST ID 90 1000 90"), line + line);
  EXPECT_THAT(text("CLIENT LIST TYPE normal"), testing::EndsWith(line));
  for (const char* type : {"master", "replica", "slave", "PUBSUB"})
    EXPECT_EQ(text(std::string("CLIENT LIST TYPE ") + type), "");
  EXPECT_EQ(text("CLIENT LIST ID 0"), "");
  EXPECT_EQ(text("CLIENT LIST ID -5"), "");
}

TEST_F(RedisClientTest, ListRefusesWhatItDoesNotKnow) {
  EXPECT_EQ(ask("CLIENT LIST TYPE foo"), "-ERR Unknown client type 'foo'\r\n");
  EXPECT_EQ(ask("CLIENT LIST ID 1 2 x"), "-ERR Invalid client ID\r\n");
  for (const char* line : {"CLIENT LIST x", "CLIENT LIST TYPE", "CLIENT LIST TYPE normal x",
                           "CLIENT LIST ID", "CLIENT LIST foo bar"})
    EXPECT_EQ(ask(line), kSyntaxError) << line;
}

TEST_F(RedisClientTest, KillByAddressTakesWhoeverHasIt) {
  know({client(80), client(81)});
  EXPECT_EQ(ask("CLIENT KILL 1.2.3.4:5"), "-ERR No such client\r\n");
  EXPECT_EQ(ask("CLIENT KILL /run/x.sock:0"), "+OK\r\n");
  EXPECT_EQ(server_.control.killed, (std::vector<std::uint64_t>{80, 81}));
  EXPECT_FALSE(redis_.close);
}

TEST_F(RedisClientTest, KillWithOptionsCounts) {
  know({own(), client(80), client(81)});
  EXPECT_EQ(ask("CLIENT KILL ID 99999"), ":0\r\n");
  EXPECT_EQ(ask("CLIENT KILL ID 80"), ":1\r\n");
  EXPECT_EQ(server_.control.killed, (std::vector<std::uint64_t>{80}));
  EXPECT_EQ(ask("CLIENT KILL ID 80 ADDR 1.2.3.4:5"), ":0\r\n");
  EXPECT_EQ(ask("CLIENT KILL LADDR /run/x.sock:0 USER default"), ":2\r\n");
  EXPECT_EQ(ask("CLIENT KILL TYPE pubsub SKIPME no"), ":0\r\n");
  EXPECT_FALSE(redis_.close);
  EXPECT_EQ(ask("CLIENT KILL SKIPME no TYPE normal"), ":3\r\n");
  EXPECT_TRUE(redis_.close) << "its own connection closes behind the reply";
}

TEST_F(RedisClientTest, KillRefusesWhatItDoesNotKnow) {
  for (const char* id : {"x", "0", "-1"}) {
    EXPECT_EQ(ask(std::string("CLIENT KILL ID ") + id),
              "-ERR client-id should be greater than 0\r\n");
  }
  EXPECT_EQ(ask("CLIENT KILL TYPE foo"), "-ERR Unknown client type 'foo'\r\n");
  EXPECT_EQ(ask("CLIENT KILL USER nobody"), "-ERR No such user 'nobody'\r\n");
  for (const char* line :
       {"CLIENT KILL TYPE normal SKIPME foo", "CLIENT KILL FOO bar", "CLIENT KILL ID 1 FOO",
        "CLIENT KILL ID 1 FOO x", "CLIENT KILL MAXAGE 5"})
    EXPECT_EQ(ask(line), kSyntaxError) << line;
  EXPECT_EQ(ask("CLIENT KILL"), "-ERR wrong number of arguments for 'client|kill' command\r\n");
  EXPECT_TRUE(server_.control.killed.empty());
}

TEST_F(RedisClientTest, OnlyAnOperatorLearnsOfOthers) {
  RedisPeer member(server_, Role::kMember);
  for (const char* line : {"CLIENT LIST", "CLIENT KILL ID 1", "CLIENT NO-EVICT on"})
    EXPECT_THAT(member.ask(line), testing::StartsWith("-NOPERM ")) << line;
  EXPECT_EQ(member.ask("CLIENT SETNAME a"), "+OK\r\n");
  EXPECT_THAT(member.ask("CLIENT HELP"), testing::StartsWith("*"));
}

TEST_F(RedisClientTest, ReplyLeavesRepliesOut) {
  EXPECT_EQ(ask("CLIENT REPLY SKIP"), "");
  EXPECT_EQ(ask("PING"), "");
  EXPECT_EQ(ask("PING"), "+PONG\r\n");
  EXPECT_EQ(ask("CLIENT REPLY OFF"), "");
  EXPECT_EQ(ask("NOSUCH"), "");
  EXPECT_EQ(ask("CLIENT REPLY SKIP"), "");
  EXPECT_EQ(ask("PING"), "");
  EXPECT_EQ(ask("PING"), "") << "all are left out, not only the next";
  EXPECT_EQ(ask("CLIENT REPLY ON"), "+OK\r\n");
  EXPECT_EQ(ask("PING"), "+PONG\r\n");
  EXPECT_EQ(ask("CLIENT REPLY FOO"), kSyntaxError);
  EXPECT_EQ(ask("CLIENT REPLY"), "-ERR wrong number of arguments for 'client|reply' command\r\n");
}

TEST_F(RedisClientTest, SetinfoTakesNameAndVersionOfALibrary) {
  // Redis has it from 7.2 on; clients send it whatever the version.
  EXPECT_EQ(ask("CLIENT SETINFO FOO x"), "-ERR Unrecognized option 'FOO'\r\n");
  EXPECT_EQ(ask({"CLIENT", "SETINFO", "lib-name", "a b"}),
            "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(ask({"CLIENT", "SETINFO", "lib-name", std::string(129, 'x')}),
            "-ERR lib-name has at most 128 bytes\r\n");
  EXPECT_EQ(ask("CLIENT SETINFO"),
            "-ERR wrong number of arguments for 'client|setinfo' command\r\n");
}

TEST_F(RedisClientTest, NoEvictIsOnOrOff) {
  EXPECT_EQ(ask("CLIENT NO-EVICT OFF"), "+OK\r\n");
  EXPECT_EQ(ask("CLIENT NO-EVICT foo"), kSyntaxError);
  EXPECT_EQ(ask("CLIENT NO-EVICT"),
            "-ERR wrong number of arguments for 'client|no-evict' command\r\n");
}

TEST_F(RedisClientTest, WithinATransactionSilenceBeginsWhereItBeginsInRedis) {
  for (const char* command : {"MULTI", "CLIENT REPLY SKIP", "PING", "ECHO x"})
    ask(command);
  EXPECT_EQ(ask("EXEC"), "*3\r\n+PONG\r\n$1\r\nx\r\n");
  EXPECT_EQ(ask("PING"), "") << "the reply behind that of EXEC is skipped";
  EXPECT_EQ(ask("PING"), "+PONG\r\n");
  for (const char* command :
       {"MULTI", "CLIENT REPLY SKIP", "PING", "CLIENT REPLY OFF", "PING", "CLIENT REPLY ON"})
    ask(command);
  EXPECT_EQ(ask("EXEC"), "*5\r\n+PONG\r\n+OK\r\n");
  EXPECT_EQ(ask("PING"), "");
  EXPECT_EQ(ask("PING"), "+PONG\r\n");
}

}  // namespace
}  // namespace appmem::test
