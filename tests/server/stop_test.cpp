#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "appmem/server/server_limits.h"
#include "server_fixture.h"

namespace appmem::server::test {
namespace {

class StopTest : public ServerTest {
 protected:
  void join() { thread_.join(); }
};

TEST_F(StopTest, WhatHasBeenReceivedIsAnswered) {
  options_.threads = 2;
  start();
  LineClient holder = connect();
  LineClient busy = connect();
  LineClient third = connect();
  EXPECT_EQ(holder.ask("echo 1"), "1");
  EXPECT_EQ(busy.ask("echo 2"), "2");
  EXPECT_EQ(third.ask("echo 3"), "3");
  holder.send("hold\n");
  world_.loop_gate.wait_for_one();
  // Neither of the held loop's connections has been read from since.
  std::string requests;
  for (int i = 0; i < 3'000; ++i)
    requests += "echo x\n";
  third.send(requests + "later 10000\necho last\nhalf");
  holder.send("echo behind\n");
  server_->stop();
  world_.loop_gate.open();
  std::string expected;
  for (int i = 0; i < 3'000; ++i)
    expected += "x\n";
  const std::string answers = third.rest();
  EXPECT_EQ(answers.substr(0, expected.size()), expected);
  EXPECT_TRUE(answers.ends_with("item9999;\nlast\n"));
  EXPECT_EQ(holder.rest(), "held\nbehind\n");
  EXPECT_EQ(busy.rest(), "");
  EXPECT_EQ(finish(), 0U);
  EXPECT_EQ(handler_.stopped, 1);
  EXPECT_TRUE(events_.has("stopping"));
  EXPECT_TRUE(events_.has("stopped"));
}

TEST_F(StopTest, WhoHadConnectedIsAnsweredAndNobodyElseIsTaken) {
  start();
  LineClient holder = connect();
  EXPECT_EQ(holder.ask("echo 1"), "1");
  holder.send("hold\n");
  world_.loop_gate.wait_for_one();
  LineClient early = connect();  // waits to be accepted
  early.send("echo early\n");
  server_->stop();
  world_.loop_gate.open();
  EXPECT_EQ(early.rest(), "early\n");
  finish();
  EXPECT_THROW(connect(), std::runtime_error);
}

TEST_F(StopTest, SocketAndLockAreRemovedAtTheEnd) {
  start();
  EXPECT_TRUE(std::filesystem::exists(directory_.file("s")));
  EXPECT_TRUE(std::filesystem::exists(directory_.file("s.lock")));
  finish();
  server_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(StopTest, WhatFailsBeforeItListensLeavesNothing) {
  server_.emplace(options_, handler_, clock_, memory_, events_);
  const auto opened = server_->open([&]() -> Result<void> {
    EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
    return fail(ErrorCode::kBusy, "not now");
  });
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "not now");
  EXPECT_FALSE(events_.has("listening"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(StopTest, WhoDoesNotEndInTimeIsCut) {
  options_.shutdown_timeout = milliseconds{50};
  start();
  LineClient parked = connect();
  LineClient idle = connect();
  EXPECT_EQ(idle.ask("echo 1"), "1");
  parked.send("echo 1\npark 5\n");
  EXPECT_EQ(parked.line(), "1");
  eventually([&] { return world_.journal.order().size() == 3; });
  EXPECT_EQ(finish(), 1U);
  EXPECT_EQ(parked.rest(), "");
}

TEST(StopMargin, LeavesTimeForTheEndAndMostOfItForTheClients) {
  EXPECT_EQ(stop_margin(milliseconds{5'000}), milliseconds{500});
  EXPECT_EQ(stop_margin(milliseconds{2'000}), milliseconds{200});
  EXPECT_EQ(stop_margin(milliseconds{200}), milliseconds{50});
  EXPECT_EQ(stop_margin(milliseconds{50}), milliseconds{25});
  EXPECT_EQ(stop_margin(milliseconds{1}), milliseconds{0});
  EXPECT_EQ(stop_margin(std::chrono::hours{24}), milliseconds{500});
}

TEST_F(StopTest, TheEndIsWithinTheTimeWhoeverHasToBeCut) {
  options_.shutdown_timeout = milliseconds{2'000};
  start();
  LineClient parked = connect();
  parked.send("echo 1\npark 5\n");
  EXPECT_EQ(parked.line(), "1");
  eventually([&] { return world_.journal.order().size() == 2; });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(finish(), 1U);
  const auto taken = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(taken, options_.shutdown_timeout);
  EXPECT_GE(taken, options_.shutdown_timeout - stop_margin(options_.shutdown_timeout));
}

TEST_F(StopTest, AnswersThatAreParkedMayStillLeave) {
  start();
  LineClient parked = connect();
  parked.send("echo 1\npark 5\n");
  EXPECT_EQ(parked.line(), "1");
  eventually([&] { return world_.journal.order().size() == 2; });
  server_->stop();
  events_.wait_for("stopping");
  world_.committed = 5;
  server_->notify_committed();
  EXPECT_EQ(parked.rest(), "parked\n");
  EXPECT_EQ(finish(), 0U);
}

TEST_F(StopTest, SigtermStopsAndASecondSignalStopsAtOnce) {
  options_.shutdown_timeout = std::chrono::hours{1};
  options_.threads = 2;
  start();
  LineClient parked = connect();
  parked.send("echo 1\npark 5\n");
  EXPECT_EQ(parked.line(), "1");
  eventually([&] { return world_.journal.order().size() == 2; });
  ::kill(::getpid(), SIGTERM);
  events_.wait_for("stopping");
  ::kill(::getpid(), SIGINT);
  join();
  EXPECT_EQ(cut_, 1U);
}

TEST_F(StopTest, ASecondSignalDoesNotWaitForRequestsThatAreStillToBeDecoded) {
  options_.shutdown_timeout = std::chrono::hours{1};
  start();
  std::vector<LineClient> clients;
  constexpr int kClients = 8;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(connect());
    clients.back().send("slow" + std::string(300'000, 'y') + "\n");
  }
  world_.journal.wait_for_large(kClients);
  world_.decode_gate.wait_for_one();
  ::kill(::getpid(), SIGTERM);
  events_.wait_for("stopping");
  ::kill(::getpid(), SIGINT);
  for (LineClient& client : clients)
    EXPECT_EQ(client.rest(), "");
  world_.decode_gate.open();
  join();
  EXPECT_EQ(cut_, static_cast<std::size_t>(kClients));
  EXPECT_EQ(world_.journal.large_decodes(), 1);
}

TEST_F(StopTest, SighupIsReportedAndNothingElse) {
  start();
  LineClient client = connect();
  ::kill(::getpid(), SIGHUP);
  events_.wait_for("signal");
  EXPECT_EQ(client.ask("echo still"), "still");
}

TEST_F(StopTest, StoppingTwiceIsStoppingOnce) {
  start();
  server_->stop();
  server_->stop();
  EXPECT_EQ(finish(), 0U);
  EXPECT_EQ(handler_.stopped, 1);
}

}  // namespace
}  // namespace appmem::server::test
