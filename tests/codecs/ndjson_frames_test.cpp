#include <string>
#include <vector>

#include "codecs/ndjson_harness.h"

namespace appmem::codecs {
namespace {

constexpr std::size_t kLimit = 32;

class NdjsonFramesTest : public NdjsonTest {
 protected:
  NdjsonFramesTest() { codec_ = make_ndjson_codec({.request_bytes_max = kLimit}); }

  /// What comes of input that arrives in pieces of `step` bytes: the id or the error of each line.
  std::vector<std::string> feed(std::string_view input, std::size_t step) {
    std::vector<std::string> results;
    for (std::size_t at = 0; at < input.size(); at += step) {
      pending_ += input.substr(at, step);
      for (;;) {
        const auto frame = codec_->next_frame(pending_);
        EXPECT_LE(frame.consumed, pending_.size());
        const std::string bytes = pending_.substr(0, frame.consumed);
        pending_.erase(0, frame.consumed);
        if (frame.kind == Kind::kIncomplete) break;
        if (frame.kind == Kind::kRequest) {
          results.push_back(decode(bytes) ? std::string(request_.id()) : "malformed");
        } else {
          results.emplace_back(error_code_name(frame.refusal->error.code));
        }
      }
      most_pending_ = std::max(most_pending_, pending_.size());
    }
    return results;
  }

  void expect_at_every_step(std::string_view input, const std::vector<std::string>& results) {
    for (std::size_t step = 1; step <= input.size(); ++step) {
      codec_ = make_ndjson_codec({.request_bytes_max = kLimit});
      pending_.clear();
      most_pending_ = 0;
      EXPECT_EQ(feed(input, step), results) << "in steps of " << step;
      EXPECT_LE(most_pending_, kLimit + 1);
    }
  }

  std::string pending_;
  std::size_t most_pending_ = 0;
};

std::string ping(int id) {
  return "{\"id\":" + std::to_string(id) + ",\"op\":\"ping\"}";
}

/// A request of so many bytes.
std::string padded(int id, std::size_t size) {
  std::string line = ping(id);
  line.insert(line.size() - 1, size - line.size(), ' ');
  return line;
}

TEST_F(NdjsonFramesTest, LinesAreCutHoweverTheyArrive) {
  expect_at_every_step(ping(1) + "\n" + ping(2) + "\r\n" + ping(3) + "\n", {"1", "2", "3"});
}

TEST_F(NdjsonFramesTest, BlankLinesAreSkipped) {
  expect_at_every_step("\n\r\n  \t \n" + ping(1) + "\n\n\n \n  " + ping(2) + "  \n\n", {"1", "2"});
  EXPECT_TRUE(pending_.empty());
}

TEST_F(NdjsonFramesTest, ALineThatIsNotWholeWaits) {
  EXPECT_TRUE(feed(ping(1), 5).empty());
  EXPECT_FALSE(codec_->between_requests(pending_));
  EXPECT_EQ(feed("\n", 1), (std::vector<std::string>{"1"}));
  EXPECT_TRUE(codec_->between_requests(pending_));
}

TEST_F(NdjsonFramesTest, MalformedLinesAreFollowedByTheNext) {
  expect_at_every_step("frob\n" + ping(1) + "\n[]\n" + ping(2) + "\n",
                       {"malformed", "1", "malformed", "2"});
}

TEST_F(NdjsonFramesTest, ALineAtTheLimitIsTaken) {
  expect_at_every_step(padded(1, kLimit) + "\n" + padded(2, kLimit) + "\r\n", {"1", "2"});
}

TEST_F(NdjsonFramesTest, ALineOverTheLimitIsRefusedOnceAndSkipped) {
  expect_at_every_step(padded(1, kLimit + 1) + "\n" + ping(2) + "\n", {"too_large", "2"});
  expect_at_every_step(padded(1, kLimit + 1) + "\r\n" + ping(2) + "\n", {"too_large", "2"});
  expect_at_every_step(std::string(1000, 'x') + "\n\n" + ping(2) + "\n", {"too_large", "2"});
  expect_at_every_step(std::string(40, 'x') + "\n" + std::string(40, 'x') + "\n" + ping(2) + "\n",
                       {"too_large", "too_large", "2"});
}

TEST_F(NdjsonFramesTest, WhatIsSkippedDoesNotReachTheNextRequest) {
  ASSERT_EQ(codec_->next_frame(std::string(40, 'x')).kind, Kind::kRefused);
  const std::string input = "xxx}\n\n" + ping(7) + "\n";
  const auto frame = codec_->next_frame(input);
  ASSERT_EQ(frame.kind, Kind::kRequest);
  ASSERT_EQ(frame.consumed, input.size());
  EXPECT_TRUE(decode(input));
  EXPECT_EQ(request_.id(), "7");
}

TEST_F(NdjsonFramesTest, AWholeLineOverTheLimitNamesIt) {
  const auto frame = codec_->next_frame(std::string(40, 'x') + "\n");
  EXPECT_EQ(frame.kind, Kind::kRefused);
  EXPECT_EQ(frame.consumed, 41U);
  EXPECT_EQ(frame.refusal->error.message, "a request is over the limit of 32 bytes");
}

TEST_F(NdjsonFramesTest, WhiteSpaceIsNeverKept) {
  EXPECT_TRUE(feed(std::string(10'000, ' '), 7).empty());
  EXPECT_EQ(most_pending_, 0U);
  EXPECT_TRUE(codec_->between_requests(pending_));
  EXPECT_EQ(feed(ping(1) + "\n", 3), (std::vector<std::string>{"1"}));
}

TEST_F(NdjsonFramesTest, ALineThatIsTooLongIsAnsweredWithItsId) {
  const auto answer_to = [&](const std::string& line) {
    codec_ = make_ndjson_codec({.request_bytes_max = kLimit});
    const auto frame = codec_->next_frame(line);
    EXPECT_EQ(frame.kind, Kind::kRefused);
    request_.clear();
    request_.set_id(frame.refusal->request_id);
    output_.consume(output_.size());
    codec_->begin_reply(request_, output_).error({ErrorCode::kTooLarge, "m", std::nullopt});
    codec_->end_reply();
    return composed();
  };
  const std::string filling(5'000, 'x');
  const std::string error = R"("ok":false,"error":{"code":"too_large","message":"m"}})"
                            "\n";
  for (const char* end : {"", "\"}", "\"}\n"}) {
    EXPECT_EQ(answer_to(R"( {"id":"a7","key":")" + filling + end), R"({"id":"a7",)" + error);
    EXPECT_EQ(answer_to(R"({"op":"set","id":7 ,"key":")" + filling + end), R"({"id":7,)" + error);
    EXPECT_EQ(answer_to(R"({"key":")" + filling + R"(","id":7,"x":")" + end), "{" + error);
    EXPECT_EQ(answer_to(R"({"id":")" + filling + end), "{" + error);
  }
}

TEST_F(NdjsonFramesTest, AConnectionThatSkipsIsNotBetweenRequests) {
  EXPECT_TRUE(codec_->between_requests(""));
  EXPECT_EQ(feed(std::string(40, 'x'), 40), (std::vector<std::string>{"too_large"}));
  EXPECT_FALSE(codec_->between_requests(""));
  EXPECT_TRUE(feed("\n", 1).empty());
  EXPECT_TRUE(codec_->between_requests(""));
}

TEST_F(NdjsonFramesTest, WhereOnlyObjectsAreTakenAnotherFirstByteIsFatal) {
  for (const std::string before : {"", " \t\r\n ", "{\"op\":\"ping\"}\n"}) {
    for (const char first : {'P', '[', '"', '\x16', '\0', '}'}) {
      const auto codec = make_ndjson_codec({.request_bytes_max = kLimit, .only_objects = true});
      const std::string input = before + first;
      auto frame = codec->next_frame(input);
      if (frame.kind == Kind::kRequest) {
        frame = codec->next_frame(std::string_view(input).substr(frame.consumed));
      }
      EXPECT_EQ(frame.kind, Kind::kFatal) << input;
      EXPECT_EQ(frame.refusal->error.code, ErrorCode::kInvalidJson);
    }
  }
}

TEST_F(NdjsonFramesTest, BytesThatArriveOneByOneAreLookedAtOnce) {
  // A codec that began anew with each byte would need hours for this.
  codec_ = make_ndjson_codec({.request_bytes_max = 8_MiB});
  std::string input = "{\"id\":1,\"op\":\"get\",\"key\":\"";
  input.resize(4'000'000, 'k');
  for (std::size_t size = 1; size <= input.size(); ++size) {
    const auto frame = codec_->next_frame(std::string_view(input).substr(0, size));
    ASSERT_EQ(frame.kind, Kind::kIncomplete);
    ASSERT_EQ(frame.consumed, 0U);
  }
}

}  // namespace
}  // namespace appmem::codecs
