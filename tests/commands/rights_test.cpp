#include "commands/harness.h"

/// Who may do what: the operator everything, members of the socket's group read and write the
/// default namespace, strangers nothing but learn who they are.
namespace appmem::test {
namespace {

class RightsTest : public CommandsTest {
 protected:
  RightsTest() : member_(server_, Role::kMember), stranger_(server_, Role::kStranger) {
    must(R"({"op":"ns.create","name":"secret"})");
    must(R"({"op":"set","ns":"secret","key":"k","value":1})");
    must(R"({"op":"set","key":"k","value":1})");
  }

  static std::string in(std::string_view ns, std::string_view op) {
    return R"({"ns":")" + std::string(ns) + R"(","op":)" + std::string(op) + "}";
  }

  Peer member_;
  Peer stranger_;
};

/// Every op that works on keys of a namespace.
constexpr std::string_view kKeyOps[] = {
    R"("get","key":"k")",
    R"("get","key":"k","touch_ttl_ms":1000)",
    R"("set","key":"k","value":1)",
    R"("del","key":"other")",
    R"("del","keys":["x","y"])",
    R"("exists","key":"k")",
    R"("exists","keys":["k","y"])",
    R"("mget","keys":["k"])",
    R"("mset","entries":[{"key":"k","value":1}])",
    R"("incr","key":"n")",
    R"("decr","key":"n")",
    R"("append","key":"a","value":"x")",
    R"("ttl","key":"k")",
    R"("expire","key":"k","ttl_ms":100000)",
    R"("persist","key":"k")",
    R"("scan")",
    R"("scan","from":"a")",
    R"("count")",
    R"("stats","key":"k")",
    R"("stats")",
    R"("batch","ops":[{"op":"get","key":"k"}])",
    R"("batch","ops":[{"op":"incr","key":"n"}])",
};

TEST_F(RightsTest, OperatorsMayDoEverything) {
  for (const std::string_view op : kKeyOps) {
    EXPECT_THAT(ask(in("default", op)), testing::HasSubstr("\"ok\":true")) << op;
    EXPECT_THAT(ask(in("secret", op)), testing::HasSubstr("\"ok\":true")) << op;
  }
}

TEST_F(RightsTest, MembersReadAndWriteTheDefaultNamespaceOnly) {
  for (const std::string_view op : kKeyOps) {
    EXPECT_THAT(member_.ask(in("default", op)), testing::HasSubstr("\"ok\":true")) << op;
    EXPECT_THAT(member_.ask(R"({"op":)" + std::string(op) + "}"), testing::HasSubstr("\"ok\":true"))
        << op;
    EXPECT_THAT(member_.ask(in("secret", op)), Fails("forbidden")) << op;
  }
}

TEST_F(RightsTest, StrangersMayDoNothingWithKeys) {
  for (const std::string_view op : kKeyOps) {
    EXPECT_THAT(stranger_.ask(in("default", op)), Fails("forbidden")) << op;
    EXPECT_THAT(stranger_.ask(in("secret", op)), Fails("forbidden")) << op;
  }
}

TEST_F(RightsTest, AdministrationIsForOperators) {
  for (const std::string op :
       {R"("ns.create","name":"new")", R"("ns.alter","name":"default","max_keys":5)",
        R"("ns.alter","name":"secret","max_keys":5)", R"("ns.drop","name":"secret")",
        R"("ns.clear","name":"default")", R"("ns.clear","name":"secret")", R"("config.get")",
        R"("clients")", R"("client.kill","client":17)", R"("shutdown")", R"("metrics")",
        R"("config.reload")", R"("checkpoint")", R"("compact")", R"("backup")", R"("log.verify")",
        R"("storage.resume")", R"("slowlog")"}) {
    EXPECT_THAT(member_.ask(R"({"op":)" + op + "}"), Fails("forbidden")) << op;
    EXPECT_THAT(stranger_.ask(R"({"op":)" + op + "}"), Fails("forbidden")) << op;
  }
  EXPECT_EQ(server_.control.shutdowns, 0);
  EXPECT_THAT(server_.control.killed, testing::IsEmpty());
  EXPECT_EQ(ask(R"({"op":"exists","ns":"secret","key":"k"})"), R"({"ok":true,"count":1})");
}

TEST_F(RightsTest, EverybodyMayAskWhoTheyAre) {
  for (const char* op : {"ping", "hello", "whoami", "health"}) {
    EXPECT_THAT(stranger_.ask(R"({"op":")" + std::string(op) + "\"}"),
                testing::HasSubstr("\"ok\":true"))
        << op;
  }
}

TEST_F(RightsTest, NamespacesThatMayNotBeReadAreNotShown) {
  const std::string list = member_.ask(R"({"op":"ns.list"})");
  EXPECT_THAT(list, testing::HasSubstr("\"default\""));
  EXPECT_THAT(list, testing::Not(testing::HasSubstr("secret")));
  EXPECT_THAT(stranger_.ask(R"({"op":"ns.list"})"), Fails("forbidden"));
  EXPECT_THAT(member_.ask(R"({"op":"ns.info","name":"default"})"),
              testing::HasSubstr("\"ok\":true"));
  EXPECT_THAT(member_.ask(R"({"op":"use","name":"default"})"), R"({"ok":true})");
  EXPECT_THAT(member_.ask(R"({"op":"use","name":"secret"})"), Fails("forbidden"));
  EXPECT_THAT(stranger_.ask(R"({"op":"use","name":"default"})"), Fails("forbidden"));
}

TEST_F(RightsTest, ARefusalSaysNothingOfWhatExists) {
  for (const std::string_view op : kKeyOps) {
    EXPECT_EQ(member_.ask(in("secret", op)), member_.ask(in("nowhere", op))) << op;
    EXPECT_EQ(stranger_.ask(in("secret", op)), stranger_.ask(in("nowhere", op))) << op;
    EXPECT_EQ(stranger_.ask(in("default", op)), stranger_.ask(in("nowhere", op))) << op;
  }
  for (const std::string op : {"ns.info", "ns.drop", "ns.clear", "ns.alter", "use"}) {
    const std::string request = R"({"op":")" + op + R"(","name":")";
    EXPECT_EQ(member_.ask(request + "secret\"}"), member_.ask(request + "nowhere\"}")) << op;
  }
  // Nor does an error that another part of the request would have met.
  EXPECT_EQ(member_.ask(R"({"op":"batch","ops":[{"op":"get","key":"k","ns":"secret"}]})"),
            member_.ask(R"({"op":"batch","ops":[{"op":"get","key":"k","ns":"nowhere"}]})"));
}

TEST_F(RightsTest, EachOpOfABatchNeedsItsRight) {
  const std::string refused = member_.ask(
      R"({"op":"batch","ops":[{"op":"set","key":"k","value":2},{"op":"get","key":"k","ns":"secret"}]})");
  EXPECT_THAT(refused, Fails("forbidden"));
  EXPECT_THAT(refused, testing::HasSubstr(R"("details":{"index":1})"));
  EXPECT_THAT(member_.ask(R"({"op":"get","key":"k"})"), testing::HasSubstr(R"("value":1)"));
  // A batch in a forbidden namespace whose ops are all elsewhere is fine.
  EXPECT_THAT(ask(R"({"op":"batch","ns":"secret","ops":[{"op":"get","key":"k","ns":"default"}]})"),
              testing::HasSubstr("\"ok\":true"));
  EXPECT_THAT(member_.ask(R"({"op":"batch","ns":"secret","ops":[{"op":"get","key":"k"}]})"),
              Fails("forbidden"));
}

TEST_F(RightsTest, ABatchTellsNoExistenceThroughItsOwnNamespace) {
  EXPECT_EQ(member_.ask(R"({"op":"batch","ns":"secret","ops":[]})"),
            member_.ask(R"({"op":"batch","ns":"nowhere","ops":[]})"));
}

}  // namespace
}  // namespace appmem::test
