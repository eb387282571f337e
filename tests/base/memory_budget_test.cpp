#include "appmem/base/memory_budget.h"

#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace appmem {
namespace {

TEST(MemoryBudgetTest, FitsToTheLastByteAndNotBeyond) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.try_charge(60));
  EXPECT_FALSE(budget.try_charge(41));
  EXPECT_EQ(budget.used(), 60U);
  EXPECT_TRUE(budget.try_charge(40));
  EXPECT_FALSE(budget.try_charge(1));
  EXPECT_EQ(budget.excess(), 0U);
  budget.release(100);
  EXPECT_EQ(budget.used(), 0U);
}

TEST(MemoryBudgetTest, HugeChargesDoNotWrap) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.try_charge(50));
  EXPECT_FALSE(budget.try_charge(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_FALSE(budget.try_charge(std::numeric_limits<std::uint64_t>::max() - 40));
  EXPECT_EQ(budget.used(), 50U);
}

TEST(MemoryBudgetTest, WhatExistsAlreadyIsChargedBeyondTheLimit) {
  MemoryBudget budget(100);
  budget.charge(130);
  EXPECT_EQ(budget.excess(), 30U);
  EXPECT_FALSE(budget.try_charge(1));
  budget.release(31);
  EXPECT_EQ(budget.excess(), 0U);
  EXPECT_TRUE(budget.try_charge(1));
}

TEST(MemoryBudgetTest, ALowerLimitMakesAnExcess) {
  MemoryBudget budget(100);
  EXPECT_TRUE(budget.try_charge(100));
  budget.set_limit(40);
  EXPECT_EQ(budget.limit(), 40U);
  EXPECT_EQ(budget.excess(), 60U);
  EXPECT_FALSE(budget.try_charge(0));
}

TEST(MemoryBudgetTest, FreeBlocksAreKeptInProportionToTheLimit) {
  MemoryBudget budget(1_MiB);
  EXPECT_EQ(budget.free_blocks_max(64_KiB), 0U);
  budget.set_limit(64_MiB - 1);
  EXPECT_EQ(budget.free_blocks_max(64_KiB), 0U);
  budget.set_limit(64_MiB);
  EXPECT_EQ(budget.free_blocks_max(64_KiB), 1U);
  budget.set_limit(1_GiB - 1);
  EXPECT_EQ(budget.free_blocks_max(64_KiB), MemoryBudget::kFreeBlocksMax - 1);
  budget.set_limit(1_GiB);
  EXPECT_EQ(budget.free_blocks_max(64_KiB), MemoryBudget::kFreeBlocksMax);
  budget.set_limit(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(budget.free_blocks_max(64_KiB), MemoryBudget::kFreeBlocksMax);
}

TEST(MemoryBudgetTest, ThreadsNeverExceedTheLimitTogether) {
  MemoryBudget budget(1000);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&budget, t] {
      std::uint64_t held = 0;
      for (int i = 0; i < 20'000; ++i) {
        if (budget.try_charge(t * 7)) held += t * 7;
        EXPECT_LE(budget.used(), 1000U);
        if (i % 3 == 0) {
          budget.release(held);
          held = 0;
        }
      }
      budget.release(held);
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace appmem
