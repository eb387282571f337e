// Who has to go in a namespace of eviction s3fifo (decision 0014), and who may stay.

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store_fixture.h"
#include "support/random.h"

namespace appmem::core {
namespace {

class StoreS3FifoTest : public StoreTest {
 protected:
  static constexpr std::uint64_t kRoom = 100;

  void SetUp() override { use(Eviction::kS3Fifo); }
  /// The default namespace with room for kRoom keys.
  void use(Eviction eviction) {
    ASSERT_TRUE(store_->alter_namespace(ns_, {.eviction = eviction, .max_keys = kRoom}, now()));
  }
  static std::string key(std::uint64_t i) { return "key:" + std::to_string(1'000'000 + i); }
  void fill(std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t i = begin; i < end; ++i)
      ASSERT_TRUE(set(key(i), "v"));
  }
  /// How many of them are there; that is not a use.
  std::uint64_t left(std::uint64_t begin, std::uint64_t end) {
    std::uint64_t found = 0;
    for (std::uint64_t i = begin; i < end; ++i) {
      if (peek(key(i))) ++found;
    }
    return found;
  }
};

TEST_F(StoreS3FifoTest, WhatWasNotUsedGoesInTheOrderInWhichItCame) {
  fill(0, kRoom + 30);
  EXPECT_EQ(left(0, 30), 0U);
  EXPECT_EQ(left(30, kRoom + 30), kRoom);
  EXPECT_EQ(info().counters.evictions, 30U);
}

TEST_F(StoreS3FifoTest, WhatWasUsedTwiceOutlivesAScan) {
  fill(0, kRoom);
  for (const int round : {1, 2}) {
    for (std::uint64_t i = 0; i < 40; ++i)
      ASSERT_TRUE(get(key(i))) << round;
  }
  fill(kRoom, kRoom * 50);
  EXPECT_EQ(left(0, 40), 40U);
  EXPECT_EQ(left(40, kRoom), 0U);
  EXPECT_EQ(info().keys, kRoom);
}

TEST_F(StoreS3FifoTest, AUseOfLongAgoDoesNotKeepAKeyForEver) {
  fill(0, kRoom);
  for (std::uint64_t i = 0; i < kRoom; ++i) {
    for (int uses = 0; uses < 10; ++uses)
      ASSERT_TRUE(get(key(i)));
  }
  // Others that are used push them out of the main queue.
  for (std::uint64_t i = kRoom; i < kRoom * 20; ++i) {
    ASSERT_TRUE(set(key(i), "v"));
    ASSERT_TRUE(get(key(i)));
    ASSERT_TRUE(get(key(i)));
  }
  EXPECT_EQ(left(0, kRoom), 0U);
}

TEST_F(StoreS3FifoTest, AKeyThatComesBackSoonIsKept) {
  fill(0, kRoom + 20);
  ASSERT_EQ(left(0, 20), 0U);
  fill(0, 20);
  fill(1000, 1000 + kRoom * 20);
  EXPECT_EQ(left(0, 20), 20U);
}

TEST_F(StoreS3FifoTest, AKeyThatComesBackLateIsNew) {
  fill(0, kRoom + 20);
  fill(1000, 1000 + kRoom * 3);
  fill(0, 20);
  fill(2000, 2000 + kRoom);
  EXPECT_EQ(left(0, 20), 0U);
}

TEST_F(StoreS3FifoTest, APeekIsNoUse) {
  fill(0, kRoom);
  for (int round = 0; round < 5; ++round)
    ASSERT_EQ(left(0, kRoom), kRoom);
  fill(kRoom, 2 * kRoom);
  EXPECT_EQ(left(0, kRoom), 0U);
}

TEST_F(StoreS3FifoTest, EveryKindOfWriteIsAUse) {
  fill(0, kRoom);
  for (std::size_t round = 0; round < 2; ++round) {
    ASSERT_TRUE(set(key(0), "w"));                            // in its place
    ASSERT_TRUE(set(key(1), std::string(round + 500, 'w')));  // in another block
    ASSERT_TRUE(append(key(2), "w"));
    ASSERT_TRUE(append(key(3), std::string(500, 'w')));
    ASSERT_TRUE(expire(key(4), 1h));
    ASSERT_TRUE(expire(key(4), 2h));
  }
  fill(kRoom, kRoom * 10);
  EXPECT_EQ(left(0, 5), 5U);
}

TEST_F(StoreS3FifoTest, WhatAStepHasTouchedStaysInIt) {
  fill(0, kRoom);
  for (std::uint64_t round = 1; round < 6; ++round) {
    std::vector<std::string> names;
    std::vector<KeyRef> keys;
    keys.reserve(kRoom);
    for (std::uint64_t i = 0; i < kRoom; ++i)
      names.push_back(key(i < 60 ? i : 1000 * round + i));
    for (const std::string& name : names)
      keys.push_back({ns_, name});
    const auto done = store_->atomically(keys, now(), [&](Keyspace& step) -> Result<void> {
      for (std::size_t i = 0; i < 60; ++i) {
        auto got = step.get(ns_, names[i], {}, now(), [](const EntryView&) {});
        EXPECT_TRUE(got && got->found) << i;
      }
      for (std::size_t i = 60; i < kRoom; ++i) {
        auto stored = step.set(ns_, names[i], ValueView::from_bytes("v"), {}, now());
        if (!stored) return fail(stored.error());
      }
      for (std::size_t i = 0; i < kRoom; ++i) {
        auto got = step.get(ns_, names[i], {.touch = std::nullopt, .peek = true}, now(),
                            [](const EntryView&) {});
        EXPECT_TRUE(got && got->found) << i;
      }
      return {};
    });
    ASSERT_TRUE(done.has_value());
  }
}

TEST_F(StoreS3FifoTest, OneWriteMayTakeTheRoomOfMany) {
  restart({.max_memory_bytes = 3_MiB, .seed = 3});
  ASSERT_TRUE(store_->alter_namespace(ns_, {.eviction = Eviction::kS3Fifo}, now()));
  const std::string small(300, 'v');
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(set(key(i % 9000), small));
    // All in the main queue, and all used.
    for (int uses = 0; uses < 3; ++uses)
      ASSERT_TRUE(get(key(i % 9000)));
  }
  ASSERT_GT(info().keys, 7000U);
  ASSERT_TRUE(set("large", std::string(2_MiB, 'v')));
  EXPECT_TRUE(peek("large"));
  EXPECT_LE(store_->memory().used(), store_->memory().limit());
}

TEST_F(StoreS3FifoTest, TheOrderOfUseGoesOnWhenThePolicyChanges) {
  use(Eviction::kLru);
  fill(0, kRoom);
  for (std::uint64_t i = 0; i < 50; ++i)
    ASSERT_TRUE(get(key(i)));
  use(Eviction::kS3Fifo);
  fill(kRoom, kRoom + 50);
  EXPECT_EQ(left(50, kRoom), 0U);
  EXPECT_EQ(left(0, 50), 50U);
  for (const int round : {1, 2}) {
    for (std::uint64_t i = 0; i < 50; ++i)
      ASSERT_TRUE(get(key(i))) << round;
  }
  fill(2 * kRoom, 5 * kRoom);
  EXPECT_EQ(left(0, 50), 50U);
  use(Eviction::kLru);
  fill(5 * kRoom, 6 * kRoom);
  EXPECT_EQ(left(0, 5 * kRoom), 0U);
  use(Eviction::kS3Fifo);
  fill(6 * kRoom, 7 * kRoom);
  EXPECT_EQ(left(6 * kRoom, 7 * kRoom), kRoom);
}

TEST_F(StoreS3FifoTest, WhatIsRememberedOfGoneKeysIsChargedAndGivenBack) {
  restart({.max_memory_bytes = 4_MiB, .seed = 3});
  const std::uint64_t empty = store_->memory().used();
  const NamespaceId ns = create("n", {.eviction = Eviction::kS3Fifo});
  ns_ = ns;
  for (std::uint64_t i = 0; i < 40'000; ++i) {
    ASSERT_TRUE(set(key(i), std::string(100, 'v')));
    ASSERT_LE(store_->memory().used(), store_->memory().limit());
  }
  EXPECT_GT(info().counters.evictions, 0U);
  const std::uint64_t memory = info().memory;
  ASSERT_TRUE(store_->alter_namespace(ns, {.eviction = Eviction::kLru}, now()));
  EXPECT_LT(info().memory, memory - info().keys * 2);
  ASSERT_TRUE(store_->alter_namespace(ns, {.eviction = Eviction::kS3Fifo}, now()));
  // In a full store room is made for it little by little.
  for (std::uint64_t i = 0; i < 40'000; ++i)
    ASSERT_TRUE(set(key(i), std::string(100, 'v')));
  EXPECT_GT(info().memory, memory * 9 / 10);
  ASSERT_TRUE(store_->drop_namespace(ns, now()));
  settle();
  EXPECT_LE(store_->memory().used(), empty + 64_KiB);
}

TEST_F(StoreS3FifoTest, DeletedExpiredAndClearedKeysLeaveTheirQueue) {
  test::Random random(5);
  ASSERT_TRUE(
      store_->alter_namespace(ns_, {.eviction = Eviction::kS3Fifo, .max_bytes = 40'000}, now()));
  for (int i = 0; i < 60'000; ++i) {
    const std::string name = key(random.below(600));
    switch (random.below(8)) {
      case 0:
        remove(name);
        break;
      case 1:
        ASSERT_TRUE(set(name, std::string(random.below(400), 'v'), milliseconds{20}));
        break;
      case 2:
        ASSERT_TRUE(append(name, "more"));
        break;
      case 3:
        clock_.advance(1ms);
        if (random.one_in(500)) {
          ASSERT_TRUE(store_->clear_namespace(ns_, now()));
        }
        break;
      default:
        if (!get(name)) {
          ASSERT_TRUE(set(name, std::string(random.below(400), 'v')));
        }
        break;
    }
    if (random.one_in(50)) store_->maintain(0, 1, now(), WorkBudget{});
    ASSERT_LE(info().memory, 40'000U);
  }
  EXPECT_GT(info().counters.evictions, 1'000U);
  EXPECT_GT(info().counters.expirations, 100U);
}

TEST_F(StoreS3FifoTest, ItGoesOnWhenANamespaceSpreads) {
  restart({.max_memory_bytes = 8_MiB, .shards = 4, .seed = 3});
  ASSERT_TRUE(store_->alter_namespace(ns_, {.eviction = Eviction::kS3Fifo}, now()));
  for (std::uint64_t i = 0; i < 2000; ++i) {
    ASSERT_TRUE(set(key(i), std::string(100, 'v')));
    for (int uses = 0; uses < 2; ++uses)
      ASSERT_TRUE(get(key(i)));
  }
  for (std::uint64_t i = 2000; i < 300'000; ++i) {
    ASSERT_TRUE(set(key(i), std::string(100, 'v')));
    if (i % 100 == 0) store_->maintain(0, 1, now(), WorkBudget{});
    ASSERT_LE(store_->memory().used(), store_->memory().limit());
  }
  EXPECT_GT(left(0, 2000), 1'990U);
}

TEST_F(StoreS3FifoTest, NobodyElsesWritesTakeWhatIsReserved) {
  restart({.max_memory_bytes = 4_MiB, .seed = 3});
  const NamespaceId kept = create("kept", {.eviction = Eviction::kS3Fifo, .reserved_bytes = 1_MiB});
  ns_ = kept;
  for (std::uint64_t i = 0; i < 2000; ++i)
    ASSERT_TRUE(set(key(i), std::string(300, 'v')));
  ns_ = create("other", {.eviction = Eviction::kS3Fifo});
  for (std::uint64_t i = 0; i < 30'000; ++i)
    ASSERT_TRUE(set(key(i), std::string(300, 'v')));
  EXPECT_GT(info().counters.evictions, 0U);
  ns_ = kept;
  EXPECT_EQ(left(0, 2000), 2000U);
  EXPECT_EQ(info().counters.evictions, 0U);
}

}  // namespace
}  // namespace appmem::core
