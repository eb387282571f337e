#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appmem/client/client.h"
#include "in_threads.h"
#include "support/process.h"

/// What a program sees of a store must not depend on where the store runs.
namespace appmem::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ContractTest : public testing::TestWithParam<bool> {
 protected:
  ContractTest() {
    ClientOptions options;
    options.timeout = seconds(60);
    if (GetParam()) {
      daemon_.emplace();
      options.addresses = {"unix:" + daemon_->socket()};
    } else {
      options.addresses = {"embedded:"};
    }
    client_.emplace(Client::open(options).value());
  }

  std::string text(std::string_view key) {
    const auto value = client_->get(key).value();
    return value ? value->bytes : "(nil)";
  }

  std::optional<test::Daemon> daemon_;
  std::optional<Client> client_;
};

INSTANTIATE_TEST_SUITE_P(Stores, ContractTest, testing::Bool(),
                         [](const auto& where) { return where.param ? "Daemon" : "Embedded"; });

TEST_P(ContractTest, SingleKeys) {
  const std::uint64_t version = client_->set("k", "v").value();
  EXPECT_EQ(client_->get("k").value(), (Value{ValueKind::kBytes, "v", version}));
  EXPECT_TRUE(client_->exists("k").value());
  EXPECT_EQ(client_->append("k", "w").value(), 2U);
  EXPECT_TRUE(client_->del("k").value());
  EXPECT_FALSE(client_->del("k").value());
  EXPECT_FALSE(client_->exists("k").value());
  EXPECT_EQ(text("k"), "(nil)");
}

TEST_P(ContractTest, AnyBytesOfAnySize) {
  std::string all;
  for (int c = 0; c < 256; ++c)
    all.push_back(static_cast<char>(c));
  for (const std::string& bytes : {all, std::string(), std::string(3'000'000, 'x') + all}) {
    ASSERT_TRUE(client_->set(all, bytes));
    EXPECT_EQ(text(all), bytes);
  }
}

TEST_P(ContractTest, KindsOfValues) {
  ASSERT_TRUE(client_->set_json("s", "\"text\""));
  ASSERT_TRUE(client_->set_json("i", "-42"));
  ASSERT_TRUE(client_->set_json("d", R"({"a": [1.50, null]})"));
  EXPECT_EQ(client_->get("s").value()->kind, ValueKind::kBytes);
  EXPECT_EQ(client_->get("i").value()->kind, ValueKind::kInteger);
  EXPECT_EQ(client_->get("d").value()->kind, ValueKind::kJson);
  EXPECT_EQ(text("i"), "-42");
  EXPECT_EQ(text("d"), R"({"a": [1.50, null]})");
}

TEST_P(ContractTest, Conditions) {
  EXPECT_EQ(client_->set("k", "v", {.if_present = true}).error().code, ErrorCode::kNotFound);
  const std::uint64_t version = client_->set("k", "v", {.if_absent = true}).value();
  EXPECT_EQ(client_->set("k", "w", {.if_absent = true}).error().code, ErrorCode::kExists);
  EXPECT_TRUE(client_->set("k", "w", {.if_version = version}));
  EXPECT_EQ(client_->set("k", "x", {.if_version = version}).error().code, ErrorCode::kConflict);
  EXPECT_EQ(client_->set("k", "x", {.if_absent = true, .if_present = true}).error().code,
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(client_->set("k", "x", {.ttl = milliseconds(-1)}).error().code,
            ErrorCode::kInvalidRequest);
  EXPECT_EQ(client_->set(std::string(70'000, 'k'), "x").error().code, ErrorCode::kTooLarge);
}

TEST_P(ContractTest, Counters) {
  EXPECT_EQ(client_->incr("n", 41, {.initial = 1}).value(), 42);
  EXPECT_EQ(client_->incr("n", 1, {.max = 42}).error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(client_->incr("n", INT64_MAX).error().code, ErrorCode::kOverflow);
  ASSERT_TRUE(client_->set("s", "text"));
  EXPECT_EQ(client_->incr("s").error().code, ErrorCode::kNotInteger);
}

TEST_P(ContractTest, TimesToLive) {
  ASSERT_TRUE(client_->set("k", "v", {.ttl = seconds(1000)}));
  const auto left = client_->ttl("k").value()->remaining;
  ASSERT_TRUE(left);
  EXPECT_LE(*left, seconds(1000));
  EXPECT_GT(*left, seconds(500));
  EXPECT_TRUE(client_->expire("k", milliseconds(0)).value());
  EXPECT_FALSE(client_->ttl("k").value()->remaining);
  EXPECT_FALSE(client_->ttl("none").value());
  EXPECT_FALSE(client_->expire("none", seconds(1)).value());
}

TEST_P(ContractTest, ManyKeys) {
  const std::pair<std::string_view, std::string_view> entries[] = {{"a", "1"}, {"b\xFF", "2"}};
  ASSERT_TRUE(client_->mset(entries));
  EXPECT_EQ(client_->mset(entries, {.if_absent = true}).error().code, ErrorCode::kExists);
  const std::string_view keys[] = {"b\xFF", "none", "a"};
  const auto values = client_->mget(keys).value();
  EXPECT_EQ(values[0]->bytes, "2");
  EXPECT_FALSE(values[1]);
  EXPECT_EQ(values[2]->bytes, "1");
  EXPECT_EQ(client_->count().value(), 2U);
  EXPECT_EQ(client_->count("a").value(), 1U);
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const ScanPage page = client_->scan({.values = true, .limit = 1}, cursor).value();
    for (const ScanPage::Entry& entry : page.entries)
      seen.push_back(entry.key + "=" + entry.value->bytes);
    cursor = page.cursor;
  } while (!cursor.empty());
  EXPECT_THAT(seen, testing::UnorderedElementsAre("a=1", "b\xFF=2"));
}

TEST_P(ContractTest, NamespacesOfEveryType) {
  for (const char* type : {"any", "string", "int", "json"}) {
    client_->call(RequestBuilder("ns.create")
                      .text(protocol::Field::kName, type)
                      .text(protocol::Field::kType, type)
                      .take());
    ASSERT_TRUE(client_->use(type));
    const auto stored = client_->set("k", "12");
    ASSERT_TRUE(stored) << type << stored.error().message;
    EXPECT_EQ(text("k"), "12") << type;
    const auto added = client_->incr("n", 5);
    if (std::string_view(type) == "json") {
      EXPECT_EQ(added.error().code, ErrorCode::kWrongType);
    } else {
      EXPECT_EQ(added.value(), 5) << type;
    }
  }
  EXPECT_EQ(client_->set("k", "text").value() > 0, true);
  EXPECT_EQ(text("k"), "text");
  EXPECT_EQ(client_->use("none").error().code, ErrorCode::kNotFound);
}

TEST_P(ContractTest, LargePipelines) {
  std::vector<std::string> requests(20'000);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i] = RequestBuilder("set")
                      .bytes(protocol::Field::kKey, "k" + std::to_string(i % 100))
                      .bytes(protocol::Field::kValue, std::string(1000, 'v'))
                      .take();
    if (i % 2 == 1) requests[i] = R"({"op":"get","key":"k)" + std::to_string(i % 100 - 1) + "\"}";
  }
  const auto answers = client_->pipeline(requests);
  ASSERT_TRUE(answers) << answers.error().message;
  ASSERT_EQ(answers->size(), requests.size());
  EXPECT_THAT(*answers, testing::Each(testing::StartsWith("{\"ok\":true")));
}

TEST_P(ContractTest, ThreadsOverOneClient) {
  constexpr std::size_t kThreads = 16;
  const std::size_t rounds = 200 * test::test_scale();
  in_threads(kThreads, [&](std::size_t) {
    for (std::size_t i = 0; i < rounds; ++i)
      EXPECT_TRUE(client_->incr("n"));
  });
  EXPECT_EQ(text("n"), std::to_string(kThreads * rounds));
}

}  // namespace
}  // namespace appmem::client
