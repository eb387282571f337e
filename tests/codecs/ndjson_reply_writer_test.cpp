#include <cstring>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "appmem/protocol/reply_writer.h"
#include "codecs/ndjson_harness.h"
#include "support/random.h"

namespace appmem::codecs {
namespace {

class NdjsonReplyWriterTest : public NdjsonTest {
 protected:
  void TearDown() override { output_.consume(output_.size()); }  // before its values go

  /// Composes one answer with `write(reply)` and returns it without its line end.
  template <typename Write>
  std::string answer(Write write, std::string_view id = {}) {
    request_.clear();
    request_.set_id(id);
    output_.consume(output_.size());
    protocol::ReplyWriter& reply = codec_->begin_reply(request_, output_).fields();
    write(reply);
    codec_->end_reply();
    std::string line = std::exchange(sent_, {}) + composed();
    EXPECT_TRUE(line.ends_with('\n'));
    line.pop_back();
    EXPECT_EQ(line.find('\n'), std::string::npos);
    return line;
  }
  /// Composes what is deferred, about `bytes` at a time, and sends it.
  void compose(protocol::ReplyWriter& reply, std::size_t bytes) {
    while (!reply.compose(bytes)) {
      sent_ += composed();
      output_.consume(output_.size());
    }
  }
  std::string with_value(const ValueView& value) {
    return answer([&](auto& reply) { reply.value(Field::kValue, value); });
  }
  SharedBytes shared(std::string_view bytes) {
    SharedBytes blob = pool_.try_allocate(bytes.size());
    std::memcpy(blob.writable().data(), bytes.data(), bytes.size());
    return blob;
  }

  MemoryBudget budget_{1_GiB};
  BlobPool pool_{budget_};
  std::string sent_;
};

TEST_F(NdjsonReplyWriterTest, AnEmptyAnswerIsOk) {
  const auto nothing = [](auto&) {
  };
  EXPECT_EQ(answer(nothing), R"({"ok":true})");
  EXPECT_EQ(answer(nothing, "7"), R"({"id":7,"ok":true})");
  EXPECT_EQ(answer(nothing, R"("a\u0041")"), R"({"id":"a\u0041","ok":true})");
}

TEST_F(NdjsonReplyWriterTest, ScalarsAreFields) {
  EXPECT_EQ(answer([](auto& reply) {
              reply.boolean(Field::kFound, true);
              reply.boolean(Field::kPong, false);
              reply.integer(Field::kValue, std::numeric_limits<std::int64_t>::min());
              reply.unsigned_integer(Field::kVersion, std::numeric_limits<std::uint64_t>::max());
              reply.null(Field::kTtlMs);
              reply.text(Field::kStatus, "ok");
              reply.bytes(Field::kKey, "k");
            }),
            R"({"ok":true,"found":true,"pong":false,"value":-9223372036854775808,)"
            R"("version":18446744073709551615,"ttl_ms":null,"status":"ok","key":"k"})");
}

TEST_F(NdjsonReplyWriterTest, ValuesAreWrittenByKind) {
  EXPECT_EQ(with_value(ValueView::from_bytes("abc")), R"({"ok":true,"value":"abc"})");
  EXPECT_EQ(with_value(ValueView::from_bytes("")), R"({"ok":true,"value":""})");
  EXPECT_EQ(with_value(ValueView::from_integer(-5)), R"({"ok":true,"value":-5})");
  EXPECT_EQ(with_value(ValueView::from_json("{ \"a\" :1e400}")),
            R"({"ok":true,"value":{ "a" :1e400}})");
}

TEST_F(NdjsonReplyWriterTest, StringsAreEscaped) {
  EXPECT_EQ(with_value(ValueView::from_bytes("\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9")),
            "{\"ok\":true,\"value\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\"}");
}

TEST_F(NdjsonReplyWriterTest, BytesThatAreNotUtf8AreBase64) {
  EXPECT_EQ(with_value(ValueView::from_bytes("a\xff")), R"({"ok":true,"value_b64":"Yf8="})");
  EXPECT_EQ(with_value(ValueView::from_bytes("\xed\xa0\x80")), R"({"ok":true,"value_b64":"7aCA"})");
  EXPECT_EQ(answer([](auto& reply) { reply.bytes(Field::kKey, "\xc0\x80"); }),
            R"({"ok":true,"key_b64":"wIA="})");
}

TEST_F(NdjsonReplyWriterTest, ADocumentStaysOnItsLine) {
  EXPECT_EQ(with_value(ValueView::from_json("{\n\"a\":\n\n1}\n")),
            R"({"ok":true,"value":{ "a":  1} })");
}

TEST_F(NdjsonReplyWriterTest, TextThatIsNotUtf8IsRepaired) {
  EXPECT_EQ(answer([](auto& reply) { reply.text(Field::kMessage, "a\xff\xc3\xa9\xc3\"\xf0\x9f"); }),
            "{\"ok\":true,\"message\":"
            "\"a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\\\"\xef\xbf\xbd\xef\xbf\xbd\"}");
}

TEST_F(NdjsonReplyWriterTest, AnyBytesComeBack) {
  test::Random random(1);
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = random.bytes(random.below(40));
    if (random.one_in(2)) {
      for (char& c : bytes)
        c = static_cast<char>(c & 0x7f);
    }
    const auto json = nlohmann::json::parse(with_value(ValueView::from_bytes(bytes)));
    if (json.contains("value")) {
      EXPECT_EQ(json["value"].get<std::string>(), bytes);
    } else {
      decoded(R"({"op":"set","key":"k","value_b64":)" + json["value_b64"].dump() + "}");
      EXPECT_EQ(request_.arguments().value(Field::kValue).view.bytes, bytes);
    }
  }
}

TEST_F(NdjsonReplyWriterTest, ListsAndObjectsNest) {
  EXPECT_EQ(answer([](auto& reply) {
              reply.begin_list(Field::kVersions);
              reply.item_integer(-1);
              reply.item_unsigned(2);
              reply.item_text("x\n");
              reply.item_bytes("k");
              reply.item_bytes("\xff");
              reply.end_list();
              reply.begin_list(Field::kKeys);
              reply.end_list();
              reply.begin_list(Field::kResults);
              reply.begin_item_object();
              reply.end_item_object();
              reply.begin_item_object();
              reply.boolean(Field::kFound, true);
              reply.begin_list(Field::kValues);
              reply.begin_item_object();
              reply.value(Field::kValue, ValueView::from_bytes("\xff"));
              reply.integer(Field::kVersion, 3);
              reply.end_item_object();
              reply.end_list();
              reply.end_item_object();
              reply.end_list();
              reply.begin_object(Field::kConfig);
              reply.named_text("max-memory", "64MiB");
              reply.named_integer("threads", 2);
              reply.named_boolean("\"", true);
              reply.end_object();
              reply.null(Field::kCursor);
            }),
            R"({"ok":true,"versions":[-1,2,"x\n","k",{"b64":"/w=="}],"keys":[],)"
            R"("results":[{},{"found":true,"values":[{"value_b64":"/w==","version":3}]}],)"
            R"("config":{"max-memory":"64MiB","threads":2,"\"":true},"cursor":null})");
}

TEST_F(NdjsonReplyWriterTest, AnErrorReplacesWhatWasThere) {
  EXPECT_EQ(answer(
                [](auto& reply) {
                  reply.begin_list(Field::kResults);
                  reply.begin_item_object();
                  reply.text(Field::kStatus, std::string(10'000, 'x'));
                  reply.error({ErrorCode::kOutOfRange, "below \"min\"", 1});
                },
                "7"),
            R"({"id":7,"ok":false,"error":{"code":"out_of_range","message":"below \"min\"",)"
            R"("details":{"index":1}}})");
  EXPECT_EQ(answer([](auto& reply) {
              reply.error({ErrorCode::kNotFound, "", std::nullopt});
            }),
            R"({"ok":false,"error":{"code":"not_found","message":""}})");
}

TEST_F(NdjsonReplyWriterTest, AnswersBeforeAnErrorStay) {
  for (int i = 0; i < 2; ++i) {
    protocol::ReplyWriter& reply = codec_->begin_reply(request_, output_).fields();
    reply.boolean(Field::kPong, true);
    if (i == 1) reply.error({ErrorCode::kInternal, "x", std::nullopt});
    codec_->end_reply();
  }
  EXPECT_EQ(composed(),
            "{\"ok\":true,\"pong\":true}\n"
            "{\"ok\":false,\"error\":{\"code\":\"internal\",\"message\":\"x\"}}\n");
}

TEST_F(NdjsonReplyWriterTest, LargeValuesAreSentWithoutACopy) {
  const std::string text(500'000, 't');
  const SharedBytes blob = shared(text);
  ValueView value = ValueView::from_bytes(blob.view());
  value.shared = &blob;
  EXPECT_EQ(with_value(value), "{\"ok\":true,\"value\":\"" + text + "\"}");
  EXPECT_LT(output_.memory_bytes(), 20'000U);
  value.kind = ValueKind::kJson;
  EXPECT_EQ(with_value(value), "{\"ok\":true,\"value\":" + text + "}");
  EXPECT_LT(output_.memory_bytes(), 20'000U);
}

TEST_F(NdjsonReplyWriterTest, LargeValuesThatNeedEscapesAreCopied) {
  const SharedBytes escaped = shared(std::string(300'000, 'x') + "\n");
  ValueView value = ValueView::from_bytes(escaped.view());
  value.shared = &escaped;
  EXPECT_EQ(with_value(value), "{\"ok\":true,\"value\":\"" + std::string(300'000, 'x') + "\\n\"}");
  value.kind = ValueKind::kJson;
  EXPECT_EQ(with_value(value), "{\"ok\":true,\"value\":" + std::string(300'000, 'x') + " }");
  const SharedBytes binary = shared(std::string(300'000, '\xff'));
  value = ValueView::from_bytes(binary.view());
  value.shared = &binary;
  std::string base64;
  for (int i = 0; i < 100'000; ++i)
    base64 += "////";
  EXPECT_EQ(with_value(value), "{\"ok\":true,\"value_b64\":\"" + base64 + "\"}");
}

TEST_F(NdjsonReplyWriterTest, ALargeValueIsOnlyReferredToUntilItIsComposed) {
  SharedBytes blob = shared(std::string(1_MiB, 'a'));
  ValueView value = ValueView::from_bytes(blob.view());
  value.shared = &blob;
  protocol::ReplyWriter& reply = codec_->begin_reply(request_, output_).fields();
  reply.value(Field::kValue, value);
  const std::size_t before = output_.size();
  reply.integer(Field::kVersion, 7);
  EXPECT_TRUE(reply.deferred());
  EXPECT_EQ(output_.size(), before);
  EXPECT_GE(reply.answer_bytes(), 1_MiB);
  std::memset(blob.writable().data(), 'b', blob.view().size());
  blob = {};  // it is kept
  compose(reply, 100'000);
  EXPECT_FALSE(reply.deferred());
  codec_->end_reply();
  EXPECT_EQ(sent_ + composed(),
            R"({"ok":true,"value":")" + std::string(1_MiB, 'b') + "\",\"version\":7}\n");
}

TEST_F(NdjsonReplyWriterTest, LargeValuesAreComposedAlikeInAnySlices) {
  // Characters of every length, so that slices end within them; escapes; a wrong byte at any place.
  std::string text;
  test::Random random(3);
  while (text.size() < 3_MiB) {
    constexpr std::string_view kParts[] = {"a",  "é",    "€",  "😈",
                                           "\n", "\x01", "\"", "plain text, some of it"};
    text += kParts[random.below(std::size(kParts))];
  }
  std::string wrong_at_the_end = text;
  wrong_at_the_end.back() = '\xe2';
  std::string wrong_within = text;
  wrong_within[2_MiB] = '\xff';
  for (const std::string& bytes :
       {text, wrong_at_the_end, wrong_within, std::string(1_MiB, '\x80')}) {
    const SharedBytes blob = shared(bytes);
    ValueView value = ValueView::from_bytes(blob.view());
    const std::string whole = with_value(value);
    value.shared = &blob;
    for (const std::size_t slice : {std::size_t{1}, std::size_t{100'000}, std::size_t{1_GiB}}) {
      EXPECT_TRUE(whole == answer([&](auto& reply) {
                    reply.value(Field::kValue, value);
                    compose(reply, slice);
                  }))
          << slice;
    }
  }
}

TEST_F(NdjsonReplyWriterTest, SmallFieldsKeepTheirPlaceAmongLargeValues) {
  const SharedBytes text = shared(std::string(300'000, 'x'));
  const SharedBytes binary = shared("\xff");
  const SharedBytes document = shared("{\n}");
  const auto write = [&](bool by_reference, protocol::ReplyWriter& reply) {
    reply.begin_list(Field::kValues);
    for (const SharedBytes* each : {&text, &binary, &document}) {
      ValueView value = each == &document ? ValueView::from_json(each->view())
                                          : ValueView::from_bytes(each->view());
      if (by_reference) value.shared = each;
      reply.begin_item_object();
      reply.value(Field::kValue, value);
      reply.boolean(Field::kFound, true);
      reply.value(Field::kOld, value);
      reply.end_item_object();
    }
    reply.end_list();
    reply.null(Field::kCursor);
  };
  const std::string expected = answer([&](auto& reply) { write(false, reply); });
  EXPECT_EQ(expected, answer([&](auto& reply) { write(true, reply); }));
}

TEST_F(NdjsonReplyWriterTest, AnErrorForgetsWhatWasDeferred) {
  const SharedBytes blob = shared(std::string(300'000, 'x'));
  ValueView value = ValueView::from_bytes(blob.view());
  value.shared = &blob;
  EXPECT_EQ(answer([&](auto& reply) {
              reply.value(Field::kValue, value);
              reply.integer(Field::kVersion, 1);
              reply.error({ErrorCode::kConflict, "no", std::nullopt});
              EXPECT_FALSE(reply.deferred());
            }),
            R"({"ok":false,"error":{"code":"conflict","message":"no"}})");
}

TEST_F(NdjsonReplyWriterTest, AnAnswerIsCongestedBeyondItsLimit) {
  codec_ = make_ndjson_codec({.output_bytes_congested = 100});
  protocol::ReplyWriter& reply = codec_->begin_reply(request_, output_).fields();
  EXPECT_FALSE(reply.congested());
  reply.text(Field::kMessage, std::string(100, 'x'));
  EXPECT_TRUE(reply.congested());
  output_.consume(output_.size() - 100);
  EXPECT_FALSE(reply.congested());
  codec_->end_reply();
}

TEST_F(NdjsonReplyWriterTest, EveryFieldHasItsNameAndItsTwin) {
  for (std::size_t i = 0; i < protocol::kFieldCount; ++i) {
    const auto field = static_cast<Field>(i);
    const std::string name(field_name(field));
    EXPECT_EQ(answer([&](auto& reply) { reply.bytes(field, "x"); }),
              R"({"ok":true,")" + name + R"(":"x"})");
    EXPECT_EQ(answer([&](auto& reply) { reply.bytes(field, "\xff"); }),
              R"({"ok":true,")" + name + R"(_b64":"/w=="})");
  }
}

}  // namespace
}  // namespace appmem::codecs
