// Memory that comes back: what maintenance makes of deleted and cleared entries.

#include <string>

#include <gtest/gtest.h>

#include "store_fixture.h"
#include "support/random.h"

namespace appmem::core {
namespace {

class StoreGiveBackTest : public LimitedStoreTest {};

TEST_F(StoreGiveBackTest, WhatIsDeletedGivesItsTablesBackInTheBackground) {
  for (const std::size_t shards : {1U, 4U}) {
    constexpr std::uint64_t kKeys = 200'000;
    start(64_MiB, shards);
    const std::uint64_t empty = used();
    for (std::uint64_t i = 0; i < kKeys; ++i)
      ASSERT_TRUE(set(key(i), "v"));
    settle();
    const std::uint64_t tables = store_->store_stats(now()).table_bytes;
    const std::uint64_t memory = used() - empty;
    EXPECT_GE(tables, kKeys * 8);
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      if (i % 10 != 0) {
        ASSERT_TRUE(remove(key(i)));
      }
    }
    settle();
    EXPECT_LT(store_->store_stats(now()).table_bytes, tables / 3) << shards;
    EXPECT_LT(used() - empty, memory / 5 + shards * 64_KiB) << shards;
    EXPECT_EQ(info().keys, kKeys / 10);
    EXPECT_EQ(get(key(10)), "v");
  }
}

TEST_F(StoreGiveBackTest, WhatIsLeftTakesHardlyMoreThanInAFreshStoreOnceNobodyWrites) {
  constexpr std::uint64_t kKeys = 100'000;
  for (const std::size_t value_bytes : {32U, 200U, 1000U}) {
    for (const std::uint64_t keep : {2U, 10U, 20U}) {
      const std::string value(value_bytes, 'v');
      start(256_MiB, 4);
      for (std::uint64_t i = 0; i < kKeys; i += keep)
        ASSERT_TRUE(set(key(i), value));
      settle();
      const std::uint64_t fresh = used();
      start(256_MiB, 4);
      for (std::uint64_t i = 0; i < kKeys; ++i)
        ASSERT_TRUE(set(key(i), value));
      settle();
      for (std::uint64_t i = 0; i < kKeys; ++i) {
        if (i % keep != 0) {
          ASSERT_TRUE(remove(key(i)));
        }
      }
      settle();
      clock_.advance(1s);
      settle();
      // Of short values, of which a tenth is left, 1.07 to 1.10, as keys happen to fall into pages.
      EXPECT_LE(static_cast<double>(used()), static_cast<double>(fresh) * 1.10)
          << value_bytes << " " << keep;
    }
  }
}

/// After a drift of sizes, the few that are left lie far apart, and the page table still describes
/// all that lay between them.
TEST_F(StoreGiveBackTest, TheFewThatAreLeftOfManySizesLieTogetherAgain) {
  constexpr std::uint64_t kKeys = 60'000;
  constexpr std::uint64_t kKept = 25;
  const auto value = [](std::uint64_t i) {
    return std::string(32U << (i % 11), static_cast<char>('a' + i % 26));
  };
  start(512_MiB);
  for (std::uint64_t i = 0; i < kKeys; i += kKept)
    ASSERT_TRUE(set(key(i), value(i), i % 2 == 0 ? std::optional<milliseconds>(1h) : std::nullopt));
  settle();
  const std::uint64_t fresh = used();

  start(512_MiB);
  for (std::uint64_t i = 0; i < kKeys; ++i)
    ASSERT_TRUE(set(key(i), value(i), i % 2 == 0 ? std::optional<milliseconds>(1h) : std::nullopt));
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    if (i % kKept != 0) {
      ASSERT_TRUE(remove(key(i)));
    }
  }
  settle();
  // Before anybody can tell that nothing is written.
  EXPECT_LE(static_cast<double>(used()), static_cast<double>(fresh) * 1.10);
  clock_.advance(1s);
  settle();
  EXPECT_LE(static_cast<double>(used()), static_cast<double>(fresh) * 1.04);
  for (std::uint64_t i = 0; i < kKeys; i += kKept)
    ASSERT_EQ(get(key(i)), value(i)) << i;
  // Their deadlines were moved with them.
  clock_.advance(1h);
  settle();
  EXPECT_EQ(info().keys, kKeys / kKept / 2);
}

TEST_F(StoreGiveBackTest, ClearingIsConstantTimeAndMemoryComesBack) {
  for (const std::size_t shards : {1U, 4U}) {
    start(64_MiB, shards);
    const std::uint64_t empty = used();
    for (std::uint64_t i = 0; i < 50'000; ++i)
      ASSERT_TRUE(set(key(i), std::string(500, 'v'), 1h));
    ASSERT_TRUE(set("large", std::string(2_MiB, 'v')));
    const auto cleared = store_->clear_namespace(ns_, now());
    ASSERT_TRUE(cleared);
    EXPECT_EQ(*cleared, 50'001U);
    EXPECT_EQ(info().keys, 0U);
    EXPECT_EQ(info().bytes, 0U);
    EXPECT_EQ(get(key(1)), std::nullopt);
    EXPECT_GT(used(), 20_MiB);
    ASSERT_TRUE(set(key(1), "w"));
    clock_.advance(2h);  // deadlines of what is being freed come in the middle of it
    settle();
    EXPECT_EQ(get(key(1)), "w");
    EXPECT_LT(used(), empty + shards * 512_KiB);
  }
}

TEST_F(StoreGiveBackTest, MaintenanceGivesBackAFewEntriesAtATimeWhateverOthersTake) {
  restart({.max_memory_bytes = 16_MiB, .shards = 1, .seed = 1});
  std::uint64_t keys = 0;
  while (store_->namespace_info(ns_, now())->counters.evictions == 0)
    ASSERT_TRUE(set("key:" + std::to_string(keys++), "a small value"));
  settle();
  constexpr std::uint64_t kTaken = 512_KiB;
  constexpr std::size_t kSteps = 250;
  store_->memory().charge(kTaken);
  keys = store_->store_stats(now()).keys;
  std::size_t calls = 0;
  for (bool more = true; more; ++calls) {
    more = store_->maintain(0, 1, now(), WorkBudget{kSteps});
    const std::uint64_t left = store_->store_stats(now()).keys;
    ASSERT_LE(keys - left, kSteps) << "in call " << calls;
    keys = left;
  }
  EXPECT_LE(store_->memory().used(), store_->memory().limit());
  EXPECT_GT(calls, kTaken / 100 / kSteps);
  store_->memory().release(kTaken);
}

}  // namespace
}  // namespace appmem::core
