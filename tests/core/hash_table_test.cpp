#include "hash_table.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hash_table_fixture.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::core {
namespace {

constexpr std::uint32_t kTop = std::numeric_limits<std::uint32_t>::max();

/// Next to where one home ends and another begins, for some of the sizes that a table goes through.
std::uint32_t near_a_border(test::Random& random, std::uint32_t) {
  constexpr std::array<std::uint64_t, 6> kSizes{1280, 1600, 2000, 2500, 3125, 3906};
  const std::uint64_t n = kSizes[random.below(kSizes.size())];
  const std::uint64_t border = ((random.below(n) << 32U) + n - 1) / n;
  return static_cast<std::uint32_t>(border + 1 - random.below(3));
}

bool has(const HashTable& table, std::uint32_t hash, Handle handle) {
  return table.find(hash, [&](Handle found) { return found == handle; }) == handle;
}

void drain_all(HashTable& table) {
  while (!table.drain(100'000, [](Handle) {})) {
  }
}

class HashTableTest : public ::testing::Test {
 protected:
  MemoryBudget budget_{kNoLimit};
  HashTable table_{budget_};
};

TEST_F(HashTableTest, NewTableIsEmptyUsableAndTakesNoMemory) {
  EXPECT_EQ(table_.find(0, [](Handle) { return true; }), kNoHandle);
  EXPECT_EQ(table_.find(kTop, [](Handle) { return true; }), kNoHandle);
  EXPECT_FALSE(table_.erase(7, 7));
  EXPECT_FALSE(table_.replace(7, 7, 8));
  EXPECT_FALSE(table_.step(100));
  EXPECT_TRUE(contents(table_).empty());
  EXPECT_TRUE(table_.drain(1, [](Handle) {}));
  EXPECT_EQ(table_.memory_bytes(), 0U);
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(HashTableTest, MatcherTellsHandlesOfOneHashApart) {
  for (Handle handle = 1; handle <= 5; ++handle)
    table_.insert(42, handle);
  std::vector<Handle> asked;
  EXPECT_EQ(table_.find(42,
                        [&](Handle handle) {
                          asked.push_back(handle);
                          return handle == 3;
                        }),
            3U);
  EXPECT_EQ(table_.find(42, [&](Handle) { return false; }), kNoHandle);
  EXPECT_EQ(table_.find(41, [&](Handle) { return true; }), kNoHandle);
  EXPECT_EQ(table_.find(43, [&](Handle) { return true; }), kNoHandle);
  EXPECT_TRUE(table_.replace(42, 3, 9));
  EXPECT_FALSE(has(table_, 42, 3));
  EXPECT_TRUE(has(table_, 42, 9));
  EXPECT_FALSE(table_.erase(42, 3));
  EXPECT_TRUE(table_.erase(42, 9));
  EXPECT_EQ(table_.size(), 4U);
}

TEST_F(HashTableTest, SmallestAndLargestHashAreOrdinary) {
  table_.insert(kTop, 1);
  table_.insert(0, 2);
  table_.insert(kTop - 1, 3);
  EXPECT_EQ(contents(table_), (Entries{{0, 2}, {kTop - 1, 3}, {kTop, 1}}));
  EXPECT_EQ(contents(table_, kTop), (Entries{{kTop, 1}}));
  EXPECT_TRUE(table_.erase(kTop, 1));
  EXPECT_EQ(table_.find(kTop, [](Handle) { return true; }), kNoHandle);
}

TEST_F(HashTableTest, MovingLeavesTheOtherEmptyAndUsable) {
  for (Handle handle = 1; handle <= 1000; ++handle)
    table_.insert(handle * 4'000'000U, handle);
  const std::size_t bytes = table_.memory_bytes();
  HashTable other(std::move(table_));
  EXPECT_EQ(other.size(), 1000U);
  EXPECT_EQ(other.memory_bytes(), bytes);
  EXPECT_EQ(table_.size(), 0U);
  EXPECT_EQ(table_.memory_bytes(), 0U);
  table_.insert(5, 5);
  EXPECT_TRUE(has(table_, 5, 5));
  table_ = std::move(other);
  table_.check();
  EXPECT_EQ(table_.size(), 1000U);
  EXPECT_EQ(budget_.used(), bytes);
}

TEST_F(HashTableTest, AReservedTableIsFilledWithoutStretching) {
  test::Random random(8);
  for (const std::size_t count : {1U, 7U, 8U, 100U, 4096U, 50'000U}) {
    HashTable table(budget_);
    ASSERT_TRUE(table.reserve(count));
    EXPECT_TRUE(table.reserve(count)) << "it has the size already";
    const std::size_t bytes = table.memory_bytes();
    EXPECT_LE(bytes, count * 10 + 8192);
    for (Handle handle = 1; handle <= count; ++handle) {
      table.insert(any_hash(random), handle);
      ASSERT_FALSE(table.stretching()) << handle << " of " << count;
    }
    EXPECT_EQ(table.memory_bytes(), bytes);
    table.check();
    for (Handle handle = 1; handle <= count; ++handle)
      table.insert(any_hash(random), static_cast<Handle>(count) + handle);
    table.check();
    EXPECT_EQ(table.size(), 2 * count) << "it grows beyond";
  }
}

TEST_F(HashTableTest, AReservedTableMayBeFilledInTheOrderOfItsHashes) {
  test::Random random(9);
  constexpr std::size_t kCount = 50'000;
  std::vector<std::uint32_t> hashes;
  for (std::size_t i = 0; i < kCount; ++i)
    hashes.push_back(any_hash(random));
  std::sort(hashes.begin(), hashes.end());
  ASSERT_TRUE(table_.reserve(kCount));
  std::size_t work = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    table_.insert(hashes[i], static_cast<Handle>(i + 1));
    work += table_.last_work();
  }
  EXPECT_LE(work, kCount * 8) << "a few slots each";
  table_.check();
}

TEST_F(HashTableTest, OnlyAnEmptyTableIsReserved) {
  table_.insert(1, 1);
  const std::size_t bytes = table_.memory_bytes();
  EXPECT_FALSE(table_.reserve(1000));
  EXPECT_EQ(table_.memory_bytes(), bytes);
  EXPECT_TRUE(table_.erase(1, 1));
  EXPECT_TRUE(table_.reserve(1000));
  EXPECT_GT(table_.memory_bytes(), bytes);
}

TEST_F(HashTableTest, WhatTheBudgetHasNoRoomForIsNotReserved) {
  MemoryBudget budget(std::uint64_t{64} << 10U);
  HashTable table(budget);
  EXPECT_FALSE(table.reserve(100'000));
  EXPECT_FALSE(table.reserve(std::numeric_limits<std::size_t>::max() / 2));
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_TRUE(table.reserve(4'000));
  table.insert(5, 5);
  EXPECT_TRUE(has(table, 5, 5));
}

TEST_F(HashTableTest, WalkStopsBetweenHashesAndComesToTheEnd) {
  test::Random random(7);
  Entries expected;
  for (Handle handle = 1; handle <= 20'000; ++handle) {
    const auto hash = any_hash(random) & ~std::uint32_t{0x3'ffff};
    table_.insert(hash, handle);
    expected.emplace_back(hash, handle);
  }
  std::sort(expected.begin(), expected.end());
  for (const std::size_t window : {std::size_t{1}, std::size_t{3}, std::size_t{2048}}) {
    Entries all;
    HashTable::Position position;
    std::size_t walks = 0;
    do {
      const std::uint32_t from = position.next;
      std::size_t seen = 0;
      position = table_.walk(from, window, [&](std::uint32_t hash, Handle handle) {
        EXPECT_TRUE(all.empty() || seen > 0 || hash > all.back().first);
        ++seen;
        all.emplace_back(hash, handle);
        return true;
      });
      EXPECT_TRUE(position.done || position.next > from);
      ++walks;
    } while (!position.done);
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, expected);
    EXPECT_LE(walks, table_.slots() / window + 100);
  }
}

TEST_F(HashTableTest, WalkThatIsStoppedFinishesTheHash) {
  for (Handle handle = 1; handle <= 30; ++handle)
    table_.insert(handle / 3 * 1000, handle);
  std::vector<Handle> seen;
  const auto position = table_.walk(2000, SIZE_MAX, [&](std::uint32_t, Handle handle) {
    seen.push_back(handle);
    return false;
  });
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<Handle>{6, 7, 8}));
  EXPECT_FALSE(position.done);
  EXPECT_EQ(contents(table_, position.next).front().first, 3000U);
}

TEST_F(HashTableTest, GrowsByAQuarterAndAnInsertionMovesABoundedNumberOfSlots) {
  test::Random random(11);
  std::size_t slots_before = 0;
  std::size_t longest = 0;
  for (Handle handle = 1; handle <= 400'000; ++handle) {
    table_.insert(any_hash(random), handle);
    if (table_.slots() != slots_before && slots_before >= 1024) {
      EXPECT_LE(table_.slots(), slots_before + slots_before / 4);
    }
    slots_before = table_.slots();
    longest = std::max(longest, table_.last_work());
  }
  table_.check();
  // Slots that a step moved and those of the insertion itself; the longest clusters count.
  EXPECT_LE(longest, 4'000U);
  EXPECT_GE(table_.size(), table_.slots() * 2 / 3);
}

TEST_F(HashTableTest, EveryStepOfAStretchLeavesAWholeTable) {
  for (const bool at_borders : {true, false}) {
    test::Random random(12);
    Entries all;
    const auto walk_through = [&] {
      while (table_.stretching()) {
        table_.check();
        for (int i = 0; i < 20; ++i) {
          const auto [hash, handle] = all[random.below(all.size())];
          ASSERT_TRUE(has(table_, hash, handle));
        }
        table_.step(1);
      }
      table_.check();
    };
    while (all.size() < 3'400) {
      const auto handle = static_cast<Handle>(all.size() + 1);
      all.emplace_back(at_borders ? near_a_border(random, 0) : any_hash(random), handle);
      table_.insert(all.back().first, handle);
      walk_through();
    }
    while (!all.empty()) {
      const auto [hash, handle] = all.back();
      all.pop_back();
      ASSERT_TRUE(table_.erase(hash, handle));
      if (!all.empty()) walk_through();
    }
  }
}

TEST_F(HashTableTest, MemoryIsChargedAndAtMost11BytesAnEntryOnceGrown) {
  test::Random random(13);
  for (Handle handle = 1; handle <= 300'000; ++handle) {
    table_.insert(any_hash(random), handle);
    EXPECT_EQ(table_.memory_bytes(), budget_.used());
    if (handle > 10'000) {
      EXPECT_LE(table_.memory_bytes(), std::size_t{handle} * 11);
    }
  }
}

TEST_F(HashTableTest, ShrinksInStepsAndGivesMemoryBack) {
  test::Random random(17);
  Entries all;
  for (Handle handle = 1; handle <= 200'000; ++handle) {
    all.emplace_back(any_hash(random), handle);
    table_.insert(all.back().first, handle);
  }
  while (!all.empty()) {
    EXPECT_TRUE(table_.erase(all.back().first, all.back().second));
    all.pop_back();
    table_.step(64);
  }
  std::size_t steps = 0;
  while (table_.step(1024))
    ++steps;
  table_.check();
  EXPECT_LE(steps, 2000U);
  EXPECT_LE(table_.slots(), 8U);
  EXPECT_LE(table_.memory_bytes(), 256U);
  EXPECT_EQ(table_.memory_bytes(), budget_.used());
}

TEST_F(HashTableTest, AThinnedOutTableComesBackToTwiceTheSlotsThatItNeedsAtMost) {
  test::Random random(23);
  Entries all;
  for (Handle handle = 1; handle <= 100'000; ++handle) {
    all.emplace_back(any_hash(random), handle);
    table_.insert(all.back().first, handle);
  }
  while (all.size() > 1'000) {
    EXPECT_TRUE(table_.erase(all.back().first, all.back().second));
    all.pop_back();
    if (all.size() % 1'000 != 0) continue;
    while (table_.step(1024)) {
    }
    EXPECT_LE(table_.slots(), all.size() * 16 / 9 + 1) << all.size();
    EXPECT_LE(table_.memory_bytes(), (table_.slots() + 64) * 8 + 2 * kPageBytes) << all.size();
  }
  table_.check();
  EXPECT_EQ(contents(table_).size(), all.size());
}

TEST_F(HashTableTest, DrainHandsOutEverythingInSlicesAndGivesMemoryBack) {
  for (const std::uint32_t size : {1U, 100U, 5'000U, 100'000U}) {
    test::Random random(size);
    std::vector<bool> present(size + 1, false);
    for (Handle handle = 1; handle <= size; ++handle) {
      table_.insert(any_hash(random), handle);
      present[handle] = true;
    }
    std::size_t left = size;
    std::size_t bytes = table_.memory_bytes();
    bool done = false;
    while (!done) {
      std::size_t freed = 0;
      done = table_.drain(512, [&](Handle handle) {
        EXPECT_TRUE(present[handle]);
        present[handle] = false;
        ++freed;
      });
      EXPECT_LE(freed, 512U);
      left -= freed;
      EXPECT_EQ(table_.size(), left);
      EXPECT_LE(table_.memory_bytes(), bytes);
      bytes = table_.memory_bytes();
    }
    EXPECT_EQ(left, 0U);
    EXPECT_EQ(table_.memory_bytes(), 0U);
    EXPECT_EQ(budget_.used(), 0U);
    table_.insert(1, 1);  // usable again
    EXPECT_TRUE(has(table_, 1, 1));
    drain_all(table_);
  }
}

// --- budget ---

TEST(HashTableBudgetTest, RefusedGrowthIsReportedAndNothingChanges) {
  MemoryBudget budget(64_KiB);
  HashTable table(budget);
  test::Random random(19);
  Handle handle = 0;
  while (table.try_reserve()) {
    table.insert(any_hash(random), ++handle);
    ASSERT_LE(budget.used(), budget.limit());
  }
  EXPECT_GT(handle, 64U * 1024 / 16);
  const std::size_t bytes = table.memory_bytes();
  EXPECT_FALSE(table.try_reserve());
  EXPECT_EQ(table.memory_bytes(), bytes);
  // Erasing makes room, without memory.
  const auto all = contents(table);
  table.erase(all.front().first, all.front().second);
  EXPECT_TRUE(table.try_reserve());
  table.check();
}

TEST(HashTableBudgetTest, InsertNeverFailsAndOverchargesLittle) {
  MemoryBudget budget(0);
  HashTable table(budget);
  test::Random random(23);
  for (Handle handle = 1; handle <= 50'000; ++handle) {
    const auto hash = any_hash(random);
    table.insert(hash, handle);
    ASSERT_TRUE(has(table, hash, handle));
  }
  table.check();
  EXPECT_LE(budget.used(), 50'000U * 10);
}

TEST(HashTableBudgetTest, ABudgetWithLittleRoomGrowsTheTableALittle) {
  MemoryBudget budget(kNoLimit);
  HashTable table(budget);
  test::Random random(29);
  Handle handle = 0;
  while (handle < 100'000)
    table.insert(any_hash(random), ++handle);
  const std::size_t slots = table.slots();
  budget.set_limit(budget.used() + slots / 8 * 8 / 4);  // room for 1/32 more
  while (table.slots() == slots) {
    ASSERT_TRUE(table.try_reserve());
    table.insert(any_hash(random), ++handle);
  }
  EXPECT_LE(table.slots(), slots + slots / 64);
  EXPECT_LE(budget.used(), budget.limit());
  table.check();
}

// --- against std::multimap ---

struct HashKind {
  const char* name;
  std::function<std::uint32_t(test::Random&, std::uint32_t)> make;
  std::uint32_t entries_max;
  std::uint32_t steps;
};

std::ostream& operator<<(std::ostream& out, const HashKind& kind) {
  return out << kind.name;
}

class HashTableModelTest : public ::testing::TestWithParam<HashKind> {};

/// Goes up and down in size many times, with walks, steps and refusals in the middle of everything.
TEST_P(HashTableModelTest, BehavesAsAMultimap) {
  const HashKind& kind = GetParam();
  test::Random random(20'240'101);
  MemoryBudget budget(kNoLimit);
  HashTable table(budget);
  std::multimap<std::uint32_t, Handle> model;
  std::vector<std::pair<std::uint32_t, Handle>> live;
  Handle next = 0;
  bool growing = true;
  std::uint32_t goal = 64;

  const auto compare_all = [&] {
    table.check();
    Entries expected(model.begin(), model.end());
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(contents(table), expected);
    ASSERT_EQ(table.memory_bytes(), budget.used());
  };

  const std::uint64_t steps = kind.steps * test::test_scale();
  for (std::uint64_t step = 0; step < steps; ++step) {
    if (growing ? live.size() >= goal : live.size() <= goal) {
      compare_all();
      if (HasFatalFailure()) return;
      growing = !growing;
      goal = growing ? static_cast<std::uint32_t>(random.below(kind.entries_max) + 16)
                     : static_cast<std::uint32_t>(random.below(live.size()));
      if (!growing && random.one_in(3)) goal = 0;
    }
    const std::uint64_t dice = random.below(100);
    if (dice < (growing ? 60U : 20U)) {
      const std::uint32_t hash = kind.make(random, ++next);
      const bool roomy = !random.one_in(50);
      if (!roomy) budget.set_limit(budget.used());
      if (table.try_reserve() || random.one_in(2)) {
        table.insert(hash, next);
        model.emplace(hash, next);
        live.emplace_back(hash, next);
      }
      budget.set_limit(kNoLimit);
    } else if (dice < 80 && !live.empty()) {
      const std::size_t victim = random.below(live.size());
      const auto [hash, handle] = live[victim];
      ASSERT_TRUE(table.erase(hash, handle));
      ASSERT_FALSE(has(table, hash, handle));
      auto it = model.find(hash);
      while (it->second != handle)
        ++it;
      model.erase(it);
      live[victim] = live.back();
      live.pop_back();
    } else if (dice < 85 && !live.empty()) {
      auto& [hash, handle] = live[random.below(live.size())];
      ASSERT_TRUE(table.replace(hash, handle, ++next));
      auto it = model.find(hash);
      while (it->second != handle)
        ++it;
      it->second = next;
      handle = next;
    } else if (dice < 95) {
      const bool known = !live.empty() && random.one_in(2);
      const std::uint32_t hash =
          known ? live[random.below(live.size())].first : kind.make(random, next + 1);
      const Handle found = table.find(hash, [](Handle) { return true; });
      ASSERT_EQ(found != kNoHandle, model.contains(hash));
      const auto [from, to] = model.equal_range(hash);
      ASSERT_TRUE(found == kNoHandle ||
                  std::any_of(from, to, [&](const auto& it) { return it.second == found; }));
    } else if (dice < 98) {
      const std::uint32_t from = kind.make(random, next);
      auto it = model.lower_bound(from);
      std::size_t left = 1 + random.below(40);
      table.for_each_from(from, [&](std::uint32_t hash, Handle) {
        EXPECT_TRUE(it != model.end() && it->first == hash) << from;
        if (it != model.end()) ++it;
        if (left > 0) --left;
        return left > 0;
      });
    } else {
      table.step(random.below(200));
    }
    ASSERT_EQ(table.size(), model.size());
    if (random.one_in(20'000)) compare_all();
    if (HasFatalFailure()) return;
  }
  compare_all();
  drain_all(table);
  EXPECT_EQ(budget.used(), 0U);
}

std::uint32_t uniform(test::Random& random, std::uint32_t) {
  return any_hash(random);
}

INSTANTIATE_TEST_SUITE_P(
    Hashes, HashTableModelTest,
    ::testing::Values(
        HashKind{"Uniform", uniform, 6'000, 1'500'000},
        HashKind{"UniformLarge", uniform, 60'000, 700'000},
        HashKind{"UniformTiny", uniform, 60, 700'000},
        HashKind{"AllEqual", [](auto&, auto) { return 0x8000'0000U; }, 300, 150'000},
        HashKind{"AllZero", [](auto&, auto) { return 0U; }, 300, 150'000},
        HashKind{"AllTop", [](auto&, auto) { return kTop; }, 300, 150'000},
        HashKind{"AtTheTop",
                 [](auto& random, auto) {
                   return kTop - static_cast<std::uint32_t>(random.below(1000));
                 },
                 2'000, 200'000},
        HashKind{"AtTheBottom",
                 [](auto& random, auto) { return static_cast<std::uint32_t>(random.below(1000)); },
                 2'000, 200'000},
        HashKind{"FewDistinct",
                 [](auto& random, auto) {
                   return static_cast<std::uint32_t>(random.below(16)) * 0x1000'0001U;
                 },
                 2'000, 200'000},
        HashKind{"Sequential", [](auto&, std::uint32_t n) { return n; }, 1'000, 200'000},
        HashKind{"SequentialHigh", [](auto&, std::uint32_t n) { return n * 0x0001'0001U; }, 20'000,
                 300'000},
        HashKind{"Borders", near_a_border, 3'500, 1'000'000},
        HashKind{"Clustered",
                 [](auto& random, auto) {
                   const auto centre = static_cast<std::uint32_t>(random.below(7)) * 0x2492'4924U;
                   return centre + static_cast<std::uint32_t>(random.below(5000));
                 },
                 3'000, 200'000}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace appmem::core
