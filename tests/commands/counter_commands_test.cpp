#include "commands/harness.h"

namespace appmem::test {
namespace {

class CounterCommandsTest : public CommandsTest {};

TEST_F(CounterCommandsTest, AMissingCounterBecomesInitialPlusBy) {
  EXPECT_THAT(ask(R"({"op":"incr","key":"a"})"), Like(R"({"ok":true,"value":1,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"incr","key":"b","by":5,"initial":10})"),
              Like(R"({"ok":true,"value":15,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"decr","key":"c","by":5,"initial":10})"),
              Like(R"({"ok":true,"value":5,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"decr","key":"d"})"), Like(R"({"ok":true,"value":-1,"version":#})"));
}

TEST_F(CounterCommandsTest, AnExistingCounterIgnoresInitialAndTtl) {
  must(R"({"op":"incr","key":"k","ttl_ms":1000})");
  EXPECT_THAT(ask(R"({"op":"incr","key":"k","initial":100,"ttl_ms":5000})"),
              Like(R"({"ok":true,"value":2,"version":#})"));
  EXPECT_EQ(ask(R"({"op":"ttl","key":"k"})"), R"({"ok":true,"found":true,"ttl_ms":1000})");
}

TEST_F(CounterCommandsTest, ARateLimitIsOneCall) {
  const char* call = R"({"op":"incr","key":"rate","max":2,"ttl_ms":1000})";
  EXPECT_THAT(ask(call), Like(R"({"ok":true,"value":1,"version":#})"));
  EXPECT_THAT(ask(call), Like(R"({"ok":true,"value":2,"version":#})"));
  EXPECT_THAT(ask(call), Fails("out_of_range"));
  pass(milliseconds{1'000});
  EXPECT_THAT(ask(call), Like(R"({"ok":true,"value":1,"version":#})"));
}

TEST_F(CounterCommandsTest, BoundsRefuseAndChangeNothing) {
  must(R"({"op":"set","key":"k","value":5})");
  EXPECT_THAT(ask(R"({"op":"incr","key":"k","by":6,"max":10})"), Fails("out_of_range"));
  EXPECT_THAT(ask(R"({"op":"decr","key":"k","by":6,"min":0})"), Fails("out_of_range"));
  EXPECT_THAT(ask(R"({"op":"incr","key":"k","by":5,"max":10,"min":0})"),
              Like(R"({"ok":true,"value":10,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"incr","key":"k","min":2,"max":1})"), Fails("invalid_request"));
  EXPECT_THAT(ask(R"({"op":"incr","key":"new","by":6,"max":5})"), Fails("out_of_range"));
  EXPECT_EQ(ask(R"({"op":"exists","key":"new"})"), R"({"ok":true,"count":0})");
}

TEST_F(CounterCommandsTest, OverflowIsAnErrorAndNeverAWrap) {
  must(R"({"op":"set","key":"k","value":9223372036854775807})");
  EXPECT_THAT(ask(R"({"op":"incr","key":"k"})"), Fails("overflow"));
  must(R"({"op":"set","key":"m","value":-9223372036854775808})");
  EXPECT_THAT(ask(R"({"op":"decr","key":"m"})"), Fails("overflow"));
  EXPECT_THAT(ask(R"({"op":"incr","key":"n","by":1,"initial":9223372036854775807})"),
              Fails("overflow"));
  EXPECT_THAT(ask(R"({"op":"decr","key":"n","by":-9223372036854775808})"), Fails("overflow"));
  EXPECT_THAT(ask(R"({"op":"incr","key":"n","by":-9223372036854775808})"),
              Like(R"({"ok":true,"value":-9223372036854775808,"version":#})"));
}

TEST_F(CounterCommandsTest, DigitsCountAndOtherBytesDoNot) {
  must(R"({"op":"set","key":"k","value":"41"})");
  EXPECT_THAT(ask(R"({"op":"incr","key":"k"})"), Like(R"({"ok":true,"value":42,"version":#})"));
  EXPECT_THAT(ask(R"({"op":"get","key":"k"})"),
              Like(R"({"ok":true,"found":true,"value":42,"version":#})"));
  for (const char* text : {"", " 1", "1 ", "+1", "01", "-0", "1.0", "x", "9223372036854775808"}) {
    must(R"({"op":"set","key":"k","value":")" + std::string(text) + "\"}");
    EXPECT_THAT(ask(R"({"op":"incr","key":"k"})"), Fails("not_integer")) << text;
  }
  must(R"({"op":"set","key":"k","value":[1]})");
  EXPECT_THAT(ask(R"({"op":"incr","key":"k"})"), Fails("wrong_type"));
}

}  // namespace
}  // namespace appmem::test
