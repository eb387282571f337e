#include "commands/harness.h"

namespace appmem::test {
namespace {

class NamespaceCommandsTest : public CommandsTest {};

TEST_F(NamespaceCommandsTest, DefaultIsThereWithItsSettings) {
  EXPECT_THAT(ask(R"({"op":"ns.info","name":"default"})"),
              Like(R"({"ok":true,"name":"default","type":"any","persist":"none","eviction":"lru",)"
                   R"("max_bytes":null,"reserved_bytes":0,"max_keys":null,"max_value_bytes":null,)"
                   R"("default_ttl_ms":null,"owner_uid":#,"keys":0,"bytes":0,"memory":#,"gets":0,)"
                   R"("hits":0,"misses":0,"sets":0,"deletes":0,"evictions":0,"expirations":0,)"
                   R"("refused":0})"));
}

TEST_F(NamespaceCommandsTest, CreateTakesEverySetting) {
  EXPECT_EQ(
      ask(R"({"op":"ns.create","name":"s.1:x_y-z","type":"int","persist":"none",)"
          R"("max_bytes":1048576,"reserved_bytes":65536,"max_keys":1000,)"
          R"("max_value_bytes":4096,"default_ttl_ms":1000,"eviction":"none","ordered":false})"),
      R"({"ok":true,"created":true})");
  EXPECT_THAT(
      ask(R"({"op":"ns.info","name":"s.1:x_y-z"})"),
      testing::StartsWith(
          R"({"ok":true,"name":"s.1:x_y-z","type":"int","persist":"none","eviction":"none",)"
          R"("max_bytes":1048576,"reserved_bytes":65536,"max_keys":1000,"max_value_bytes":4096,)"
          R"("default_ttl_ms":1000,"owner_uid":1000,"keys":0)"));
  must(R"({"op":"set","ns":"s.1:x_y-z","key":"k","value":1})");
  EXPECT_EQ(ask(R"({"op":"ttl","ns":"s.1:x_y-z","key":"k"})"),
            R"({"ok":true,"found":true,"ttl_ms":1000})");
  must(R"({"op":"set","ns":"s.1:x_y-z","key":"k","value":1,"ttl_ms":null})");
  EXPECT_EQ(ask(R"({"op":"ttl","ns":"s.1:x_y-z","key":"k"})"),
            R"({"ok":true,"found":true,"ttl_ms":null})");
  EXPECT_EQ(ask(R"({"op":"mset","ns":"s.1:x_y-z","entries":[{"key":"k","value":1}]})").find("fail"),
            std::string::npos);
  EXPECT_EQ(ask(R"({"op":"ttl","ns":"s.1:x_y-z","key":"k"})"),
            R"({"ok":true,"found":true,"ttl_ms":1000})");
}

TEST_F(NamespaceCommandsTest, CreateOfOneThatExistsIsAnErrorUnlessItNeedNot) {
  must(R"({"op":"ns.create","name":"a","type":"int"})");
  EXPECT_THAT(ask(R"({"op":"ns.create","name":"a"})"), Fails("exists"));
  EXPECT_EQ(ask(R"({"op":"ns.create","name":"a","if_absent":true,"type":"json"})"),
            R"({"ok":true,"created":false})");
  EXPECT_THAT(ask(R"({"op":"ns.info","name":"a"})"), testing::HasSubstr(R"("type":"int")"));
  EXPECT_THAT(ask(R"({"op":"ns.create","name":"default"})"), Fails("exists"));
}

TEST_F(NamespaceCommandsTest, NamesHaveAForm) {
  const std::string longest(kNamespaceNameBytesMax, 'n');
  must(R"({"op":"ns.create","name":")" + longest + "\"}");
  for (const std::string& name : {std::string(), longest + "n", std::string("a b"),
                                  std::string("123"), std::string("a/b"), std::string("ä")}) {
    EXPECT_THAT(ask(R"({"op":"ns.create","name":")" + name + "\"}"), Fails("invalid_request"))
        << name;
  }
}

TEST_F(NamespaceCommandsTest, ADurableOneNeedsStorageAndAnswersWhenItHasIt) {
  FakeStorage& storage = server_.control.storage_value;
  storage.result = fail(ErrorCode::kUnavailable, "no room");
  EXPECT_THAT(ask(R"({"op":"ns.create","name":"a","persist":"wal"})"), Fails("unavailable"));
  EXPECT_THAT(ask(R"({"op":"ns.info","name":"a"})"), Fails("not_found"));
  storage.result = {};
  must(R"({"op":"ns.create","name":"a","persist":"wal"})");
  EXPECT_EQ(peer_.ticket, server_.sink.last);
  must(R"({"op":"ns.create","name":"b"})");
  EXPECT_EQ(peer_.ticket, 0U);
  EXPECT_EQ(storage.requests, 0U);
  // What it had before is in a checkpoint only.
  must(R"({"op":"ns.alter","name":"b","persist":"wal"})");
  EXPECT_EQ(storage.requests, 1U);
  storage.done = false;
  EXPECT_FALSE(peer_.send(R"({"op":"checkpoint"})"
                          "\n"));
  storage.done = true;
}

TEST_F(NamespaceCommandsTest, WhatHasNoEngineYetIsUnavailable) {
  EXPECT_THAT(ask(R"({"op":"ns.create","name":"a","ordered":true})"), Fails("unavailable"));
  EXPECT_THAT(ask(R"({"op":"ns.alter","name":"default","ordered":true})"), Fails("unavailable"));
  EXPECT_THAT(ask(R"({"op":"ns.info","name":"a"})"), Fails("not_found"));
}

TEST_F(NamespaceCommandsTest, WordsThatAreNoChoiceAreRefused) {
  for (const char* setting :
       {R"("type":"text")", R"("persist":"disk")", R"("eviction":"random")"}) {
    EXPECT_THAT(ask(R"({"op":"ns.create","name":"a",)" + std::string(setting) + "}"),
                Fails("invalid_request"))
        << setting;
  }
}

TEST_F(NamespaceCommandsTest, BudgetsOverTheStoresAreRefused) {
  EXPECT_THAT(ask(R"({"op":"ns.create","name":"a","max_bytes":67108865})"), Fails("too_large"));
  EXPECT_THAT(ask(R"({"op":"ns.create","name":"a","reserved_bytes":67108865})"),
              Fails("too_large"));
  EXPECT_THAT(ask(R"({"op":"ns.create","name":"a","max_value_bytes":536870913})"),
              Fails("too_large"));
  must(R"({"op":"ns.create","name":"a","reserved_bytes":40000000})");
  EXPECT_THAT(ask(R"({"op":"ns.create","name":"b","reserved_bytes":40000000})"),
              Fails("out_of_memory"));
}

TEST_F(NamespaceCommandsTest, AThousandAndTwentyFourNamespacesAndNoMore) {
  for (std::size_t i = 1; i < kNamespacesMax; ++i) {
    must(R"({"op":"ns.create","name":"n)" + std::to_string(i) + "\"}");
  }
  EXPECT_THAT(ask(R"({"op":"ns.create","name":"more"})"), Fails("too_large"));
  must(R"({"op":"ns.drop","name":"n7"})");
  must(R"({"op":"ns.create","name":"more"})");
}

TEST_F(NamespaceCommandsTest, AlterChangesWhatItNamesAndNullTakesALimitAway) {
  must(R"({"op":"ns.create","name":"a","max_keys":5,"default_ttl_ms":1000,"max_bytes":1048576})");
  EXPECT_EQ(ask(R"({"op":"ns.alter","name":"a","max_keys":7,"default_ttl_ms":null})"),
            R"({"ok":true})");
  const std::string info = ask(R"({"op":"ns.info","name":"a"})");
  EXPECT_THAT(info, testing::HasSubstr(R"("max_keys":7)"));
  EXPECT_THAT(info, testing::HasSubstr(R"("default_ttl_ms":null)"));
  EXPECT_THAT(info, testing::HasSubstr(R"("max_bytes":1048576)"));
  must(R"({"op":"ns.alter","name":"a","max_bytes":null,"max_keys":null})");
  EXPECT_THAT(ask(R"({"op":"ns.info","name":"a"})"),
              testing::HasSubstr(R"("max_bytes":null,"reserved_bytes":0,"max_keys":null)"));
  EXPECT_THAT(ask(R"({"op":"ns.alter","name":"nowhere","max_keys":1})"), Fails("not_found"));
  EXPECT_THAT(ask(R"({"op":"ns.alter","name":"a"})"), Fails("invalid_request"));
}

TEST_F(NamespaceCommandsTest, AlterChangesTheTypeOfAnEmptyNamespaceOnly) {
  must(R"({"op":"ns.alter","name":"default","type":"json"})");
  must(R"({"op":"set","key":"k","value":"text"})");
  EXPECT_THAT(ask(R"({"op":"ns.alter","name":"default","type":"any"})"), Fails("conflict"));
  EXPECT_THAT(ask(R"({"op":"stats","key":"k"})"), testing::HasSubstr(R"("type":"json")"));
}

TEST_F(NamespaceCommandsTest, DropRemovesAndDefaultStays) {
  must(R"({"op":"ns.create","name":"a"})");
  must(R"({"op":"set","ns":"a","key":"k","value":1})");
  EXPECT_EQ(ask(R"({"op":"ns.drop","name":"a"})"), R"({"ok":true})");
  EXPECT_THAT(ask(R"({"op":"get","ns":"a","key":"k"})"), Fails("not_found"));
  EXPECT_THAT(ask(R"({"op":"ns.drop","name":"a"})"), Fails("not_found"));
  EXPECT_THAT(ask(R"({"op":"ns.drop","name":"default"})"), Fails("invalid_request"));
}

TEST_F(NamespaceCommandsTest, ClearDeletesAllKeysOfOneNamespace) {
  must(R"({"op":"ns.create","name":"a"})");
  must(R"({"op":"mset","ns":"a","entries":[{"key":"x","value":1},{"key":"y","value":2}]})");
  must(R"({"op":"set","key":"x","value":1})");
  EXPECT_EQ(ask(R"({"op":"ns.clear","name":"a"})"), R"({"ok":true,"deleted":2})");
  EXPECT_EQ(ask(R"({"op":"count","ns":"a"})"), R"({"ok":true,"count":0})");
  EXPECT_EQ(ask(R"({"op":"count"})"), R"({"ok":true,"count":1})");
  EXPECT_THAT(ask(R"({"op":"ns.clear","name":"b"})"), Fails("not_found"));
}

TEST_F(NamespaceCommandsTest, ListIsSortedAndShowsWhatInfoShows) {
  must(R"({"op":"ns.create","name":"zebra"})");
  must(R"({"op":"ns.create","name":"ant"})");
  const std::string list = ask(R"({"op":"ns.list"})");
  EXPECT_LT(list.find("\"ant\""), list.find("\"default\""));
  EXPECT_LT(list.find("\"default\""), list.find("\"zebra\""));
  std::string info = ask(R"({"op":"ns.info","name":"ant"})");
  const std::string_view fields =
      std::string_view(info).substr(std::string_view(R"({"ok":true,)").size());
  EXPECT_THAT(list, testing::HasSubstr("{" + std::string(fields)));
}

TEST_F(NamespaceCommandsTest, CountersCount) {
  must(R"({"op":"ns.create","name":"a","max_value_bytes":10})");
  must(R"({"op":"use","name":"a"})");
  must(R"({"op":"set","key":"k","value":"12345"})");
  must(R"({"op":"incr","key":"n"})");
  must(R"({"op":"get","key":"k"})");
  must(R"({"op":"get","key":"none"})");
  must(R"({"op":"ttl","key":"none"})");
  must(R"({"op":"del","key":"n"})");
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":"12345678901"})"), Fails("too_large"));
  const std::string info = ask(R"({"op":"ns.info","name":"a"})");
  EXPECT_EQ(number_in(info, "keys"), 1U);
  EXPECT_EQ(number_in(info, "bytes"), 6U);
  EXPECT_EQ(number_in(info, "gets"), 2U);
  EXPECT_EQ(number_in(info, "hits"), 1U);
  EXPECT_EQ(number_in(info, "misses"), 1U);
  EXPECT_EQ(number_in(info, "sets"), 2U);
  EXPECT_EQ(number_in(info, "deletes"), 1U);
  EXPECT_EQ(number_in(info, "refused"), 1U);
}

TEST_F(NamespaceCommandsTest, UseChoosesForThisConnectionOnly) {
  must(R"({"op":"ns.create","name":"a"})");
  EXPECT_EQ(ask(R"({"op":"use","name":"a"})"), R"({"ok":true})");
  must(R"({"op":"set","key":"k","value":1})");
  Peer other(server_);
  EXPECT_EQ(other.ask(R"({"op":"exists","key":"k"})"), R"({"ok":true,"count":0})");
  EXPECT_EQ(other.ask(R"({"op":"exists","key":"k","ns":"a"})"), R"({"ok":true,"count":1})");
  EXPECT_EQ(ask(R"({"op":"exists","key":"k","ns":"default"})"), R"({"ok":true,"count":0})");
  EXPECT_THAT(ask(R"({"op":"use","name":"b"})"), Fails("not_found"));
  EXPECT_THAT(ask(R"({"op":"whoami"})"), testing::HasSubstr(R"("ns":"a")"));
}

}  // namespace
}  // namespace appmem::test
