#include "appmem/codecs/ndjson_reply.h"

#include <string>

#include <gtest/gtest.h>

namespace appmem::codecs {
namespace {

using protocol::Field;

NdjsonObject parsed(std::string_view text) {
  auto object = NdjsonObject::parse(text);
  EXPECT_TRUE(object) << text;
  return object ? std::move(*object) : NdjsonObject();
}

TEST(NdjsonReplyTest, FieldsAreReadByType) {
  const auto reply = parsed(
      R"( {"id":7,"ok":true,"found":true,"value":"a\n","version":18446744073709551615,"by":-5,)"
      R"("ttl_ms":null,"key_b64":"/w==","old":{"a":[1]}} )");
  EXPECT_TRUE(reply.check_ok());
  EXPECT_EQ(reply.raw("id"), "7");
  EXPECT_EQ(reply.boolean(Field::kFound), true);
  EXPECT_EQ(reply.bytes(Field::kValue), "a\n");
  EXPECT_EQ(reply.unsigned_integer(Field::kVersion), 18'446'744'073'709'551'615U);
  EXPECT_EQ(reply.integer(Field::kBy), -5);
  EXPECT_EQ(reply.raw(Field::kTtlMs), "null");
  EXPECT_EQ(reply.bytes(Field::kKey), "\xff");
  EXPECT_EQ(reply.raw(Field::kOld), R"({"a":[1]})");
  EXPECT_EQ(reply.fields().size(), 9U);
}

TEST(NdjsonReplyTest, WhatIsNotThereOrOfAnotherTypeIsNothing) {
  const auto reply = parsed(R"({"found":1,"value":true,"version":-1,"count":1.5,"key":5})");
  EXPECT_EQ(reply.boolean(Field::kFound), std::nullopt);
  EXPECT_EQ(reply.bytes(Field::kValue), std::nullopt);
  EXPECT_EQ(reply.unsigned_integer(Field::kVersion), std::nullopt);
  EXPECT_EQ(reply.integer(Field::kCount), std::nullopt);
  EXPECT_EQ(reply.bytes(Field::kKey), std::nullopt);
  EXPECT_EQ(reply.integer(Field::kTtlMs), std::nullopt);
  EXPECT_TRUE(reply.items(Field::kKeys).empty());
  EXPECT_FALSE(reply.value(Field::kOld));
}

TEST(NdjsonReplyTest, ValuesHaveAKind) {
  const auto kind = [](std::string_view text) {
    const auto value = parsed(text).value(Field::kValue);
    return value ? std::make_pair(value->kind, value->bytes)
                 : std::make_pair(ValueKind::kBytes, std::string("nothing"));
  };
  EXPECT_EQ(kind(R"({"value":"a\u0041"})"), std::make_pair(ValueKind::kBytes, std::string("aA")));
  EXPECT_EQ(kind(R"({"value_b64":"/w=="})"),
            std::make_pair(ValueKind::kBytes, std::string("\xff")));
  EXPECT_EQ(kind(R"({"value":-7})"), std::make_pair(ValueKind::kInteger, std::string("-7")));
  EXPECT_EQ(kind(R"({"value":1.0})"), std::make_pair(ValueKind::kJson, std::string("1.0")));
  EXPECT_EQ(kind(R"({"value":[ ]})"), std::make_pair(ValueKind::kJson, std::string("[ ]")));
}

TEST(NdjsonReplyTest, ListsHaveItems) {
  const auto reply = parsed(R"({"keys":["a",{"b64":"/w=="}, 5 ],"values":[ ]})");
  const auto items = reply.items(Field::kKeys);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(ndjson_key(items[0]), "a");
  EXPECT_EQ(ndjson_key(items[1]), "\xff");
  EXPECT_EQ(ndjson_key(items[2]), std::nullopt);
  EXPECT_EQ(ndjson_integer(items[2]), 5);
  EXPECT_TRUE(reply.items(Field::kValues).empty());
}

TEST(NdjsonReplyTest, AnErrorIsTheOneThatWasSent) {
  const auto error =
      parsed(R"({"ok":false,"error":{"code":"exists","message":"\"x\"","details":{"index":3}}})")
          .check_ok()
          .error();
  EXPECT_EQ(error.code, ErrorCode::kExists);
  EXPECT_EQ(error.message, "\"x\"");
  EXPECT_EQ(error.index, 3U);
}

TEST(NdjsonReplyTest, AnAnswerThatIsNoneIsInternal) {
  for (const char* text : {"{}", R"({"ok":1})", R"({"ok":false})", R"({"ok":false,"error":5})",
                           R"({"ok":false,"error":{"code":"frob","message":"m"}})"}) {
    const auto result = parsed(text).check_ok();
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kInternal) << text;
  }
}

TEST(NdjsonReplyTest, TextThatIsNoObjectIsRefused) {
  for (const char* text : {"", "[]", "1", "{", "{\"a\":1", "{}x", "{\"a\":[1,,2]}"}) {
    EXPECT_FALSE(NdjsonObject::parse(text)) << text;
  }
}

TEST(NdjsonReplyTest, TheDeepestDocumentFitsIntoABatchsAnswer) {
  const std::string document = std::string(64, '[') + std::string(64, ']');
  const std::string answer = R"({"ok":true,"results":[{"values":[{"value":)" + document + "}]}]}";
  const auto reply = parsed(answer);
  const auto values = parsed(reply.items(Field::kResults).at(0)).items(Field::kValues);
  EXPECT_EQ(parsed(values.at(0)).value(Field::kValue)->bytes, document);
}

}  // namespace
}  // namespace appmem::codecs
