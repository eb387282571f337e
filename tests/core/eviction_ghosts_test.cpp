#include "eviction_ghosts.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/units.h"
#include "support/random.h"

namespace appmem::core {
namespace {

class EvictionGhostsTest : public testing::Test {
 protected:
  /// As many buckets as `entries` keys want.
  void make_room(std::size_t entries) {
    while (ghosts_.wants_room(entries)) {
      ASSERT_TRUE(ghosts_.save_up(kPageBytes));
    }
  }
  std::uint32_t some_hash() { return static_cast<std::uint32_t>(random_()); }
  void expect_charged_by_buckets() {
    EXPECT_EQ(ghosts_.memory_bytes(),
              ghosts_.buckets() * EvictionGhosts::kBucketKeys * sizeof(std::uint16_t));
    EXPECT_EQ(budget_.used(), ghosts_.memory_bytes());
  }

  static constexpr std::size_t kPageBytes = 4096;
  test::Random random_{20'260'727};
  MemoryBudget budget_{1_MiB};
  EvictionGhosts ghosts_{budget_};
};

TEST_F(EvictionGhostsTest, WithoutRoomItRemembersNothing) {
  EXPECT_EQ(ghosts_.memory_bytes(), 0U);
  EXPECT_FALSE(ghosts_.wants_room(0));
  EXPECT_TRUE(ghosts_.wants_room(1));
  ghosts_.add(7, 100);
  EXPECT_FALSE(ghosts_.take(7));
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(EvictionGhostsTest, AKeyIsTakenOnce) {
  make_room(100);
  const std::uint32_t hash = some_hash();
  EXPECT_FALSE(ghosts_.take(hash));
  ghosts_.add(hash, 100);
  EXPECT_TRUE(ghosts_.take(hash));
  EXPECT_FALSE(ghosts_.take(hash));
}

TEST_F(EvictionGhostsTest, RemembersAboutAsManyKeysAsThereAreEntries) {
  for (const std::size_t entries : {1U, 10U, 100U, 1000U, 20'000U}) {
    SCOPED_TRACE(entries);
    ghosts_.clear();
    make_room(entries);
    std::vector<std::uint32_t> hashes(5 * entries + 100);
    for (std::uint32_t& hash : hashes) {
      hash = some_hash();
      ghosts_.add(hash, entries);
    }
    std::size_t young = 0;
    std::size_t old = 0;
    const std::size_t sure = entries / 8 * 7;
    for (std::size_t age = 0; age < hashes.size(); ++age) {
      const bool known = ghosts_.take(hashes[hashes.size() - 1 - age]);
      if (age < sure && known) ++young;
      if (age > entries + 16 && known) ++old;
    }
    // Some buckets are full before they have had their share; some prints are others'.
    EXPECT_GE(young, sure - sure / 20);
    EXPECT_LE(old, hashes.size() / 100 + 1);
  }
}

TEST_F(EvictionGhostsTest, OthersAreSeldomTakenForOnesItKnows) {
  make_room(10'000);
  for (std::size_t i = 0; i < 10'000; ++i)
    ghosts_.add(some_hash(), 10'000);
  std::size_t mistaken = 0;
  for (std::size_t i = 0; i < 10'000; ++i) {
    if (ghosts_.take(some_hash())) ++mistaken;
  }
  EXPECT_LE(mistaken, 50U);
}

TEST_F(EvictionGhostsTest, GrowthIsSavedUpForAndKeepsTheYoungest) {
  make_room(1'000);
  std::vector<std::uint32_t> hashes(1'000);
  for (std::uint32_t& hash : hashes) {
    hash = some_hash();
    ghosts_.add(hash, 1'000);
  }
  const std::size_t buckets = ghosts_.buckets();
  ASSERT_TRUE(ghosts_.wants_room(1'150));
  ASSERT_TRUE(ghosts_.save_up(32));
  EXPECT_EQ(ghosts_.buckets(), buckets);
  EXPECT_EQ(budget_.used(), ghosts_.memory_bytes());
  make_room(1'150);
  EXPECT_GT(ghosts_.buckets(), buckets);
  expect_charged_by_buckets();
  for (std::size_t age = 0; age < 250; ++age) {
    EXPECT_TRUE(ghosts_.take(hashes[hashes.size() - 1 - age])) << age;
  }
}

TEST_F(EvictionGhostsTest, ItShrinksWithTheEntries) {
  make_room(10'000);
  const std::size_t before = ghosts_.memory_bytes();
  std::deque<std::uint32_t> last;
  for (std::size_t i = 0; i < 500; ++i) {
    last.push_back(some_hash());
    ghosts_.add(last.back(), 500);
    expect_charged_by_buckets();
  }
  EXPECT_LT(ghosts_.memory_bytes(), before / 5);
  for (std::size_t age = 0; age < 200; ++age) {
    EXPECT_TRUE(ghosts_.take(last.back())) << age;
    last.pop_back();
  }
}

TEST_F(EvictionGhostsTest, WhatTheBudgetRefusesIsNotTaken) {
  make_room(1'000);
  const std::size_t before = ghosts_.memory_bytes();
  budget_.set_limit(budget_.used());
  EXPECT_FALSE(ghosts_.save_up(kPageBytes));
  EXPECT_EQ(ghosts_.memory_bytes(), before);
  ghosts_.add(5, 100'000);
  EXPECT_TRUE(ghosts_.take(5));
  ghosts_.clear();
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(EvictionGhostsTest, ThereIsALargestSize) {
  budget_.set_limit(1_GiB);
  make_room(SIZE_MAX);
  EXPECT_EQ(ghosts_.buckets(), EvictionGhosts::kBucketsMax);
  EXPECT_FALSE(ghosts_.wants_room(SIZE_MAX));
  expect_charged_by_buckets();
}

}  // namespace
}  // namespace appmem::core
