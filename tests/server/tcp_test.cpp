#include <string>

#include <gmock/gmock.h>
#include <netinet/tcp.h>

#include "listening_socket.h"
#include "server_fixture.h"

namespace appmem::server::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Result<ListeningSocket> listen_at(const std::string& address) {
  ListenerSpec spec;
  spec.tcp = *parse_tcp_address(address);
  return ListeningSocket::open(spec, 7);
}

TcpAddress address_of(const ListeningSocket& socket) {
  return *parse_tcp_address(socket.address());
}

TEST(TcpListenerTest, PortZeroIsAnyThatIsFreeAndTheAddressSaysWhich) {
  for (const char* any : {"127.0.0.1:0", "[::1]:0"}) {
    auto socket = listen_at(any);
    ASSERT_TRUE(socket) << socket.error().message;
    EXPECT_TRUE(socket->is_tcp());
    EXPECT_EQ(socket->index(), 7U);
    const TcpAddress address = address_of(*socket);
    EXPECT_NE(address.port, 0);
    EXPECT_EQ(address.host, parse_tcp_address(any)->host);
    const LineClient client(address);
    socket->close();
    EXPECT_THROW(LineClient{address}, std::runtime_error);
  }
}

TEST(TcpListenerTest, ATakenPortIsRefusedAndAFormerOneIsNot) {
  auto first = listen_at("127.0.0.1:0");
  ASSERT_TRUE(first);
  const std::string address = first->address();
  const auto second = listen_at(address);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  EXPECT_EQ(second.error().message,
            "another program already listens on " + address + "; stop it or choose another port");
  // A connection that was closed from this side, which the system remembers for a minute.
  LineClient client(address_of(*first));
  ::close(::accept4(first->fd(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_EQ(client.line(), "<end>");
  first->close();
  const auto again = listen_at(address);
  EXPECT_TRUE(again) << again.error().message;
}

TEST(TcpListenerTest, WhatIsAcceptedSendsWithoutDelay) {
  auto socket = listen_at("127.0.0.1:0");
  ASSERT_TRUE(socket);
  const LineClient client(address_of(*socket));
  const Fd accepted(::accept4(socket->fd(), nullptr, nullptr, SOCK_CLOEXEC));
  int value = 0;
  socklen_t bytes = sizeof value;
  ASSERT_EQ(::getsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &value, &bytes), 0);
  EXPECT_NE(value, 0);
}

/// A server that listens on a Unix socket, and on TCP.
class TcpServerTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    auto free = listen_at("127.0.0.1:0");
    ASSERT_TRUE(free);
    tcp_ = address_of(*free);
    free->close();
    options_.listeners.emplace_back().tcp = tcp_;
  }
  TcpAddress tcp_;
};

TEST_F(TcpServerTest, ServesBothAndKnowsWhoIsWhere) {
  start();
  LineClient client(tcp_);
  EXPECT_EQ(client.ask("whoami"), "4294967295 4294967295 0");
  ConnectionInfo info = only_connection();
  EXPECT_EQ(info.address, tcp_.to_string());
  EXPECT_THAT(info.peer, StartsWith("127.0.0.1:"));
  EXPECT_NE(info.peer, "127.0.0.1:" + std::to_string(tcp_.port));
  EXPECT_EQ(info.uid, protocol::kNobody);
  EXPECT_EQ(info.pid, 0);
  client.close();
  eventually([&] { return server_->connection_count() == 0; });
  LineClient local = connect();
  EXPECT_EQ(local.ask("echo 1"), "1");
  info = only_connection();
  EXPECT_EQ(info.peer, "");
  EXPECT_EQ(info.pid, ::getpid());
}

TEST_F(TcpServerTest, WhatIsTooManyIsRefusedThereToo) {
  options_.limits.connections_max = 1;
  start();
  LineClient first(tcp_);
  EXPECT_EQ(first.ask("echo 1"), "1");
  LineClient second(tcp_);
  EXPECT_THAT(second.line(), HasSubstr("busy"));
  EXPECT_EQ(second.line(), "<end>");
}

TEST_F(TcpServerTest, TheEndTakesThoseWhoWaited) {
  start();
  LineClient holder(tcp_);
  holder.send("hold\n");
  world_.loop_gate.wait_for_one();
  LineClient waiting(tcp_);
  waiting.send("echo here\n");
  server_->stop();
  world_.loop_gate.open();
  EXPECT_EQ(holder.line(), "held");
  EXPECT_EQ(waiting.line(), "here");
  EXPECT_EQ(waiting.line(), "<end>");
  EXPECT_EQ(finish(), 0U);
  EXPECT_THROW(LineClient{tcp_}, std::runtime_error);
}

}  // namespace
}  // namespace appmem::server::test
