#include "appmem/codecs/ndjson_request.h"

#include <string>
#include <vector>

#include "codecs/ndjson_harness.h"
#include "ndjson_reference.h"
#include "support/random.h"

namespace appmem::codecs {
namespace {

class NdjsonRequestTest : public NdjsonTest {};

TEST_F(NdjsonRequestTest, FieldsAreWrittenInOrder) {
  NdjsonRequest request("set");
  request.id(7)
      .bytes(Field::kKey, "a\n")
      .value(Field::kValue, ValueView::from_bytes("v"))
      .null(Field::kTtlMs)
      .boolean(Field::kIfAbsent, true)
      .unsigned_integer(Field::kIfVersion, 18'446'744'073'709'551'615U)
      .integer(Field::kBy, -1);
  EXPECT_EQ(request.finish(),
            R"({"op":"set","id":7,"key":"a\n","value":"v","ttl_ms":null,"if_absent":true,)"
            R"("if_version":18446744073709551615,"by":-1})");
}

TEST_F(NdjsonRequestTest, ItBeginsAnew) {
  NdjsonRequest request("get");
  request.bytes(Field::kKey, "a");
  request.begin("ping");
  EXPECT_EQ(request.finish(), R"({"op":"ping"})");
}

TEST_F(NdjsonRequestTest, BytesThatAreNotUtf8AreBase64) {
  NdjsonRequest request("set");
  const std::vector<std::string_view> keys{"a", "\xff"};
  request.bytes(Field::kKey, "\xff").value(Field::kValue, ValueView::from_bytes("\xfe"));
  request.keys(Field::kKeys, keys).base64(Field::kOld, "a");
  EXPECT_EQ(request.finish(),
            R"({"op":"set","key_b64":"/w==","value_b64":"/g==","keys":["a",{"b64":"/w=="}],)"
            R"("old_b64":"YQ=="})");
}

TEST_F(NdjsonRequestTest, ValuesAreWrittenByKind) {
  NdjsonRequest request("x");
  request.value(Field::kValue, ValueView::from_integer(5))
      .value(Field::kOld, ValueView::from_json("{\n}"));
  EXPECT_EQ(request.finish(), R"({"op":"x","value":5,"old":{ }})");
}

TEST_F(NdjsonRequestTest, ListsHaveItems) {
  NdjsonRequest request("batch");
  request.begin_list(Field::kOps);
  request.begin_op("mset").begin_list(Field::kEntries);
  for (const char* key : {"a", "b"}) {
    request.begin_item().bytes(Field::kKey, key).integer(Field::kValue, 1).end_item();
  }
  request.end_list().end_item();
  request.begin_op("get").bytes(Field::kKey, "a").end_item().end_list();
  EXPECT_EQ(request.finish(),
            R"({"op":"batch","ops":[{"op":"mset","entries":[{"key":"a","value":1},)"
            R"({"key":"b","value":1}]},{"op":"get","key":"a"}]})");
}

TEST_F(NdjsonRequestTest, WhatIsComposedIsDecoded) {
  test::Random random(1);
  for (int i = 0; i < 3000; ++i) {
    const std::string key = random.bytes(random.below(20));
    const std::string value = random.bytes(random.below(20));
    NdjsonRequest request("set");
    request.bytes(Field::kKey, key).value(Field::kValue, ValueView::from_bytes(value));
    const auto args = decoded(request.finish());
    EXPECT_EQ(args.bytes(Field::kKey), key);
    EXPECT_EQ(args.value(Field::kValue).view.bytes, value);
  }
}

}  // namespace
}  // namespace appmem::codecs
