#include "acceptor.h"

#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "server_fixture.h"

namespace appmem::server::test {
namespace {

/// What the system says to whom wants to accept, before it does its work again.
std::vector<int> refusals;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

Fd accept_after_refusals(int listener) {
  if (refusals.empty()) return Acceptor::accept_from_system(listener);
  errno = refusals.back();
  refusals.pop_back();
  return {};
}

class AcceptorTest : public testing::Test {
 protected:
  void SetUp() override {
    refusals.clear();
    auto reactor = Reactor::create();
    ASSERT_TRUE(reactor);
    reactor_ = *std::move(reactor);
    ListenerSpec spec;
    spec.socket_path = directory_.file("s");
    auto socket = ListeningSocket::open(spec);
    ASSERT_TRUE(socket) << socket.error().message;
    socket_.emplace(*std::move(socket));
  }
  /// Takes over what is accepted; runs `then` each time.
  void create(std::function<void()> then) {
    auto acceptor = Acceptor::create(
        *reactor_, *socket_, events_,
        [this, then = std::move(then)](Fd client, const ListeningSocket& /*from*/) {
          accepted_.push_back(std::move(client));
          then();
        },
        accept_after_refusals);
    ASSERT_TRUE(acceptor);
    acceptor_ = *std::move(acceptor);
  }
  LineClient connect() { return LineClient(directory_.file("s")); }

  appmem::test::TemporaryDirectory directory_;
  EventList events_;
  std::unique_ptr<Reactor> reactor_;
  std::optional<ListeningSocket> socket_;
  std::vector<Fd> accepted_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, AcceptsAgainWhenTheSystemHasDescriptorsAgain) {
  refusals = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
  create([this] { reactor_->stop(); });
  const LineClient client = connect();
  reactor_->run();
  EXPECT_TRUE(refusals.empty());
  EXPECT_TRUE(events_.has("accept_failed"));
  EXPECT_EQ(accepted_.size(), 1U);
}

TEST_F(AcceptorTest, ConnectionsThatEndWhileTheyWaitAreNoFailure) {
  refusals = {ECONNABORTED, EINTR, ECONNABORTED};
  create([this] { reactor_->stop(); });
  const LineClient client = connect();
  reactor_->run();
  EXPECT_FALSE(events_.has("accept_failed"));
  EXPECT_EQ(accepted_.size(), 1U);
}

TEST_F(AcceptorTest, AtTheEndThoseAreTakenWhoWaitedAndNobodyWhoComesMeanwhile) {
  create([this] { EXPECT_THROW(connect(), std::runtime_error); });
  std::vector<LineClient> waiting;
  constexpr std::size_t kWaiting = 2 * kAcceptsPerTurnMax + 1;
  for (std::size_t i = 0; i < kWaiting; ++i)
    waiting.push_back(connect());
  acceptor_->stop();
  EXPECT_EQ(accepted_.size(), kWaiting);
  EXPECT_THROW(connect(), std::runtime_error);
}

}  // namespace
}  // namespace appmem::server::test
