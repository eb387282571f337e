#include "appmem/client/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace appmem::client {
namespace {

JsonView parsed(std::string_view text) {
  const Result<JsonView> view = JsonView::parse(text);
  EXPECT_TRUE(view) << text;
  return view.value();
}

TEST(JsonView, FindsMembersWhereverTheyStand) {
  const JsonView view = parsed(R"( {"a":1 , "b" : {"c":[1,{"d":"x,}]"}]},"e":null,"f":true} )");
  EXPECT_EQ(view.find("a")->as_integer(), 1);
  EXPECT_EQ(view.find("b")->text(), R"({"c":[1,{"d":"x,}]"}]})");
  EXPECT_TRUE(view.find("e")->is_null());
  EXPECT_TRUE(view.find("f")->is_true());
  EXPECT_FALSE(view.find("c"));
  EXPECT_FALSE(view.find("a")->find("a"));
}

TEST(JsonView, KeepsTextsThatNoNumberTypeHolds) {
  const JsonView view = parsed(R"({"a":1e400,"b":123456789012345678901234567890,"c":-0.50})");
  EXPECT_EQ(view.find("a")->text(), "1e400");
  EXPECT_EQ(view.find("b")->text(), "123456789012345678901234567890");
  EXPECT_FALSE(view.find("b")->as_integer());
  EXPECT_EQ(view.find("c")->text(), "-0.50");
}

TEST(JsonView, ResolvesEscapes) {
  const JsonView view = parsed(R"(["\"\\\/\b\f\n\r\t","\u00e9\u20ac","\ud83c\udf82","\u0000"])");
  std::vector<std::string> texts;
  for (JsonItems items(view); items.next();)
    texts.push_back(items.value().as_text());
  EXPECT_THAT(texts, testing::ElementsAre("\"\\/\b\f\n\r\t", "é€", "🎂", std::string(1, '\0')));
}

TEST(JsonView, RefusesWhatIsNoJson) {
  for (const char* text :
       {"",         " ",     "{",          "}",     "[1,]",    "[,1]",        "{\"a\"}",
        "{\"a\":}", "{a:1}", "{\"a\":1,}", "\"x",   "\"\\x\"", "\"\\u12g4\"", "\"\\ud83c\"",
        "\"\n\"",   "01",    "-",          "1.",    "1e",      "+1",          ".5",
        "tru",      "nul",   "[1 2]",      "{} {}", "[1][",    "\"\\"}) {
    EXPECT_FALSE(JsonView::parse(text)) << text;
  }
}

TEST(JsonView, BoundsTheDepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(JsonView::parse(nested(kAnswerDepthMax)));
  EXPECT_FALSE(JsonView::parse(nested(kAnswerDepthMax + 1)));
  EXPECT_FALSE(JsonView::parse(std::string(1'000'000, '[')));
}

TEST(JsonItems, WalksOverListsAndObjects) {
  std::vector<std::string> seen;
  const std::string object = R"({"a\n":[1,2], "b" :"x"})";
  for (JsonItems items(parsed(object)); items.next();)
    seen.push_back(items.name() + "=" + std::string(items.value().text()));
  EXPECT_THAT(seen, testing::ElementsAre("a\\n=[1,2]", "b=\"x\""));
  EXPECT_FALSE(JsonItems(parsed("[]")).next());
  EXPECT_FALSE(JsonItems(parsed("{ }")).next());
  EXPECT_FALSE(JsonItems(parsed("12")).next());
}

TEST(ValueField, TellsTheKindsApart) {
  const auto value = [](const char* text) {
    return *value_field(parsed(text));
  };
  EXPECT_EQ(value(R"({"value":"x\u0000","version":7})"),
            (Value{ValueKind::kBytes, std::string("x\0", 2), 7}));
  EXPECT_EQ(value(R"({"value":-5})"), (Value{ValueKind::kInteger, "-5", 0}));
  EXPECT_EQ(value(R"({"value":{"a": 1.50}})"), (Value{ValueKind::kJson, "{\"a\": 1.50}", 0}));
  EXPECT_EQ(value(R"({"value":99999999999999999999})"),
            (Value{ValueKind::kJson, "99999999999999999999", 0}));
  EXPECT_EQ(value(R"({"value_b64":"/wA="})"),
            (Value{ValueKind::kBytes, std::string("\xFF\0", 2), 0}));
  EXPECT_FALSE(value_field(parsed(R"({"found":false})")));
  EXPECT_FALSE(value_field(parsed(R"({"value_b64":"/w="})")));
  EXPECT_EQ(value_field(parsed(R"({"old":"o"})"), "old")->bytes, "o");
}

TEST(BytesItem, TakesStringsAndBase64) {
  EXPECT_EQ(bytes_item(parsed(R"("k")")), "k");
  EXPECT_EQ(bytes_item(parsed(R"({"b64":"/w=="})")), "\xFF");
  EXPECT_FALSE(bytes_item(parsed(R"({"b64":"?"})")));
  EXPECT_FALSE(bytes_item(parsed("{}")));
}

TEST(AnswerError, ReadsCodeMessageAndIndex) {
  EXPECT_FALSE(answer_error(parsed(R"({"ok":true})")));
  const auto error = answer_error(parsed(
      R"({"id":1,"ok":false,"error":{"code":"conflict","message":"m","details":{"index":3}}})"));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::kConflict);
  EXPECT_EQ(error->message, "m");
  EXPECT_EQ(error->index, 3U);
}

TEST(AnswerError, AnAnswerThatMakesNoSenseIsAnError) {
  for (const char* text : {"{}", "[]", "1", R"({"ok":false})", R"({"ok":1})"}) {
    const auto error = answer_error(parsed(text));
    ASSERT_TRUE(error) << text;
    EXPECT_EQ(error->code, ErrorCode::kInternal) << text;
  }
  // A code of a later version.
  EXPECT_EQ(answer_error(parsed(R"({"ok":false,"error":{"code":"new","message":"m"}})"))->code,
            ErrorCode::kInternal);
}

}  // namespace
}  // namespace appmem::client
