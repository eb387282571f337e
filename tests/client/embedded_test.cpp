#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "appmem/client/client.h"
#include "in_threads.h"
#include "support/environment.h"
#include "support/manual_clock.h"

namespace appmem::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class EmbeddedTest : public testing::Test {
 protected:
  EmbeddedTest() : client_(Client::open(options()).value()) {}

  ClientOptions options() {
    ClientOptions options;
    options.addresses = {"embedded:"};
    options.embedded_clock = &clock_;
    options.embedded_max_memory_bytes = 64_MiB;
    return options;
  }

  std::string text(std::string_view key) {
    const auto value = client_.get(key).value();
    return value ? value->bytes : "(nil)";
  }
  std::string call(std::string_view request) { return client_.call(request).value(); }

  test::ManualClock clock_;
  Client client_;
};

TEST_F(EmbeddedTest, StoresAndFindsAndDeletes) {
  EXPECT_EQ(client_.address(), "embedded:");
  const auto version = client_.set("k", "v");
  ASSERT_TRUE(version);
  EXPECT_EQ(client_.get("k").value(), (Value{ValueKind::kBytes, "v", *version}));
  EXPECT_TRUE(client_.exists("k").value());
  EXPECT_TRUE(client_.del("k").value());
  EXPECT_FALSE(client_.del("k").value());
  EXPECT_FALSE(client_.exists("k").value());
  EXPECT_FALSE(client_.get("k").value());
}

TEST_F(EmbeddedTest, KeysAndValuesAreBytes) {
  std::string all;
  for (int c = 0; c < 256; ++c)
    all.push_back(static_cast<char>(c));
  ASSERT_TRUE(client_.set(all, all));
  EXPECT_EQ(text(all), all);
  const std::string_view keys[] = {all, "none"};
  const auto values = client_.mget(keys).value();
  EXPECT_EQ(values[0]->bytes, all);
  EXPECT_FALSE(values[1]);
  const ScanPage page = client_.scan({.values = true}).value();
  ASSERT_EQ(page.entries.size(), 1U);
  EXPECT_EQ(page.entries[0].key, all);
  EXPECT_EQ(page.entries[0].value->bytes, all);
}

TEST_F(EmbeddedTest, DirectOperationsAndRequestsSeeTheSameStore) {
  ASSERT_TRUE(client_.set("k", "v"));
  EXPECT_THAT(call(R"({"op":"get","key":"k"})"), HasSubstr(R"("value":"v")"));
  EXPECT_THAT(call(R"({"op":"set","key":"n","value":5})"), HasSubstr(R"("ok":true)"));
  EXPECT_EQ(client_.get("n").value()->kind, ValueKind::kInteger);
  EXPECT_EQ(client_.incr("n").value(), 6);
  EXPECT_THAT(call(R"({"op":"set","key":"d","value":{"a": 1.0}})"), HasSubstr(R"("ok":true)"));
  EXPECT_EQ(client_.get("d").value()->kind, ValueKind::kJson);
  EXPECT_EQ(text("d"), R"({"a": 1.0})");
}

TEST_F(EmbeddedTest, ConditionsOfASet) {
  EXPECT_EQ(client_.set("k", "v", {.if_present = true}).error().code, ErrorCode::kNotFound);
  const std::uint64_t version = client_.set("k", "v", {.if_absent = true}).value();
  EXPECT_EQ(client_.set("k", "w", {.if_absent = true}).error().code, ErrorCode::kExists);
  EXPECT_TRUE(client_.set("k", "w", {.if_version = version}));
  EXPECT_EQ(client_.set("k", "x", {.if_version = version}).error().code, ErrorCode::kConflict);
  EXPECT_EQ(client_.set("k", "x", {.if_absent = true, .if_present = true}).error().code,
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(text("k"), "w");
}

TEST_F(EmbeddedTest, TimeToLive) {
  ASSERT_TRUE(client_.set("k", "v", {.ttl = seconds(10)}));
  EXPECT_EQ(client_.ttl("k").value()->remaining, seconds(10));
  clock_.advance(seconds(4));
  EXPECT_EQ(client_.ttl("k").value()->remaining, seconds(6));
  ASSERT_TRUE(client_.set("k", "w", {.keep_ttl = true}));
  EXPECT_EQ(client_.ttl("k").value()->remaining, seconds(6));
  EXPECT_TRUE(client_.expire("k", seconds(60)).value());
  clock_.advance(seconds(59));
  EXPECT_EQ(text("k"), "w");
  clock_.advance(seconds(1));
  EXPECT_EQ(text("k"), "(nil)");
  EXPECT_FALSE(client_.ttl("k").value());
  EXPECT_FALSE(client_.expire("k", seconds(1)).value());
  ASSERT_TRUE(client_.set("k", "v", {.ttl = seconds(1)}));
  EXPECT_TRUE(client_.expire("k", milliseconds(0)).value());
  ASSERT_TRUE(client_.ttl("k").value());
  EXPECT_FALSE(client_.ttl("k").value()->remaining);
}

TEST_F(EmbeddedTest, ATimeToLiveThatMakesNoSenseIsRefused) {
  EXPECT_EQ(client_.set("k", "v", {.ttl = milliseconds(-1)}).error().code,
            ErrorCode::kInvalidRequest);
  EXPECT_FALSE(client_.set("k", "v", {.ttl = kTtlMax + milliseconds(1)}));
  EXPECT_TRUE(client_.set("k", "v", {.ttl = kTtlMax}));
}

TEST_F(EmbeddedTest, Counters) {
  EXPECT_EQ(client_.incr("n", 41, {.initial = 1}).value(), 42);
  EXPECT_EQ(client_.incr("n", -2).value(), 40);
  EXPECT_EQ(client_.incr("n", 1, {.max = 40}).error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(client_.incr("n", -1, {.min = 40}).error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(client_.incr("n", INT64_MAX).error().code, ErrorCode::kOverflow);
  EXPECT_EQ(text("n"), "40");
  ASSERT_TRUE(client_.set("s", "no number"));
  EXPECT_EQ(client_.incr("s").error().code, ErrorCode::kNotInteger);
}

TEST_F(EmbeddedTest, ManyKeysAtOnce) {
  const std::pair<std::string_view, std::string_view> entries[] = {{"a", "1"}, {"b", "2"}};
  ASSERT_TRUE(client_.mset(entries, {.ttl = seconds(5)}));
  EXPECT_EQ(client_.mset(entries, {.if_absent = true}).error().code, ErrorCode::kExists);
  EXPECT_EQ(client_.ttl("b").value()->remaining, seconds(5));
  EXPECT_EQ(client_.count().value(), 2U);
  EXPECT_EQ(client_.count("a").value(), 1U);
  EXPECT_EQ(client_.append("a", "23").value(), 3U);
  EXPECT_EQ(text("a"), "123");
}

TEST_F(EmbeddedTest, ScansInPagesEachKeyOnce) {
  std::vector<std::string> keys;
  for (int i = 0; i < 5000; ++i) {
    keys.push_back("k" + std::to_string(i));
    ASSERT_TRUE(client_.set(keys.back(), "v"));
  }
  ASSERT_TRUE(client_.set("other", "v"));
  std::vector<std::string> seen;
  std::string cursor;
  int pages = 0;
  do {
    const ScanPage page = client_.scan({.prefix = "k", .limit = 100}, cursor).value();
    for (const ScanPage::Entry& entry : page.entries)
      seen.push_back(entry.key);
    cursor = page.cursor;
    ++pages;
  } while (!cursor.empty());
  EXPECT_THAT(seen, testing::UnorderedElementsAreArray(keys));
  EXPECT_GT(pages, 10);
}

TEST_F(EmbeddedTest, Namespaces) {
  EXPECT_EQ(client_.use("a").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(call(R"({"op":"ns.create","name":"a"})"), HasSubstr("true"));
  ASSERT_TRUE(client_.set("k", "in default"));
  ASSERT_TRUE(client_.use("a"));
  EXPECT_EQ(text("k"), "(nil)");
  ASSERT_TRUE(client_.set("k", "in a"));
  EXPECT_THAT(call(R"({"op":"use","name":"default"})"), HasSubstr("true"));
  EXPECT_EQ(text("k"), "in default");
  EXPECT_THAT(call(R"({"op":"get","ns":"a","key":"k"})"), HasSubstr("in a"));
}

TEST_F(EmbeddedTest, ADroppedNamespaceIsLeftWithUse) {
  call(R"({"op":"ns.create","name":"a"})");
  ASSERT_TRUE(client_.use("a"));
  call(R"({"op":"ns.drop","name":"a"})");
  EXPECT_EQ(client_.get("k").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(client_.set("k", "v").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(client_.use("default"));
  EXPECT_TRUE(client_.set("k", "v"));
}

TEST_F(EmbeddedTest, AJsonNamespaceTakesBytesAsStringsAndJsonAsIs) {
  call(R"({"op":"ns.create","name":"j","type":"json"})");
  ASSERT_TRUE(client_.use("j"));
  ASSERT_TRUE(client_.set("s", "text"));
  EXPECT_EQ(client_.get("s").value()->bytes, "text");
  EXPECT_EQ(client_.get("s").value()->kind, ValueKind::kBytes);
  ASSERT_TRUE(client_.set_json("d", R"( {"a":[1,2]} )"));
  EXPECT_EQ(client_.get("d").value()->bytes, R"({"a":[1,2]})");
  ASSERT_TRUE(client_.set_json("n", "12"));
  EXPECT_EQ(client_.get("n").value()->kind, ValueKind::kInteger);
  EXPECT_EQ(client_.set_json("x", "{").error().code, ErrorCode::kInvalidJson);
  EXPECT_EQ(client_.incr("n").error().code, ErrorCode::kWrongType);
}

TEST_F(EmbeddedTest, TellsTheSameAboutTheServer) {
  EXPECT_THAT(call(R"({"op":"ping"})"), HasSubstr("true"));
  EXPECT_THAT(call(R"({"op":"whoami"})"), HasSubstr("operator"));
  EXPECT_THAT(call(R"({"op":"health"})"), HasSubstr("\"status\":\"ok\""));
  EXPECT_THAT(call(R"({"op":"clients"})"), HasSubstr("\"clients\":[]"));
  EXPECT_THAT(call(R"({"op":"config.get"})"), HasSubstr("\"max-memory\":\"64MiB\""));
  EXPECT_THAT(call(R"({"op":"client.kill","client":7})"), HasSubstr("not_found"));
  EXPECT_THAT(call(R"({"id":"x","op":"hello"})"), HasSubstr("\"embedded\""));
  EXPECT_THAT(call(R"({"op":"frob"})"), HasSubstr("unknown_op"));
  EXPECT_THAT(call(R"({"op":)"), HasSubstr("invalid_json"));
}

TEST_F(EmbeddedTest, PipelinesAnswerInOrder) {
  const std::vector<std::string> requests = {R"({"id":1,"op":"incr","key":"n"})", R"({"id":2,)",
                                             R"({"id":3,"op":"incr","key":"n"})"};
  const auto answers = client_.pipeline(requests).value();
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_THAT(answers[0], HasSubstr(R"("id":1,"ok":true,"value":1)"));
  EXPECT_THAT(answers[1], HasSubstr("invalid_json"));
  EXPECT_THAT(answers[2], HasSubstr(R"("id":3,"ok":true,"value":2)"));
}

TEST_F(EmbeddedTest, LimitsHoldHereToo) {
  EXPECT_EQ(client_.set("k", std::string(17_MiB, 'x')).error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(client_.set("k", std::string(16_MiB, 'x')));
  EXPECT_EQ(client_.get("k").value()->bytes.size(), 16_MiB);
  EXPECT_EQ(client_.get(std::string(kKeyBytesMax + 1, 'k')).error().code, ErrorCode::kTooLarge);
}

TEST_F(EmbeddedTest, StaysWithinItsMemory) {
  const std::string value(100'000, 'v');
  for (int i = 0; i < 2000; ++i)
    ASSERT_TRUE(client_.set("k" + std::to_string(i), value)) << i;
  const std::string answer = call(R"({"op":"stats"})");
  const JsonView stats = JsonView::parse(answer).value();
  EXPECT_LE(stats.find("memory_used")->as_unsigned().value(), 64_MiB);
  EXPECT_EQ(text("k1999"), value);
}

TEST_F(EmbeddedTest, ThreadsShareOneClient) {
  constexpr int kThreads = 8;
  const int rounds = static_cast<int>(500 * test::test_scale());
  in_threads(kThreads, [&](std::size_t i) {
    const std::string own = "own" + std::to_string(i);
    for (int k = 0; k < rounds; ++k) {
      EXPECT_TRUE(client_.incr("direct"));
      EXPECT_TRUE(client_.call(R"({"op":"incr","key":"json"})"));
      EXPECT_TRUE(client_.set(own, std::to_string(k)));
      EXPECT_EQ(text(own), std::to_string(k));
    }
  });
  EXPECT_EQ(text("direct"), std::to_string(kThreads * rounds));
  EXPECT_EQ(text("json"), std::to_string(kThreads * rounds));
}

TEST(Embedded, ClientsAreStoresOfTheirOwn) {
  ClientOptions options;
  options.addresses = {"embedded:"};
  Client one = Client::open(options).value();
  Client two = Client::open(options).value();
  ASSERT_TRUE(one.set("k", "v"));
  EXPECT_FALSE(two.get("k").value());
  two = std::move(one);
  EXPECT_TRUE(two.get("k").value());
}

}  // namespace
}  // namespace appmem::client
