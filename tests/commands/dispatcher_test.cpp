#include "commands/harness.h"

namespace appmem::test {
namespace {

class DispatcherTest : public CommandsTest {};

bool has(const protocol::CommandSpec& spec, std::uint16_t flag) {
  return (spec.flags & flag) != 0;
}

TEST_F(DispatcherTest, EveryRowAnswersItsOwnExample) {
  for (const protocol::CommandSpec& spec : protocol::command_table()) {
    TestServer server({.max_memory_bytes = 1_GiB});
    Peer peer(server);
    // What some examples need.
    peer.ask(R"({"op":"incr","key":"a"})");
    if (spec.id != protocol::CommandId::kNsCreate) {
      peer.ask(R"({"op":"ns.create","name":"sessions"})");
    }
    peer.ask(R"({"op":"incr","key":"stock"})");
    const std::string answer = peer.ask(spec.example);
    if (has(spec, protocol::kUnavailable) || spec.id == protocol::CommandId::kAuth) {
      EXPECT_THAT(answer, Fails("unavailable")) << spec.example;
    } else {
      EXPECT_THAT(answer, testing::HasSubstr("\"ok\":true")) << spec.example;
    }
  }
}

TEST_F(DispatcherTest, BatchableRowsRunInABatchAndTheOthersDoNot) {
  for (const protocol::CommandSpec& spec : protocol::command_table()) {
    TestServer server;
    Peer peer(server);
    peer.ask(R"({"op":"incr","key":"stock"})");
    const std::string answer =
        peer.ask(R"({"op":"batch","ops":[)" + std::string(spec.example) + "]}");
    if (has(spec, protocol::kBatchable)) {
      EXPECT_THAT(answer, testing::HasSubstr("\"ok\":true,\"results\":[{")) << spec.example;
    } else {
      EXPECT_THAT(answer, testing::HasSubstr("\"ok\":false")) << spec.example;
    }
  }
}

TEST_F(DispatcherTest, RowsThatWriteNeedMoreThanTheRightToRead) {
  for (const protocol::CommandSpec& spec : protocol::command_table()) {
    if (!has(spec, protocol::kWrites) || spec.id == protocol::CommandId::kBatch) continue;
    EXPECT_GT(spec.right, protocol::Right::kRead) << spec.name;
  }
}

TEST_F(DispatcherTest, AnswersHaveTheFieldsOfTheirRowInItsOrder) {
  must(R"({"op":"mset","entries":[{"key":"user:42","value":1,"ttl_ms":9},{"key":"a","value":1}]})");
  must(R"({"op":"ns.create","name":"sessions"})");
  for (const protocol::CommandSpec& spec : protocol::command_table()) {
    if (has(spec, protocol::kUnavailable) || spec.id == protocol::CommandId::kNsDrop) continue;
    const std::string answer = ask(spec.example);
    std::size_t position = 0;
    for (const protocol::Field field : spec.reply) {
      const std::string name = '"' + std::string(field_name(field)) + "\":";
      const std::size_t found = answer.find(name);
      if (found == std::string::npos) continue;  // not every answer has every field
      EXPECT_GE(found, position) << spec.name << " " << name << " in " << answer;
      position = found;
    }
  }
}

TEST_F(DispatcherTest, MalformedRequestsLeaveTheSessionAlone) {
  EXPECT_THAT(ask("{"), Fails("invalid_json"));
  EXPECT_THAT(ask(R"({"op":"frob"})"), Fails("unknown_op"));
  EXPECT_THAT(ask(R"({"op":"get"})"), Fails("invalid_request"));
  EXPECT_THAT(ask(R"({"op":"get","key":"k","kee":1})"), Fails("invalid_request"));
  EXPECT_EQ(ask(R"({"op":"ping"})"), R"({"ok":true,"pong":true})");
}

TEST_F(DispatcherTest, LeaseFieldsAreUnavailable) {
  EXPECT_THAT(ask(R"({"op":"get","key":"k","lease_ms":100})"), Fails("unavailable"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"lease":"x"})"), Fails("unavailable"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":1,"fresh_ms":5})"), Fails("unavailable"));
}

}  // namespace
}  // namespace appmem::test
