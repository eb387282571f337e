#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server_fixture.h"

/// Clients that send and are gone, without waiting for an answer.
namespace appmem::server::test {
namespace {

class DepartedClientsTest : public ServerTest {
 protected:
  /// The loop reads nothing until `let_go`; what others send meanwhile has been received by then.
  void SetUp() override {
    ServerTest::SetUp();
    start();
    holder_.emplace(connect());
    EXPECT_EQ(holder_->ask("echo 1"), "1");
  }
  void TearDown() override {
    holder_.reset();
    ServerTest::TearDown();
  }
  void hold() {
    holder_->send("hold\n");
    world_.loop_gate.wait_for_one();
  }
  void let_go() { world_.loop_gate.open(); }
  /// One that has been accepted.
  LineClient arrive() {
    LineClient client = connect();
    eventually([&] { return server_->connection_count() == 2; });
    return client;
  }
  /// How many requests of the others were executed by the time they had all ended.
  std::size_t executed_by_the_departed() {
    eventually([&] { return server_->connection_count() == 1; });
    const auto order = world_.journal.order();
    return static_cast<std::size_t>(
        std::count_if(order.begin(), order.end(), [](std::uint64_t id) { return id != 1; }));
  }
  static std::string lines(const std::string& line, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i)
      all += line + "\n";
    return all;
  }

  std::optional<LineClient> holder_;
};

TEST_F(DepartedClientsTest, AllThatWasSentIsExecuted) {
  {
    LineClient client = arrive();
    hold();
    client.send(lines("echo x", 5'000));
  }
  let_go();
  EXPECT_EQ(executed_by_the_departed(), 5'000U);
}

TEST_F(DepartedClientsTest, AlsoBehindAnswersThatWereNotRead) {
  {
    LineClient client = arrive();
    client.send("echo unread\n");
    eventually([&] { return client.has_input(); });
    hold();
    client.send(lines("echo x", 5'000));
  }
  let_go();
  EXPECT_EQ(executed_by_the_departed(), 5'001U);
}

TEST_F(DepartedClientsTest, AlsoBehindMoreAnswersThanMayWait) {
  {
    LineClient client = arrive();
    hold();
    client.send(lines("big 1000000", 20));
  }
  let_go();
  EXPECT_EQ(executed_by_the_departed(), 20U);
  EXPECT_FALSE(events_.has("client_too_slow"));
}

TEST_F(DepartedClientsTest, AlsoWhenTheyLeaveWhileTheirAnswersWait) {
  {
    LineClient client = arrive();
    client.send(lines("big 1000000", 20));
    eventually([&] { return world_.journal.order().size() > 1; });
  }
  EXPECT_EQ(executed_by_the_departed(), 20U);
}

TEST_F(DepartedClientsTest, AlsoBehindAnAnswerThatIsParked) {
  {
    LineClient client = arrive();
    client.send("park 5\n");
    eventually([&] { return world_.journal.order().size() == 2; });
    hold();
    client.send(lines("park 6", 100));
  }
  let_go();
  EXPECT_EQ(executed_by_the_departed(), 101U);
}

TEST_F(DepartedClientsTest, AlsoBehindARequestThatIsBeingDecoded) {
  {
    LineClient client = arrive();
    const std::string large(300'000, 'y');
    // What stands behind it has to fit into the socket: nothing is received meanwhile.
    client.send(lines("echo x", 10) + "slow" + large + "\n");
    world_.decode_gate.wait_for_one();
    client.send(lines("echo x", 10));
  }
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(holder_->ask("echo turn"), "turn");
  EXPECT_EQ(server_->connection_count(), 2U);
  world_.decode_gate.open();
  EXPECT_EQ(executed_by_the_departed(), 21U);
}

TEST_F(DepartedClientsTest, AJobEndsAtOnceAndWhatStandsBehindItIsExecuted) {
  {
    LineClient client = arrive();
    client.send("later 100000000\n" + lines("echo x", 100));
    world_.journal.wait_for_jobs(1);
  }
  world_.journal.wait_for_jobs(0);
  eventually([&] { return server_->connection_count() == 1; });
  const auto order = world_.journal.order();
  EXPECT_EQ(std::count(order.end() - 100, order.end(), 2U), 100);
}

TEST_F(DepartedClientsTest, AJobOfOneWhoIsGoneIsNotBegun) {
  {
    LineClient client = arrive();
    hold();
    client.send(lines("later 100000000", 300) + "echo x\n");
  }
  let_go();
  EXPECT_EQ(executed_by_the_departed(), 301U);
}

TEST_F(DepartedClientsTest, WhoOnlyReceivesNothingMoreIsExecutedAsWell) {
  LineClient client = arrive();
  client.end_receiving();
  for (std::size_t i = 1; i <= 3; ++i) {
    client.send(lines("echo x", 10));
    const std::size_t seen = 10 * i + 1;
    eventually([&] { return world_.journal.order().size() == seen; });
  }
  EXPECT_EQ(server_->connection_count(), 2U);
  client.close();
  EXPECT_EQ(executed_by_the_departed(), 30U);
}

TEST_F(DepartedClientsTest, TheEndOfTheServerExecutesItAsWell) {
  {
    LineClient client = arrive();
    hold();
    client.send(lines("echo x", 5'000));
  }
  server_->stop();
  let_go();
  EXPECT_EQ(finish(), 0U);
  EXPECT_EQ(world_.journal.order().size(), 5'002U);
}

TEST_F(DepartedClientsTest, WhatComesBehindTheEndOfAConnectionIsNotExecuted) {
  {
    LineClient client = arrive();
    hold();
    client.send("echo x\nclose\n" + lines("echo x", 100));
  }
  let_go();
  EXPECT_EQ(executed_by_the_departed(), 2U);
}

TEST_F(DepartedClientsTest, TheOthersHaveTheirTurnsMeanwhile) {
  LineClient modest = connect();
  EXPECT_EQ(modest.ask("echo 2"), "2");
  constexpr std::size_t kMany = 4'000;
  {
    LineClient client = connect();
    eventually([&] { return server_->connection_count() == 3; });
    hold();
    client.send(lines("echo x", kMany));
  }
  modest.send("echo y\n");
  let_go();
  EXPECT_EQ(modest.line(), "y");
  eventually([&] { return server_->connection_count() == 2; });
  const std::vector<std::uint64_t> order = world_.journal.order();
  const auto last_of_modest = std::find(order.rbegin(), order.rend(), 2U);
  EXPECT_GE(std::count(order.rbegin(), last_of_modest, 3U),
            static_cast<std::ptrdiff_t>(kMany - 2 * kRequestsPerTurnMax));
}

}  // namespace
}  // namespace appmem::server::test
