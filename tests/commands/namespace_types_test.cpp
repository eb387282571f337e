#include "commands/harness.h"

/// What becomes of a value in a namespace of each type.
namespace appmem::test {
namespace {

class NamespaceTypesTest : public CommandsTest {
 protected:
  void use(const std::string& type) {
    must(R"({"op":"ns.create","name":"typed","type":")" + type + "\"}");
    must(R"({"op":"use","name":"typed"})");
  }
  std::string stored(const std::string& value_field) {
    must(R"({"op":"set","key":"k",)" + value_field + "}");
    return ask(R"({"op":"get","key":"k"})");
  }
  static std::string found(const std::string& value_field) {
    return R"({"ok":true,"found":true,)" + value_field + R"(,"version":#})";
  }
};

TEST_F(NamespaceTypesTest, StringStoresDigitsAndRefusesDocuments) {
  use("string");
  EXPECT_THAT(stored(R"("value":"x")"), Like(found(R"("value":"x")")));
  EXPECT_THAT(stored(R"("value":-12)"), Like(found(R"("value":"-12")")));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":{}})"), Fails("wrong_type"));
  EXPECT_THAT(ask(R"({"op":"incr","key":"k","by":2})"),
              Like(R"({"ok":true,"value":-10,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"), Like(found(R"("value":"-10")")));
}

TEST_F(NamespaceTypesTest, IntStoresIntegersOnly) {
  use("int");
  EXPECT_THAT(stored(R"("value":7)"), Like(found(R"("value":7)")));
  EXPECT_THAT(stored(R"("value":"-7")"), Like(found(R"("value":-7)")));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":"07"})"), Fails("wrong_type"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":[7]})"), Fails("wrong_type"));
  EXPECT_THAT(ask(R"({"op":"append","key":"k","value":"0"})"), Fails("wrong_type"));
  EXPECT_THAT(ask(R"({"op":"incr","key":"k"})"), Like(R"({"ok":true,"value":-6,"version":#})"));
}

TEST_F(NamespaceTypesTest, ADocumentThatIsRefusedUndoesAllThatWasWrittenBeforeIt) {
  // More than a namespace's home keeps, so that it is about to spread over all shards.
  constexpr std::size_t kKeys = 6'000;
  use("json");
  RedisPeer redis(server_);
  ASSERT_EQ(redis.ask("SELECT typed"), "+OK\r\n");
  std::vector<std::string> words{"MSET"};
  for (std::size_t i = 0; i < kKeys; ++i) {
    words.push_back("key:" + std::to_string(i));
    words.emplace_back("{}");
  }
  words.insert(words.end(), {"bad", "no document"});
  EXPECT_TRUE(redis.ask(words).starts_with("-"));
  EXPECT_EQ(redis.ask("DBSIZE"), ":0\r\n");
  words.resize(words.size() - 2);
  EXPECT_EQ(redis.ask(words), "+OK\r\n");
  EXPECT_EQ(redis.ask("DBSIZE"), ":" + std::to_string(kKeys) + "\r\n");
}

TEST_F(NamespaceTypesTest, WhatIsRefusedForTheTypeIsCounted) {
  std::size_t refused = 0;
  for (const std::string type : {"int", "string", "json"}) {
    std::string ns = R"({"op":"ns.create","name":"t)";
    ns.append(type).append(R"(","type":")").append(type).append("\"}");
    must(ns);
    RedisPeer redis(server_);
    redis.ask("SELECT t" + type);
    must(R"({"op":"use","name":"t)" + type + "\"}");
    if (type == "int") {
      EXPECT_THAT(redis.ask("SET k x"), testing::StartsWith("-WRONGTYPE"));
      EXPECT_THAT(redis.ask("APPEND k x"), testing::StartsWith("-WRONGTYPE"));
      EXPECT_THAT(ask(R"({"op":"set","key":"k","value":"x"})"), Fails("wrong_type"));
      refused = 3;
    } else if (type == "string") {
      EXPECT_THAT(ask(R"({"op":"set","key":"k","value":{}})"), Fails("wrong_type"));
      redis.ask("SET k x");
      refused = 1;
    } else {
      EXPECT_EQ(redis.ask("SET k {}"), "+OK\r\n");
      EXPECT_EQ(redis.ask("SET k {")[0], '-');
      EXPECT_EQ(redis.ask("INCR k")[0], '-');
      EXPECT_EQ(redis.ask("APPEND k x")[0], '-');
      EXPECT_THAT(ask(R"({"op":"set","key":"k","value_b64":"ew=="})"), Fails("invalid_json"));
      refused = 4;
    }
    EXPECT_THAT(ask(R"({"op":"ns.info","name":"t)" + type + "\"}"),
                testing::HasSubstr(R"("refused":)" + std::to_string(refused) + "}"));
  }
}

TEST_F(NamespaceTypesTest, JsonStoresTheTextOfTheRequest) {
  use("json");
  EXPECT_THAT(stored(R"("value":"a\u0062")"), Like(found(R"("value":"a\u0062")")));
  EXPECT_THAT(stored(R"("value":12)"), Like(found(R"("value":12)")));
  EXPECT_THAT(stored(R"("value":[1, 2])"), Like(found(R"("value":[1, 2])")));
  EXPECT_THAT(stored(R"("value":null)"), Like(found(R"("value":null)")));
  EXPECT_THAT(ask(R"({"op":"stats","key":"k"})"), testing::HasSubstr(R"("type":"json")"));
  EXPECT_THAT(ask(R"({"op":"incr","key":"k"})"), Fails("wrong_type"));
  EXPECT_THAT(ask(R"({"op":"append","key":"k","value":"0"})"), Fails("wrong_type"));
}

TEST_F(NamespaceTypesTest, JsonTakesBytesThatParseAndNoOthers) {
  use("json");
  EXPECT_THAT(stored(R"("value_b64":"eyJhIjoxfQ==")"), Like(found(R"("value":{"a":1})")));
  // {"a":} and a byte that is no text
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value_b64":"eyJhIjp9"})"), Fails("invalid_json"));
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value_b64":"/w=="})"), Fails("invalid_json"));
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"), Like(found(R"("value":{"a":1})")));
}

TEST_F(NamespaceTypesTest, JsonIsTheSameInMsetAndBatch) {
  use("json");
  must(R"({"op":"mset","entries":[{"key":"a","value":"x"},{"key":"b","value_b64":"WzFd"}]})");
  const std::string bad_entry =
      ask(R"({"op":"mset","entries":[{"key":"c","value":1},{"key":"b","value_b64":"/w=="}]})");
  EXPECT_THAT(bad_entry, Fails("invalid_json"));
  EXPECT_THAT(bad_entry, testing::HasSubstr(R"("details":{"index":1})"));
  EXPECT_THAT(ask(R"({"op":"batch","ops":[{"op":"set","key":"d","value":"y"},)"
                  R"({"op":"mset","entries":[{"key":"e","value_b64":"WzFd"}]},)"
                  R"({"op":"mget","keys":["a","b","d","e"]}]})"),
              testing::HasSubstr(R"({"values":[{"found":true,"value":"x")"));
  const std::string bad_op = ask(
      R"({"op":"batch","ops":[{"op":"get","key":"a"},{"op":"set","key":"f","value_b64":"/w=="}]})");
  EXPECT_THAT(bad_op, Fails("invalid_json"));
  EXPECT_THAT(bad_op, testing::HasSubstr(R"("details":{"index":1})"));
  EXPECT_EQ(ask(R"({"op":"exists","keys":["a","b","c","d","e","f"]})"), R"({"ok":true,"count":4})");
}

TEST_F(NamespaceTypesTest, ReturnOldWorksForStringsInJson) {
  use("json");
  must(R"({"op":"set","key":"k","value":"old"})");
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":"new","return_old":true})"),
              Like(R"({"ok":true,"version":#,"old":"old"})"));
}

TEST_F(NamespaceTypesTest, ALargeStringInJsonIsOneDocument) {
  use("json");
  const std::string large = '"' + std::string(kInlineValueBytesMax * 2, 'x') + '"';
  EXPECT_THAT(stored("\"value\":" + large), Like(found("\"value\":" + large)));
}

}  // namespace
}  // namespace appmem::test
