#include "commands/harness.h"

namespace appmem::test {
namespace {

class ListCommandsTest : public CommandsTest {};

TEST_F(ListCommandsTest, DelAndExistsCountAKeyNamedTwiceOnce) {
  must(R"({"op":"mset","entries":[{"key":"a","value":1},{"key":"b","value":2}]})");
  EXPECT_EQ(ask(R"({"op":"exists","keys":["a","b","a","none","none"]})"),
            R"({"ok":true,"count":2})");
  EXPECT_EQ(ask(R"({"op":"del","keys":["a","a","b","none"]})"), R"({"ok":true,"deleted":2})");
  EXPECT_EQ(ask(R"({"op":"exists","keys":["a","b"]})"), R"({"ok":true,"count":0})");
}

TEST_F(ListCommandsTest, AListOfOneOrNoKeysIsFine) {
  must(R"({"op":"set","key":"a","value":1})");
  EXPECT_EQ(ask(R"({"op":"exists","keys":["a"]})"), R"({"ok":true,"count":1})");
  EXPECT_THAT(ask(R"({"op":"mget","keys":["a"]})"),
              Like(R"({"ok":true,"values":[{"found":true,"value":1,"version":#}]})"));
  EXPECT_EQ(ask(R"({"op":"del","keys":["a"]})"), R"({"ok":true,"deleted":1})");
  EXPECT_EQ(ask(R"({"op":"exists","keys":[]})"), R"({"ok":true,"count":0})");
  EXPECT_EQ(ask(R"({"op":"del","keys":[]})"), R"({"ok":true,"deleted":0})");
  EXPECT_EQ(ask(R"({"op":"mget","keys":[]})"), R"({"ok":true,"values":[]})");
  EXPECT_EQ(ask(R"({"op":"mset","entries":[]})"), R"({"ok":true,"versions":[]})");
}

TEST_F(ListCommandsTest, MgetAnswersEachMentionInOrder) {
  must(R"({"op":"set","key":"a","value":1})");
  must(R"({"op":"set","key":"b","value":"x","ttl_ms":1000})");
  EXPECT_THAT(ask(R"({"op":"mget","keys":["b","none","a","b",{"b64":"/w=="}]})"),
              Like(R"({"ok":true,"values":[{"found":true,"value":"x","version":#},)"
                   R"({"found":false},{"found":true,"value":1,"version":#},)"
                   R"({"found":true,"value":"x","version":#},{"found":false}]})"));
}

TEST_F(ListCommandsTest, MsetStoresAllAndAnswersTheirVersions) {
  const std::string answer =
      ask(R"({"op":"mset","entries":[{"key":"a","value":1},{"key":"b","value":"x","ttl_ms":9}]})");
  EXPECT_THAT(answer, Like(R"({"ok":true,"versions":[#,#]})"));
  EXPECT_EQ(ask(R"({"op":"ttl","key":"b"})"), R"({"ok":true,"found":true,"ttl_ms":9})");
  EXPECT_EQ(ask(R"({"op":"ttl","key":"a"})"), R"({"ok":true,"found":true,"ttl_ms":null})");
}

TEST_F(ListCommandsTest, MsetOfAKeyTwiceStoresTheLastAndAnswersItsVersionTwice) {
  const std::string answer = ask(
      R"({"op":"mset","entries":[{"key":"a","value":1},{"key":"b","value":2},{"key":"a","value":3}]})");
  const std::string get = ask(R"({"op":"get","key":"a"})");
  EXPECT_THAT(get, Like(R"({"ok":true,"found":true,"value":3,"version":#})"));
  const std::string version = std::to_string(number_in(get, "version"));
  EXPECT_THAT(answer, Like(R"({"ok":true,"versions":[)" + version + ",#," + version + "]}"));
}

TEST_F(ListCommandsTest, MsetIfAbsentStoresAllOrNothing) {
  must(R"({"op":"set","key":"b","value":0})");
  const std::string refused = ask(
      R"({"op":"mset","if_absent":true,"entries":[{"key":"a","value":1},{"key":"b","value":2}]})");
  EXPECT_THAT(refused, Fails("exists"));
  EXPECT_THAT(refused, testing::HasSubstr(R"("details":{"index":1})"));
  EXPECT_EQ(ask(R"({"op":"exists","key":"a"})"), R"({"ok":true,"count":0})");
  // The condition is about what was there before, so a key may come twice.
  EXPECT_THAT(
      ask(R"({"op":"mset","if_absent":true,"entries":[{"key":"a","value":1},{"key":"a","value":2}]})"),
      Like(R"({"ok":true,"versions":[#,#]})"));
}

TEST_F(ListCommandsTest, MsetThatFailsAtAnyEntryChangesNothing) {
  must(R"({"op":"ns.create","name":"numbers","type":"int"})");
  must(R"({"op":"use","name":"numbers"})");
  must(R"({"op":"set","key":"k1","value":-1})");
  for (int bad = 0; bad < 3; ++bad) {
    std::string entries;
    for (int i = 0; i < 3; ++i) {
      if (i > 0) entries += ',';
      entries += R"({"key":"k)" + std::to_string(i) + R"(","value":)" +
                 (i == bad ? R"("no number")" : std::to_string(i)) + "}";
    }
    const std::string answer = ask(R"({"op":"mset","entries":[)" + entries + "]}");
    EXPECT_THAT(answer, Fails("wrong_type"));
    EXPECT_THAT(answer, testing::HasSubstr(R"("details":{"index":)" + std::to_string(bad)));
    EXPECT_THAT(ask(R"({"op":"mget","keys":["k0","k1","k2"]})"),
                Like(R"({"ok":true,"values":[{"found":false},)"
                     R"({"found":true,"value":-1,"version":#},{"found":false}]})"));
  }
}

TEST_F(ListCommandsTest, ManyKeysInManyShardsAreOneStep) {
  std::string keys;
  std::string entries;
  for (int i = 0; i < 10'000; ++i) {
    if (i > 0) {
      keys += ',';
      entries += ',';
    }
    keys += "\"key" + std::to_string(i) + '"';
    entries += R"({"key":"key)" + std::to_string(i) + R"(","value":)" + std::to_string(i) + "}";
  }
  must(R"({"op":"mset","entries":[)" + entries + "]}");
  EXPECT_EQ(ask(R"({"op":"exists","keys":[)" + keys + "]}"), R"({"ok":true,"count":10000})");
  EXPECT_EQ(ask(R"({"op":"del","keys":[)" + keys + "]}"), R"({"ok":true,"deleted":10000})");
}

}  // namespace
}  // namespace appmem::test
