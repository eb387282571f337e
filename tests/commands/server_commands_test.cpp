#include "commands/harness.h"

namespace appmem::test {
namespace {

class ServerCommandsTest : public CommandsTest {};

TEST_F(ServerCommandsTest, PingAnswers) {
  EXPECT_EQ(ask(R"({"id":"x","op":"ping"})"), R"({"id":"x","ok":true,"pong":true})");
}

TEST_F(ServerCommandsTest, HelloTellsVersionFeaturesAndLimits) {
  EXPECT_EQ(
      ask(R"({"op":"hello","client_name":"billing","protocol_version":1})"),
      R"({"ok":true,"server":"appmem","server_version":"0.1.0","protocol_version":1,)"
      R"("client":1,"features":["ndjson","unix"],"limits":{"key_bytes":65536,)"
      R"("value_bytes":16777216,"request_bytes":67108864,"id_bytes":256,"json_depth":64,)"
      R"("keys":100000,"ops":10000,"namespaces":1024,"connections":10000,)"
      R"("answer_bytes":267386880,"output_bytes":268435456,"ttl_ms":3155760000000,"request_timeout_ms":30000,)"
      R"("idle_timeout_ms":0}})");
  EXPECT_EQ(peer_.session.client_name, "billing");
  must(R"({"op":"hello"})");
  EXPECT_EQ(peer_.session.client_name, "billing");
}

TEST_F(ServerCommandsTest, AClientOfAnotherVersionLearnsOurs) {
  EXPECT_THAT(ask(R"({"op":"hello","protocol_version":9})"),
              testing::HasSubstr(R"("protocol_version":1)"));
}

TEST_F(ServerCommandsTest, NoListenerTakesTokensYet) {
  EXPECT_THAT(ask(R"({"op":"auth","token":"s3cret"})"), Fails("unavailable"));
}

TEST_F(ServerCommandsTest, WhoamiSaysWhatTheKernelSaid) {
  EXPECT_EQ(ask(R"({"op":"whoami"})"),
            R"({"ok":true,"uid":1000,"gid":1000,"gids":[],"pid":4711,"role":"operator","client":1,)"
            R"("client_name":"","ns":"default"})");
  EXPECT_EQ(Peer(server_, Role::kMember).ask(R"({"op":"whoami"})"),
            R"({"ok":true,"uid":1001,"gid":1001,"gids":[24,2000],"pid":4711,"role":"member",)"
            R"("client":2,"client_name":"","ns":"default"})");
  EXPECT_THAT(Peer(server_, Role::kStranger).ask(R"({"op":"whoami"})"),
              testing::HasSubstr(R"("role":"stranger")"));
}

TEST_F(ServerCommandsTest, StatsOfAnEntry) {
  must(R"({"op":"set","key":"k","value":"12345","ttl_ms":1000})");
  pass(milliseconds{400});
  const std::string stats = ask(R"({"op":"stats","key":"k"})");
  EXPECT_THAT(stats, Like(R"({"ok":true,"found":true,"type":"bytes","length":5,"bytes":#,)"
                          R"("idle_ms":#,"ttl_ms":600,"version":#})"));
  EXPECT_GE(number_in(stats, "bytes"), 6U);
  EXPECT_EQ(number_in(stats, "version"), number_in(ask(R"({"op":"get","key":"k"})"), "version"));
  must(R"({"op":"set","key":"i","value":1})");
  EXPECT_THAT(ask(R"({"op":"stats","key":"i"})"),
              Like(R"({"ok":true,"found":true,"type":"integer","length":#,"bytes":#,"idle_ms":#,)"
                   R"("ttl_ms":null,"version":#})"));
  EXPECT_EQ(ask(R"({"op":"stats","key":"none"})"), R"({"ok":true,"found":false})");
}

TEST_F(ServerCommandsTest, StatsDoNotCountAsAnAccess) {
  must(R"({"op":"set","key":"k","value":1})");
  pass(milliseconds{60'000});
  const auto idle = number_in(ask(R"({"op":"stats","key":"k"})"), "idle_ms");
  EXPECT_GE(idle, 50'000U);
  EXPECT_LE(idle, 70'000U);
  EXPECT_EQ(number_in(ask(R"({"op":"stats","key":"k"})"), "idle_ms"), idle);
  must(R"({"op":"get","key":"k"})");
  EXPECT_LE(number_in(ask(R"({"op":"stats","key":"k"})"), "idle_ms"), 10'000U);
}

TEST_F(ServerCommandsTest, StatsOfTheServer) {
  must(R"({"op":"set","key":"k","value":1})");
  EXPECT_THAT(ask(R"({"op":"stats"})"),
              Like(R"({"ok":true,"uptime_ms":5000,"connections":3,"threads":2,"shards":4,"keys":1,)"
                   R"("memory_used":#,"memory_limit":67108864,"live":#,"tables":#,"large":0,)"
                   R"("expiry_lag_ms":0})"));
}

TEST_F(ServerCommandsTest, HealthIsForEverybody) {
  const char* answer = R"({"ok":true,"status":"ok","server_version":"0.1.0","uptime_ms":5000})";
  EXPECT_EQ(ask(R"({"op":"health"})"), answer);
  EXPECT_EQ(Peer(server_, Role::kStranger).ask(R"({"op":"health"})"), answer);
}

TEST_F(ServerCommandsTest, BeforeItsTokenAClientMayOnlySayWhoItIs) {
  server_.control.token = "s3cret";
  Peer peer(server_, Role::kUnauthenticated);
  EXPECT_EQ(peer.ask(R"({"op":"ping"})"), R"({"ok":true,"pong":true})");
  EXPECT_THAT(peer.ask(R"({"op":"hello","client_name":"x"})"), testing::HasSubstr("\"ok\":true"));
  for (const protocol::CommandSpec& command : protocol::command_table()) {
    if (command.name == "ping" || command.name == "hello" || command.name == "auth") continue;
    EXPECT_THAT(peer.ask(command.example), Fails("unauthenticated")) << command.name;
  }
}

TEST_F(ServerCommandsTest, TheTokenGivesARoleAndAWrongOneTakesNone) {
  server_.control.token = "s3cret";
  Peer peer(server_, Role::kUnauthenticated);
  EXPECT_THAT(peer.ask(R"({"op":"auth","token":"s3cre"})"), Fails("unauthenticated"));
  EXPECT_THAT(peer.ask(R"({"op":"get","key":"k"})"), Fails("unauthenticated"));
  EXPECT_EQ(peer.ask(R"({"op":"auth","token":"s3cret"})"), R"({"ok":true,"role":"operator"})");
  EXPECT_EQ(peer.ask(R"({"op":"get","key":"k"})"), R"({"ok":true,"found":false})");
  EXPECT_THAT(peer.ask(R"({"op":"auth","token":"wrong"})"), Fails("unauthenticated"));
  EXPECT_EQ(peer.ask(R"({"op":"get","key":"k"})"), R"({"ok":true,"found":false})");
  EXPECT_THAT(peer.ask(R"({"op":"whoami"})"),
              testing::HasSubstr(R"("uid":null,"gid":null,"gids":[],"pid":0,"role":"operator")"));
}

TEST_F(ServerCommandsTest, ConfigShowsTheEffectiveOptions) {
  EXPECT_EQ(ask(R"({"op":"config.get"})"),
            R"({"ok":true,"config":{"max-memory":"64MiB","threads":"2"}})");
}

TEST_F(ServerCommandsTest, ClientsShowsConnections) {
  EXPECT_EQ(ask(R"({"op":"clients"})"),
            R"({"ok":true,"clients":[{"client":17,"client_name":"billing",)"
            R"("address":"unix:/run/x.sock","uid":1000,"pid":4711,"age_ms":30,"idle_ms":20,)"
            R"("requests":10,"memory":4096}]})");
}

TEST_F(ServerCommandsTest, KillClosesAnotherConnection) {
  EXPECT_EQ(ask(R"({"op":"client.kill","client":17})"), R"({"ok":true,"killed":true})");
  EXPECT_EQ(server_.control.killed, std::vector<std::uint64_t>{17});
  EXPECT_FALSE(peer_.close);
  EXPECT_THAT(ask(R"({"op":"client.kill","client":18})"), Fails("not_found"));
  EXPECT_THAT(ask(R"({"op":"client.kill"})"), Fails("invalid_request"));
}

TEST_F(ServerCommandsTest, KillOfItselfAnswersFirst) {
  EXPECT_EQ(ask(R"({"op":"client.kill","client":1})"), R"({"ok":true,"killed":true})");
  EXPECT_TRUE(peer_.close);
  EXPECT_THAT(server_.control.killed, testing::IsEmpty());
}

TEST_F(ServerCommandsTest, ShutdownAnswersAndEnds) {
  EXPECT_EQ(ask(R"({"op":"shutdown"})"), R"({"ok":true})");
  EXPECT_TRUE(peer_.close);
  EXPECT_EQ(server_.control.shutdowns, 1);
}

}  // namespace
}  // namespace appmem::test
