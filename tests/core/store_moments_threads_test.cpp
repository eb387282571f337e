// Reading many keys as of one moment beside writers. Meant for ThreadSanitizer; the totals are
// checked everywhere.

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/core/moment_read.h"
#include "store_fixture.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::core {
namespace {

constexpr std::uint64_t kAccounts = 1'000;
constexpr std::int64_t kStart = 1'000;

class StoreMomentsThreadsTest : public StoreTest {
 protected:
  StoreMomentsThreadsTest() {
    restart({.max_memory_bytes = 64_MiB, .shards = 8, .threads = 4, .seed = 5});
    for (std::uint64_t i = 0; i < kAccounts; ++i)
      names_.push_back("account:" + std::to_string(i));
  }

  /// Reads all accounts in slices of `steps`; what they hold together.
  std::int64_t total(std::size_t steps) {
    const std::vector<std::string_view> views(names_.begin(), names_.end());
    const auto read = MomentRead::begin(*store_, ns_, views, {}, now());
    EXPECT_TRUE(read);
    for (bool done = false; !done;) {
      std::size_t slice = steps;
      const auto run = (*read)->run(now(), slice);
      EXPECT_TRUE(run);
      done = !run || *run;
    }
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < views.size(); ++i) {
      const auto entry = (*read)->entry(i);
      sum += entry ? entry->value.integer : 0;
    }
    return sum;
  }

  /// Moves an amount from one account to another. An account with nothing in it does not exist.
  void transfer(std::mt19937_64& random) {
    const std::string& from = names_[random() % kAccounts];
    const std::string& to = names_[random() % kAccounts];
    const KeyRef keys[] = {{ns_, from}, {ns_, to}};
    const bool all = random() % 4 == 0;
    const auto wanted = static_cast<std::int64_t>(random() % 100);
    const auto done = store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
      std::int64_t held = 0;
      EXPECT_TRUE(batch.get(ns_, from, {}, now(),
                            [&](const EntryView& view) { held = view.value.integer; }));
      const std::int64_t amount = all ? held : std::min(held, wanted);
      if (amount == held) {
        EXPECT_TRUE(batch.remove(ns_, from, {}, now()));
      } else {
        EXPECT_TRUE(batch.increment(ns_, from, {.by = -amount}, now()));
      }
      EXPECT_TRUE(batch.increment(ns_, to, {.by = amount}, now()));
      if (amount % 10 == 7) return fail(ErrorCode::kConflict, "undone");
      return {};
    });
    EXPECT_TRUE(done || done.error().code == ErrorCode::kConflict);
  }

  std::vector<std::string> names_;
};

TEST_F(StoreMomentsThreadsTest, TransfersKeepTheTotalForWhoeverReadsInSlices) {
  for (const std::string& name : names_)
    ASSERT_TRUE(set_with(name, ValueView::from_integer(kStart), {}));
  const std::uint64_t seed = test::random_seed(9);
  std::atomic<bool> done = false;
  std::vector<std::thread> others;
  for (std::uint64_t thread = 0; thread < 2; ++thread) {
    others.emplace_back([&, thread] {
      std::mt19937_64 random(seed + thread);
      while (!done.load())
        transfer(random);
    });
  }
  others.emplace_back([&] {
    // Makes the namespace grow beyond its home.
    for (std::uint64_t i = 0; !done.load(); ++i) {
      EXPECT_TRUE(store_->set(ns_, "filler" + std::to_string(i % 20'000),
                              ValueView::from_bytes("v"), {}, now()));
      if (i % 64 == 0) store_->maintain(0, 1, now(), WorkBudget{200});
    }
  });
  others.emplace_back([&] {
    while (!done.load())
      EXPECT_EQ(total(777), static_cast<std::int64_t>(kAccounts) * kStart);
  });
  const std::uint64_t rounds = 100 * test::test_scale();
  for (std::uint64_t i = 0; i < rounds; ++i)
    ASSERT_EQ(total(20 + i % 500), static_cast<std::int64_t>(kAccounts) * kStart);
  done = true;
  for (std::thread& thread : others)
    thread.join();
}

TEST_F(StoreMomentsThreadsTest, ClearingMayComeAtAnyTime) {
  std::atomic<bool> done = false;
  std::thread clearing([&] {
    const std::vector<KeyRef> keys = [&] {
      std::vector<KeyRef> all;
      for (const std::string& name : names_)
        all.push_back({ns_, name});
      return all;
    }();
    while (!done.load()) {
      EXPECT_TRUE(store_->clear_namespace(ns_, now()));
      // All of them or none.
      EXPECT_TRUE(store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
        for (const std::string& name : names_)
          EXPECT_TRUE(batch.increment(ns_, name, {.by = kStart}, now()));
        return {};
      }));
      store_->maintain(0, 1, now(), WorkBudget{200});
    }
  });
  const std::uint64_t rounds = 300 * test::test_scale();
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const std::int64_t sum = total(20 + i % 500);
    EXPECT_TRUE(sum == 0 || sum == static_cast<std::int64_t>(kAccounts) * kStart) << sum;
  }
  done = true;
  clearing.join();
}

}  // namespace
}  // namespace appmem::core
