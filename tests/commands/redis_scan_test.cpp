// RESP: KEYS, SCAN, RANDOMKEY. Replies are those of Redis 7.0.15.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "commands/harness.h"
#include "commands/redis_replies.h"

namespace appmem::test {
namespace {

class RedisScanTest : public RedisTest {
 protected:
  explicit RedisScanTest(ServerOptions options = {}) : RedisTest(options) {}

  void fill(int keys) {
    for (int i = 0; i < keys; ++i)
      ask("SET key:" + std::to_string(i) + " x");
  }
  /// The bulk strings of a reply, sorted.
  static std::vector<std::string> bulks(std::string_view reply) {
    std::vector<std::string> found;
    for (std::size_t at = reply.find('$'); at != std::string_view::npos;) {
      const std::size_t line = reply.find("\r\n", at);
      const auto length = std::stoul(std::string(reply.substr(at + 1, line - at - 1)));
      found.emplace_back(reply.substr(line + 2, length));
      at = reply.find('$', line + 2 + length);
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  std::vector<std::string> keys(const std::string& pattern) {
    return bulks(ask(std::vector<std::string>{"KEYS", pattern}));
  }
  /// All keys that a scan shows, page by page.
  std::multiset<std::string> scan(const std::string& options) {
    std::multiset<std::string> found;
    std::string cursor = "0";
    do {
      const std::string reply = ask("SCAN " + cursor + options);
      EXPECT_TRUE(reply.starts_with("*2\r\n$")) << reply;
      const std::size_t begin = reply.find("\r\n", 4) + 2;
      const std::size_t end = reply.find("\r\n", begin);
      cursor = reply.substr(begin, end - begin);
      for (const std::string& key : bulks(std::string_view(reply).substr(end)))
        found.insert(key);
    } while (cursor != "0");
    return found;
  }
};

using Keys = std::vector<std::string>;

TEST_F(RedisScanTest, KeysListsWhatMatches) {
  EXPECT_EQ(ask("KEYS *"), "*0\r\n");
  ask("MSET hello 1 hallo 2 hxllo 3 h 4 h*llo 5");
  EXPECT_EQ(keys("*"), (Keys{"h", "h*llo", "hallo", "hello", "hxllo"}));
  EXPECT_EQ(keys("h?llo"), (Keys{"h*llo", "hallo", "hello", "hxllo"}));
  EXPECT_EQ(keys("h[ae]llo"), (Keys{"hallo", "hello"}));
  EXPECT_EQ(keys("h[^e]llo"), (Keys{"h*llo", "hallo", "hxllo"}));
  EXPECT_EQ(keys("h[a-f]llo"), (Keys{"hallo", "hello"}));
  EXPECT_EQ(keys("h\\*llo"), (Keys{"h*llo"}));
  EXPECT_EQ(keys(""), Keys{});
}

TEST_F(RedisScanTest, WhatHasExpiredIsNotListed) {
  ask("SET a 1 PX 100");
  ask("SET b 2");
  pass(milliseconds{100});
  EXPECT_EQ(ask("KEYS *"), "*1\r\n$1\r\nb\r\n");
  EXPECT_EQ(ask("SCAN 0"), "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nb\r\n");
  EXPECT_EQ(ask("RANDOMKEY"), "$1\r\nb\r\n");
}

TEST_F(RedisScanTest, ADatabaseThatDoesNotExistIsEmpty) {
  ask("SET a 1");
  ask("SELECT 9");
  EXPECT_EQ(ask("KEYS *"), "*0\r\n");
  EXPECT_EQ(ask("SCAN 5"), "*2\r\n$1\r\n0\r\n*0\r\n");
  EXPECT_EQ(ask("RANDOMKEY"), "$-1\r\n");
}

TEST_F(RedisScanTest, AScanShowsEveryKeyOnce) {
  fill(2'000);
  for (const char* options : {"", " COUNT 1", " COUNT 7", " COUNT 1000000", " TYPE string"}) {
    const auto found = scan(options);
    EXPECT_EQ(found.size(), 2'000U) << options;
    EXPECT_EQ(found.count("key:1999"), 1U) << options;
  }
  EXPECT_EQ(scan(" MATCH key:19?? COUNT 100").size(), 100U);
  EXPECT_EQ(scan(" TYPE list COUNT 100").size(), 0U);
  EXPECT_EQ(scan(" MATCH x MATCH key:19?? COUNT 3 COUNT 100").size(), 100U);
}

TEST_F(RedisScanTest, APageLooksAtAboutAsManyKeysAsItIsAskedTo) {
  fill(1'000);
  EXPECT_EQ(bulks(ask("SCAN 0")).size(), 10U + 1);
  EXPECT_EQ(bulks(ask("SCAN 0 COUNT 100")).size(), 100U + 1);
}

TEST_F(RedisScanTest, ACursorIsReadWithTheRulesOfC) {
  constexpr const char* kInvalid = "-ERR invalid cursor\r\n";
  constexpr const char* kEmpty = "*2\r\n$1\r\n0\r\n*0\r\n";
  for (const char* cursor : {"x", " 1", "1x", "0x10", "18446744073709551616", "\t0"}) {
    EXPECT_EQ(ask(Keys{"SCAN", cursor}), kInvalid) << cursor;
  }
  for (const char* cursor : {"", "-1", "+1", "18446744073709551615", "007"}) {
    EXPECT_EQ(ask(Keys{"SCAN", cursor}), kEmpty) << cursor;
  }
}

TEST_F(RedisScanTest, AScanIsRefused) {
  EXPECT_EQ(ask("SCAN 0 COUNT 0"), kSyntaxError);
  EXPECT_EQ(ask("SCAN 0 COUNT -1"), kSyntaxError);
  EXPECT_EQ(ask("SCAN 0 COUNT x"), kNotAnInteger);
  EXPECT_EQ(ask("SCAN 0 COUNT 99999999999999999999"), kNotAnInteger);
  EXPECT_EQ(ask("SCAN 0 COUNT"), kSyntaxError);
  EXPECT_EQ(ask("SCAN 0 MATCH"), kSyntaxError);
  EXPECT_EQ(ask("SCAN 0 WHAT 1"), kSyntaxError);
  EXPECT_EQ(ask("SCAN x WHAT"), "-ERR invalid cursor\r\n");
  EXPECT_EQ(ask({"KEYS", std::string(1025, '?')}), "-ERR a pattern is at most 1024 bytes\r\n");
}

TEST_F(RedisScanTest, KeysAreCollectedAndWrittenInSlices) {
  fill(3'000);
  ask("KEYS *");  // what the connection's buffers take stays with it
  const std::uint64_t before = server_.store.memory().used();
  const std::string reply = redis_.ask(std::vector<std::string>{"KEYS", "*"}, 100);
  EXPECT_EQ(bulks(reply).size(), 3'000U);
  EXPECT_GE(redis_.turns, 10U);
  EXPECT_LT(server_.store.memory().used(), before + 1_KiB);  // keys take 64 KiB while they wait
}

TEST_F(RedisScanTest, OthersGoOnWhileKeysAreListed) {
  fill(10'000);
  ASSERT_FALSE(redis_.send("*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n"));
  const std::uint64_t charged = server_.store.memory().used();
  RedisPeer other(server_);
  EXPECT_EQ(other.ask("FLUSHDB"), "+OK\r\n");
  EXPECT_EQ(other.ask("SET a 1"), "+OK\r\n");
  while (!redis_.run(100)) {
  }
  EXPECT_LT(server_.store.memory().used(), charged);
  EXPECT_TRUE(redis_.take_output().starts_with("*"));
}

TEST_F(RedisScanTest, ANamespaceThatGoesMeanwhileIsAnError) {
  json_.ask(R"({"op":"ns.create","name":"short"})");
  ask("SELECT short");
  fill(10'000);
  ASSERT_FALSE(redis_.send("*2\r\n$4\r\nKEYS\r\n$1\r\n*\r\n"));
  json_.ask(R"({"op":"ns.drop","name":"short"})");
  while (!redis_.run(100)) {
  }
  EXPECT_EQ(redis_.take_output(), "-ERR no such namespace\r\n");
}

TEST_F(RedisScanTest, ATransactionListsAllAtOnce) {
  fill(5'000);
  ask("MULTI");
  ask("KEYS *");
  ask("SCAN 0 COUNT 5000");
  const std::string reply = ask("EXEC");
  EXPECT_TRUE(reply.starts_with("*2\r\n*5000\r\n"));
  EXPECT_EQ(bulks(reply).size(), 2 * 5'000U + 1);
}

TEST_F(RedisScanTest, RandomkeyShowsDifferentKeys) {
  EXPECT_EQ(ask("RANDOMKEY"), "$-1\r\n");
  fill(100);
  std::set<std::string> shown;
  for (int i = 0; i < 200; ++i)
    shown.insert(ask("RANDOMKEY"));
  EXPECT_GE(shown.size(), 50U);
  for (const std::string& reply : shown)
    EXPECT_EQ(ask("EXISTS " + bulks(reply).at(0)), ":1\r\n");
}

TEST_F(RedisScanTest, AListOverTheLimitIsRefusedAndItsMemoryComesBack) {
  Limits& limits = server_.control.limits_value;
  limits.value_bytes_max = 1_MiB;
  limits.request_bytes_max = 1_MiB;
  limits.output_bytes_hard_max = 1_MiB;
  const std::string tail(kKeyBytesMax - 10, 'k');
  const std::size_t keys = limits.answer_bytes_max() / tail.size() + 1;
  for (std::size_t i = 0; i < keys; ++i)
    ask("SET " + std::to_string(i) + tail + " x");
  const std::uint64_t before = server_.store.memory().used();
  EXPECT_THAT(ask("KEYS *"), testing::StartsWith("-ERR the answer is over the limit of "));
  EXPECT_THAT(ask("SCAN 0 COUNT 1000"), testing::StartsWith("-ERR the answer is over the limit"));
  EXPECT_EQ(server_.store.memory().used(), before);
  EXPECT_EQ(bulks(ask("KEYS 1*")).size(), 1 + 10U);
  EXPECT_THAT(ask("SCAN 0"), testing::StartsWith("*2\r\n"));
}

}  // namespace
}  // namespace appmem::test
