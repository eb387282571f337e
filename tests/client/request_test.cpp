#include "appmem/client/request.h"

#include <gtest/gtest.h>

#include "request_traits.h"

namespace appmem::client {
namespace {

using protocol::Field;

TEST(RequestBuilder, WritesEveryKindOfField) {
  const std::string_view keys[] = {"a", "\xFF"};
  EXPECT_EQ(RequestBuilder("x")
                .boolean(Field::kIfAbsent, true)
                .integer(Field::kBy, -5)
                .unsigned_integer(Field::kLimit, 18'446'744'073'709'551'615U)
                .null(Field::kTtlMs)
                .bytes(Field::kKey, "k\"\\\n\x01")
                .bytes(Field::kPrefix, "\xFF")
                .raw_bytes(Field::kValue, "{}")
                .text(Field::kName, "é")
                .json(Field::kCursor, "[1,2]")
                .keys(Field::kKeys, keys)
                .take(),
            R"({"op":"x","if_absent":true,"by":-5,"limit":18446744073709551615,"ttl_ms":null,)"
            R"("key":"k\"\\\n\u0001","prefix_b64":"/w==","value_b64":"e30=","name":"é",)"
            R"("cursor":[1,2],"keys":["a",{"b64":"/w=="}]})");
}

TEST(RequestBuilder, NestsOperationsAndEntries) {
  EXPECT_EQ(RequestBuilder("batch")
                .begin_list(Field::kOps)
                .begin_op("get")
                .bytes(Field::kKey, "a")
                .end_item()
                .begin_item()
                .bytes(Field::kKey, "b")
                .end_item()
                .end_list()
                .boolean(Field::kIfAbsent, false)
                .take(),
            R"({"op":"batch","ops":[{"op":"get","key":"a"},{"key":"b"}],"if_absent":false})");
}

TEST(RequestBuilder, BytesThatAreNoUtf8GoAsBase64) {
  for (const std::string_view bytes :
       {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xF0\x8F\x80\x80",
        "\xC3", "\xE2\x82", "\xF4\x90\x80\x80"}) {
    EXPECT_NE(RequestBuilder("x").bytes(Field::kKey, bytes).take().find("key_b64"),
              std::string::npos);
  }
  EXPECT_EQ(RequestBuilder("x").bytes(Field::kKey, "\xF4\x8F\xBF\xBF é").take(),
            "{\"op\":\"x\",\"key\":\"\xF4\x8F\xBF\xBF é\"}");
}

TEST(MayRepeat, FollowsTheCommandTable) {
  EXPECT_TRUE(may_repeat(R"({"op":"get","key":"a"})"));
  EXPECT_TRUE(may_repeat(R"({"key":"a","op":"set","value":1})"));
  EXPECT_FALSE(may_repeat(R"({"op":"incr","key":"a"})"));
  EXPECT_FALSE(may_repeat(R"({"op":"append","key":"a","value":"x"})"));
  EXPECT_FALSE(may_repeat(R"({"op":"batch","ops":[]})"));
}

TEST(MayRepeat, NotWhereAConditionWouldSeeTheFirstOnesEffect) {
  EXPECT_FALSE(may_repeat(R"({"op":"set","key":"a","value":1,"if_absent":true})"));
  EXPECT_FALSE(may_repeat(R"({"op":"set","key":"a","value":1,"if_version":3})"));
  EXPECT_FALSE(may_repeat(R"({"op":"del","key":"a","return_old":true})"));
  EXPECT_FALSE(may_repeat(R"({"op":"expire","key":"a","ttl_ms":1,"if_none":true})"));
}

TEST(MayRepeat, WhatIsAnsweredWithAnErrorMay) {
  EXPECT_TRUE(may_repeat(R"({"op":"frob"})"));
  EXPECT_TRUE(may_repeat("{"));
}

TEST(NamespaceOfUse, RecognisesUseHoweverItIsWritten) {
  EXPECT_EQ(namespace_of_use(R"({"op":"use","name":"a"})"), "a");
  EXPECT_EQ(namespace_of_use(R"( { "name" : "a" , "id":1, "op" : "use" } )"), "a");
  EXPECT_FALSE(namespace_of_use(R"({"op":"get","key":"use"})"));
  EXPECT_FALSE(namespace_of_use(R"({"op":"use"})"));
  EXPECT_FALSE(namespace_of_use("use"));
}

}  // namespace
}  // namespace appmem::client
