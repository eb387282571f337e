#include "appmem/codecs/auto_codec.h"

#include <string>

#include <gtest/gtest.h>

namespace appmem::codecs {
namespace {

using Kind = protocol::Codec::Frame::Kind;

class AutoCodecTest : public testing::Test {
 protected:
  NdjsonScratch scratch_;
  AutoCodec codec_{{}, scratch_};
};

TEST_F(AutoCodecTest, ABraceIsJson) {
  const std::string input = "{\"op\":\"ping\"}\n";
  const auto frame = codec_.next_frame(input);
  EXPECT_EQ(frame.kind, Kind::kRequest);
  EXPECT_EQ(frame.consumed, input.size());
  EXPECT_TRUE(codec_.chosen());
}

TEST_F(AutoCodecTest, WhiteSpaceDecidesNothing) {
  const auto frame = codec_.next_frame(" \r\n\t");
  EXPECT_EQ(frame.kind, Kind::kIncomplete);
  EXPECT_EQ(frame.consumed, 4U);
  EXPECT_FALSE(codec_.chosen());
  EXPECT_EQ(codec_.next_frame("\n{").kind, Kind::kIncomplete);
  EXPECT_TRUE(codec_.chosen());
}

TEST_F(AutoCodecTest, OnlySoMuchWhiteSpaceMayComeBeforeTheChoice) {
  const std::string half(AutoCodec::kChoiceBytesMax / 2, ' ');
  EXPECT_TRUE(codec_.between_requests(""));
  EXPECT_EQ(codec_.next_frame(half).kind, Kind::kIncomplete);
  EXPECT_FALSE(codec_.between_requests(""));  // so that time runs
  EXPECT_EQ(codec_.next_frame(half + "{}\n").kind, Kind::kRequest);
  EXPECT_TRUE(codec_.between_requests(""));

  AutoCodec other({}, scratch_);
  EXPECT_EQ(other.next_frame(half + half).kind, Kind::kIncomplete);
  EXPECT_EQ(other.next_frame(" ").kind, Kind::kFatal);
  AutoCodec third({}, scratch_);
  EXPECT_EQ(third.next_frame(half + half + " {}\n").kind, Kind::kFatal);
}

TEST_F(AutoCodecTest, AnythingElseIsToldWhatIsSpokenHere) {
  for (const std::string input : {"*1\r\n$4\r\nPING\r\n", "GET / HTTP/1.1\r\n", "[", "x"}) {
    NdjsonScratch scratch;
    AutoCodec codec({}, scratch);
    const auto frame = codec.next_frame(input);
    EXPECT_EQ(frame.kind, Kind::kFatal) << input;
    EXPECT_EQ(frame.error.code, ErrorCode::kInvalidRequest);
    EXPECT_NE(frame.error.message.find("JSON"), std::string::npos);
  }
}

TEST_F(AutoCodecTest, OnceChosenALineThatIsNoObjectIsOnlyThatLinesError) {
  ASSERT_EQ(codec_.next_frame("{}\n").kind, Kind::kRequest);
  EXPECT_EQ(codec_.next_frame("nonsense\n").kind, Kind::kRequest);
}

}  // namespace
}  // namespace appmem::codecs
