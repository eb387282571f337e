#include "slot_memory.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include <gtest/gtest.h>

namespace appmem::core {
namespace {

using Charge = SlotMemory::Charge;

class SlotMemoryTest : public ::testing::Test {
 protected:
  /// Every byte of [from, to) is `value`.
  [[nodiscard]] bool holds(std::size_t from, std::size_t to, char value) const {
    const char* const bytes = static_cast<const char*>(memory_.data());
    return std::all_of(bytes + from, bytes + to, [&](char byte) { return byte == value; });
  }
  void fill(std::size_t from, std::size_t to, char value) {
    std::memset(static_cast<char*>(memory_.data()) + from, value, to - from);
  }

  MemoryBudget budget_{64_MiB};
  SlotMemory memory_{budget_};
};

TEST_F(SlotMemoryTest, GrowsWithZerosAndKeepsWhatItHolds) {
  EXPECT_EQ(memory_.data(), nullptr);
  std::size_t before = 0;
  // From malloc's memory into a mapping, and beyond what that has in reserve, twice.
  for (const std::size_t bytes :
       {std::size_t{100}, std::size_t{5000}, 64_KiB - 1, 64_KiB, 1_MiB, 3_MiB, 40_MiB}) {
    ASSERT_TRUE(memory_.extend(bytes, Charge::kIfItFits));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory_.data()) % 16, 0U);
    EXPECT_TRUE(holds(0, before, 'x'));
    EXPECT_TRUE(holds(before, bytes, '\0'));
    fill(before, bytes, 'x');
    EXPECT_EQ(memory_.charged_bytes(), budget_.used());
    EXPECT_GE(memory_.charged_bytes(), bytes);
    EXPECT_LE(memory_.charged_bytes(), bytes + 4_KiB);
    before = bytes;
  }
}

TEST_F(SlotMemoryTest, ExtendingToLessThanItHasChangesNothing) {
  for (const std::size_t bytes : {std::size_t{1000}, 1_MiB}) {
    ASSERT_TRUE(memory_.extend(bytes, Charge::kIfItFits));
    const std::size_t charged = memory_.charged_bytes();
    EXPECT_TRUE(memory_.extend(bytes / 2, Charge::kIfItFits));
    EXPECT_EQ(memory_.charged_bytes(), charged);
  }
}

TEST_F(SlotMemoryTest, ARefusalChangesNothing) {
  for (const std::size_t bytes : {std::size_t{1000}, 1_MiB}) {
    budget_.set_limit(64_MiB);
    ASSERT_TRUE(memory_.extend(bytes, Charge::kIfItFits));
    fill(0, bytes, 'x');
    const void* const data = memory_.data();
    budget_.set_limit(budget_.used());
    EXPECT_FALSE(memory_.extend(2 * bytes, Charge::kIfItFits));
    EXPECT_FALSE(memory_.extend(20 * bytes + 64_KiB, Charge::kIfItFits));
    EXPECT_EQ(memory_.data(), data);
    EXPECT_TRUE(holds(0, bytes, 'x'));
    EXPECT_EQ(memory_.charged_bytes(), budget_.used());
    EXPECT_EQ(budget_.excess(), 0U);
  }
  EXPECT_TRUE(memory_.extend(2_MiB, Charge::kAlways));
  EXPECT_GT(budget_.excess(), 0U);
}

TEST_F(SlotMemoryTest, AddressesThatTheSystemDoesNotHaveAreARefusal) {
  budget_.set_limit(UINT64_MAX);
  ASSERT_TRUE(memory_.extend(1_MiB, Charge::kIfItFits));
  const std::size_t charged = memory_.charged_bytes();
  EXPECT_FALSE(memory_.extend(std::size_t{1} << 50U, Charge::kIfItFits));
  EXPECT_EQ(memory_.charged_bytes(), charged);
  EXPECT_EQ(budget_.used(), charged);
}

TEST_F(SlotMemoryTest, CutsInSlicesAndReturnsToMallocsMemory) {
  ASSERT_TRUE(memory_.extend(1_MiB, Charge::kIfItFits));
  fill(0, 4000, 'x');
  int slices = 1;
  while (memory_.cut(4000, 128_KiB))
    ++slices;
  EXPECT_EQ(slices, 8);
  EXPECT_TRUE(holds(0, 4000, 'x'));
  EXPECT_LE(memory_.charged_bytes(), 4000U + 24);
  EXPECT_EQ(memory_.charged_bytes(), budget_.used());
  ASSERT_TRUE(memory_.extend(6000, Charge::kIfItFits));
  EXPECT_TRUE(holds(4000, 6000, '\0'));
  fill(1000, 6000, '\0');
  EXPECT_FALSE(memory_.cut(1000, 1));
  EXPECT_LE(memory_.charged_bytes(), 1024U);
  EXPECT_TRUE(holds(0, 1000, 'x'));
}

TEST_F(SlotMemoryTest, WhatWasCutComesBackAsZeros) {
  ASSERT_TRUE(memory_.extend(1_MiB, Charge::kIfItFits));
  while (memory_.cut(128_KiB, SIZE_MAX)) {
  }
  EXPECT_EQ(memory_.charged_bytes(), 128_KiB);
  ASSERT_TRUE(memory_.extend(1_MiB, Charge::kIfItFits));
  EXPECT_TRUE(holds(0, 1_MiB, '\0'));
  EXPECT_EQ(budget_.used(), 1_MiB);
}

TEST_F(SlotMemoryTest, MovingAndReleasingGiveTheChargeBackOnce) {
  ASSERT_TRUE(memory_.extend(1_MiB, Charge::kIfItFits));
  SlotMemory other(budget_);
  ASSERT_TRUE(other.extend(1000, Charge::kIfItFits));
  other = std::move(memory_);
  EXPECT_EQ(budget_.used(), 1_MiB);
  SlotMemory third(std::move(other));
  EXPECT_EQ(third.charged_bytes(), 1_MiB);
  third.release();
  third.release();
  EXPECT_EQ(budget_.used(), 0U);
}

}  // namespace
}  // namespace appmem::core
