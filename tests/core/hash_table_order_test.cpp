// Hashes that go in their order, as a scan deletes them: what is left is dense in a part of the
// table.

#include <algorithm>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "hash_table.h"
#include "hash_table_fixture.h"
#include "support/random.h"

namespace appmem::core {
namespace {

class HashTableOrderTest : public ::testing::Test {
 protected:
  MemoryBudget budget_{kNoLimit};
  HashTable table_{budget_};
};

/// As a scan that deletes what it finds: what is left stays in its part of the table, as dense as
/// it was.
TEST_F(HashTableOrderTest, HashesThatGoInTheirOrderMakeNoClusterOfWhatIsLeft) {
  constexpr std::size_t kCount = 300'000;
  for (const bool is_upward : {true, false}) {
    for (const bool has_steps : {false, true}) {
      test::Random random(3);
      HashTable table(budget_);
      for (Handle handle = 1; handle <= kCount; ++handle)
        table.insert(any_hash(random), handle);
      Entries all = contents(table);
      if (!is_upward) std::reverse(all.begin(), all.end());
      std::size_t work = 0;
      std::size_t longest = 0;
      for (std::size_t i = 0; i < kCount; ++i) {
        ASSERT_TRUE(table.erase(all[i].first, all[i].second));
        work += table.last_work();
        longest = std::max(longest, table.last_work());
        if (has_steps && i % 100 == 0) table.step(1'000);
        if (i % 50'000 == 0) table.check();
      }
      EXPECT_LT(work, kCount * 80) << is_upward << has_steps;
      EXPECT_LT(longest, 4'000U) << is_upward << has_steps;
      settle(table);
      EXPECT_LE(table.slots(), 8U);
    }
  }
}

/// Down to every count from every other one, small tables and those that are just surveyed.
TEST_F(HashTableOrderTest, EveryTableSettlesWhateverIsTakenOutOfIt) {
  for (const std::size_t count : {7U, 8U, 20U, 100U, 1'000U, 6'000U}) {
    for (std::size_t left = 0; left < std::min<std::size_t>(count, 64); ++left) {
      test::Random random(3);
      HashTable table(budget_);
      Entries all;
      for (Handle handle = 1; handle <= count; ++handle) {
        all.emplace_back(any_hash(random), handle);
        table.insert(all.back().first, handle);
      }
      for (std::size_t i = left; i < count; ++i)
        ASSERT_TRUE(table.erase(all[i].first, all[i].second));
      ASSERT_NO_FATAL_FAILURE(settle(table)) << count << " " << left;
      table.check();
    }
  }
}

TEST_F(HashTableOrderTest, APartThatWasErasedInOrderLeavesATableThatGoesOn) {
  constexpr std::size_t kCount = 300'000;
  for (const bool is_upward : {true, false}) {
    for (const std::size_t percent : {50U, 60U, 65U, 75U, 90U}) {
      SCOPED_TRACE(std::to_string(percent) + (is_upward ? " % upward" : " % downward"));
      test::Random random(3);
      HashTable table(budget_);
      // As full as it gets.
      for (Handle handle = 1; handle <= kCount || table.growth_bytes_max() == 0; ++handle)
        table.insert(any_hash(random), handle);
      const std::size_t slots = table.slots();
      Entries all = contents(table);
      if (!is_upward) std::reverse(all.begin(), all.end());
      for (std::size_t i = 0; i < all.size() * percent / 100; ++i)
        ASSERT_TRUE(table.erase(all[i].first, all[i].second));
      settle(table);
      table.check();
      EXPECT_GT(table.slots(), slots * 3 / 4) << "what is left has no room in a smaller one";
      // Where they are still dense, more make the table grow before it is full.
      std::size_t work = 0;
      std::size_t longest = 0;
      const std::size_t more = slots * 7 / 8 - table.size();
      for (std::size_t i = 0; i < more; ++i) {
        table.insert(any_hash(random), static_cast<Handle>(all.size() + i + 1));
        work += table.last_work();
        longest = std::max(longest, table.last_work());
      }
      table.check();
      EXPECT_LT(work, more * 400);
      EXPECT_LT(longest, 60'000U);
      EXPECT_LT(table.slots(), slots * 2);
    }
  }
}

TEST_F(HashTableOrderTest, OneThatHasBecomeSparseEverywhereShrinksHoweverItCameToThat) {
  constexpr std::size_t kCount = 300'000;
  test::Random random(3);
  for (Handle handle = 1; handle <= kCount; ++handle)
    table_.insert(any_hash(random), handle);
  const std::size_t slots = table_.slots();
  // In order, but for one in eight.
  const Entries all = contents(table_);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % 8 != 0) {
      ASSERT_TRUE(table_.erase(all[i].first, all[i].second));
    }
    if (i % 1000 == 0) table_.step(100);
  }
  settle(table_);
  table_.check();
  EXPECT_LT(table_.slots(), slots / 4);
}

TEST_F(HashTableOrderTest, ASurveyEndsWhateverComesMeanwhile) {
  constexpr std::size_t kCount = 100'000;
  test::Random random(3);
  for (Handle handle = 1; handle <= kCount; ++handle)
    table_.insert(any_hash(random), handle);
  const std::size_t slots = table_.slots();
  Entries all = contents(table_);
  std::shuffle(all.begin(), all.end(), std::mt19937(3));
  // Just sparse, so that a survey begins; and then, in the middle of it, not any more.
  while (table_.size() * 16 >= slots * 9) {
    ASSERT_TRUE(table_.erase(all.back().first, all.back().second));
    all.pop_back();
  }
  EXPECT_TRUE(table_.step(1'000));
  table_.insert(all.front().first, kCount + 1);
  settle(table_);
  EXPECT_EQ(table_.slots(), slots);

  // One that finds no room, and changes that come to nothing.
  std::sort(all.begin(), all.end());
  while (table_.size() * 2 > slots) {
    ASSERT_TRUE(table_.erase(all.back().first, all.back().second));
    all.pop_back();
  }
  settle(table_);
  for (int i = 0; i < 20; ++i) {
    table_.insert(all.front().first, kCount + 2);
    table_.step(1'000);
    ASSERT_TRUE(table_.erase(all.front().first, kCount + 2));
    settle(table_);
  }
  table_.check();
}

/// Whoever has no room for it says so, and the table stays as it is until it is full.
TEST_F(HashTableOrderTest, ACrowdedTableNeedNotGrow) {
  constexpr std::size_t kCount = 300'000;
  test::Random random(3);
  for (Handle handle = 1; handle <= kCount || table_.growth_bytes_max() == 0; ++handle)
    table_.insert(any_hash(random), handle);
  EXPECT_FALSE(table_.forgo_growth()) << "it is full";
  const Entries all = contents(table_);
  for (std::size_t i = 0; i < all.size() / 2; ++i)
    ASSERT_TRUE(table_.erase(all[i].first, all[i].second));
  settle(table_);
  const std::size_t slots = table_.slots();
  const std::size_t memory = table_.memory_bytes();
  Handle handle = kCount * 2;
  for (; table_.growth_bytes_max() == 0; ++handle)
    table_.insert(all.back().first - static_cast<std::uint32_t>(random.below(1U << 30U)), handle);
  EXPECT_LT(table_.size(), slots * 3 / 4);
  EXPECT_TRUE(table_.forgo_growth());
  EXPECT_EQ(table_.growth_bytes_max(), 0U);
  table_.insert(all.front().first, ++handle);
  EXPECT_EQ(table_.memory_bytes(), memory);
  EXPECT_EQ(table_.slots(), slots);
  table_.check();
}

/// A survey goes over all of the table, so a few changes are not followed by another one.
TEST_F(HashTableOrderTest, AFewChangesAreNotFollowedByASurvey) {
  constexpr std::size_t kCount = 300'000;
  test::Random random(3);
  for (Handle handle = 1; handle <= kCount; ++handle)
    table_.insert(any_hash(random), handle);
  const Entries all = contents(table_);
  std::size_t at = 0;
  for (; at < kCount / 2; ++at)
    ASSERT_TRUE(table_.erase(all[at].first, all[at].second));
  settle(table_);
  for (int i = 0; i < 1'000; ++i, ++at) {
    ASSERT_TRUE(table_.erase(all[at].first, all[at].second));
    ASSERT_FALSE(table_.step(2'000)) << i;
  }
}

}  // namespace
}  // namespace appmem::core
