#include <string>
#include <thread>
#include <vector>

#include "server_fixture.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::server::test {
namespace {

class ManyClientsTest : public ServerTest {};

TEST_F(ManyClientsTest, EveryoneIsAnsweredWhileOthersComeAndGoAndAreListedAndKilled) {
  options_.threads = 3;
  start();
  constexpr std::uint64_t kClients = 16;
  const std::uint64_t rounds = 60 * appmem::test::test_scale();
  std::atomic<std::uint64_t> finished{0};
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 1; seed <= kClients; ++seed) {
    threads.emplace_back([&, seed] {
      // The same numbers in every run; Random itself reports through gtest, which knows one thread.
      std::uint64_t state = seed;
      const auto below = [&state](std::uint64_t bound) {
        state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
        return (state >> 33U) % bound;
      };
      for (std::uint64_t round = 0; round < rounds; ++round) {
        LineClient client = connect();
        std::string requests = "name " + std::to_string(seed) + "\n";
        std::vector<std::string> expected{"ok"};
        for (std::uint64_t i = below(200); i > 0; --i) {
          const std::uint64_t number = below(1'000);
          if (number == 0) {
            requests += std::string(300'000, 'l') + "\n";
            expected.emplace_back("300000");
          } else if (number < 50) {
            requests += "later 1\n";
            expected.emplace_back("item0;");
          } else if (number < 100) {
            requests += "park 1\n";
            expected.emplace_back("parked");
          } else {
            requests += "echo " + std::to_string(number) + "\n";
            expected.push_back(std::to_string(number));
          }
        }
        std::thread sender([&] { client.send(requests); });
        for (const std::string& line : expected)
          ASSERT_EQ(client.line(), line);
        sender.join();
      }
      ++finished;
    });
  }
  std::thread operations([&] {
    while (finished < kClients) {
      world_.committed = 1;
      server_->notify_committed();
      for (const ConnectionInfo& info : server_->connections(clock_.now()))
        ASSERT_EQ(info.uid, ::geteuid());
      ASSERT_FALSE(server_->kill_connection(1'000'000'000));
      clock_.advance(milliseconds{1});
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads)
    thread.join();
  operations.join();
  EXPECT_EQ(finish(), 0U);
  EXPECT_EQ(server_->connection_count(), 0U);
}

}  // namespace
}  // namespace appmem::server::test
