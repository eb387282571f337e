#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "appmem/client/client.h"
#include "support/process.h"
#include "support/random.h"

/// Many threads against one daemon: nothing that they do together may be lost or half done. A
/// thread does 100 operations here; `make check-threads` makes it 100,000 under ThreadSanitizer.
namespace appmem {
namespace {

using client::Client;
using client::ClientOptions;

constexpr std::size_t kThreads = 64;
constexpr std::uint64_t kOperationsPerThread = 100;
constexpr std::uint64_t kAccounts = 32;
constexpr std::int64_t kOpeningBalance = 1'000;

Client connect(const std::string& address) {
  ClientOptions options;
  options.addresses = {address};
  options.timeout = std::chrono::seconds{60};
  auto client = Client::open(options);
  if (!client) throw std::runtime_error(client.error().message);
  return std::move(*client);
}

nlohmann::json call(Client& client, const nlohmann::json& request) {
  auto answer = client.call(request.dump());
  if (!answer) throw std::runtime_error(answer.error().message);
  return nlohmann::json::parse(*answer);
}

std::string account(std::uint64_t i) {
  return "account:" + std::to_string(i);
}

/// What one thread has done and seen.
struct Tally {
  std::int64_t increments = 0;
  std::int64_t swaps = 0;
  std::int64_t transfers = 0;
  std::int64_t refused_transfers = 0;
};

void increment(Client& client, Tally& tally) {
  const auto value = client.incr("hits", 3);
  if (!value) throw std::runtime_error(value.error().message);
  ++tally.increments;
}

/// Reads a number and writes its successor under the condition that nobody else did; tries once.
void compare_and_set(Client& client, Tally& tally) {
  const auto seen = client.get("swapped");
  if (!seen || !*seen) throw std::runtime_error("the key to be swapped is gone");
  client::SetOptions options;
  options.if_version = (*seen)->version;
  const auto written =
      client.set("swapped", std::to_string(std::stoll((*seen)->bytes) + 1), options);
  if (written) {
    ++tally.swaps;
  } else if (written.error().code != ErrorCode::kConflict) {
    throw std::runtime_error(written.error().message);
  }
}

/// Moves an amount between two accounts, refused as a whole where one would be overdrawn.
void transfer(Client& client, std::mt19937_64& random, Tally& tally) {
  const std::uint64_t from = random() % kAccounts;
  const std::uint64_t to = (from + 1 + random() % (kAccounts - 1)) % kAccounts;
  const auto amount = static_cast<std::int64_t>(1 + random() % 50);
  const auto answer =
      call(client, {{"op", "batch"},
                    {"ops",
                     {{{"op", "incr"}, {"key", account(to)}, {"by", amount}},
                      {{"op", "decr"}, {"key", account(from)}, {"by", amount}, {"min", 0}}}}});
  if (answer.at("ok").get<bool>()) {
    ++tally.transfers;
  } else if (answer.at("error").at("code") == "out_of_range") {
    ++tally.refused_transfers;
  } else {
    throw std::runtime_error(answer.dump());
  }
}

TEST(ManyClientsTest, NothingIsLostOrHalfDone) {
  test::Daemon daemon({"--threads", "2"});
  Client setup = connect(daemon.socket());
  ASSERT_TRUE(setup.set("swapped", "0"));
  for (std::uint64_t i = 0; i < kAccounts; ++i) {
    ASSERT_TRUE(setup.incr(account(i), kOpeningBalance));
  }

  std::array<Tally, kThreads> tallies;
  std::array<std::string, kThreads> failures;
  std::vector<std::thread> threads;
  const std::uint64_t seed = test::random_seed(1);
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      try {
        Client client = connect(daemon.socket());
        std::mt19937_64 random(seed + t);
        for (std::uint64_t i = 0; i < kOperationsPerThread * test::test_scale(); ++i) {
          switch (random() % 3) {
            case 0:
              increment(client, tallies[t]);
              break;
            case 1:
              compare_and_set(client, tallies[t]);
              break;
            default:
              transfer(client, random, tallies[t]);
          }
        }
      } catch (const std::exception& e) {
        failures[t] = e.what();
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();

  Tally all;
  for (std::size_t t = 0; t < kThreads; ++t) {
    EXPECT_EQ(failures[t], "");
    all.increments += tallies[t].increments;
    all.swaps += tallies[t].swaps;
    all.transfers += tallies[t].transfers;
    all.refused_transfers += tallies[t].refused_transfers;
  }
  EXPECT_EQ(setup.get("hits").value()->bytes, std::to_string(3 * all.increments));
  EXPECT_EQ(setup.get("swapped").value()->bytes, std::to_string(all.swaps));
  std::int64_t total = 0;
  for (std::uint64_t i = 0; i < kAccounts; ++i) {
    const std::int64_t balance = std::stoll(setup.get(account(i)).value()->bytes);
    EXPECT_GE(balance, 0);
    total += balance;
  }
  EXPECT_EQ(total, static_cast<std::int64_t>(kAccounts) * kOpeningBalance);
  EXPECT_GT(all.transfers, 0);
  EXPECT_GT(all.swaps, 0);
  EXPECT_EQ(daemon.stop(), 0);
}

}  // namespace
}  // namespace appmem
