#include <string>

#include "appmem/server/server_limits.h"
#include "server_fixture.h"

namespace appmem::server::test {
namespace {

using std::chrono::seconds;

class LimitsTest : public ServerTest {
 protected:
  /// Lets the loop look at its clock a few times.
  void pass_ticks() {
    const int seen = handler_.maintained;
    eventually([&] { return handler_.maintained > seen + 6; });
  }
};

TEST_F(LimitsTest, OneConnectionTooManyIsToldThatWeAreBusy) {
  options_.limits.connections_max = 2;
  start();
  LineClient first = connect();
  LineClient second = connect();
  EXPECT_EQ(first.ask("echo 1"), "1");
  EXPECT_EQ(second.ask("echo 2"), "2");
  LineClient third = connect();
  EXPECT_EQ(third.line(),
            "ERROR busy all 2 connections are taken (the daemon's option max-connections)");
  EXPECT_EQ(third.line(), "<end>");
  EXPECT_TRUE(events_.has("client_refused"));
  EXPECT_EQ(server_->connection_count(), 2U);
  second.close();
  eventually([&] { return server_->connection_count() == 1; });
  LineClient fourth = connect();
  EXPECT_EQ(fourth.ask("echo 4"), "4");
}

TEST_F(LimitsTest, AHalfSentRequestHasALimitedTime) {
  start();
  LineClient half = connect();
  LineClient idle = connect();
  half.send("echo 1\nech");
  EXPECT_EQ(half.line(), "1");
  EXPECT_EQ(idle.ask("echo 2"), "2");
  clock_.advance(seconds{30} - milliseconds{1});
  pass_ticks();
  EXPECT_FALSE(half.has_input());
  clock_.advance(milliseconds{1});
  EXPECT_EQ(half.line(), "ERROR timeout the request was not complete within 30s");
  EXPECT_EQ(half.line(), "<end>");
  EXPECT_TRUE(events_.has("request_timeout"));
  EXPECT_EQ(idle.ask("echo 3"), "3");
}

TEST_F(LimitsTest, EachRequestHasItsOwnTime) {
  start();
  LineClient client = connect();
  client.send("echo 1\nech");
  EXPECT_EQ(client.line(), "1");
  clock_.advance(seconds{20});
  client.send("o 2\nech");  // complete in time, and the next one begins
  EXPECT_EQ(client.line(), "2");
  clock_.advance(seconds{20});
  client.send("o 3\n");
  EXPECT_EQ(client.line(), "3");
  clock_.advance(seconds{60});
  pass_ticks();
  EXPECT_EQ(client.ask("echo 4"), "4");
}

TEST_F(LimitsTest, ATimeOfZeroIsNoLimit) {
  options_.limits.request_timeout = milliseconds{0};
  start();
  LineClient client = connect();
  client.send("echo 1\nech");
  EXPECT_EQ(client.line(), "1");
  clock_.advance(std::chrono::hours{24});
  pass_ticks();
  client.send("o 2\n");
  EXPECT_EQ(client.line(), "2");
}

TEST_F(LimitsTest, UntilItsProtocolIsKnownAConnectionHasLessTime) {
  world_.protocol_chosen = false;
  start();
  LineClient half = connect();
  LineClient silent = connect();
  half.send("e");
  eventually([&] { return server_->connection_count() == 2; });
  pass_ticks();
  clock_.advance(kProtocolChoiceTimeout);
  EXPECT_EQ(half.line(), "ERROR timeout the request was not complete within 10s");
  EXPECT_EQ(silent.ask("echo here"), "here");  // who says nothing may take his time
}

TEST_F(LimitsTest, WhoHasToShowATokenHasSoMuchTimeForIt) {
  world_.asks_for_token = true;
  start();
  LineClient silent = connect();
  LineClient busy = connect();
  LineClient known = connect();
  EXPECT_EQ(known.ask("token right"), "ok");
  eventually([&] { return server_->connection_count() == 3; });
  pass_ticks();
  clock_.advance(kAuthenticationTimeout - milliseconds{1});
  EXPECT_EQ(busy.ask("echo 1"), "1");
  pass_ticks();
  EXPECT_FALSE(silent.has_input());
  clock_.advance(milliseconds{1});
  EXPECT_EQ(silent.line(), "ERROR unauthenticated no token was shown within 10s");
  EXPECT_EQ(silent.line(), "<end>");
  EXPECT_EQ(busy.line(), "ERROR unauthenticated no token was shown within 10s");
  EXPECT_EQ(known.ask("echo 2"), "2");
  EXPECT_TRUE(events_.has("authentication_timeout"));
}

TEST_F(LimitsTest, WhoGivesItsTokenUpHasTheSameTimeAgain) {
  start();
  LineClient client = connect();
  clock_.advance(kAuthenticationTimeout);
  EXPECT_EQ(client.ask("token wrong"), "ok");
  pass_ticks();
  EXPECT_EQ(client.ask("echo here"), "here");
  clock_.advance(kAuthenticationTimeout);
  EXPECT_EQ(client.line(), "ERROR unauthenticated no token was shown within 10s");
}

TEST_F(LimitsTest, IdleConnectionsAreClosedWhenAskedFor) {
  options_.limits.idle_timeout = seconds{60};
  start();
  LineClient idle = connect();
  LineClient active = connect();
  EXPECT_EQ(idle.ask("echo 1"), "1");
  EXPECT_EQ(active.ask("echo 2"), "2");
  clock_.advance(seconds{59});
  EXPECT_EQ(active.ask("echo 3"), "3");
  clock_.advance(seconds{1});
  EXPECT_EQ(idle.line(), "<end>");
  EXPECT_EQ(active.ask("echo 4"), "4");
  EXPECT_TRUE(events_.has("idle_timeout"));
}

TEST_F(LimitsTest, WhoDoesNotReadIsNotReadFromEither) {
  start();
  LineClient slow = connect();
  LineClient other = connect();
  EXPECT_EQ(slow.ask("echo 1"), "1");
  // Each answer takes 1 MiB at the most; so after two, nothing more is executed.
  std::string requests;
  for (int i = 0; i < 100; ++i)
    requests += "big 1000000\n";
  slow.send(requests);
  eventually([&] { return buffer_bytes_of_first() > kOutputBytesPause / 2; });
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(other.ask("echo x"), "x");
  std::size_t executed = 0;
  for (const std::uint64_t id : world_.journal.order()) {
    executed += id == 1 ? 1 : 0;
  }
  EXPECT_LE(executed, 4U);
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(slow.line().size(), 1'000'000U);
}

TEST_F(LimitsTest, TooMuchOutputForTooLongClosesTheConnection) {
  options_.limits.output_bytes_soft_max = 500'000;
  options_.limits.output_stall_max = seconds{60};
  start();
  LineClient slow = connect();
  EXPECT_EQ(slow.ask("echo 1"), "1");
  slow.send("big 3000000\n");
  eventually([&] { return buffer_bytes_of_first() > 2'000'000; });
  clock_.advance(seconds{60} - milliseconds{1});
  pass_ticks();
  EXPECT_EQ(server_->connection_count(), 1U);
  clock_.advance(milliseconds{1});
  events_.wait_for("client_too_slow");
  EXPECT_LT(slow.rest().size(), 3'000'000U);
}

TEST_F(LimitsTest, WhoCatchesUpInTimeStays) {
  options_.limits.output_bytes_soft_max = 500'000;
  options_.limits.output_stall_max = seconds{60};
  start();
  LineClient slow = connect();
  slow.send("big 3000000\n");
  eventually([&] { return buffer_bytes_of_first() > 2'000'000; });
  clock_.advance(seconds{59});
  EXPECT_EQ(slow.line().size(), 3'000'000U);
  clock_.advance(seconds{59});
  pass_ticks();
  EXPECT_EQ(slow.ask("echo still"), "still");
}

TEST_F(LimitsTest, MuchTooMuchOutputClosesTheConnectionAtOnce) {
  options_.limits.output_bytes_hard_max = 20'000'000;  // above twice the largest request
  start();
  LineClient slow = connect();
  EXPECT_EQ(slow.ask("echo 1"), "1");
  slow.send("big 19900000\n");
  EXPECT_EQ(slow.line().size(), 19'900'000U);
  slow.send("big 25000000\n");
  EXPECT_LT(slow.rest().size(), 25'000'000U);
  EXPECT_TRUE(events_.has("client_too_slow"));
}

TEST_F(LimitsTest, TheHardLimitLeavesRoomForTheLargestAnswer) {
  options_.limits.output_bytes_hard_max = 1;
  options_.limits.output_bytes_soft_max = 1;
  start();
  LineClient client = connect();
  client.send("big 2000000\n");
  EXPECT_EQ(client.line().size(), 2'000'000U);
}

TEST_F(LimitsTest, BuffersAreChargedAndGivenBack) {
  start();
  const std::uint64_t before = memory_.used();
  {
    LineClient client = connect();
    EXPECT_EQ(client.ask("echo 1"), "1");
    const std::uint64_t pooled = before + kReceiveBlockBytes + protocol::kInputPadding;
    eventually([&] { return memory_.used() == pooled + kConnectionMemoryBytes; });
    client.send("slow" + std::string(4'000'000, 'y') + "\n");
    world_.decode_gate.wait_for_one();
    EXPECT_GT(memory_.used(), before + 4'000'000);
    EXPECT_GT(only_connection().memory_bytes, 0U);
    world_.decode_gate.open();
    EXPECT_EQ(client.line(), "4000004");
    client.send("big 5000000\n");
    eventually([&] { return memory_.used() > before + 4'000'000; });
    EXPECT_EQ(client.line().size(), 5'000'000U);
    eventually([&] { return memory_.used() <= pooled + kConnectionMemoryBytes; });
  }
  eventually([&] { return server_->connection_count() == 0; });
  finish();
  server_.reset();
  EXPECT_EQ(memory_.used(), 0U);
}

TEST_F(LimitsTest, ReceiversOfLargeRequestsWaitWhileMemoryIsShort) {
  start();
  LineClient large = connect();
  LineClient small = connect();
  EXPECT_EQ(small.ask("echo 1"), "1");
  large.send("echo ");
  eventually([&] { return buffer_bytes_of_first() > 0; });
  memory_.charge(memory_.limit() + kMemoryExcessMax);  // somebody else's
  large.send("more\n");
  pass_ticks();
  EXPECT_EQ(small.ask("echo 2"), "2");
  EXPECT_FALSE(large.has_input());
  memory_.release(memory_.limit() + kMemoryExcessMax);
  EXPECT_EQ(large.line(), "more");
}

TEST_F(LimitsTest, WhileMemoryStaysShortTheLargestBufferGoes) {
  start();
  LineClient large = connect();
  LineClient small = connect();
  EXPECT_EQ(small.ask("echo 1"), "1");
  large.send("big 3000000\n");
  eventually([&] { return buffer_bytes_of_first() > 2'000'000; });
  memory_.charge(memory_.limit() + kMemoryExcessMax);
  pass_ticks();
  clock_.advance(kMemoryExcessPatience);
  events_.wait_for("client_too_large");
  EXPECT_LT(large.rest().size(), 3'000'000U);
  EXPECT_EQ(small.ask("echo 2"), "2");
  pass_ticks();
  EXPECT_EQ(small.ask("echo 3"), "3");
  memory_.release(memory_.limit() + kMemoryExcessMax);
}

TEST_F(LimitsTest, WhoAskedToBeKeptIsPassedOver) {
  start();
  LineClient kept = connect();
  EXPECT_EQ(kept.ask("keep-me"), "ok");
  kept.send("big 3000000\n");
  eventually([&] { return buffer_bytes_of_first() > 2'000'000; });
  LineClient other = connect();
  other.send("big 2000000\n");
  eventually([&] {
    const auto connections = server_->connections(clock_.now());
    return connections.size() == 2 &&
           std::all_of(connections.begin(), connections.end(),
                       [](const auto& each) { return each.memory_bytes > 1'000'000; });
  });
  memory_.charge(memory_.limit() + kMemoryExcessMax);
  pass_ticks();
  clock_.advance(kMemoryExcessPatience);
  events_.wait_for("client_too_large");
  EXPECT_LT(other.rest().size(), 2'000'000U);
  memory_.release(memory_.limit() + kMemoryExcessMax);
  EXPECT_EQ(kept.line().size(), 3'000'000U);
}

TEST_F(LimitsTest, WhatIsReceivedAndSentIsCounted) {
  options_.limits.connections_max = 1;
  start();
  {
    LineClient client = connect();
    EXPECT_EQ(client.ask("echo 1"), "1");
    EXPECT_EQ(client.ask("echo 22"), "22");
    LineClient refused = connect();
    refused.rest();
    // The counts of a turn are there when it ends.
    eventually([&] { return server_->counts().requests == 2; });
    const ServerCounts counts = server_->counts();
    EXPECT_EQ(counts.connections, 1U);
    EXPECT_EQ(counts.connections_refused, 1U);
    EXPECT_EQ(counts.bytes_received, 15U);
    EXPECT_EQ(counts.bytes_sent, 5U);
  }
  eventually([&] { return server_->connection_count() == 0; });
  EXPECT_EQ(server_->counts().requests, 2U) << "those who have gone still count";
}

}  // namespace
}  // namespace appmem::server::test
