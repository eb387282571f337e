#include <thread>

#include "commands/harness.h"
#include "support/environment.h"
#include "support/random.h"

/// Many connections at once through one dispatcher.
namespace appmem::test {
namespace {

constexpr int kThreads = 4;

class ConcurrencyTest : public CommandsTest {
 protected:
  ConcurrencyTest() : CommandsTest({.shards = 8}) {}

  /// Runs `body(thread, peer)` on kThreads threads, each with a connection of its own.
  template <typename Body>
  void in_threads(Body&& body) {
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([this, thread, &body] {
        Peer peer(server_);
        body(thread, peer);
      });
    }
    for (std::thread& thread : threads)
      thread.join();
  }

  const int rounds_ = 2'000 * static_cast<int>(test_scale());
};

TEST_F(ConcurrencyTest, NoIncrementIsLost) {
  in_threads([&](int /*thread*/, Peer& peer) {
    for (int i = 0; i < rounds_; ++i)
      peer.ask(R"({"op":"incr","key":"n"})");
  });
  EXPECT_EQ(number_in(ask(R"({"op":"get","key":"n"})"), "value"),
            static_cast<std::uint64_t>(kThreads * rounds_));
}

TEST_F(ConcurrencyTest, CompareAndSetLosesNothing) {
  must(R"({"op":"set","key":"n","value":0})");
  in_threads([&](int /*thread*/, Peer& peer) {
    for (int done = 0; done < rounds_ / 5;) {
      const std::string seen = peer.ask(R"({"op":"get","key":"n"})");
      const std::string answer = peer.ask(
          R"({"op":"set","key":"n","value":)" + std::to_string(number_in(seen, "value") + 1) +
          R"(,"if_version":)" + std::to_string(number_in(seen, "version")) + "}");
      if (answer.find("\"ok\":true") != std::string::npos) ++done;
    }
  });
  EXPECT_EQ(number_in(ask(R"({"op":"get","key":"n"})"), "value"),
            static_cast<std::uint64_t>(kThreads * (rounds_ / 5)));
}

TEST_F(ConcurrencyTest, TransfersKeepTheTotalAtEveryMoment) {
  constexpr int kAccounts = 10;
  std::string keys;
  for (int i = 0; i < kAccounts; ++i) {
    must(R"({"op":"set","value":100,"key":"a)" + std::to_string(i) + "\"}");
    keys += (i == 0 ? "\"a" : ",\"a") + std::to_string(i) + '"';
  }
  const std::string read_all = R"({"op":"mget","keys":[)" + keys + "]}";
  const auto total = [&](const std::string& answer) {
    std::uint64_t sum = 0;
    std::size_t at = 0;
    while ((at = answer.find("\"value\":", at)) != std::string::npos)
      sum += std::stoul(answer.substr(at += 8));
    return sum;
  };
  const std::uint64_t seed = random_seed(3);
  in_threads([&](int thread, Peer& peer) {
    // One thread's own numbers; the trace of test::Random belongs to the main thread.
    std::uint64_t state = seed + static_cast<std::uint64_t>(thread);
    const auto below = [&](std::uint64_t bound) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      return (state >> 33U) % bound;
    };
    for (int i = 0; i < rounds_; ++i) {
      if (thread == 0) {
        EXPECT_EQ(total(peer.ask(read_all)), 100U * kAccounts) << "seed " << seed;
        continue;
      }
      std::string ops;
      const std::string amount = std::to_string(1 + below(30));
      for (const char* op : {R"({"op":"decr","min":0)", R"(,{"op":"incr")"}) {
        ops.append(op).append(R"(,"by":)").append(amount);
        ops.append(R"(,"key":"a)").append(std::to_string(below(kAccounts))).append("\"}");
      }
      peer.ask(R"({"op":"batch","ops":[)" + ops + "]}");
    }
  });
  EXPECT_EQ(total(ask(read_all)), 100U * kAccounts) << "seed " << seed;
}

TEST_F(ConcurrencyTest, NamespacesComeAndGoUnderTheirUsers) {
  in_threads([&](int thread, Peer& peer) {
    for (int i = 0; i < rounds_ / 5; ++i) {
      if (thread == 0) {
        peer.ask(R"({"op":"ns.create","name":"x","if_absent":true})");
        peer.ask(R"({"op":"ns.alter","name":"x","max_keys":50})");
        peer.ask(R"({"op":"ns.list"})");
        peer.ask(R"({"op":"ns.drop","name":"x"})");
        continue;
      }
      const std::string key = std::to_string(i % 7);
      for (const std::string& op :
           {R"("set","value":1,"key":")" + key + '"', R"("get","key":")" + key + '"',
            std::string(R"("scan","values":true)"), std::string(R"("scan","from":"")"),
            R"("batch","ops":[{"op":"incr","key":")" + key + "\"}]"}) {
        const std::string answer = peer.ask(R"({"ns":"x","op":)" + op + "}");
        if (answer.find("\"ok\":true") == std::string::npos) {
          EXPECT_THAT(answer, Fails("not_found"));
        }
      }
      server_.store.maintain(0, 1, server_.clock.now(), {.steps = 100});
    }
  });
}

}  // namespace
}  // namespace appmem::test
