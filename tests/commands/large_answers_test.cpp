#include "commands/harness.h"

namespace appmem::test {
namespace {

/// What a connection may have waiting while it composes a large value: congestion, and one turn's
/// slices of characters that become six.
constexpr std::size_t kWaitingBytesMax = 256_KiB + 6 * 512_KiB;

/// Answers that hold large values, or many.
class LargeAnswersTest : public CommandsTest {
 protected:
  explicit LargeAnswersTest(ServerOptions options = {}) : CommandsTest(options) {}

  /// A JSON string of `count` control characters, as an answer shows them too.
  static std::string controls(std::size_t count) {
    std::string text = "\"";
    for (std::size_t i = 0; i < count; ++i)
      text += "\\u0001";
    return text + '"';
  }
  void set(const std::string& key, const std::string& value) {
    must(R"({"op":"set","key":")" + key + R"(","value":)" + value + "}");
  }
};

TEST_F(LargeAnswersTest, ALargeValueIsComposedInSlices) {
  const std::string value = controls(2_MiB);
  set("k", value);
  peer_.waiting_bytes_max = 0;
  const std::string answer = ask(R"({"id":1,"op":"get","key":"k"})");
  EXPECT_TRUE(
      answer.starts_with(R"({"id":1,"ok":true,"found":true,"value":)" + value + R"(,"version":)"));
  EXPECT_GT(peer_.turns, 4U);
  EXPECT_LE(peer_.waiting_bytes_max, kWaitingBytesMax);
}

TEST_F(LargeAnswersTest, AValueThatStandsForItselfIsNotCopied) {
  const std::string value = '"' + std::string(8_MiB, 'x') + '"';
  set("k", value);
  const std::uint64_t before = server_.store.memory().used();
  ASSERT_FALSE(peer_.begin(R"({"op":"get","key":"k"})"));
  EXPECT_LE(server_.store.memory().used(), before + 64_KiB);
  while (!peer_.run(2'000)) {
  }
  EXPECT_TRUE(peer_.take_answer().starts_with(R"({"ok":true,"found":true,"value":)" + value));
}

TEST_F(LargeAnswersTest, OtherConnectionsAreServedBetweenSlicesAndTheAnswerStaysAsItWas) {
  const std::string value = controls(1_MiB);
  Peer other(server_);
  for (const char* change : {R"({"op":"set","key":"k","value":1})", R"({"op":"del","key":"k"})",
                             R"({"op":"ns.clear","name":"default"})"}) {
    set("k", value);
    ASSERT_FALSE(peer_.begin(R"({"op":"get","key":"k"})"));
    EXPECT_THAT(other.ask(change), testing::HasSubstr("\"ok\":true"));
    while (!peer_.run(2'000)) {
    }
    EXPECT_TRUE(peer_.take_answer().starts_with(R"({"ok":true,"found":true,"value":)" + value));
  }
}

TEST_F(LargeAnswersTest, OldValuesAreComposedInSlicesToo) {
  const std::string value = controls(1_MiB);
  set("k", value);
  EXPECT_THAT(ask(R"({"op":"set","key":"k","value":2,"return_old":true})"),
              Like(R"({"ok":true,"version":#,"old":)" + value + "}"));
  EXPECT_GT(peer_.turns, 1U);
  set("k", value);
  EXPECT_EQ(ask(R"({"op":"del","key":"k","return_old":true})"),
            R"({"ok":true,"deleted":1,"old":)" + value + "}");
}

TEST_F(LargeAnswersTest, LargeAndSmallValuesKeepTheirOrder) {
  const std::string large = controls(300'000);
  set("large", large);
  set("small", R"("s")");
  set("document", "[" + large + "]");
  EXPECT_THAT(ask(R"({"op":"mget","keys":["small","large","none","document","small"]})"),
              Like(R"({"ok":true,"values":[{"found":true,"value":"s","version":#},)"
                   R"({"found":true,"value":)" +
                   large +
                   R"(,"version":#},{"found":false},)"
                   R"({"found":true,"value":[)" +
                   large + R"(],"version":#},{"found":true,"value":"s","version":#}]})"));
  EXPECT_THAT(ask(R"({"op":"batch","ops":[{"op":"get","key":"large"},)"
                  R"({"op":"set","key":"large","value":1,"return_old":true},)"
                  R"({"op":"mget","keys":["large"]}]})"),
              Like(R"({"ok":true,"results":[{"found":true,"value":)" + large +
                   R"(,"version":#},{"version":#,"old":)" + large +
                   R"(},{"values":[{"found":true,"value":1,"version":#}]}]})"));
}

TEST_F(LargeAnswersTest, ScansShowLargeValues) {
  const std::string large = controls(300'000);
  for (const char* key : {"a", "b", "c"})
    set(key, large);
  std::string expected;
  for (const char* key : {"a", "b", "c"}) {
    expected += expected.empty() ? "" : ",";
    expected += R"({"key":")" + std::string(key) + R"(","value":)" + large + R"(,"version":#})";
  }
  peer_.waiting_bytes_max = 0;
  EXPECT_THAT(ask(R"({"op":"scan","from":"","values":true})"),
              Like(R"({"ok":true,"entries":[)" + expected + R"(],"cursor":null})"));
  EXPECT_LE(peer_.waiting_bytes_max, kWaitingBytesMax);
  const std::string any_order = ask(R"({"op":"scan","values":true})");
  EXPECT_EQ(any_order.size(), ask(R"({"op":"scan","from":"","values":true})").size());
  EXPECT_LE(peer_.waiting_bytes_max, kWaitingBytesMax);
}

/// Requests whose answers hold many values.
class AnswerLimitTest : public LargeAnswersTest {
 protected:
  AnswerLimitTest() {
    server_.control.limits_value.value_bytes_max = 64_KiB;
    server_.control.limits_value.request_bytes_max = 1_MiB;
    set("k", controls(50'000));
  }
  static std::string times(int count, const char* item) {
    std::string list;
    for (int i = 0; i < count; ++i)
      list += (list.empty() ? "" : ",") + std::string(item);
    return "[" + list + "]";
  }
};

TEST_F(AnswerLimitTest, TheLimitIsOverTheBytesAsComposed) {
  for (const std::string& request :
       {R"({"op":"mget","keys":)" + times(10, R"("k")") + "}",
        R"({"op":"batch","ops":)" + times(10, R"({"op":"get","key":"k"})") + "}",
        R"({"op":"batch","ops":[{"op":"mget","keys":)" + times(10, R"("k")") + "}]}"}) {
    Limits& limits = server_.control.limits_value;
    limits.output_bytes_hard_max = 16_MiB;
    const std::size_t bytes = ask(request).size() + 1;  // with its line end
    ASSERT_GT(bytes, std::size_t{10} * 50'000 * 6);
    constexpr std::size_t kReserve = 32;
    limits.output_bytes_hard_max = bytes + kReserve + kOutputBytesPause;
    EXPECT_EQ(ask(request).size() + 1, bytes);
    for (const std::size_t over : {std::size_t{1}, std::size_t{1'000'000}}) {
      limits.output_bytes_hard_max = bytes - over + kOutputBytesPause;
      EXPECT_THAT(ask(request), Fails("too_large")) << over;
      EXPECT_THAT(ask(request), testing::HasSubstr("max-output"));
    }
  }
}

TEST_F(AnswerLimitTest, WhatIsRefusedIsUndone) {
  server_.control.limits_value.output_bytes_hard_max = 3_MiB;
  EXPECT_THAT(ask(R"({"op":"batch","ops":[{"op":"set","key":"n","value":1},{"op":"mget","keys":)" +
                  times(10, R"("k")") + "}]}"),
              testing::AllOf(Fails("too_large"), testing::HasSubstr(R"("details":{"index":1})")));
  EXPECT_EQ(ask(R"({"op":"exists","key":"n"})"), R"({"ok":true,"count":0})");
}

TEST_F(AnswerLimitTest, TheLimitIsTheOneThatTheServerUses) {
  // A request of 1 MiB raises it to 2 MiB, whatever was configured.
  server_.control.limits_value.value_bytes_max = 1;
  server_.control.limits_value.output_bytes_hard_max = 1_MiB;
  must(R"({"op":"mget","keys":["k","k","k"]})");
  EXPECT_THAT(ask(R"({"op":"mget","keys":["k","k","k","k"]})"), Fails("too_large"));
}

TEST_F(AnswerLimitTest, OneValueIsNeverTooLarge) {
  server_.control.limits_value.output_bytes_hard_max = 1_MiB;
  const std::string value = controls(2_MiB);
  set("large", value);
  EXPECT_THAT(ask(R"({"op":"get","key":"large"})"), testing::HasSubstr(value));
  EXPECT_LE(peer_.waiting_bytes_max, kWaitingBytesMax);
}

/// A store that is as full as it may be.
class FullStoreAnswersTest : public LargeAnswersTest {
 protected:
  FullStoreAnswersTest() : LargeAnswersTest({.max_memory_bytes = 16_MiB, .shards = 1}) {
    const std::string value = controls(100'000);
    for (int i = 0; i < 400; ++i)
      set("k" + std::to_string(i), value);
    EXPECT_LT(number_in(ask(R"({"op":"stats"})"), "keys"), 400U);
    const std::string answer = ask(R"({"op":"scan","limit":10000})");
    keys_ = answer.substr(answer.find('['), answer.find(']') - answer.find('[') + 1);
  }
  std::string keys_;
};

TEST_F(FullStoreAnswersTest, AnAnswerDoesNotTakeMemoryThatThereIsNot) {
  const std::uint64_t limit = server_.store.memory().limit();
  peer_.waiting_bytes_max = 0;
  EXPECT_THAT(ask(R"({"op":"mget","keys":)" + keys_ + "}"), Fails("out_of_memory"));
  // What had been composed was within 5 % and 16 MiB of the limit.
  EXPECT_LE(server_.store.memory().used(), limit + limit / 20 + 16_MiB);
  must(R"({"op":"mget","keys":["k399","k398","k397"]})");
  must(R"({"op":"scan","values":true})");
}

}  // namespace
}  // namespace appmem::test
