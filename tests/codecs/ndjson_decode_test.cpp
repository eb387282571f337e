#include <limits>
#include <string>

#include "appmem/base/limits.h"
#include "codecs/ndjson_harness.h"

namespace appmem::codecs {
namespace {

using protocol::CommandId;

class NdjsonDecodeTest : public NdjsonTest {
 protected:
  /// A value's text as it is after `"value":`.
  protocol::ValueArgument value(std::string_view json) {
    return decoded(R"({"op":"set","key":"k","value":)" + std::string(json) + "}")
        .value(Field::kValue);
  }
  /// A list of `count` copies of `item`.
  static std::string list(std::string_view item, std::size_t count) {
    std::string text = "[";
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) text += ',';
      text += item;
    }
    return text + ']';
  }
  static std::string repeated(std::size_t count) { return std::string(count, 'x'); }
};

// --- what a request is ---

TEST_F(NdjsonDecodeTest, ARequestHasACommandAndItsFields) {
  const auto args = decoded(R"({"id":1,"op":"set","key":"user:42","value":{"name":"Ada"},)"
                            R"("ttl_ms":60000,"if_absent":true})");
  EXPECT_EQ(args.command().id, CommandId::kSet);
  EXPECT_EQ(request_.id(), "1");
  EXPECT_EQ(args.bytes(Field::kKey), "user:42");
  EXPECT_EQ(args.value(Field::kValue).view.bytes, R"({"name":"Ada"})");
  EXPECT_EQ(args.integer(Field::kTtlMs), 60000);
  EXPECT_TRUE(args.flag(Field::kIfAbsent));
  EXPECT_FALSE(args.has(Field::kNs));
}

TEST_F(NdjsonDecodeTest, FieldsComeInAnyOrder) {
  const auto args = decoded(R"({"value":[1],"ns":"n","key":"k","op":"set","id":"x"})");
  EXPECT_EQ(args.command().id, CommandId::kSet);
  EXPECT_EQ(request_.id(), "\"x\"");
  EXPECT_EQ(args.text(Field::kNs), "n");
  EXPECT_EQ(args.value(Field::kValue).view.bytes, "[1]");
}

TEST_F(NdjsonDecodeTest, NothingIsLeftOfAnEarlierRequest) {
  decoded(R"({"id":1,"op":"mget","keys":["a","b"]})");
  const auto args = decoded(R"({"op":"ping"})");
  EXPECT_TRUE(request_.id().empty());
  EXPECT_TRUE(args.all().empty());
  EXPECT_FALSE(decode(R"({"op":"frob"})"));
  EXPECT_TRUE(request_.id().empty());
}

TEST_F(NdjsonDecodeTest, StringsWithoutEscapesStayWhereTheyAre) {
  const std::string line = R"({"op":"get","key":"user"})";
  std::vector<char> input(line.begin(), line.end());
  input.resize(line.size() + protocol::kInputPadding);
  ASSERT_TRUE(codec_->decode(std::span(input).first(line.size()), request_));
  const std::string_view key = request_.arguments().bytes(Field::kKey);
  EXPECT_EQ(key.data(), input.data() + line.find("user"));
}

TEST_F(NdjsonDecodeTest, EscapesAreResolvedEverywhere) {
  const auto args = decoded(R"({"\u006fp":"\u0067et","k\u0065y":"a\n\u00e9\ud83d\ude08\u0000"})");
  EXPECT_EQ(args.command().id, CommandId::kGet);
  EXPECT_EQ(args.bytes(Field::kKey), std::string("a\n\xc3\xa9\xf0\x9f\x98\x88\0", 9));
  const auto keys = decoded(R"({"op":"mget","keys":["\t","b",{"b6\u0034":"\u0059Q=="}]})");
  EXPECT_EQ(keys.keys(Field::kKeys)[0], "\t");
  EXPECT_EQ(keys.keys(Field::kKeys)[2], "a");
}

TEST_F(NdjsonDecodeTest, NothingInBase64IsNothing) {
  // Of a first request: there is no memory for what is decoded yet, and none is needed.
  const auto args = decoded(R"({"op":"set","key":"k","value_b64":""})");
  EXPECT_EQ(args.value(Field::kValue).view.bytes, "");
}

TEST_F(NdjsonDecodeTest, AnObjectIsWanted) {
  for (const char* line : {"[]", "1", "\"get\"", "null"}) {
    EXPECT_EQ(refusal(line), "invalid_request: a request is a JSON object") << line;
  }
}

TEST_F(NdjsonDecodeTest, MalformedJsonComesBeforeWhateverElseIsWrong) {
  EXPECT_EQ(refusal(R"({"op":"frob","x":tru})"), "invalid_json: expected a value at byte 17");
  EXPECT_EQ(refusal(R"({"op":"get","key":"a":"b"},"ns":"x"})"),
            "invalid_json: expected a comma or } at byte 21");
  EXPECT_EQ(refusal("{\"op\":\"get\",\"key\":\"\xff\"}"), "invalid_json: the line is not UTF-8");
  EXPECT_EQ(refusal(""), "invalid_json: ends too early at byte 0");
}

TEST_F(NdjsonDecodeTest, OpsAreKnownOrRefused) {
  EXPECT_EQ(refusal(R"({"op":"frob"})"), "unknown_op: unknown op \"frob\"");
  EXPECT_EQ(refusal(R"({"op":7})"), "invalid_request: field \"op\" must be a string");
  EXPECT_EQ(refusal("{}"), "invalid_request: field \"op\" is missing");
  EXPECT_EQ(refusal(R"({"key":"a"})"), "invalid_request: field \"op\" is missing");
  EXPECT_EQ(refusal(R"({"op":")" + repeated(65) + R"("})"),
            "unknown_op: unknown op \"" + repeated(64) + "…\"");
  EXPECT_EQ(refusal(R"({"op":")" + repeated(63) + R"(é"})"),
            "unknown_op: unknown op \"" + repeated(63) + "…\"")
      << "no character is cut in two";
}

// --- ids ---

TEST_F(NdjsonDecodeTest, IdsAreRepeatedAsTheyAre) {
  for (const std::string id :
       {"0", "-5", "123456789012345678901234567890", R"("")", R"("a\u0041é\/")"}) {
    decoded(R"({"op":"ping","id":)" + id + " }");
    EXPECT_EQ(request_.id(), id);
  }
}

TEST_F(NdjsonDecodeTest, AnIdHasALimit) {
  decoded(R"({"id":")" + repeated(256) + R"(","op":"ping"})");
  EXPECT_EQ(request_.id().size(), 258U);
  EXPECT_EQ(refusal(R"({"id":")" + repeated(257) + R"(","op":"ping"})"),
            "too_large: field \"id\" is over its limit of 256 bytes");
  EXPECT_TRUE(request_.id().empty());
  decoded(R"({"id":)" + std::string(256, '1') + R"(,"op":"ping"})");
  EXPECT_EQ(refusal(R"({"id":)" + std::string(257, '1') + R"(,"op":"ping"})").substr(0, 9),
            "too_large");
}

TEST_F(NdjsonDecodeTest, AnIdOfAnotherKindIsRefused) {
  for (const std::string id : {"1.0", "1e3", "null", "true", "[]", "{}"}) {
    EXPECT_EQ(refusal(R"({"id":)" + id + R"(,"op":"ping"})"),
              "invalid_request: field \"id\" must be a string or an integer");
    EXPECT_TRUE(request_.id().empty());
  }
}

TEST_F(NdjsonDecodeTest, AnErrorHasTheIdWhereItCanBeRead) {
  const std::pair<std::string, std::string_view> lines[] = {
      {R"({"id":7,"op":"frob"})", "7"},         {R"({"op":"get","kez":1,"id":"x"})", "\"x\""},
      {R"({"id":7,"op":"get","key":)", "7"},    {"{\"id\":7,\"op\":\"get\",\"key\":\"\xff\"}", "7"},
      {R"({"op":"get","key":tru,"id":7})", ""}, {R"(["id",7])", ""},
      {R"({"id":[7],"op":"get"})", ""},         {"{\"id\":\"\xff\",\"op\":\"get\"}", ""},
      {R"({"id":01,"op":"get"})", ""},
  };
  for (const auto& [line, id] : lines) {
    EXPECT_FALSE(decode(line)) << line;
    EXPECT_EQ(request_.id(), id) << line;
  }
}

// --- fields ---

TEST_F(NdjsonDecodeTest, UnknownFieldsAreNamed) {
  EXPECT_EQ(refusal(R"({"op":"get","kez":1})"), "invalid_request: unknown field \"kez\"");
  EXPECT_EQ(refusal(R"({"op":"get","value":1})"), "invalid_request: unknown field \"value\"");
  EXPECT_EQ(refusal(R"({"op":"ping","ns":"x"})"), "invalid_request: unknown field \"ns\"");
  EXPECT_EQ(refusal(R"({"op":"set","ttl_ms_b64":""})"),
            "invalid_request: unknown field \"ttl_ms_b64\"");
  EXPECT_EQ(refusal(R"({"op":"get","":1})"), "invalid_request: unknown field \"\"");
}

TEST_F(NdjsonDecodeTest, FieldsComeOnce) {
  EXPECT_EQ(refusal(R"({"op":"get","key":"a","key":"a"})"),
            "invalid_request: field \"key\" comes twice");
  EXPECT_EQ(refusal(R"({"op":"get","key":"a","key_b64":"YQ=="})"),
            "invalid_request: fields \"key\" and \"key_b64\" exclude each other");
  EXPECT_EQ(refusal(R"({"op":"set","value_b64":"YQ==","key":"a","value":1})"),
            "invalid_request: fields \"value\" and \"value_b64\" exclude each other");
  EXPECT_EQ(refusal(R"({"op":"get","key_b64":"YQ==","key_b64":"YQ=="})"),
            "invalid_request: field \"key_b64\" comes twice");
  EXPECT_EQ(refusal(R"({"op":"get","op":"get","key":"a"})"),
            "invalid_request: field \"op\" comes twice");
  EXPECT_EQ(refusal(R"({"id":1,"id":1,"op":"ping"})"), "invalid_request: field \"id\" comes twice");
  EXPECT_EQ(refusal(R"({"op":"get","ns":"a","ns":"a","key":"a"})"),
            "invalid_request: field \"ns\" comes twice");
}

TEST_F(NdjsonDecodeTest, MissingFieldsAreNamed) {
  EXPECT_EQ(refusal(R"({"op":"set","key":"a"})"), "invalid_request: field \"value\" is missing");
  EXPECT_EQ(refusal(R"({"op":"del"})"), "invalid_request: field \"key\" or \"keys\" is missing");
  EXPECT_EQ(refusal(R"({"op":"expire","key":"a"})"),
            "invalid_request: field \"ttl_ms\" or \"expires_at_ms\" is missing");
}

TEST_F(NdjsonDecodeTest, SomeFieldsExcludeEachOther) {
  EXPECT_EQ(refusal(R"({"op":"del","key":"a","keys":[]})"),
            "invalid_request: fields \"key\" and \"keys\" exclude each other");
  EXPECT_EQ(refusal(R"({"op":"set","key":"a","value":1,"keep_ttl":true,"ttl_ms":1})"),
            "invalid_request: fields \"ttl_ms\" and \"keep_ttl\" exclude each other");
  EXPECT_EQ(refusal(R"({"op":"scan","prefix":"a","to":"b"})"),
            "invalid_request: fields \"prefix\" and \"to\" exclude each other");
  decoded(R"({"op":"scan","from":"a","to":"b"})");
  decoded(R"({"op":"set","key":"a","value":1,"keep_ttl":false,"ttl_ms":1,)"
          R"("if_absent":false,"if_present":true})");
}

TEST_F(NdjsonDecodeTest, TypesAreChecked) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"op":"get","key":1})", "field \"key\" must be a string"},
      {R"({"op":"get","key":null})", "field \"key\" must be a string"},
      {R"({"op":"get","key_b64":"YQ"})", "field \"key_b64\" must be base64 with padding"},
      {R"({"op":"get","key_b64":5})", "field \"key_b64\" must be a string"},
      {R"({"op":"get","key":"a","ns":1})", "field \"ns\" must be a string"},
      {R"({"op":"set","if_absent":1})", "field \"if_absent\" must be true or false"},
      {R"({"op":"set","if_absent":null})", "field \"if_absent\" must be true or false"},
      {R"({"op":"incr","by":"1"})", "field \"by\" must be an integer of 64 bits"},
      {R"({"op":"incr","by":1.0})", "field \"by\" must be an integer of 64 bits"},
      {R"({"op":"incr","by":9223372036854775808})", "field \"by\" must be an integer of 64 bits"},
      {R"({"op":"set","if_version":-1})",
       "field \"if_version\" must be an integer from 0 to 9223372036854775807"},
      {R"({"op":"ns.create","max_keys":0})",
       "field \"max_keys\" must be a positive integer, or null for no limit"},
      {R"({"op":"scan","cursor":-1.5})",
       "field \"cursor\" must be null or the cursor of an earlier answer"},
      {R"({"op":"mget","keys":"a"})", "field \"keys\" must be a list of keys"},
      {R"({"op":"mset","entries":{}})", "field \"entries\" must be a list of objects"},
      {R"({"op":"mset","entries":[1]})", "field \"entries\" must be a list of objects"},
      {R"({"op":"batch","ops":"x"})", "field \"ops\" must be a list of requests"},
      {R"({"op":"batch","ops":[1]})", "field \"ops\" must be a list of requests"},
      {R"({"op":"ns.create","name":"n","type":"list"})",
       R"(field "type" must be one of "any" "string" "int" "json")"},
  };
  for (const auto& [line, message] : wrong) {
    EXPECT_EQ(refusal(line), std::string("invalid_request: ") + message) << line;
  }
}

TEST_F(NdjsonDecodeTest, IntegersOf64BitsAreTaken) {
  EXPECT_EQ(decoded(R"({"op":"incr","key":"k","by":-9223372036854775808})").integer(Field::kBy),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(decoded(R"({"op":"incr","key":"k","max":9223372036854775807})").integer(Field::kMax),
            std::numeric_limits<std::int64_t>::max());
}

TEST_F(NdjsonDecodeTest, TimesToLiveHaveALimit) {
  const auto set = [](const std::string& ttl) {
    return R"({"op":"set","key":"k","value":1,"ttl_ms":)" + ttl + "}";
  };
  EXPECT_EQ(decoded(set("1")).integer(Field::kTtlMs), 1);
  EXPECT_EQ(decoded(set("3155760000000")).integer(Field::kTtlMs), kTtlMax.count());
  const auto never = decoded(set("null"));
  EXPECT_TRUE(never.find(Field::kTtlMs)->null);
  EXPECT_EQ(never.integer(Field::kTtlMs), 0);
  for (const char* ttl : {"0", "-1", "3155760000001", "1.5", "\"1\"", "99999999999999999999"}) {
    EXPECT_EQ(refusal(set(ttl)),
              "invalid_request: field \"ttl_ms\" must be a number of milliseconds from 1 to "
              "3155760000000 (100 years), or null for never")
        << ttl;
  }
}

TEST_F(NdjsonDecodeTest, CursorsAreWhatAnEarlierAnswerGave) {
  const auto cursor = [&](const std::string& text) {
    return *decoded(R"({"op":"scan","cursor":)" + text + "}").find(Field::kCursor);
  };
  EXPECT_TRUE(cursor("null").null);
  EXPECT_EQ(cursor("\"k62\"").bytes, "k62");
  EXPECT_EQ(cursor("18446744073709551615").bytes, "18446744073709551615");
}

TEST_F(NdjsonDecodeTest, NullIsNoLimit) {
  const auto args = decoded(R"({"op":"ns.alter","name":"n","max_keys":null,"max_bytes":5})");
  EXPECT_TRUE(args.find(Field::kMaxKeys)->null);
  EXPECT_FALSE(args.find(Field::kMaxBytes)->null);
  EXPECT_EQ(args.integer(Field::kMaxBytes), 5);
}

TEST_F(NdjsonDecodeTest, WhatIsNotThereYetIsUnavailable) {
  EXPECT_EQ(refusal(R"({"op":"get","key":"k","lease_ms":1})"),
            "unavailable: field \"lease_ms\" is not available yet");
  EXPECT_EQ(refusal(R"({"op":"ns.create","name":"n","ordered":true})"),
            "unavailable: field \"ordered\" is not available yet");
  decoded(R"({"op":"ns.create","name":"n","ordered":false})");
  EXPECT_EQ(decoded(R"({"op":"metrics"})").command().id, CommandId::kMetrics)
      << "the dispatcher refuses it, after it has looked at rights";
}

// --- values ---

TEST_F(NdjsonDecodeTest, StringsAreBytes) {
  const auto plain = value("\"abc\"  ");
  EXPECT_EQ(plain.view.kind, ValueKind::kBytes);
  EXPECT_EQ(plain.view.bytes, "abc");
  EXPECT_EQ(plain.json_text, "\"abc\"");
  const auto escaped = value(R"("a\u0062\"")");
  EXPECT_EQ(escaped.view.bytes, "ab\"");
  EXPECT_EQ(escaped.json_text, R"("a\u0062\"")");
  EXPECT_EQ(value("\"\"").view.bytes, "");
}

TEST_F(NdjsonDecodeTest, IntegersThatFitAreIntegers) {
  const std::pair<const char*, std::int64_t> integers[] = {
      {"0", 0},
      {"-0", 0},
      {"42", 42},
      {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
      {"9223372036854775807", std::numeric_limits<std::int64_t>::max()}};
  for (const auto& [text, integer] : integers) {
    const auto argument = value(text);
    EXPECT_EQ(argument.view.kind, ValueKind::kInteger) << text;
    EXPECT_EQ(argument.view.integer, integer) << text;
    EXPECT_EQ(argument.json_text, text);
  }
}

TEST_F(NdjsonDecodeTest, EverythingElseIsADocumentWithItsText) {
  for (const char* text :
       {"true", "false", "null", "1.0", "1e2", "-0.0", "1e400", "9223372036854775808",
        "-99999999999999999999999", "{ \"a\" : [1, 2.50 ] , \"a\":\"\\u0041\"}", "[]", "{}"}) {
    const auto argument = value(std::string(" ") + text + " ");
    EXPECT_EQ(argument.view.kind, ValueKind::kJson) << text;
    EXPECT_EQ(argument.view.bytes, text);
    EXPECT_EQ(argument.json_text, text);
  }
}

TEST_F(NdjsonDecodeTest, DocumentsAreChecked) {
  for (const char* text : {"[1,,2]", "[01]", "[tru]", R"(["\ud800"])", R"(["\x"])", "{\"a\"}",
                           "[1}", "1.", "01", "-", "nul", "{\"a\":1,}", "[\"\\u00\"]"}) {
    EXPECT_EQ(refusal(R"({"op":"set","key":"k","value":)" + std::string(text) + "}").substr(0, 13),
              "invalid_json:")
        << text;
  }
}

TEST_F(NdjsonDecodeTest, DocumentsHaveADepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(value(nested(kJsonDepthMax)).view.bytes, nested(kJsonDepthMax));
  for (const std::size_t depth : {kJsonDepthMax + 1, std::size_t{200}, std::size_t{100'000}}) {
    EXPECT_EQ(refusal(R"({"op":"set","key":"k","value":)" + nested(depth) + "}"),
              "too_large: a document is nested over the limit of 64");
  }
}

TEST_F(NdjsonDecodeTest, BytesTravelAsBase64) {
  const auto args = decoded(R"({"op":"set","key_b64":"AP8=","value_b64":"\/w=="})");
  EXPECT_EQ(args.bytes(Field::kKey), std::string("\0\xff", 2));
  EXPECT_EQ(args.value(Field::kValue).view.kind, ValueKind::kBytes);
  EXPECT_EQ(args.value(Field::kValue).view.bytes, "\xff");
  EXPECT_TRUE(args.value(Field::kValue).json_text.empty());
}

TEST_F(NdjsonDecodeTest, ManyEscapedStringsFitTheirMemory) {
  // Escaped base64 is written twice: without its escapes, and decoded in the same place.
  const std::string item = R"({"key_b64":"\u0041AAA","value_b64":"\/\/\/\/"})";
  const auto args = decoded(R"({"op":"mset","entries":)" + list(item, 1000) + "}");
  for (const auto& entry : args.entries(Field::kEntries)) {
    EXPECT_EQ(entry.key, std::string(3, '\0'));
    EXPECT_EQ(entry.value.view.bytes, "\xff\xff\xff");
  }
}

TEST_F(NdjsonDecodeTest, LargeValuesAreTaken) {
  std::string large;
  large.resize(20'000'000, 'v');
  EXPECT_EQ(value('"' + large + '"').view.bytes, large);
  EXPECT_EQ(value("\"\\n" + large + '"').view.bytes, '\n' + large);
  EXPECT_EQ(decoded(R"({"op":"ping"})").command().id, CommandId::kPing);
}

TEST_F(NdjsonDecodeTest, ValuesOverTheirLimitAreRefusedBeforeAnythingIsMadeOfThem) {
  codec_ = make_ndjson_codec({.value_bytes_max = 10});
  const auto set = [](std::string_view field, std::string_view value) {
    return R"({"op":"set","key":"k",")" + std::string(field) + "\":" + std::string(value) + "}";
  };
  const std::string over = "too_large: the value of 11 bytes is over max_value_bytes, 10";
  EXPECT_EQ(refusal(set("value", "\"0123456789\"")), "decoded");
  EXPECT_EQ(refusal(set("value", "\"0123456789a\"")), over);
  EXPECT_EQ(refusal(set("value", "\"012345678\\u00e9\"")), over);
  EXPECT_EQ(refusal(set("value", "\"01234567\\u00e9\"")), "decoded");
  EXPECT_EQ(refusal(set("value", "[123,5678]")), "decoded");
  EXPECT_EQ(refusal(set("value", "[123,56789]")), over);
  EXPECT_EQ(refusal(set("value_b64", "\"MDEyMzQ1Njc4OQ==\"")), "decoded");
  EXPECT_EQ(refusal(set("value_b64", "\"MDEyMzQ1Njc4OWE=\"")), over);
  EXPECT_EQ(refusal(R"({"op":"mset","entries":[{"key":"k","value":"0123456789a"}]})"),
            "too_large@0: entries[0]: the value of 11 bytes is over max_value_bytes, 10");
}

/// Values that are put together where they are to stay.
class NdjsonLargeValueTest : public NdjsonDecodeTest {
 protected:
  NdjsonLargeValueTest() {
    codec_ = make_ndjson_codec({.request_bytes_max = 64_MiB,
                                .memory = &budget_,
                                .allocate_large = [this](std::size_t bytes) {
                                  return full_ ? SharedBytes() : pool_.try_allocate(bytes);
                                }});
  }
  void TearDown() override { request_.clear(); }

  MemoryBudget budget_{1_GiB};
  BlobPool pool_{budget_};
  bool full_ = false;
};

TEST_F(NdjsonLargeValueTest, TheyAreSharedWhateverTheirForm) {
  const std::string plain(1'000'000, 'v');
  std::string base64;
  for (int i = 0; i < 250'000; ++i)
    base64 += "////";
  const std::string document = "[\"" + plain + "\"]";
  for (const bool full : {false, true}) {
    full_ = full;
    const auto expect = [&](const protocol::ValueArgument& value, std::string_view bytes) {
      EXPECT_TRUE(value.view.bytes == bytes);
      ASSERT_EQ(value.view.shared == nullptr, full);
      if (full) return;
      EXPECT_EQ(value.view.shared->view().data(), value.view.bytes.data());
      EXPECT_EQ(value.view.shared->view().size(), value.view.bytes.size());
    };
    expect(value('"' + plain + '"'), plain);
    expect(value("\"\\n" + plain + "\\u20ac\""), '\n' + plain + "€");
    expect(value(document), document);
    expect(decoded(R"({"op":"set","key":"k","value_b64":")" + base64 + "\"}").value(Field::kValue),
           std::string(750'000, '\xff'));
    std::string mset = R"({"op":"mset","entries":[{"key":"a","value":")";
    mset.append(plain).append(R"("},{"key":"b","value":")").append(plain).append(R"("}]})");
    const auto args = decoded(mset);
    for (const auto& entry : args.entries(Field::kEntries))
      expect(entry.value, plain);
  }
}

TEST_F(NdjsonLargeValueTest, WhatIsSmallOrRefusedTakesNone) {
  const std::uint64_t before = budget_.used();
  EXPECT_EQ(value("\"v\"").view.shared, nullptr);
  EXPECT_EQ(value('"' + std::string(kInlineValueBytesMax, 'v') + '"').view.shared, nullptr);
  EXPECT_NE(value('"' + std::string(kInlineValueBytesMax + 1, 'v') + '"').view.shared, nullptr);
  EXPECT_EQ(refusal(R"({"op":"set","key":"k","value":")" + std::string(1'000'000, 'v') +
                    R"(","nonsense":1})"),
            "invalid_request: unknown field \"nonsense\"");
  EXPECT_FALSE(pool_.reclaim(1_GiB));
  EXPECT_LE(budget_.used(), before + 64_KiB);
}

TEST_F(NdjsonLargeValueTest, ADenseDocumentTakesNoMemoryToDecode) {
  std::string document = "[1";
  while (document.size() < 8_MiB)
    document += ",1";
  document += ']';
  full_ = true;
  const std::uint64_t before = budget_.used();
  EXPECT_EQ(value(document).view.bytes.size(), document.size());
  EXPECT_EQ(budget_.used(), before);
  // Strings with escapes do, and are charged for.
  full_ = true;
  value("\"\\n" + std::string(1'000'000, 'v') + '"');
  EXPECT_GE(budget_.used(), before + 1'000'000);
}

// --- lists ---

TEST_F(NdjsonDecodeTest, KeysAreListed) {
  const auto args = decoded(R"({"op":"mget","keys":["a", {"b64":"/w=="} ,""]})");
  const auto keys = args.keys(Field::kKeys);
  EXPECT_EQ(std::vector<std::string_view>(keys.begin(), keys.end()),
            (std::vector<std::string_view>{"a", "\xff", ""}));
  EXPECT_TRUE(decoded(R"({"op":"mget","keys":[]})").keys(Field::kKeys).empty());
}

TEST_F(NdjsonDecodeTest, ANameWithEscapesOutlivesThoseInsideIt) {
  EXPECT_EQ(
      refusal(R"({"op":"mget","k\u0065ys":[{"\u00624":"YQ==","\u0062\u0036\u0034":"YQ=="}]})"),
      "invalid_request@0: keys[0]: field \"keys\" must be a list of strings or of "
      "{\"b64\":\"…\"}");
  EXPECT_EQ(refusal(R"({"op":"mset","\u0065ntries":[{"\u006bey":"a","v\u0061lue":1},5]})"),
            "invalid_request: field \"entries\" must be a list of objects");
}

TEST_F(NdjsonDecodeTest, AWrongKeyInAListHasItsPlace) {
  for (const char* item : {"5", "null", "[]", "{}", R"({"b64":"YQ==","b64":"YQ=="})",
                           R"({"x":"YQ=="})", R"({"b64":"YQ=="  ,"x":1})"}) {
    EXPECT_EQ(refusal(R"({"op":"mget","keys":["a",)" + std::string(item) + "]}"),
              "invalid_request@1: keys[1]: field \"keys\" must be a list of strings or of "
              "{\"b64\":\"…\"}")
        << item;
  }
  EXPECT_EQ(refusal(R"({"op":"mget","keys":[{"b64":"YQ"}]})"),
            "invalid_request@0: keys[0]: field \"b64\" must be base64 with padding");
}

TEST_F(NdjsonDecodeTest, EntriesAreListed) {
  const auto args = decoded(R"({"op":"mset","entries":[{"key":"a","value":1},)"
                            R"({"ttl_ms":5,"value_b64":"YQ==","key_b64":"Yg=="},)"
                            R"({"key":"c","value":[],"ttl_ms":null}]})");
  const auto entries = args.entries(Field::kEntries);
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].key, "a");
  EXPECT_EQ(entries[0].value.view.integer, 1);
  EXPECT_EQ(entries[0].ttl_ms, std::nullopt);
  EXPECT_EQ(entries[1].key, "b");
  EXPECT_EQ(entries[1].value.view.bytes, "a");
  EXPECT_EQ(entries[1].ttl_ms, 5);
  EXPECT_EQ(entries[2].ttl_ms, 0);
}

TEST_F(NdjsonDecodeTest, AWrongEntryHasItsPlace) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"key":"b"})", "field \"value\" is missing"},
      {R"({"value":1})", "field \"key\" is missing"},
      {R"({"key":"b","value":1,"ttl":1})", "unknown field \"ttl\""},
      {R"({"key":"b","value":1,"ttl_ms_b64":""})", "unknown field \"ttl_ms_b64\""},
      {R"({"key":"b","key_b64":"YQ==","value":1})",
       "fields \"key\" and \"key_b64\" exclude each other"},
      {R"({"key":"b","value_b64":"YQ==","value":1})",
       "fields \"value\" and \"value_b64\" exclude each other"},
      {R"({"key":"b","value":1,"value":1})", "field \"value\" comes twice"},
      {R"({"key":"b","value":1,"ttl_ms":1,"ttl_ms":1})", "field \"ttl_ms\" comes twice"},
      {R"({"key":"b","value_b64":"!"})", "field \"value_b64\" must be base64 with padding"},
  };
  for (const auto& [entry, message] : wrong) {
    EXPECT_EQ(
        refusal(R"({"op":"mset","entries":[{"key":"a","value":1},)" + std::string(entry) + "]}"),
        std::string("invalid_request@1: entries[1]: ") + message);
  }
}

// --- batches ---

TEST_F(NdjsonDecodeTest, ABatchHasOpsWithTheirOwnFields) {
  const auto args = decoded(
      R"({"ns":"outer","id":3,"op":"batch","ops":[{"op":"incr","key":"a","by":2},)"
      R"({"key":"b","ns":"inner","value":"x","op":"set"},{"op":"mget","keys":["c","d"]}]})");
  EXPECT_EQ(args.command().id, CommandId::kBatch);
  EXPECT_EQ(args.text(Field::kNs), "outer");
  EXPECT_EQ(args.all().size(), 2U);
  ASSERT_EQ(request_.op_count(), 3U);
  EXPECT_EQ(request_.op(0).command().id, CommandId::kIncr);
  EXPECT_EQ(request_.op(0).integer(Field::kBy), 2);
  EXPECT_FALSE(request_.op(0).has(Field::kNs));
  EXPECT_EQ(request_.op(1).text(Field::kNs), "inner");
  EXPECT_EQ(request_.op(1).value(Field::kValue).view.bytes, "x");
  EXPECT_EQ(request_.op(2).keys(Field::kKeys)[1], "d");
}

TEST_F(NdjsonDecodeTest, AnEmptyBatchIsOne) {
  decoded(R"({"op":"batch","ops":[]})");
  EXPECT_EQ(request_.op_count(), 0U);
}

TEST_F(NdjsonDecodeTest, AWrongOpHasItsPlace) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"op":"frob"})", "unknown_op@1: ops[1]: unknown op \"frob\""},
      {R"({"op":"scan"})", "invalid_request@1: ops[1]: \"scan\" cannot stand in a batch"},
      {R"({"op":"batch","ops":[]})",
       "invalid_request@1: ops[1]: \"batch\" cannot stand in a batch"},
      {R"({"op":"get"})", "invalid_request@1: ops[1]: field \"key\" is missing"},
      {R"({"key":"k"})", "invalid_request@1: ops[1]: field \"op\" is missing"},
      {R"({"id":1,"op":"get","key":"k"})", "invalid_request@1: ops[1]: unknown field \"id\""},
      {R"({"op":"get","key":"k","wait_ms":1})",
       "unavailable@1: ops[1]: field \"wait_ms\" is not available yet"},
      {R"({"op":"mget","keys":["a","b","c",1]})",
       "invalid_request@1: ops[1]: keys[3]: field \"keys\" must be a list of strings or of "
       "{\"b64\":\"…\"}"},
  };
  for (const auto& [op, message] : wrong) {
    EXPECT_EQ(refusal(R"({"op":"batch","ops":[{"op":"get","key":"a"},)" + std::string(op) + "]}"),
              message);
    EXPECT_EQ(request_.op_count(), 0U);
  }
}

// --- limits ---

TEST_F(NdjsonDecodeTest, KeysHaveALimit) {
  const std::string at = repeated(kKeyBytesMax);
  EXPECT_EQ(decoded(R"({"op":"get","key":")" + at + "\"}").bytes(Field::kKey), at);
  EXPECT_EQ(refusal(R"({"op":"get","key":")" + at + "x\"}"),
            "too_large: field \"key\" is over its limit of 65536 bytes");
  EXPECT_EQ(refusal(R"({"op":"mget","keys":[")" + at + "x\"]}"),
            "too_large@0: keys[0]: field \"key\" is over its limit of 65536 bytes");
  EXPECT_EQ(refusal(R"({"op":"scan","from":")" + at + "x\"}"),
            "too_large: field \"from\" is over its limit of 65536 bytes");
  EXPECT_EQ(decoded(R"({"op":"get","key":"\n)" + at.substr(1) + "\"}").bytes(Field::kKey).size(),
            kKeyBytesMax)
      << "it is the key that counts, not how it is written";
}

TEST_F(NdjsonDecodeTest, TextsHaveALimit) {
  decoded(R"({"op":"scan","glob":")" + repeated(protocol::kTextBytesMax) + "\"}");
  EXPECT_EQ(refusal(R"({"op":"scan","glob":")" + repeated(protocol::kTextBytesMax + 1) + "\"}"),
            "too_large: field \"glob\" is over its limit of 1024 bytes");
  decoded(R"({"op":"scan","cursor":")" + repeated(protocol::kCursorBytesMax) + "\"}");
  EXPECT_EQ(refusal(R"({"op":"scan","cursor":")" + repeated(protocol::kCursorBytesMax + 1) + "\"}"),
            "too_large: field \"cursor\" is over its limit of 262144 bytes");
}

TEST_F(NdjsonDecodeTest, KeysOfARequestHaveALimit) {
  const auto mget = [](std::size_t count) {
    return R"({"op":"mget","keys":)" + list("\"\"", count) + "}";
  };
  EXPECT_EQ(decoded(mget(kRequestKeysMax)).keys(Field::kKeys).size(), kRequestKeysMax);
  EXPECT_EQ(refusal(mget(kRequestKeysMax + 1)),
            "too_large: more than the limit of 100000 keys in a request");
  const auto mset = [](std::size_t count) {
    return R"({"op":"mset","entries":)" + list(R"({"key":"","value":0})", count) + "}";
  };
  EXPECT_EQ(decoded(mset(kRequestKeysMax)).entries(Field::kEntries).size(), kRequestKeysMax);
  EXPECT_EQ(refusal(mset(kRequestKeysMax + 1)),
            "too_large: more than the limit of 100000 keys in a request");
  EXPECT_EQ(refusal(R"({"op":"batch","ops":[)" + mget(60'000) + ',' + mget(40'001) + "]}"),
            "too_large@1: ops[1]: more than the limit of 100000 keys in a request");
}

TEST_F(NdjsonDecodeTest, OpsOfABatchHaveALimit) {
  const auto batch = [](std::size_t count) {
    return R"({"op":"batch","ops":)" + list(R"({"op":"get","key":""})", count) + "}";
  };
  decoded(batch(kBatchOpsMax));
  EXPECT_EQ(request_.op_count(), kBatchOpsMax);
  EXPECT_EQ(refusal(batch(kBatchOpsMax + 1)),
            "too_large: more than the limit of 10000 operations in a batch");
}

}  // namespace
}  // namespace appmem::codecs
