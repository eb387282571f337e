#include <algorithm>
#include <numeric>
#include <set>

#include <unistd.h>

#include "appmem/server/server_limits.h"
#include "server_fixture.h"

namespace appmem::server::test {
namespace {

class RequestsTest : public ServerTest {};

std::string lines(const std::string& line, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += line + "\n";
  return text;
}

std::string items(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += "item" + std::to_string(i) + ";";
  return text;
}

TEST_F(RequestsTest, AnswersInTheOrderOfTheRequests) {
  start();
  LineClient client = connect();
  std::string requests;
  for (int i = 0; i < 1'000; ++i)
    requests += "echo " + std::to_string(i) + "\n";
  client.send(requests);
  for (int i = 0; i < 1'000; ++i)
    ASSERT_EQ(client.line(), std::to_string(i));
}

TEST_F(RequestsTest, RequestsAreForeseenWhereThereAreSeveral) {
  start();
  LineClient client = connect();
  EXPECT_EQ(client.ask("echo alone"), "alone");
  EXPECT_EQ(world_.journal.foresight(), std::vector<std::string>{});
  client.send("echo 1\necho 2\nbad\necho 3\n");
  EXPECT_EQ(client.line(), "1");
  EXPECT_EQ(client.line(), "2");
  static_cast<void>(client.line());
  EXPECT_EQ(client.line(), "3");
  const std::vector<std::string> expected{"echo 1", "echo 2", "echo 3", "1 executed before"};
  EXPECT_EQ(world_.journal.foresight(), expected);
}

TEST_F(RequestsTest, RequestsThatTakeLongLeaveTheTurnToOthers) {
  start();
  LineClient holder = connect();
  LineClient busy = connect();
  LineClient other = connect();
  EXPECT_EQ(holder.ask("echo 1"), "1");  // connections 1, 2, 3, in the order in which they came
  EXPECT_EQ(busy.ask("echo 2"), "2");
  EXPECT_EQ(other.ask("echo 3"), "3");
  holder.send("hold\n");
  world_.loop_gate.wait_for_one();
  busy.send(lines("echo x", 9) + lines("work 3", 100));
  other.send("echo y\necho z\n");
  world_.loop_gate.open();
  EXPECT_EQ(other.line(), "y");
  EXPECT_EQ(other.line(), "z");
  for (int i = 0; i < 9; ++i)
    EXPECT_EQ(busy.line(), "x");
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(busy.line(), "worked");
  const std::vector<std::uint64_t> order = world_.journal.order();
  const auto last_of_other = std::find(order.rbegin(), order.rend(), 3U);
  EXPECT_GE(std::count(order.rbegin(), last_of_other, 2U),
            static_cast<std::ptrdiff_t>(100 - 3 * kRequestsPerClockReading));
}

TEST_F(RequestsTest, AFewSlowRequestsAreEnoughForATurn) {
  start();
  LineClient holder = connect();
  LineClient busy = connect();
  LineClient other = connect();
  EXPECT_EQ(holder.ask("echo 1"), "1");
  EXPECT_EQ(busy.ask("echo 2"), "2");
  EXPECT_EQ(other.ask("echo 3"), "3");
  holder.send("hold\n");
  world_.loop_gate.wait_for_one();
  busy.send(lines("work 1", 16));  // four times kSessionTimeMax each
  other.send("echo y\n");
  world_.loop_gate.open();
  EXPECT_EQ(other.line(), "y");
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(busy.line(), "worked");
  const std::vector<std::uint64_t> order = world_.journal.order();
  const auto last_of_other = std::find(order.rbegin(), order.rend(), 3U);
  EXPECT_GE(std::count(order.rbegin(), last_of_other, 2U), 14);
}

TEST_F(RequestsTest, ARequestMayArriveByteByByte) {
  start();
  LineClient client = connect();
  LineClient other = connect();
  for (const char c : std::string("echo slowly")) {
    client.send({&c, 1});
    EXPECT_EQ(other.ask("echo meanwhile"), "meanwhile");
  }
  EXPECT_FALSE(client.has_input());
  client.send("\necho next\n");
  EXPECT_EQ(client.line(), "slowly");
  EXPECT_EQ(client.line(), "next");
}

TEST_F(RequestsTest, RefusedAndUndecodableRequestsAreAnsweredInTheirPlace) {
  start();
  LineClient client = connect();
  client.send("echo 1\nrefuse\necho 2\nbad\necho 3\nnonsense\necho 4\n");
  EXPECT_EQ(client.line(), "1");
  EXPECT_EQ(client.line(), "ERROR too_large no");
  EXPECT_EQ(client.line(), "2");
  EXPECT_EQ(client.line(), "ERROR invalid_request bad");
  EXPECT_EQ(client.line(), "3");
  EXPECT_EQ(client.line(), "ERROR unknown_op nonsense");
  EXPECT_EQ(client.line(), "4");
}

TEST_F(RequestsTest, AFatalFrameIsAnsweredAndEndsTheConnection) {
  start();
  LineClient client = connect();
  client.send("echo 1\nfatal\necho 2\n");
  EXPECT_EQ(client.rest(), "1\nERROR invalid_request no\n");
}

TEST_F(RequestsTest, ClosesBehindAnAnswerThatAsksForIt) {
  start();
  LineClient client = connect();
  client.send("echo 1\nclose\necho 2\n");
  EXPECT_EQ(client.rest(), "1\nbye\n");
}

TEST_F(RequestsTest, AClientThatHasSentAllIsAnsweredAllAndThenClosed) {
  start();
  LineClient client = connect();
  client.send(lines("echo x", 5'000) + "later 10000\necho last\nechopart");
  client.end_sending();
  EXPECT_EQ(client.rest(), lines("x", 5'000) + items(10'000) + "\nlast\n");
}

TEST_F(RequestsTest, KnowsWhoIsAtTheOtherEnd) {
  start();
  LineClient client = connect();
  std::vector<gid_t> groups(static_cast<std::size_t>(::getgroups(0, nullptr)));
  ASSERT_GE(::getgroups(static_cast<int>(groups.size()), groups.data()), 0);
  std::sort(groups.begin(), groups.end());
  std::string expected = std::to_string(::geteuid()) + " " + std::to_string(::getegid()) + " " +
                         std::to_string(::getpid());
  for (const gid_t group : groups)
    expected += " " + std::to_string(group);
  EXPECT_EQ(client.ask("whoami"), expected);
}

TEST_F(RequestsTest, DealsConnectionsToItsLoopsInTurn) {
  options_.threads = 3;
  start();
  std::vector<LineClient> clients;
  for (int i = 0; i < 9; ++i) {
    clients.push_back(connect());
    EXPECT_EQ(clients.back().ask("echo here"), "here");
  }
  EXPECT_EQ(world_.journal.connections_of_loop(),
            (std::map<std::size_t, int>{{0, 3}, {1, 3}, {2, 3}}));
  EXPECT_EQ(world_.journal.loop_threads().size(), 3U);
}

TEST_F(RequestsTest, OnePipelineDoesNotStarveTheOthers) {
  start();
  LineClient holder = connect();
  LineClient greedy = connect();
  LineClient modest = connect();
  EXPECT_EQ(holder.ask("echo 1"), "1");  // connections 1, 2, 3, in the order in which they came
  EXPECT_EQ(greedy.ask("echo 2"), "2");
  EXPECT_EQ(modest.ask("echo 3"), "3");
  holder.send("hold\n");
  world_.loop_gate.wait_for_one();
  constexpr std::size_t kMany = 4'000;
  greedy.send(lines("echo x", kMany));
  modest.send("echo y\n");
  world_.loop_gate.open();
  EXPECT_EQ(modest.line(), "y");
  for (std::size_t i = 0; i < kMany; ++i)
    ASSERT_EQ(greedy.line(), "x");
  const std::vector<std::uint64_t> order = world_.journal.order();
  // The third one's second request.
  const auto first = std::find(order.begin(), order.end(), 3U);
  const auto second = std::find(first + 1, order.end(), 3U);
  ASSERT_NE(second, order.end());
  const auto before = std::count(order.begin(), second, 2U);
  EXPECT_LE(static_cast<std::size_t>(before), 1 + kRequestsPerTurnMax);
}

TEST_F(RequestsTest, AParkedAnswerHoldsBackAllBehindItUntilItsTicketIsCommitted) {
  start();
  LineClient client = connect();
  LineClient other = connect();
  client.send("echo before\npark 5\necho after\npark 7\necho last\n");
  EXPECT_EQ(client.line(), "before");
  // All were executed, though.
  eventually([&] { return world_.journal.order().size() == 5; });
  world_.committed = 4;
  server_->notify_committed();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(other.ask("echo turn"), "turn");
  EXPECT_FALSE(client.has_input());
  world_.committed = 5;
  server_->notify_committed();
  EXPECT_EQ(client.line(), "parked");
  EXPECT_EQ(client.line(), "after");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(other.ask("echo turn"), "turn");
  EXPECT_FALSE(client.has_input());
  world_.committed = 7;
  server_->notify_committed();
  EXPECT_EQ(client.line(), "parked");
  EXPECT_EQ(client.line(), "last");
}

TEST_F(RequestsTest, ATicketThatIsCommittedAlreadyHoldsNothing) {
  world_.committed = 9;
  start();
  LineClient client = connect();
  EXPECT_EQ(client.ask("park 9"), "parked");
}

TEST_F(RequestsTest, AJobGoesOnInSlicesAndItsConnectionWaitsForIt) {
  start();
  LineClient client = connect();
  client.send("later 10000\necho behind\n");
  EXPECT_EQ(client.line(), items(10'000));
  EXPECT_EQ(client.line(), "behind");
}

TEST_F(RequestsTest, AJobMayFailAsLongAsNothingOfItHasLeft) {
  start();
  LineClient client = connect();
  client.send("echo 1\nlater-error 10000\necho 2\n");
  EXPECT_EQ(client.line(), "1");
  EXPECT_EQ(client.line(), "ERROR not_found gone");
  EXPECT_EQ(client.line(), "2");
}

TEST_F(RequestsTest, AJobThatDoesNotAnswerYetGoesOnWhoeverReads) {
  start();
  LineClient client = connect();
  constexpr std::size_t kBytes = 700'000;  // more than is congested, and than a socket takes
  client.send("big " + std::to_string(kBytes) + "\nlook-up 100\necho behind\n");
  world_.journal.wait_for_look_ups(1);
  EXPECT_EQ(client.line(), std::string(kBytes, 'x'));
  EXPECT_EQ(client.line(), "ERROR not_found gone");
  EXPECT_EQ(client.line(), "behind");
}

TEST_F(RequestsTest, AJobWaitsForAReaderAndGoesOn) {
  start();
  LineClient client = connect();
  constexpr std::size_t kItems = 200'000;  // more than 2 MB, far more than is congested
  client.send("later 200000\necho behind\n");
  EXPECT_EQ(client.line(), items(kItems));
  EXPECT_EQ(client.line(), "behind");
}

TEST_F(RequestsTest, JobsAndRequestsTakeTurns) {
  start();
  LineClient holder = connect();
  LineClient one = connect();
  LineClient two = connect();
  LineClient modest = connect();
  EXPECT_EQ(holder.ask("echo 1"), "1");
  EXPECT_EQ(one.ask("echo 2"), "2");
  EXPECT_EQ(two.ask("echo 3"), "3");
  EXPECT_EQ(modest.ask("echo 4"), "4");
  holder.send("hold\n");
  world_.loop_gate.wait_for_one();
  one.send("later 20000\n");  // 164 KB: congests nothing
  two.send("later 20000\n");
  modest.send(lines("echo x", 500));
  world_.loop_gate.open();
  EXPECT_EQ(one.line(), items(20'000));
  EXPECT_EQ(two.line(), items(20'000));
  for (int i = 0; i < 500; ++i)
    EXPECT_EQ(modest.line(), "x");
  std::vector<std::uint64_t> order = world_.journal.order();
  order.erase(order.begin(), order.begin() + 5);
  // Slices of 2 and 3 alternate while both have some, and all of 4's requests come in between.
  std::vector<std::uint64_t> jobs;
  std::copy_if(order.begin(), order.end(), std::back_inserter(jobs),
               [](std::uint64_t id) { return id == 2 || id == 3; });
  // The requests themselves; and the slice with which the first one has the turn's share of those
  // that begin.
  EXPECT_EQ((std::vector(jobs.begin(), jobs.begin() + 3)), (std::vector<std::uint64_t>{2, 2, 3}));
  jobs.erase(jobs.begin(), jobs.begin() + 3);
  jobs.erase(std::find(jobs.rbegin(), jobs.rend(), 2U).base(), jobs.end());
  ASSERT_GT(jobs.size(), 10U);
  for (std::size_t i = 1; i < jobs.size(); ++i)
    EXPECT_NE(jobs[i], jobs[i - 1]) << i;
  const auto last_of_4 = std::find(order.rbegin(), order.rend(), 4U);
  EXPECT_NE(std::find(order.rbegin(), last_of_4, 2U), last_of_4);
}

TEST_F(RequestsTest, ManySmallJobsShareATurn) {
  start();
  LineClient holder = connect();
  LineClient greedy = connect();
  LineClient modest = connect();
  EXPECT_EQ(holder.ask("echo 1"), "1");
  EXPECT_EQ(greedy.ask("echo 2"), "2");
  EXPECT_EQ(modest.ask("echo 3"), "3");
  holder.send("hold\n");
  world_.loop_gate.wait_for_one();
  constexpr std::size_t kMany = 100;
  constexpr std::size_t kItems = 1'000;
  greedy.send(lines("later " + std::to_string(kItems), kMany));
  modest.send("echo y\n");
  world_.loop_gate.open();
  EXPECT_EQ(modest.line(), "y");
  for (std::size_t i = 0; i < kMany; ++i)
    ASSERT_EQ(greedy.line(), items(kItems));
  std::vector<std::uint64_t> order = world_.journal.order();
  order.erase(order.begin(), order.begin() + 4);
  const auto before = std::count(order.begin(), std::find(order.begin(), order.end(), 3U), 2U);
  // Two entries for each, the request and its slice; and a request whose slice comes later.
  EXPECT_EQ(static_cast<std::size_t>(before), 2 * kFirstSliceStepsPerTurn / kItems + 1);
}

TEST_F(RequestsTest, AJobEndsWithItsConnection) {
  start();
  {
    LineClient client = connect();
    client.send("later 100000000\n");
    world_.journal.wait_for_jobs(1);
  }
  world_.journal.wait_for_jobs(0);
}

TEST_F(RequestsTest, ALargeRequestIsDecodedOnAnotherThread) {
  start();
  LineClient client = connect();
  const std::string large(3'000'000, 'y');
  client.send("echo before\n" + large + "\necho after\n");
  EXPECT_EQ(client.line(), "before");
  EXPECT_EQ(client.line(), "3000000");
  EXPECT_EQ(client.line(), "after");
  const auto decoders = world_.journal.large_decoders();
  ASSERT_EQ(decoders.size(), 1U);
  EXPECT_FALSE(world_.journal.loop_threads().contains(*decoders.begin()));
}

TEST_F(RequestsTest, WhileALargeRequestIsDecodedTheOthersGoOn) {
  start();
  LineClient client = connect();
  LineClient other = connect();
  client.send("slow" + std::string(1'000'000, 'y') + "\necho after\n");
  world_.decode_gate.wait_for_one();
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(other.ask("echo meanwhile"), "meanwhile");
  EXPECT_FALSE(client.has_input());
  world_.decode_gate.open();
  EXPECT_EQ(client.line(), "1000004");
  EXPECT_EQ(client.line(), "after");
}

TEST_F(RequestsTest, AConnectionMayEndWhileItsRequestIsDecoded) {
  start();
  LineClient other = connect();
  {
    LineClient client = connect();
    client.send("slow" + std::string(1'000'000, 'y') + "\n");
    world_.decode_gate.wait_for_one();
  }
  EXPECT_EQ(other.ask("echo meanwhile"), "meanwhile");
  world_.decode_gate.open();
  eventually([&] { return server_->connection_count() == 1; });
  EXPECT_EQ(other.ask("echo after"), "after");
}

TEST_F(RequestsTest, ConnectionsWithLargeRequestsTakeTurns) {
  start();
  LineClient greedy = connect();
  LineClient modest = connect();
  EXPECT_EQ(greedy.ask("echo 1"), "1");
  EXPECT_EQ(modest.ask("echo 2"), "2");
  const std::string large(300'000, 'y');
  greedy.send("slow" + large + "\n");
  world_.decode_gate.wait_for_one();
  std::thread sender([&] {
    for (int i = 0; i < 5; ++i)
      greedy.send(large + "\n");
  });
  modest.send(large + "\n");
  world_.journal.wait_for_large(2);  // one of each
  world_.decode_gate.open();
  EXPECT_EQ(modest.line(), "300000");
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(greedy.line().substr(0, 4), "3000");
  sender.join();
  std::vector<std::uint64_t> order = world_.journal.order();
  order.erase(order.begin(), order.begin() + 2);
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 2, 1, 1, 1, 1, 1}));
}

TEST_F(RequestsTest, RequestsOfEverySizeAroundTheBuffersPass) {
  start();
  LineClient client = connect();
  for (const std::size_t around : {kReceiveTailBytesMax, kReceiveBlockBytes, kReadBytesPerTurnMax,
                                   std::size_t{4} * kReceiveBlockBytes, std::size_t{1'000'000}}) {
    for (std::size_t size = around - 8; size < around + 8; ++size) {
      client.send(std::string("echo ") + std::string(size - 6, 'z') + "\n");
      const std::string answer = client.line();
      const bool large = size > protocol::kFrameBytesInlineMax;
      ASSERT_EQ(large ? answer : std::to_string(answer.size()),
                std::to_string(large ? size - 1 : size - 6));
    }
  }
}

TEST_F(RequestsTest, ListsItsConnections) {
  start();
  LineClient client = connect();
  EXPECT_EQ(client.ask("name worker-7"), "ok");
  clock_.advance(milliseconds{500});
  client.ask("echo 1");
  clock_.advance(milliseconds{1'500});
  eventually([&] {
    return only_connection().requests == 2 &&
           only_connection().memory_bytes == kConnectionMemoryBytes;
  });
  const ConnectionInfo info = only_connection();
  EXPECT_EQ(info.id, 1U);
  EXPECT_EQ(info.client_name, "worker-7");
  EXPECT_EQ(info.address, "unix:" + directory_.file("s"));
  EXPECT_EQ(info.uid, ::geteuid());
  EXPECT_EQ(info.pid, ::getpid());
  EXPECT_EQ(info.age, milliseconds{2'000});
  EXPECT_EQ(info.idle, milliseconds{1'500});
  EXPECT_EQ(server_->connection_count(), 1U);
}

TEST_F(RequestsTest, KillsAConnection) {
  start();
  LineClient client = connect();
  LineClient other = connect();
  client.ask("echo 1");
  other.ask("echo 2");
  EXPECT_TRUE(server_->kill_connection(1));
  EXPECT_EQ(client.line(), "<end>");
  EXPECT_EQ(other.ask("echo still"), "still");
  eventually([&] { return server_->connection_count() == 1; });
  EXPECT_FALSE(server_->kill_connection(1));
  EXPECT_FALSE(server_->kill_connection(99));
  EXPECT_TRUE(events_.has("client_killed"));
}

TEST_F(RequestsTest, MaintenanceGoesOnWithoutRequestsAndAtOnceWhileThereIsWork) {
  start();
  // Two of three calls ask for more: thirty calls come with ten ticks, or fewer.
  eventually([&] { return handler_.maintained > 6; });
  EXPECT_EQ(handler_.served, 1);
}

}  // namespace
}  // namespace appmem::server::test
