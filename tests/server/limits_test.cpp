#include <cstdint>
#include <string>
#include <utility>

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
  eventually([&] { return buffer_bytes_of(1) > kOutputBytesPause / 2; });
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
  eventually([&] { return buffer_bytes_of(1) > 2'000'000; });
  clock_.advance(seconds{60} - milliseconds{1});
  pass_ticks();
  EXPECT_EQ(server_->connection_count(), 1U);
  clock_.advance(milliseconds{1});
  events_.wait_for("client_too_slow");
  EXPECT_LT(slow.rest().size(), 3'000'000U);
}

TEST_F(LimitsTest, WhatIsNotComposedYetWaitsForItsReaderToo) {
  options_.limits.output_bytes_soft_max = 1'000'000;
  options_.limits.output_stall_max = seconds{60};
  start();
  LineClient patient = connect();
  LineClient slow = connect();
  patient.send("defer 100000\n");
  eventually([&] { return buffer_bytes_of(1) > 50'000; });
  slow.send("defer 1000000\n");
  eventually([&] { return server_->connections(clock_.now()).back().memory_bytes > 50'000; });
  pass_ticks();
  clock_.advance(seconds{60});
  events_.wait_for("client_too_slow");
  eventually([&] { return server_->connection_count() == 1; });
  EXPECT_EQ(server_->connections(clock_.now()).front().id, 1U);
}

TEST_F(LimitsTest, WhoCatchesUpInTimeStays) {
  options_.limits.output_bytes_soft_max = 500'000;
  options_.limits.output_stall_max = seconds{60};
  start();
  LineClient slow = connect();
  slow.send("big 3000000\n");
  eventually([&] { return buffer_bytes_of(1) > 2'000'000; });
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
    const std::uint64_t pooled =
        before + kReceiveBlockBytes + protocol::kInputPadding + protocol::ChunkPool::kSmallBytes;
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
    constexpr std::size_t kKept = MemoryBudget::kFreeBlocksMax * protocol::ChunkPool::kBlockBytes;
    eventually([&] { return memory_.used() <= pooled + kConnectionMemoryBytes + kKept; });
  }
  eventually([&] { return server_->connection_count() == 0; });
  finish();
  server_.reset();
  EXPECT_EQ(memory_.used(), 0U);
}

class MemoryLimitsTest : public LimitsTest {
 protected:
  void SetUp() override {
    LimitsTest::SetUp();
    world_.memory = &memory_;
    memory_.set_limit(256_MiB);  // 12 MiB above it, answers go; from 6 MiB on, memory is tight
  }
  /// Somebody else takes so much that the excess is this.
  void take(std::uint64_t excess) {
    taken_ = memory_.limit() + excess - memory_.used();
    memory_.charge(taken_);
  }
  void make_tight() { take(memory_.excess_max() / kMemoryTightShare + 1'000'000); }
  void give_back() { memory_.release(std::exchange(taken_, 0)); }
  void TearDown() override {
    give_back();
    LimitsTest::TearDown();
  }
  /// A client that reads nothing of an answer of so many bytes, which has been composed.
  LineClient reluctant(std::size_t answer_bytes) {
    LineClient client = connect();
    const std::uint64_t before = buffer_bytes();
    client.send("big " + std::to_string(answer_bytes) + "\n");
    // All but what the socket takes.
    eventually([&] { return buffer_bytes() > before + answer_bytes / 2; });
    return client;
  }
  /// What the buffers of all connections take.
  std::uint64_t buffer_bytes() {
    std::uint64_t bytes = 0;
    for (const ConnectionInfo& info : server_->connections(clock_.now()))
      bytes += info.memory_bytes - kConnectionMemoryBytes;
    return bytes;
  }

 private:
  std::uint64_t taken_ = 0;
};

TEST_F(MemoryLimitsTest, ReceiversOfLargeRequestsWait) {
  start();
  LineClient large = connect();
  LineClient small = connect();
  EXPECT_EQ(small.ask("echo 1"), "1");
  large.send("echo ");
  eventually([&] { return buffer_bytes_of(1) > 0; });
  make_tight();
  large.send("more\n");
  pass_ticks();
  EXPECT_EQ(small.ask("echo 2"), "2");
  EXPECT_FALSE(large.has_input());
  give_back();
  EXPECT_EQ(large.line(), "more");
}

TEST_F(MemoryLimitsTest, WhoHasAnswersOnTheirWayExecutesNothing) {
  start();
  LineClient other = connect();
  EXPECT_EQ(other.ask("echo 1"), "1");
  LineClient slow = reluctant(900'000);  // less than kOutputBytesPause
  LineClient streaming = connect();
  streaming.send("later 1000000\n");  // congested after some of them
  eventually([&] { return buffer_bytes_of(3) > kCongestedBytes / 2; });
  make_tight();
  slow.send("echo x\necho y\n");
  pass_ticks();
  const std::size_t executed = world_.journal.order().size();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(other.ask("echo 2"), "2");
  pass_ticks();
  EXPECT_EQ(world_.journal.order().size(), executed + 10);
  // Its answers leave, and it goes on although memory is short.
  EXPECT_EQ(slow.line().size(), 900'000U);
  EXPECT_EQ(slow.line(), "x");
  EXPECT_EQ(slow.line(), "y");
  EXPECT_TRUE(streaming.line().ends_with("item999999;"));
  EXPECT_FALSE(events_.has("client_too_large"));
}

TEST_F(MemoryLimitsTest, WhoHasAnswersOnTheirWayGoesOnWhenMemoryIsBack) {
  start();
  LineClient slow = reluctant(900'000);
  make_tight();
  slow.send("echo x\n");
  pass_ticks();
  EXPECT_EQ(world_.journal.order().size(), 1U);
  give_back();
  eventually([&] { return world_.journal.order().size() == 2; });
  EXPECT_EQ(slow.line().size(), 900'000U);
  EXPECT_EQ(slow.line(), "x");
}

TEST_F(MemoryLimitsTest, WhileMemoryStaysShortTheLargestBuffersGo) {
  start();
  LineClient small = connect();
  EXPECT_EQ(small.ask("echo 1"), "1");
  LineClient first = reluctant(2'000'000);
  LineClient second = reluctant(5'000'000);
  LineClient third = reluctant(4'000'000);
  take(12'300'000);  // still tight without one of them, but not without two
  pass_ticks();
  EXPECT_EQ(server_->connection_count(), 4U);
  clock_.advance(kMemoryExcessPatience);
  eventually([&] { return server_->connection_count() == 2; });
  EXPECT_LT(second.rest().size(), 5'000'000U);
  EXPECT_LT(third.rest().size(), 4'000'000U);
  EXPECT_EQ(first.line().size(), 2'000'000U);
  EXPECT_EQ(small.ask("echo 2"), "2");
  EXPECT_TRUE(events_.has("client_too_large"));
}

TEST_F(MemoryLimitsTest, WhatTheHandlerHoldsIsPartOfItAndGoesFirst) {
  start();
  LineClient hoarder = connect();
  EXPECT_EQ(hoarder.ask("hoard 6000000"), "ok");
  eventually([&] { return buffer_bytes_of(1) >= 6'000'000; });
  LineClient other = reluctant(2'000'000);
  take(7'000'000);  // tight, and no longer without the first one
  pass_ticks();
  EXPECT_EQ(server_->connection_count(), 2U);
  clock_.advance(kMemoryExcessPatience);
  eventually([&] { return server_->connection_count() == 1; });
  EXPECT_EQ(hoarder.rest(), "");
  pass_ticks();
  EXPECT_EQ(other.line().size(), 2'000'000U);
}

TEST_F(MemoryLimitsTest, AboveTheMostTheLargestAnswersGoAtOnce) {
  start();
  LineClient half = connect();
  half.send(std::string(3'000'000, 'y'));  // holds memory, but not of an answer
  eventually([&] { return buffer_bytes() > 3'000'000; });
  LineClient first = reluctant(2'000'000);
  LineClient second = reluctant(12'000'000);
  take(9'500'000);
  LineClient third = connect();
  third.send("big 5000000\n");  // too much, and without the second one memory is not even tight
  events_.wait_for("client_too_large");
  eventually([&] { return server_->connection_count() == 3; });
  EXPECT_LT(second.rest().size(), 12'000'000U);
  EXPECT_EQ(third.line().size(), 5'000'000U);
  EXPECT_EQ(first.line().size(), 2'000'000U);
  half.send("\n");
  EXPECT_EQ(half.line(), "3000000");
}

TEST_F(MemoryLimitsTest, TheLargestHalfSentRequestsGoWhenOthersWereRefused) {
  memory_.set_limit(16_MiB);  // of which half-sent requests may keep 4 MiB from others
  start();
  LineClient small = connect();
  LineClient large = connect();
  LineClient middle = connect();
  const auto send_half = [&](LineClient& client, std::uint64_t id, std::size_t bytes) {
    client.send(std::string(bytes, 'y'));
    eventually([&] { return buffer_bytes_of(id) >= bytes; });
  };
  send_half(small, 1, 500'000);
  send_half(large, 2, 3'000'000);
  send_half(middle, 3, 1'000'000);
  pass_ticks();
  EXPECT_EQ(server_->connection_count(), 3U) << "nobody was refused";
  server_->memory_was_refused();
  eventually([&] { return server_->connection_count() == 2; });
  EXPECT_EQ(large.rest(), "");
  EXPECT_EQ(server_->counts().connections_evicted, 1U);
  EXPECT_TRUE(events_.has("client_too_large"));
  server_->memory_was_refused();
  pass_ticks();
  middle.send("\n");
  small.send("\n");
  EXPECT_EQ(middle.line(), "1000000");
  EXPECT_EQ(small.line(), "500000");
}

TEST_F(MemoryLimitsTest, WhoAskedToBeKeptIsPassedOver) {
  start();
  LineClient kept = connect();
  EXPECT_EQ(kept.ask("keep-me"), "ok");
  kept.send("big 5000000\n");
  eventually([&] { return buffer_bytes() > 2'500'000; });
  LineClient other = reluctant(2'000'000);
  take(7'000'000);  // tight, and no longer without the other one
  pass_ticks();
  clock_.advance(kMemoryExcessPatience);
  eventually([&] { return server_->connection_count() == 1; });
  EXPECT_LT(other.rest().size(), 2'000'000U);
  give_back();
  EXPECT_EQ(kept.line().size(), 5'000'000U);
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
