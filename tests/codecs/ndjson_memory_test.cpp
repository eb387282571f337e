#include <span>
#include <string>

#include <gtest/gtest.h>

#include "appmem/codecs/ndjson_codec.h"
#include "appmem/protocol/reply_writer.h"
#include "server/counted_allocations.h"

namespace appmem::codecs {
namespace {

using protocol::Field;
using server::test::allocations;
using server::test::live_bytes;

class NdjsonMemoryTest : public testing::Test {
 protected:
  void set_input(std::string_view line) {
    input_.assign(line);
    input_ += '\n';
    size_ = input_.size();
    input_.resize(size_ + protocol::kInputPadding);
  }
  /// Finds, decodes and answers the request in `input_`.
  void serve() {
    const auto frame = codec_->next_frame(std::string_view(input_).substr(0, size_));
    ASSERT_EQ(frame.consumed, size_);
    ASSERT_TRUE(codec_->decode(std::span(input_.data(), size_), request_));
    protocol::ReplyWriter& reply = codec_->begin_reply(request_, output_).fields();
    reply.begin_list(Field::kResults);
    for (int i = 0; i < 3; ++i) {
      reply.begin_item_object();
      reply.value(Field::kValue, ValueView::from_bytes("a value\nof two lines, é"));
      reply.value(Field::kOld, ValueView::from_bytes("\xff\xfe"));
      reply.integer(Field::kVersion, i);
      reply.end_item_object();
    }
    reply.end_list();
    codec_->end_reply();
    output_.consume(output_.size());
  }

  std::unique_ptr<protocol::Codec> codec_ = make_ndjson_codec({});
  protocol::Request request_;
  protocol::OutputBuffer output_;
  std::string input_;
  std::size_t size_ = 0;
};

TEST_F(NdjsonMemoryTest, ATypicalRequestAllocatesNothing) {
  for (const char* line :
       {R"({"id":12345,"op":"get","key":"user:42"})",
        R"({"key":"user:42","value":"a \"quoted\" text","op":"set","ttl_ms":5000,"id":"abc"})",
        R"({"op":"set","key_b64":"/w==","value":{"name":"Ada","tags":[1,2.5,null]}})",
        R"({"op":"mget","keys":["a","b",{"b64":"/w=="}]})",
        R"({"op":"batch","ns":"n","ops":[{"op":"incr","key":"a"},{"op":"get","key":"b"}]})"}) {
    set_input(line);
    serve();
    const std::size_t before = allocations;
    for (int i = 0; i < 100; ++i)
      serve();
    EXPECT_EQ(allocations - before, 0U) << line;
  }
}

TEST_F(NdjsonMemoryTest, ALargeRequestIsForgotten) {
  set_input(R"({"op":"ping"})");
  serve();
  const std::size_t before = live_bytes;
  for (const std::size_t size : {std::size_t{200'000}, std::size_t{20'000'000}}) {
    std::string filling;
    filling.resize(size, 'x');
    set_input(R"({"op":"set","key":"k","value":"\n)" + filling + "\"}");
    serve();
  }
  std::string keys = "\"k\"";
  for (int i = 0; i < 50'000; ++i)
    keys += ",\"k\"";
  set_input(R"({"op":"mget","keys":[)" + keys + "]}");
  serve();
  set_input(R"({"op":"ping"})");
  input_.shrink_to_fit();
  serve();
  EXPECT_LE(live_bytes, before + 512_KiB);
}

}  // namespace
}  // namespace appmem::codecs
