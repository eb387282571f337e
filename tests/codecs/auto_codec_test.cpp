#include "appmem/codecs/auto_codec.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/protocol/output_buffer.h"
#include "appmem/protocol/request.h"

namespace appmem::codecs {
namespace {

using Kind = protocol::Codec::Frame::Kind;

class AutoCodecTest : public testing::Test {
 protected:
  AutoCodec codec_{{}};
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

  AutoCodec other({});
  EXPECT_EQ(other.next_frame(half + half).kind, Kind::kIncomplete);
  EXPECT_EQ(other.next_frame(" ").kind, Kind::kFatal);
  AutoCodec third({});
  EXPECT_EQ(third.next_frame(half + half + " {}\n").kind, Kind::kFatal);
}

/// What the first frame of a connection came to.
struct First {
  Kind kind = Kind::kIncomplete;
  std::string message;
  std::vector<std::string> words;  // of a request in RESP
  bool json = false;               // a request in NDJSON
  std::string refusal;             // as composed
};

/// Gives a codec the input in two parts, as a session would.
First first_frame(const std::string& input, std::size_t split) {
  AutoCodec codec({});
  First first;
  std::string buffer;
  for (const std::string& part : {input.substr(0, split), input.substr(split)}) {
    buffer += part;
    auto frame = codec.next_frame(buffer);
    first.kind = frame.kind;
    std::string bytes = buffer.substr(0, frame.consumed);
    buffer.erase(0, frame.consumed);
    if (frame.kind == Kind::kIncomplete) continue;
    protocol::Request request;
    if (frame.kind == Kind::kRequest) {
      const std::size_t size = bytes.size();
      bytes.append(protocol::kInputPadding, '\0');
      EXPECT_TRUE(codec.decode(std::span(bytes.data(), size), request));
      first.words.assign(request.words().begin(), request.words().end());
      first.json = request.words().empty() && request.command().name == "ping";
    } else {
      first.message = frame.refusal->error.message;
      protocol::OutputBuffer output;
      codec.begin_reply(request, output).error(frame.refusal->error);
      codec.end_reply();
      std::vector<std::string_view> pieces;
      output.gather(output.end_position(), 64, pieces);
      for (const std::string_view piece : pieces)
        first.refusal += piece;
    }
    break;
  }
  return first;
}

class AutoCodecSplitTest : public testing::TestWithParam<std::string> {};

TEST_P(AutoCodecSplitTest, TheChoiceIsTheSameHoweverTheBytesArrive) {
  const std::string& blank = GetParam();
  using Words = std::vector<std::string>;
  for (const std::string line_end : {"\n", "\r\n"}) {
    const auto line_of = [&](std::string_view text) {
      return std::string(blank).append(text).append(line_end);
    };
    const std::string json = line_of("{\"op\":\"ping\"}");
    for (std::size_t split = 0; split <= json.size(); ++split) {
      EXPECT_TRUE(first_frame(json, split).json) << split;
    }
    const std::string line = line_of("GET \"a b\"");
    for (std::size_t split = 0; split <= line.size(); ++split) {
      EXPECT_EQ(first_frame(line, split).words, (Words{"GET", "a b"})) << split;
    }
    const std::string http = line_of("GET /{ HTTP/1.1").append("Host: a\r\n\r\n");
    for (std::size_t split = 0; split <= http.size(); ++split) {
      const First first = first_frame(http, split);
      EXPECT_EQ(first.kind, Kind::kFatal) << split;
      EXPECT_EQ(first.refusal.find("HTTP/1.1 501 Not Implemented\r\n"), 0U) << first.refusal;
      EXPECT_NE(first.refusal.find("does not speak HTTP"), std::string::npos);
    }
  }
  const std::string resp = blank + "*2\r\n$4\r\nECHO\r\n$3\r\n{\n*\r\n";
  for (std::size_t split = 0; split <= resp.size(); ++split) {
    EXPECT_EQ(first_frame(resp, split).words, (Words{"ECHO", "{\n*"})) << split;
  }
}

INSTANTIATE_TEST_SUITE_P(Blanks, AutoCodecSplitTest,
                         testing::Values("", " ", "\r\n", "\n\n", " \t\r\n "));

TEST(AutoCodecLineTest, OnlyAnEndLikeThatOfHttpIsHttp) {
  for (const std::string line : {"PING", "GET / HTTP/2", "GET / HTTP/1.", "GET / HTTP/1.x",
                                 "GET /HTTP/1.1", "[", "set k \" HTTP/1.1\"", "1"}) {
    EXPECT_EQ(first_frame(line + "\n", 0).kind, Kind::kRequest) << line;
  }
  for (const std::string line : {"GET / HTTP/1.0", "POST /a HTTP/1.1", "x HTTP/1.9"}) {
    EXPECT_EQ(first_frame(line + "\n", 0).kind, Kind::kFatal) << line;
  }
}

TEST_F(AutoCodecTest, ALineWithoutAnEndIsRespAfterSoManyBytes) {
  std::string line(AutoCodec::kChoiceBytesMax, 'x');
  EXPECT_EQ(codec_.next_frame(line).kind, Kind::kIncomplete);
  EXPECT_FALSE(codec_.chosen());
  EXPECT_FALSE(codec_.between_requests(line));
  line += 'x';
  const auto frame = codec_.next_frame(line);
  EXPECT_TRUE(codec_.chosen());
  EXPECT_EQ(frame.kind, Kind::kFatal);
  EXPECT_EQ(frame.refusal->error.message, "Protocol error: too big inline request");
}

TEST_F(AutoCodecTest, WhiteSpaceCountsForTheBytesBeforeTheChoice) {
  const std::string half(AutoCodec::kChoiceBytesMax / 2, ' ');
  EXPECT_EQ(codec_.next_frame(half).kind, Kind::kIncomplete);
  const std::string line(AutoCodec::kChoiceBytesMax / 2, 'x');
  EXPECT_EQ(codec_.next_frame(line).kind, Kind::kIncomplete);
  EXPECT_FALSE(codec_.chosen());
  EXPECT_EQ(codec_.next_frame(line + " HTTP").kind, Kind::kIncomplete);
  EXPECT_TRUE(codec_.chosen());
  EXPECT_EQ(codec_.next_frame(line + " HTTP/1.1\n").kind, Kind::kRequest);
}

TEST(AutoCodecTokenTest, UntilATokenIsShownRequestsAreSmall) {
  const std::string large(protocol::kUnauthenticatedBytesMax + 1, 'x');
  const struct {
    std::string request;
    Kind kind;
    std::string message;
  } cases[] = {
      {"*10\r\n", Kind::kIncomplete, ""},
      {"*11\r\n", Kind::kFatal, "Protocol error: unauthenticated multibulk length"},
      {"*1\r\n$16384\r\n", Kind::kIncomplete, ""},
      {"*1\r\n$16385\r\n", Kind::kFatal, "Protocol error: unauthenticated bulk length"},
      {"{\"op\":\"ping\"}\n", Kind::kRequest, ""},
      {'{' + large, Kind::kRefused, "a request is over the limit of 16384 bytes"},
  };
  for (const auto& one : cases) {
    AutoCodec codec({});
    codec.set_unauthenticated(true);
    const auto frame = codec.next_frame(one.request);
    EXPECT_EQ(frame.kind, one.kind) << one.request;
    EXPECT_EQ(frame.refusal == nullptr ? "" : frame.refusal->error.message, one.message);
    AutoCodec trusted({});
    EXPECT_NE(trusted.next_frame(one.request).kind, Kind::kFatal);
  }
  for (const std::string first : {"{}\n", "PING\r\n"}) {
    AutoCodec codec({});
    codec.set_unauthenticated(true);
    EXPECT_EQ(codec.next_frame(first).kind, Kind::kRequest);
    codec.set_unauthenticated(false);
    EXPECT_EQ(codec.next_frame(first == "{}\n" ? '{' + large + "}\n" : "*11\r\n").kind,
              first == "{}\n" ? Kind::kRequest : Kind::kIncomplete);
    codec.set_unauthenticated(true);
  }
}

TEST_F(AutoCodecTest, ARefusalBeforeTheChoiceIsInTheLikelierFormat) {
  const auto refusal = [](AutoCodec& codec) {
    protocol::OutputBuffer output;
    codec.begin_reply({}, output).error({ErrorCode::kBusy, "no room", std::nullopt});
    codec.end_reply();
    std::vector<std::string_view> pieces;
    output.gather(output.end_position(), 64, pieces);
    std::string text;
    for (const std::string_view piece : pieces)
      text += piece;
    return text;
  };
  EXPECT_EQ(refusal(codec_).find("{\"ok\":false"), 0U);
  AutoCodec begun({});
  EXPECT_EQ(begun.next_frame("PI").kind, Kind::kIncomplete);
  EXPECT_EQ(refusal(begun), "-ERR no room\r\n");
}

TEST_F(AutoCodecTest, OnceChosenALineThatIsNoObjectIsOnlyThatLinesError) {
  ASSERT_EQ(codec_.next_frame("{}\n").kind, Kind::kRequest);
  EXPECT_EQ(codec_.next_frame("nonsense\n").kind, Kind::kRequest);
}

}  // namespace
}  // namespace appmem::codecs
