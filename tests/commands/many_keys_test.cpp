#include <memory>
#include <string>
#include <vector>

#include "appmem/base/limits.h"
#include "commands/harness.h"
#include "commands/redis_replies.h"

/// MGET, EXISTS and TOUCH, `mget` and `exists` of more keys than are read in one step.
namespace appmem::test {
namespace {

constexpr std::size_t kKeys = 3'000;

class ManyKeysTest : public RedisTest {
 protected:
  explicit ManyKeysTest(ServerOptions options = {}) : RedisTest(options) {}

  static std::string key(std::size_t i) { return "key:" + std::to_string(i); }
  static std::vector<std::string> request(const std::string& command, std::size_t keys = kKeys) {
    std::vector<std::string> words{command};
    for (std::size_t i = 0; i < keys; ++i)
      words.push_back(key(i));
    return words;
  }
  static std::string json_request(const std::string& op, std::size_t keys = kKeys) {
    std::string line = R"({"op":")" + op + R"(","keys":[)";
    for (std::size_t i = 0; i < keys; ++i)
      line += (i == 0 ? "\"" : ",\"") + key(i) + '"';
    return line + "]}";
  }
  static std::string command(const std::vector<std::string>& words) {
    std::string text = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words)
      text += bulk(word);
    return text;
  }
  /// Sends a command that needs several turns, and runs them up to where keys are being read.
  void begin(const std::vector<std::string>& words) {
    ASSERT_FALSE(redis_.send(command(words)));
    ASSERT_EQ(redis_.take_output(), "");
  }
  std::string finish() {
    while (!redis_.run(100)) {
    }
    return redis_.take_output();
  }
  /// Every second key has its number as its value.
  void fill(std::size_t keys = kKeys) {
    for (std::size_t i = 0; i < keys; i += 2)
      other_.ask({"SET", key(i), std::to_string(i)});
  }
  static std::string filled(std::size_t keys = kKeys) {
    std::string reply = "*" + std::to_string(keys) + "\r\n";
    for (std::size_t i = 0; i < keys; ++i)
      reply += i % 2 == 0 ? bulk(std::to_string(i)) : "$-1\r\n";
    return reply;
  }

  RedisPeer other_{server_};
};

TEST_F(ManyKeysTest, MgetTellsWhatOneStepWouldTell) {
  fill();
  EXPECT_EQ(ask(request("MGET")), filled());
  EXPECT_GT(redis_.turns, 1U);
  EXPECT_EQ(ask(request("MGET", 513)), filled(513));
  EXPECT_EQ(ask(request("MGET", 512)), filled(512));
  // Integers, documents and large values, keys named again, and RESP3's null.
  json_.ask(R"({"op":"set","key":"n","value":-5})");
  json_.ask(R"({"op":"set","key":"d","value":{"a": 1}})");
  const std::string large(kInlineValueBytesMax + 1, 'l');
  ask({"SET", "large", large});
  ask("HELLO 3");
  std::vector<std::string> words = request("MGET", 600);
  for (const char* last : {"n", "d", "large", "n", "none", "none"})
    words.emplace_back(last);
  const std::string reply = ask(words);
  EXPECT_TRUE(reply.starts_with("*606\r\n$1\r\n0\r\n_\r\n$1\r\n2\r\n_\r\n"));
  EXPECT_TRUE(
      reply.ends_with(bulk("-5") + bulk(R"({"a": 1})") + bulk(large) + bulk("-5") + "_\r\n_\r\n"));
}

TEST_F(ManyKeysTest, TheReplyIsOfOneMomentWhateverOthersDoMeanwhile) {
  fill();
  // A step for each key, and one for 16, lead to the moment; reading takes two for each.
  constexpr std::size_t kSteps = 50;
  constexpr std::size_t kTurnsToTheMoment = (kKeys + kKeys / 16) / kSteps + 2;
  for (const std::size_t turns : {0U, 1U, 5U, 20U, 60U}) {
    begin(request("MGET"));
    for (std::size_t i = 0; i < kTurnsToTheMoment + turns; ++i)
      ASSERT_FALSE(redis_.run(kSteps));
    for (std::size_t i = 0; i < kKeys; ++i)
      other_.ask({i % 3 == 0 ? "DEL" : "APPEND", key(i), "x"});
    const std::string reply = finish();
    EXPECT_EQ(reply, filled());
    other_.ask("FLUSHALL");
    fill();
  }
}

TEST_F(ManyKeysTest, ExistsCountsEveryMentionAndJsonEveryKey) {
  fill();
  std::vector<std::string> words = request("EXISTS");
  for (int i = 0; i < 5; ++i)
    words.push_back(key(0));
  EXPECT_EQ(ask(words), ":" + std::to_string(kKeys / 2 + 5) + "\r\n");
  words[0] = "TOUCH";
  EXPECT_EQ(ask(words), ":" + std::to_string(kKeys / 2 + 5) + "\r\n");
  std::string line = json_request("exists");
  line.insert(line.size() - 2, R"(,"key:0","key:0")");
  EXPECT_EQ(json_.ask(line), R"({"ok":true,"count":)" + std::to_string(kKeys / 2) + "}");
}

TEST_F(ManyKeysTest, JsonTellsValuesAndVersions) {
  json_.ask(R"({"op":"set","key":"key:1","value":{"a":[1, 2]}})");
  json_.ask(R"({"op":"set","key":"key:2","value":7})");
  json_.ask(R"({"op":"set","key":"key:3","value":")" + std::string(600'000, 'v') + "\"}");
  std::string answer = json_.ask(json_request("mget", 1'000));
  EXPECT_TRUE(is_like(answer.substr(0, answer.find(",{\"found\":true,\"value\":\"v")),
                      R"({"ok":true,"values":[{"found":false},)"
                      R"({"found":true,"value":{"a":[1, 2]},"version":#},)"
                      R"({"found":true,"value":7,"version":#})"));
  EXPECT_NE(answer.find(std::string(600'000, 'v')), std::string::npos);
  EXPECT_TRUE(answer.ends_with(R"({"found":false}]})"));
  EXPECT_THAT(json_.ask(R"({"op":"ns.info","name":"default"})"),
              testing::HasSubstr(R"("gets":1000)"));
}

TEST_F(ManyKeysTest, ALongReplyLeavesAsItIsRead) {
  for (std::size_t i = 0; i < 1'000; ++i)
    other_.ask({"SET", key(i), std::string(5'000, 'v')});
  redis_.waiting_bytes_max = 0;
  EXPECT_EQ(ask(request("MGET", 1'000)).size(), 7 + 1'000 * (7 + 5'000 + 2));
  EXPECT_LT(redis_.waiting_bytes_max, 400'000U);
}

TEST_F(ManyKeysTest, AReplyOverItsLimitIsRefused) {
  server_.control.limits_value.output_bytes_hard_max = 2_MiB;
  server_.control.limits_value.request_bytes_max = 1_MiB;
  server_.control.limits_value.value_bytes_max = 64_KiB;
  other_.ask({"SET", "same", std::string(10'000, 'v')});
  std::vector<std::string> words{"MGET"};
  words.resize(1'001, "same");
  EXPECT_THAT(ask(words), testing::StartsWith("-ERR the answer is over the limit of "));
  std::string line = R"({"op":"mget","keys":["same")";
  for (int i = 0; i < 1'000; ++i)
    line += R"(,"same")";
  EXPECT_THAT(json_.ask(line + "]}"), Fails("too_large"));
  EXPECT_EQ(ask("PING"), "+PONG\r\n");
}

TEST_F(ManyKeysTest, AKeyOverItsLimitIsRefusedAsInOneStep) {
  const std::string longest(kKeyBytesMax + 1, 'k');
  for (const char* name : {"MGET", "EXISTS", "TOUCH"}) {
    std::vector<std::string> words = request(name, 1'000);
    words[700] = longest;
    EXPECT_EQ(ask(words), ask({name, "a", longest}));
    EXPECT_THAT(ask(words), testing::StartsWith("-ERR the key of 65537 bytes"));
  }
}

TEST_F(ManyKeysTest, KeysThatAreLongTogetherAreReadInOneStep) {
  std::vector<std::string> words{"EXISTS"};
  for (int i = 0; i < 600; ++i)
    words.push_back(std::string(20'000, 'k') + std::to_string(i));
  ask({"SET", words[7], "v"});
  EXPECT_TRUE(redis_.send(command(words)));
  EXPECT_EQ(redis_.take_output(), ":1\r\n");
}

TEST_F(ManyKeysTest, InATransactionItIsAPartOfIt) {
  fill();
  ask("MULTI");
  ask("SET key:1 one");
  ask(request("MGET"));
  ask("DEL key:1");
  const std::string reply = ask("EXEC");
  EXPECT_TRUE(reply.starts_with("*3\r\n+OK\r\n*3000\r\n$1\r\n0\r\n$3\r\none\r\n"));
  EXPECT_TRUE(reply.ends_with(":1\r\n"));
}

TEST_F(ManyKeysTest, InADatabaseThatDoesNotExistNothingIs) {
  ask("SELECT 5");
  EXPECT_EQ(ask(request("EXISTS")), ":0\r\n");
  EXPECT_TRUE(ask(request("MGET")).starts_with("*3000\r\n$-1\r\n"));
}

TEST_F(ManyKeysTest, WhoLeavesInTheMiddleLeavesNothingBehind) {
  fill();
  const std::uint64_t before = server_.store.memory().used();
  for (const std::size_t turns : {0U, 3U, 25U, 40U}) {
    auto leaving = std::make_unique<RedisPeer>(server_);
    ASSERT_FALSE(leaving->send(command(request("MGET"))));
    for (std::size_t i = 0; i < turns; ++i)
      ASSERT_FALSE(leaving->run(50));
    leaving.reset();
    other_.ask({"APPEND", key(0), "x"});
  }
  while (server_.store.maintain(0, 1, server_.clock.now(), {})) {
  }
  EXPECT_LE(server_.store.memory().used(), before + 8'192);
}

TEST_F(ManyKeysTest, AClearedNamespaceIsReadAsItIsThen) {
  fill();
  begin(request("MGET"));
  other_.ask("FLUSHALL");
  other_.ask("SET key:1 one");
  const std::string reply = finish();
  EXPECT_TRUE(reply.starts_with("*3000\r\n$-1\r\n$3\r\none\r\n$-1\r\n"));
}

TEST_F(ManyKeysTest, ADroppedNamespaceIsAnError) {
  json_.ask(R"({"op":"ns.create","name":"brief"})");
  ask("SELECT brief");
  begin(request("MGET"));
  json_.ask(R"({"op":"ns.drop","name":"brief"})");
  EXPECT_EQ(finish(), "-ERR no such namespace\r\n");
}

class ManyDurableKeysTest : public ManyKeysTest {
 protected:
  ManyDurableKeysTest() : ManyKeysTest({.sink = &sink_}) {}
  FakeSink sink_;
};

TEST_F(ManyDurableKeysTest, TheAnswerWaitsForWhatItHasSeen) {
  json_.ask(R"({"op":"ns.create","name":"kept","persist":"wal"})");
  ask("SELECT kept");
  ask("SET key:1 one");
  const std::uint64_t stored = redis_.ticket;
  EXPECT_NE(stored, 0U);
  ask(request("MGET"));
  EXPECT_EQ(redis_.ticket, stored);
}

}  // namespace
}  // namespace appmem::test
