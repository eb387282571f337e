#include "bench_connection.h"

#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace appmem::ctl {
namespace {

class BenchConnectionTest : public testing::Test {
 protected:
  static constexpr std::size_t kInputBytes = 16;

  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    connection_.emplace(ends[0], kInputBytes);
    server_ = ends[1];
  }
  void TearDown() override {
    if (server_ >= 0) ::close(server_);
  }
  void answer(const std::string& text) const {
    ASSERT_EQ(::send(server_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  /// The next reply, received if need be; empty when there is none.
  std::string next() {
    if (const auto reply = connection_->next_reply(*wire_)) return std::string(reply->text);
    EXPECT_TRUE(connection_->receive_some());
    const auto reply = connection_->next_reply(*wire_);
    return reply ? std::string(reply->text) : std::string();
  }

  const std::unique_ptr<BenchWire> wire_ = make_resp_wire({});
  std::optional<BenchConnection> connection_;
  int server_ = -1;
};

TEST_F(BenchConnectionTest, RepliesOfOnePacketComeOneByOne) {
  answer("+OK\r\n$-1\r\n");
  EXPECT_EQ(next(), "+OK\r\n");
  EXPECT_EQ(next(), "$-1\r\n");
  EXPECT_EQ(next(), "");
}

TEST_F(BenchConnectionTest, AReplyMayBeLongerThanTheBuffer) {
  const std::string value(1'000, 'v');
  answer("+OK\r\n$1000\r\n" + value + "\r\n+OK\r\n");
  EXPECT_EQ(next(), "+OK\r\n");
  std::string reply;
  for (int i = 0; i < 100 && reply.empty(); ++i)
    reply = next();
  EXPECT_EQ(reply, "$1000\r\n" + value + "\r\n");
  EXPECT_EQ(next(), "+OK\r\n");
}

TEST_F(BenchConnectionTest, AReplyMayComeByteByByte) {
  const std::string text = "$3\r\nabc\r\n";
  for (const char byte : text.substr(0, text.size() - 1)) {
    answer(std::string(1, byte));
    EXPECT_EQ(next(), "");
  }
  answer("\n");
  EXPECT_EQ(next(), text);
}

TEST_F(BenchConnectionTest, AnExchangeWaitsForTheReply) {
  connection_->output() += "PING\r\n";
  answer("+PONG\r\n");
  const auto reply = connection_->exchange(*wire_);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, "+PONG\r\n");
  EXPECT_EQ(reply_line(reply->text), "+PONG");
  char request[16];
  EXPECT_EQ(::recv(server_, request, sizeof request, 0), 6);
}

TEST_F(BenchConnectionTest, WhatTheServerSaidBeforeItClosedIsReceivedAndIsTheError) {
  answer("{\"ok\":false,\"error\":{\"code\":\"busy\",\"message\":\"all taken\"}}\n");
  ::close(std::exchange(server_, -1));
  connection_->output() += "PING\r\n";
  connection_->send_some();
  EXPECT_FALSE(connection_->wants_to_send());
  const auto reply = connection_->exchange(*make_json_wire({}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->kind, ReplyKind::kError);
  const auto received = connection_->receive_some();
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::kBusy);
  EXPECT_EQ(received.error().message, "all taken");
}

TEST_F(BenchConnectionTest, ALastReplyThatRefusesSomethingElseIsTold) {
  answer("-ERR full\r\n");
  ::close(std::exchange(server_, -1));
  EXPECT_EQ(next(), "-ERR full\r\n");
  const auto received = connection_->receive_some();
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(received.error().message.ends_with("closed by the server; its last reply: -ERR full"))
      << received.error().message;
}

TEST_F(BenchConnectionTest, AServerThatTakesNothingAndSaidNothingIsUnavailable) {
  ::close(std::exchange(server_, -1));
  connection_->output() += "PING\r\n";
  const auto reply = connection_->exchange(*wire_);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(reply.error().message, "the connection was lost while sending: Broken pipe");
}

TEST_F(BenchConnectionTest, AClosedServerIsUnavailable) {
  ::close(std::exchange(server_, -1));
  const auto received = connection_->receive_some();
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace appmem::ctl
