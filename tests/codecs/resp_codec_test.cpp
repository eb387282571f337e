#include "appmem/codecs/resp_codec.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/base/units.h"
#include "appmem/protocol/redis_reply.h"
#include "resp_reference.h"
#include "support/environment.h"

namespace appmem::codecs {
namespace {

using Kind = protocol::Codec::Frame::Kind;
using Words = std::vector<std::string>;

constexpr std::size_t kRequestBytesMax = 4096;

std::string array_of(const Words& words) {
  std::string text = '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words)
    text += '$' + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return text;
}

class RespCodecTest : public testing::Test {
 protected:
  /// Hands the codec one more piece; adds what it finds to requests_ and problem_.
  void feed(std::string_view piece) {
    pending_ += piece;
    while (problem_.empty()) {
      const auto frame = codec_->next_frame(pending_);
      ASSERT_LE(frame.consumed, pending_.size());
      std::string bytes = pending_.substr(0, frame.consumed);
      pending_.erase(0, frame.consumed);
      if (frame.kind == Kind::kIncomplete) break;
      if (frame.kind == Kind::kFatal) {
        problem_ = frame.refusal->error.message;
        break;
      }
      bytes.resize(frame.consumed + protocol::kInputPadding);
      ASSERT_TRUE(codec_->decode(std::span(bytes).first(frame.consumed), request_));
      requests_.emplace_back(request_.words().begin(), request_.words().end());
    }
  }

  void reset(std::size_t request_bytes_max = kRequestBytesMax) {
    codec_ = make_resp_codec({.request_bytes_max = request_bytes_max});
    pending_.clear();
    requests_.clear();
    problem_.clear();
  }

  void expect_as_reference(std::string_view input) {
    const auto expected = reference::read_resp(input, kRequestBytesMax);
    EXPECT_EQ(requests_, expected.requests);
    EXPECT_EQ(problem_, expected.problem);
  }

  std::unique_ptr<protocol::Codec> codec_ =
      make_resp_codec({.request_bytes_max = kRequestBytesMax});
  protocol::Request request_;
  std::string pending_;
  std::vector<Words> requests_;
  std::string problem_;
};

TEST_F(RespCodecTest, LargeWordsAreMovedToMemoryOfTheirOwn) {
  MemoryBudget budget{1_MiB};
  BlobPool pool{budget};
  codec_ = make_resp_codec({.request_bytes_max = 8_MiB, .allocate_large = [&](std::size_t bytes) {
                              return pool.try_allocate(bytes);
                            }});
  const Words words{"MSET",
                    "a",
                    std::string(kInlineValueBytesMax, 'a'),
                    "b",
                    std::string(kInlineValueBytesMax + 1, 'b'),
                    "c",
                    std::string(2_MiB, 'c')};  // for which there is no room
  feed(array_of(words));
  EXPECT_EQ(requests_, std::vector<Words>{words});
  const auto& large = request_.large_pool();
  ASSERT_EQ(std::distance(large.begin(), large.end()), 1);
  EXPECT_EQ(large.front().view().data(), request_.words()[4].data());
  request_.clear();
}

/// Messages of all kinds: the fuzzer's corpus.
std::vector<std::string> messages() {
  std::vector<std::string> all;
  for (const auto& file :
       std::filesystem::directory_iterator(test::source_dir() / "fuzz/corpus/resp")) {
    std::ifstream stream(file.path(), std::ios::binary);
    all.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  EXPECT_GE(all.size(), 20U);
  return all;
}

TEST_F(RespCodecTest, EveryMessageMeansTheSameWhereverItIsSplit) {
  for (const std::string& message : messages()) {
    for (std::size_t at = 0; at <= message.size(); ++at) {
      reset();
      feed(message.substr(0, at));
      feed(message.substr(at));
      SCOPED_TRACE(message + " split at " + std::to_string(at));
      expect_as_reference(message);
    }
  }
}

TEST_F(RespCodecTest, EveryMessageMeansTheSameByteByByte) {
  for (const std::string& message : messages()) {
    reset();
    for (const char c : message)
      feed({&c, 1});
    SCOPED_TRACE(message);
    expect_as_reference(message);
  }
}

TEST_F(RespCodecTest, WordsMayBeAnyBytes) {
  std::string all;
  for (int c = 0; c < 256; ++c)
    all += static_cast<char>(c);
  const Words words{"SET", "k\r\n$3\r\n", all, ""};
  feed(array_of(words));
  EXPECT_EQ(requests_, std::vector<Words>{words});
}

TEST_F(RespCodecTest, VerticalTabsAndFormFeedsEndNoInlineWord) {
  feed("\v\fECHO \fa\vb\f \"c\"\v\fd\r\n\v\f\n");
  EXPECT_EQ(requests_, (std::vector<Words>{{"ECHO", "a\vb\f", "c", "d"}}));
}

TEST_F(RespCodecTest, QuotesAndEscapesOfAnInlineRequestAreUndone) {
  feed(R"(SET "a b" 'c\'d\n' "\x41\t\"\\z" e)"
       "\r\n");
  EXPECT_EQ(requests_, (std::vector<Words>{{"SET", "a b", "c'd\\n", "A\t\"\\z", "e"}}));
}

TEST_F(RespCodecTest, BlankLinesAndEmptyArraysAskForNothing) {
  feed("\r\n\n*0\r\n*-5\r\n  \t\r\n" + array_of({"PING"}));
  EXPECT_EQ(requests_, std::vector<Words>{{"PING"}});
}

TEST_F(RespCodecTest, WhatBreaksTheFormatIsSaidAsRedisSaysIt) {
  const std::pair<std::string, std::string> cases[] = {
      {"*2147483648\r\n", "invalid multibulk length"},
      {"*x\r\n", "invalid multibulk length"},
      {"*1\n$4\r\nPING\r\n", "invalid multibulk length"},
      {"*1\r\n$4\nPING\r\n", "invalid bulk length"},
      {"*1\r\n$1099511627776\r\n", "invalid bulk length"},
      {"*1\r\n$-1\r\n", "invalid bulk length"},
      {"*1\r\n+OK\r\n", "expected '$', got '+'"},
      {"get 'a\r\n", "unbalanced quotes in request"},
      {std::string(70'000, 'x'), "too big inline request"},
      {'*' + std::string(70'000, '1'), "too big mbulk count string"},
      {'*' + std::string(70'000, '1') + "\r\n", "too big mbulk count string"},
      {'*' + std::string(60'000, '1') + "\r\n", "invalid multibulk length"},
      {"*1\r\n$" + std::string(70'000, '1'), "too big bulk count string"},
      {"*1\r\n$" + std::string(70'000, '1') + "\r\n", "too big bulk count string"},
      {"*1\r\n$" + std::string(60'000, '1') + "\r\n", "invalid bulk length"},
  };
  for (const auto& [input, problem] : cases) {
    reset(1_MiB);
    feed(input);
    EXPECT_EQ(problem_, "Protocol error: " + problem);
    EXPECT_TRUE(requests_.empty());
  }
}

TEST_F(RespCodecTest, AHeaderOfTheMostIsWaitedForAndOneByteMoreIsNot) {
  for (const std::string begin : {"*", "*1\r\n$", "PING "}) {
    reset(1_MiB);
    feed(begin);
    const std::size_t header = begin.size() - (begin.rfind('\n') + 1);
    for (std::size_t at = header; at < 64_KiB; at += 8)
      feed(std::string(std::min<std::size_t>(8, 64_KiB - at), '1'));
    EXPECT_EQ(problem_, "");
    feed("1");
    EXPECT_TRUE(problem_.starts_with("Protocol error: too big ")) << problem_;
  }
}

TEST_F(RespCodecTest, WhoHasYetToShowATokenAnnouncesLittle) {
  const std::pair<std::string, std::string> cases[] = {
      {"*10\r\n$16384\r\n", ""},
      {"*11\r\n", "Protocol error: unauthenticated multibulk length"},
      {"*1048577\r\n", "Protocol error: unauthenticated multibulk length"},
      {"*2147483648\r\n", "Protocol error: invalid multibulk length"},
      {"*1\r\n$16385\r\n", "Protocol error: unauthenticated bulk length"},
      {"*1\r\n$1099511627776\r\n", "Protocol error: invalid bulk length"},
  };
  for (const auto& [input, problem] : cases) {
    reset(1_MiB);
    codec_->set_unauthenticated(true);
    feed(input);
    EXPECT_EQ(problem_, problem) << input;
  }
}

TEST_F(RespCodecTest, ARequestOfTheLimitIsTakenAndOneBeyondIsNot) {
  const std::string header = "*2\r\n$3\r\nGET\r\n$4000\r\n";
  const std::size_t used = header.size();
  reset(used + 4000);
  feed(header + std::string(4000, 'x') + "\r\n");
  EXPECT_EQ(requests_.size(), 1U);
  reset(used + 3999);
  feed(header);
  EXPECT_EQ(problem_, "Protocol error: invalid bulk length") << "before any of it was kept";
}

TEST_F(RespCodecTest, AMillionWordsAreTheMost) {
  feed("*1048576\r\n");
  EXPECT_EQ(problem_, "");
  reset();
  feed("*1048577\r\n");
  EXPECT_EQ(problem_, "Protocol error: invalid multibulk length");
}

TEST_F(RespCodecTest, WordsThatNoCommandHasAreLeftAwayAndOthersAreAnnounced) {
  constexpr std::size_t kKept = 262'144;
  for (const std::size_t words : {std::size_t{3}, kKept, kKept + 1}) {
    reset(8_MiB);
    const std::string request = array_of(Words(words, "w"));
    EXPECT_EQ(codec_->next_frame(request).decode_bytes,
              std::min(words, kKept) * sizeof(std::string_view));
    reset(8_MiB);
    feed(request);
    ASSERT_EQ(requests_.size(), 1U);
    EXPECT_EQ(requests_[0], Words(std::min(words, kKept), "w"));
  }
}

TEST_F(RespCodecTest, NothingIsKeptOfALineWithoutEnd) {
  const std::string piece(1000, ' ');
  for (int i = 0; i < 60; ++i)
    feed(piece);
  EXPECT_EQ(problem_, "");
  for (int i = 0; i < 10; ++i)
    feed(piece);
  EXPECT_EQ(problem_, "Protocol error: too big inline request");
}

TEST_F(RespCodecTest, AConnectionIsBetweenRequestsWhenNothingIsPending) {
  EXPECT_TRUE(codec_->between_requests(pending_));
  feed("*1\r\n$4\r\nPI");
  EXPECT_FALSE(codec_->between_requests(pending_));
  feed("NG\r\n");
  EXPECT_TRUE(codec_->between_requests(pending_));
}

class RespReplyTest : public testing::Test {
 protected:
  protocol::RedisReply& begin() { return codec_->begin_reply(request_, output_).redis(); }
  std::string end() {
    codec_->end_reply();
    std::vector<std::string_view> pieces;
    output_.gather(output_.end_position(), 64, pieces);
    std::string text;
    for (const std::string_view piece : pieces)
      text += piece;
    output_.consume(text.size());
    return text;
  }

  std::unique_ptr<protocol::Codec> codec_ = make_resp_codec({});
  protocol::Request request_;
  protocol::OutputBuffer output_;
};

TEST_F(RespReplyTest, TypesOfBothVersions) {
  for (const int version : {2, 3}) {
    begin().set_version(version);
    end();
    protocol::RedisReply& reply = begin();
    reply.array(8);
    reply.status("OK");
    reply.integer(-7);
    reply.bulk("a\r\nb");
    reply.null();
    reply.null_array();
    reply.map(1);
    reply.bulk("n");
    reply.value(ValueView::from_integer(12));
    reply.set(1);
    reply.bulk("s");
    reply.verbatim("text");
    EXPECT_EQ(end(), version == 2
                         ? "*8\r\n+OK\r\n:-7\r\n$4\r\na\r\nb\r\n$-1\r\n*-1\r\n*2\r\n$1\r\nn\r\n"
                           "$2\r\n12\r\n*1\r\n$1\r\ns\r\n$4\r\ntext\r\n"
                         : "*8\r\n+OK\r\n:-7\r\n$4\r\na\r\nb\r\n_\r\n_\r\n%1\r\n$1\r\nn\r\n"
                           "$2\r\n12\r\n~1\r\n$1\r\ns\r\n=8\r\ntxt:text\r\n");
  }
}

TEST_F(RespReplyTest, AnErrorReplacesWhatWasWrittenAndStaysOnItsLine) {
  protocol::RedisReply& reply = begin();
  reply.array(2);
  reply.bulk("a");
  reply.error({ErrorCode::kOutOfMemory, "no\r\nroom", std::nullopt});
  EXPECT_EQ(end(), "-OOM no  room\r\n");
}

TEST_F(RespReplyTest, SilenceLeavesRepliesOut) {
  begin().set_silence(protocol::RedisReply::Silence::kSkip);
  EXPECT_EQ(end(), "");
  begin().status("skipped");
  EXPECT_EQ(end(), "");
  begin().status("OK");
  EXPECT_EQ(end(), "+OK\r\n");
  begin().set_silence(protocol::RedisReply::Silence::kAll);
  EXPECT_EQ(end(), "");
  begin().bulk("left out");
  EXPECT_EQ(end(), "");
  protocol::RedisReply& reply = begin();
  reply.set_silence(protocol::RedisReply::Silence::kNone);
  reply.ok();
  EXPECT_EQ(end(), "+OK\r\n");
}

TEST_F(RespReplyTest, ALargeValueIsNotCopied) {
  MemoryBudget budget(64_MiB);
  BlobPool pool(budget);
  SharedBytes shared = pool.try_allocate(300'000);
  std::fill(shared.writable().begin(), shared.writable().end(), 'x');
  ValueView value = ValueView::from_bytes(shared.view());
  value.shared = &shared;
  begin().value(value);
  EXPECT_LT(output_.memory_bytes(), 10'000U);
  EXPECT_EQ(end(), "$300000\r\n" + std::string(300'000, 'x') + "\r\n");
}

}  // namespace
}  // namespace appmem::codecs
