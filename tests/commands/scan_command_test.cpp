#include <map>
#include <set>

#include "appmem/codecs/ndjson_reply.h"
#include "commands/harness.h"
#include "support/random.h"

namespace appmem::test {
namespace {

/// One page of a scan.
struct Page {
  std::vector<std::string> keys;
  std::string cursor;  // as JSON
};

class ScanCommandTest : public CommandsTest {
 protected:
  explicit ScanCommandTest(ServerOptions options = {}) : CommandsTest(options) {}

  void fill(int count, const std::string& prefix = "key") {
    for (int i = 0; i < count; ++i) {
      must(R"({"op":"set","key":")" + prefix + std::to_string(i) + R"(","value":)" +
           std::to_string(i) + "}");
    }
  }

  static Page page_of(const std::string& answer) {
    Page page;
    const auto object = codecs::NdjsonObject::parse(answer);
    if (!object || !object->check_ok()) {
      ADD_FAILURE() << answer;
      return page;
    }
    for (const std::string_view item : object->items(protocol::Field::kKeys)) {
      page.keys.push_back(codecs::ndjson_key(item).value_or("?"));
    }
    page.cursor = object->raw(protocol::Field::kCursor).value_or("?");
    return page;
  }

  /// All pages of a scan with these fields, in order.
  std::vector<std::string> scan(const std::string& fields, std::size_t steps = 2'000) {
    std::vector<std::string> keys;
    std::string cursor = "null";
    do {
      const Page page =
          page_of(peer_.ask(R"({"op":"scan",)" + fields + R"(,"cursor":)" + cursor + "}", steps));
      keys.insert(keys.end(), page.keys.begin(), page.keys.end());
      cursor = page.cursor;
    } while (cursor != "null" && cursor != "?");
    return keys;
  }
  std::vector<std::string> sorted(std::vector<std::string> keys) {
    std::sort(keys.begin(), keys.end());
    return keys;
  }
};

TEST_F(ScanCommandTest, AnEmptyNamespaceIsAnEmptyPage) {
  EXPECT_EQ(ask(R"({"op":"scan"})"), R"({"ok":true,"keys":[],"cursor":null})");
  EXPECT_EQ(ask(R"({"op":"scan","values":true})"), R"({"ok":true,"entries":[],"cursor":null})");
  EXPECT_EQ(ask(R"({"op":"scan","from":"a"})"), R"({"ok":true,"keys":[],"cursor":null})");
  EXPECT_EQ(ask(R"({"op":"count"})"), R"({"ok":true,"count":0})");
}

TEST_F(ScanCommandTest, PagesTogetherHoldEveryKeyOnce) {
  fill(1'000);
  std::set<std::string> expected;
  for (int i = 0; i < 1'000; ++i)
    expected.insert("key" + std::to_string(i));
  for (const char* limit : {"1", "7", "100", "999", "1000", "10000"}) {
    const auto keys = scan(R"("limit":)" + std::string(limit));
    EXPECT_EQ(keys.size(), 1'000U);
    EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()), expected) << limit;
  }
}

TEST_F(ScanCommandTest, APageHoldsAHundredUnlessAskedOtherwise) {
  fill(150);
  EXPECT_EQ(page_of(ask(R"({"op":"scan"})")).keys.size(), 100U);
  EXPECT_EQ(page_of(ask(R"({"op":"scan","limit":20})")).keys.size(), 20U);
}

TEST_F(ScanCommandTest, LimitHasBounds) {
  must(R"({"op":"scan","limit":10000})");
  EXPECT_THAT(ask(R"({"op":"scan","limit":10001})"), Fails("too_large"));
  EXPECT_THAT(ask(R"({"op":"scan","limit":0})"), Fails("invalid_request"));
}

TEST_F(ScanCommandTest, PrefixAndGlobChoose) {
  fill(30, "a:");
  fill(20, "b:");
  EXPECT_EQ(scan(R"("prefix":"a:")").size(), 30U);
  EXPECT_EQ(scan(R"("prefix":"")").size(), 50U);
  EXPECT_EQ(scan(R"("prefix_b64":"YTo=")").size(), 30U);
  EXPECT_EQ(sorted(scan(R"("glob":"[ab]:7")")), (std::vector<std::string>{"a:7", "b:7"}));
  EXPECT_EQ(scan(R"("glob":"a:1?")").size(), 10U);
  EXPECT_EQ(scan(R"("glob":"*")").size(), 50U);
  EXPECT_THAT(ask(R"({"op":"scan","glob":"*","prefix":"a"})"), Fails("invalid_request"));
  EXPECT_THAT(ask(R"({"op":"scan","from":"a","prefix":"a"})"), Fails("invalid_request"));
}

TEST_F(ScanCommandTest, ValuesComeWithVersionAndLife) {
  must(R"({"op":"set","key":"a","value":{"x":1},"ttl_ms":500})");
  EXPECT_THAT(ask(R"({"op":"scan","values":true})"),
              Like(R"({"ok":true,"entries":[{"key":"a","value":{"x":1},"version":#,"ttl_ms":500}],)"
                   R"("cursor":null})"));
  EXPECT_THAT(ask(R"({"op":"scan","values":true,"from":"a"})"),
              Like(R"({"ok":true,"entries":[{"key":"a","value":{"x":1},"version":#,"ttl_ms":500}],)"
                   R"("cursor":null})"));
}

TEST_F(ScanCommandTest, KeysThatAreNoTextComeAsBase64) {
  must(R"({"op":"set","key_b64":"/w==","value":1})");
  EXPECT_EQ(ask(R"({"op":"scan"})"), R"({"ok":true,"keys":[{"b64":"/w=="}],"cursor":null})");
  EXPECT_THAT(ask(R"({"op":"scan","values":true})"), testing::HasSubstr(R"("key_b64":"/w==")"));
}

TEST_F(ScanCommandTest, ExpiredKeysAreNotShown) {
  must(R"({"op":"set","key":"a","value":1,"ttl_ms":10})");
  must(R"({"op":"set","key":"b","value":1})");
  pass(milliseconds{10});
  EXPECT_EQ(ask(R"({"op":"scan"})"), R"({"ok":true,"keys":["b"],"cursor":null})");
  EXPECT_EQ(ask(R"({"op":"scan","from":""})"), R"({"ok":true,"keys":["b"],"cursor":null})");
  EXPECT_EQ(ask(R"({"op":"count"})"), R"({"ok":true,"count":1})");
}

TEST_F(ScanCommandTest, RangesComeInKeyOrderPageByPage) {
  fill(500);
  std::vector<std::string> expected(500);
  for (std::size_t i = 0; i < expected.size(); ++i)
    expected[i] = "key" + std::to_string(i);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(scan(R"("from":"")"), expected);
  EXPECT_EQ(scan(R"("from":"","limit":1000)"), expected);
  EXPECT_EQ(scan(R"("to":"l","limit":33)"), expected);
  EXPECT_EQ(scan(R"("from":"key30","to":"key303","limit":2)"),
            (std::vector<std::string>{"key30", "key300", "key301", "key302"}));
  EXPECT_EQ(scan(R"("from":"x")"), std::vector<std::string>{});
  EXPECT_EQ(scan(R"("from":"b","to":"a")"), std::vector<std::string>{});
}

TEST_F(ScanCommandTest, APageOfLongKeysIsShorterThanItsLimit) {
  std::set<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    const std::string key = std::to_string(100 + i) + std::string(60'000, 'x');
    expected.insert(key);
    must(R"({"op":"set","value":1,"key":")" + key + "\"}");
  }
  const Page first = page_of(ask(R"({"op":"scan","from":"","limit":100})"));
  EXPECT_LT(first.keys.size(), 100U);
  EXPECT_NE(first.cursor, "null");
  const auto keys = scan(R"("from":"","limit":100)");
  EXPECT_EQ(keys, std::vector<std::string>(expected.begin(), expected.end()));
}

TEST_F(ScanCommandTest, CursorsOfOtherScansAreRefused) {
  fill(10);
  const std::string in_order = page_of(ask(R"({"op":"scan","from":"","limit":2})")).cursor;
  const std::string by_hash = page_of(ask(R"({"op":"scan","limit":2})")).cursor;
  EXPECT_EQ(in_order, R"("k6b657931")");
  EXPECT_THAT(ask(R"({"op":"scan","cursor":)" + in_order + "}"), Fails("invalid_request"));
  EXPECT_THAT(ask(R"({"op":"scan","from":"","cursor":)" + by_hash + "}"), Fails("invalid_request"));
  for (const char* cursor : {R"("x")", R"("k6")", R"("k6g")", R"("k6G")", "-1",
                             R"("18446744073709551616")", R"(" 1")", R"("1x")"}) {
    const std::string fields = R"("cursor":)" + std::string(cursor) + "}";
    EXPECT_THAT(ask(R"({"op":"scan",)" + fields), Fails("invalid_request")) << cursor;
    EXPECT_THAT(ask(R"({"op":"scan","from":"",)" + fields), Fails("invalid_request")) << cursor;
  }
  must(R"({"op":"scan","cursor":0})");
  must(R"({"op":"scan","cursor":"18446744073709551615"})");
}

TEST_F(ScanCommandTest, CountCountsAPrefix) {
  fill(30, "a:");
  fill(20, "b:");
  EXPECT_EQ(ask(R"({"op":"count"})"), R"({"ok":true,"count":50})");
  EXPECT_EQ(ask(R"({"op":"count","prefix":"b:"})"), R"({"ok":true,"count":20})");
  EXPECT_EQ(ask(R"({"op":"count","prefix":"c"})"), R"({"ok":true,"count":0})");
}

/// With enough keys that the first slice is not the last.
class SlicedScanTest : public ScanCommandTest {
 protected:
  SlicedScanTest() { fill(kKeys); }
  static constexpr int kKeys = 3'000;
};

TEST_F(SlicedScanTest, JobsOfOneStepATurnAnswerTheSame) {
  for (const char* request : {R"({"op":"count"})", R"({"op":"count","prefix":"key2"})",
                              R"({"op":"scan","from":"key2","limit":5})"}) {
    const std::string fast = peer_.ask(request, 1'000'000);
    EXPECT_EQ(peer_.ask(request, 1), fast) << request;
    EXPECT_GT(peer_.turns, 100U);
    EXPECT_EQ(peer_.progress, protocol::Outcome::Progress::kContinue);
  }
  const std::string none = R"({"op":"scan","prefix":"none"})";
  EXPECT_EQ(peer_.ask(none, 1), R"({"ok":true,"keys":[],"cursor":null})");
  EXPECT_EQ(scan(R"("limit":10000)", 1).size(), std::size_t{kKeys});
}

TEST_F(SlicedScanTest, OtherConnectionsAreServedBetweenSlices) {
  Peer other(server_);
  ASSERT_FALSE(peer_.begin(R"({"op":"count"})"));
  EXPECT_THAT(other.ask(R"({"op":"get","key":"key1"})"), testing::HasSubstr("\"found\":true"));
  while (!peer_.run(100)) {
  }
  EXPECT_EQ(peer_.take_answer(), R"({"ok":true,"count":3000})");
}

TEST_F(SlicedScanTest, WhatIsThereThroughoutComesExactlyOnceWhateverIsWritten) {
  Random random(11);
  Peer writer(server_);
  for (const std::string fields :
       {R"("limit":10000)", R"("limit":50)", R"("from":"","limit":700)"}) {
    std::map<std::string, int> seen;
    std::string cursor = "null";
    do {
      std::string request = R"({"op":"scan",)" + fields;
      request.append(R"(,"cursor":)").append(cursor).append("}");
      bool done = peer_.begin(request);
      while (!done) {
        for (int i = 0; i < 20; ++i) {
          const std::string other = "other" + std::to_string(random.below(20'000));
          writer.ask(random.one_in(3) ? R"({"op":"del","key":")" + other + "\"}"
                                      : R"({"op":"set","value":1,"key":")" + other + "\"}");
          writer.ask(R"({"op":"set","value":2,"key":"key)" + std::to_string(random.below(kKeys)) +
                     "\"}");
        }
        server_.store.maintain(0, 1, server_.clock.now(), {.steps = 50});
        done = peer_.run(37);
      }
      const Page page = page_of(peer_.take_answer());
      for (const std::string& key : page.keys)
        ++seen[key];
      cursor = page.cursor;
    } while (cursor != "null" && cursor != "?");
    for (int i = 0; i < kKeys; ++i) {
      EXPECT_EQ(seen["key" + std::to_string(i)], 1) << fields << " key" << i;
    }
    for (const auto& [key, times] : seen)
      EXPECT_LE(times, 1) << key;
  }
}

TEST_F(SlicedScanTest, ANamespaceDroppedMeanwhileIsNotFound) {
  for (const std::string request :
       {R"("op":"scan","prefix":"none")", R"("op":"scan","from":"")", R"("op":"count")"}) {
    must(R"({"op":"ns.create","name":"gone"})");
    std::string entries;
    for (int i = 0; i < kKeys; ++i) {
      entries += (i == 0 ? R"({"key":")" : R"(,{"key":")") + std::to_string(i) + R"(","value":1})";
    }
    must(R"({"op":"mset","ns":"gone","entries":[)" + entries + "]}");
    Peer other(server_);
    ASSERT_FALSE(other.begin(R"({"ns":"gone",)" + request + "}")) << request;
    must(R"({"op":"ns.drop","name":"gone"})");
    EXPECT_TRUE(other.run(1)) << request;
    EXPECT_THAT(other.take_answer(), Fails("not_found")) << request;
  }
}

TEST_F(SlicedScanTest, AJobOutlivesItsRequest) {
  // The harness wipes the request's bytes when the handler returns.
  ASSERT_FALSE(peer_.begin(R"({"op":"scan","glob":"key?","limit":10000})"));
  while (!peer_.run(10)) {
  }
  EXPECT_EQ(page_of(peer_.take_answer()).keys.size(), 10U);
  ASSERT_FALSE(peer_.begin(R"({"op":"scan","from":"key0","to":"key2","limit":1})"));
  while (!peer_.run(10)) {
  }
  EXPECT_EQ(page_of(peer_.take_answer()).keys, std::vector<std::string>{"key0"});
}

TEST_F(SlicedScanTest, KeysKeptForAPageAreChargedUntilTheJobEnds) {
  const std::uint64_t before = server_.store.memory().used();
  {
    Peer leaver(server_);
    ASSERT_FALSE(leaver.begin(R"({"op":"scan","from":"","limit":10000})"));
    EXPECT_GT(server_.store.memory().used(), before + 2'000 * sizeof(std::string));
  }
  // The connection has gone in the middle of its scan.
  EXPECT_EQ(server_.store.memory().used(), before);
}

/// A connection that takes little at a time.
class CongestedScanTest : public ScanCommandTest {
 protected:
  CongestedScanTest() : ScanCommandTest({.output_bytes_congested = 100}) {}
};

TEST_F(CongestedScanTest, AnAnswerIsStreamedAndComplete) {
  fill(500);
  for (const std::string fields : {R"("limit":10000)", R"("from":"","limit":10000)"}) {
    EXPECT_EQ(scan(fields).size(), 500U);
    EXPECT_GT(peer_.turns, 20U);
  }
}

TEST_F(CongestedScanTest, ANamespaceDroppedInTheMiddleOfAStreamEndsTheList) {
  for (const std::string fields : {R"("values":true)", R"("from":"","values":true)"}) {
    must(R"({"op":"ns.create","name":"gone"})");
    must(R"({"op":"use","name":"gone"})");
    fill(100);
    ASSERT_FALSE(peer_.begin(R"({"op":"scan",)" + fields + "}"));
    Peer(server_).ask(R"({"op":"ns.drop","name":"gone"})");
    while (!peer_.run(1'000)) {
    }
    const std::string answer = peer_.take_answer();
    EXPECT_THAT(answer, testing::StartsWith(R"({"ok":true,"entries":[{"key":"key)"));
    EXPECT_THAT(answer, testing::EndsWith(R"(],"cursor":null})"));
  }
}

}  // namespace
}  // namespace appmem::test
