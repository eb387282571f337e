// The store under many threads. Meant for ThreadSanitizer; the totals are checked everywhere.

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/core/prefetch.h"
#include "store_fixture.h"
#include "support/random.h"

namespace appmem::core {
namespace {

constexpr int kThreads = 6;

class StoreThreadsTest : public StoreTest {
 protected:
  void start(std::size_t shards, std::uint64_t bytes = 64_MiB) {
    StoreOptions options;
    options.max_memory_bytes = bytes;
    options.shards = shards;
    options.threads = kThreads;
    options.seed = 5;
    restart(options);
  }
  /// Runs `body(thread)` in kThreads threads, with maintenance beside them.
  template <class Body>
  void in_threads(Body body) {
    std::atomic<bool> done = false;
    std::thread maintenance([&] {
      while (!done.load()) {
        store_->maintain(0, 1, now(), WorkBudget{200});
        std::this_thread::yield();
      }
    });
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] { body(thread); });
    }
    for (std::thread& thread : threads)
      thread.join();
    done = true;
    maintenance.join();
  }
  static std::string key(std::uint64_t i) { return "key:" + std::to_string(i); }
};

TEST_F(StoreThreadsTest, NoIncrementIsLost) {
  start(8);
  constexpr std::uint64_t kCounters = 10;
  constexpr std::uint64_t kEach = 20'000;
  in_threads([&](int /*thread*/) {
    for (std::uint64_t i = 0; i < kEach; ++i) {
      EXPECT_TRUE(store_->increment(ns_, key(i % kCounters), {}, now()));
    }
  });
  for (std::uint64_t i = 0; i < kCounters; ++i) {
    EXPECT_EQ(get(key(i)), std::to_string(kThreads * kEach / kCounters));
  }
}

TEST_F(StoreThreadsTest, NothingIsLostWhileNamespacesAreSwapped) {
  start(8);
  const NamespaceId other = *store_->create_namespace("other", {}, now());
  constexpr std::uint64_t kCounters = 6'000;  // so many that a namespace spreads meanwhile
  constexpr std::uint64_t kEach = 20'000;
  in_threads([&](int thread) {
    for (std::uint64_t i = 0; i < kEach; ++i) {
      const std::string name = key(i % kCounters);
      if (thread == 0 && i % 64 == 0) {
        EXPECT_TRUE(store_->swap_namespaces(kDefaultNamespace, other, now()));
        EXPECT_TRUE(store_->namespace_info(other, now()));
        EXPECT_TRUE(store_->scan(other, 0, 100, now(), [](const EntryView&) { return true; }));
      }
      if (i % 2 == 0) {
        EXPECT_TRUE(store_->increment(kDefaultNamespace, name, {}, now()));
        continue;
      }
      const KeyRef keys[] = {{kDefaultNamespace, name}, {other, name}};
      EXPECT_TRUE(store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
        EXPECT_TRUE(batch.increment(kDefaultNamespace, name, {}, now()));
        EXPECT_TRUE(batch.increment(other, name, {}, now()));
        return {};
      }));
    }
  });
  std::uint64_t sum = 0;
  for (const NamespaceId ns : {kDefaultNamespace, other}) {
    ns_ = ns;
    for (std::uint64_t i = 0; i < kCounters; ++i)
      sum += std::stoull(get(key(i)).value_or("0"));
  }
  EXPECT_EQ(sum, kThreads * (kEach / 2 + 2 * (kEach / 2)));
}

TEST_F(StoreThreadsTest, CompareAndSetLetsOneWinAtATime) {
  start(8);
  ASSERT_TRUE(set_with("counter", ValueView::from_integer(0), {}));
  constexpr int kEach = 500;
  in_threads([&](int /*thread*/) {
    for (int won = 0; won < kEach;) {
      std::int64_t value = 0;
      SetOptions options;
      EXPECT_TRUE(store_->get(ns_, "counter", {}, now(), [&](const EntryView& view) {
        value = view.value.integer;
        options.conditions.if_version = view.version;
      }));
      const auto stored =
          store_->set(ns_, "counter", ValueView::from_integer(value + 1), options, now());
      if (stored) {
        ++won;
      } else {
        EXPECT_EQ(stored.error().code, ErrorCode::kConflict);
      }
    }
  });
  EXPECT_EQ(get("counter"), std::to_string(kThreads * kEach));
}

TEST_F(StoreThreadsTest, TransfersKeepTheTotalWhileTheNamespaceSpreads) {
  start(8);
  constexpr std::uint64_t kAccounts = 200;
  constexpr std::int64_t kStart = 1000;
  for (std::uint64_t i = 0; i < kAccounts; ++i) {
    ASSERT_TRUE(set_with("account" + key(i), ValueView::from_integer(kStart), {}));
  }
  std::atomic<int> refused = 0;
  const std::uint64_t seed = test::random_seed(9);
  in_threads([&](int thread) {
    std::mt19937_64 random(seed + static_cast<std::uint64_t>(thread));
    for (int i = 0; i < 4000; ++i) {
      if (thread == 0) {
        // Makes the namespace grow beyond its home.
        for (int j = 0; j < 6; ++j) {
          EXPECT_TRUE(store_->set(ns_, "filler" + std::to_string(i * 6 + j),
                                  ValueView::from_bytes("v"), {}, now()));
        }
        continue;
      }
      const std::string from = "account" + key(random() % kAccounts);
      const std::string to = "account" + key(random() % kAccounts);
      const auto amount = static_cast<std::int64_t>(random() % 400);
      const std::vector<KeyRef> keys{{ns_, from}, {ns_, to}};
      const auto done = store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
        auto in = batch.increment(ns_, to, {.by = amount}, now());
        if (!in) return fail(in.error());
        auto out = batch.increment(ns_, from, {.by = -amount, .min = 0}, now());
        if (!out) return fail(out.error());
        return {};
      });
      if (!done) {
        EXPECT_EQ(done.error().code, ErrorCode::kOutOfRange);
        ++refused;
      }
      if (i % 100 == 0) {
        // All accounts at one moment.
        std::vector<std::string> names;
        std::vector<KeyRef> all;
        names.reserve(kAccounts);
        all.reserve(kAccounts);
        for (std::uint64_t j = 0; j < kAccounts; ++j)
          names.push_back("account" + key(j));
        for (const std::string& name : names)
          all.push_back({ns_, name});
        std::int64_t total = 0;
        EXPECT_TRUE(store_->atomically(all, now(), [&](Batch& batch) -> Result<void> {
          for (const std::string& name : names) {
            EXPECT_TRUE(batch.get(ns_, name, {}, now(),
                                  [&](const EntryView& view) { total += view.value.integer; }));
          }
          return {};
        }));
        EXPECT_EQ(total, static_cast<std::int64_t>(kAccounts) * kStart);
      }
    }
  });
  EXPECT_GT(refused.load(), 0);
  std::int64_t total = 0;
  for (std::uint64_t i = 0; i < kAccounts; ++i)
    total += std::stoll(*get("account" + key(i)));
  EXPECT_EQ(total, static_cast<std::int64_t>(kAccounts) * kStart);
  settle();
  EXPECT_EQ(info().keys, kAccounts + 24'000);
}

TEST_F(StoreThreadsTest, EverythingAtOnceUnderAMemoryLimit) {
  start(4, 6_MiB);
  std::vector<NamespaceId> spaces{ns_};
  spaces.push_back(create("bounded", {.max_bytes = 1'000'000}));
  spaces.push_back(create("ten", {.max_keys = 10}));
  spaces.push_back(create("changing"));
  const std::uint64_t seed = test::random_seed(9);
  in_threads([&](int thread) {
    Prefetch prefetch(*store_);
    std::mt19937_64 random(seed + static_cast<std::uint64_t>(thread));
    for (int i = 0; i < 10'000; ++i) {
      const NamespaceId ns = spaces[random() % spaces.size()];
      const std::string name = key(random() % 20'000);
      const std::string value(random() % (i % 500 == 0 ? 300'000 : 2000), 'v');
      SetOptions options;
      if (random() % 3 == 0) {
        options.expiry = at(in(milliseconds{random() % 300}));
      }
      switch (random() % 10) {
        case 0:
          static_cast<void>(store_->remove(ns, name, {}, now()));
          break;
        case 1:
          static_cast<void>(store_->patch(ns, name, {value}, now()));
          break;
        case 2: {
          ScanCursor cursor = random();
          const auto step = store_->scan(
              ns, cursor, 50, now(), [](const EntryView& view) { return view.key.size() < 100; });
          EXPECT_TRUE(step || step.error().code == ErrorCode::kNotFound);
          break;
        }
        case 3: {
          const std::string other = key(random() % 20'000);
          const std::vector<KeyRef> keys{{ns, name}, {spaces[0], other}};
          static_cast<void>(store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
            const auto first = batch.set(ns, name, ValueView::from_bytes(value), options, now());
            if (!first) return fail(first.error());
            const auto second =
                batch.set(spaces[0], other, ValueView::from_bytes(value), options, now());
            if (!second) return fail(second.error());
            if (value.size() % 2 == 0) return fail(ErrorCode::kConflict, "undo");
            return {};
          }));
          break;
        }
        case 4:
          if (random() % 50 == 0) static_cast<void>(store_->clear_namespace(ns, now()));
          if (random() % 100 == 0) {
            static_cast<void>(store_->drop_namespace(spaces[3], now()));
            static_cast<void>(store_->create_namespace("changing", {}, now()));
          }
          static_cast<void>(store_->list_namespaces(now()));
          static_cast<void>(store_->store_stats(now()));
          break;
        case 5:
          prefetch.add(ns, name);
          if (random() % 4 == 0) prefetch.finish();
          break;
        case 6:
          static_cast<void>(store_->get(ns, name, {}, now(), [](const EntryView&) {}));
          break;
        default:
          static_cast<void>(store_->set(ns, name, ValueView::from_bytes(value), options, now()));
          break;
      }
      if (i % 10 == 0) clock_.advance(1ms);
    }
  });
  settle();
  EXPECT_LE(store_->memory().used(), store_->memory().limit());
  for (const NamespaceInfo& info : store_->list_namespaces(now())) {
    ns_ = info.id;
    EXPECT_LE(scan().size(), info.keys);
  }
}

}  // namespace
}  // namespace appmem::core
