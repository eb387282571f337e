#include "size_classes.h"

#include <cstdint>

#include <gtest/gtest.h>

#include "page_runs.h"

namespace appmem::core {
namespace {

TEST(SizeClassesTest, EverySizeHasTheSmallestClassThatHoldsIt) {
  unsigned expected = 0;
  for (std::size_t bytes = 1; bytes <= kSmallBytesMax; ++bytes) {
    if (bytes > kSizeClasses[expected].block_bytes) ++expected;
    ASSERT_EQ(size_class_of(bytes), expected) << bytes;
  }
  EXPECT_EQ(expected + 1, kSizeClassCount);
  EXPECT_EQ(kSizeClasses.back().block_bytes, kSmallBytesMax);
}

TEST(SizeClassesTest, StepsAreEightBytesOrASixteenth) {
  for (unsigned i = 1; i < kSizeClassCount; ++i) {
    const std::uint32_t below = kSizeClasses[i - 1].block_bytes;
    const std::uint32_t step = kSizeClasses[i].block_bytes - below;
    EXPECT_EQ(kSizeClasses[i].block_bytes % 8, 0U);
    EXPECT_TRUE(step == kFineStep || step * 16 <= below) << below;
  }
}

TEST(SizeClassesTest, ARoundValueWithAShortKeyAndADeadlineLosesNothing) {
  for (const std::size_t value_bytes : {32U, 64U, 256U, 512U, 768U, 1024U, 1536U, 2048U}) {
    const std::size_t bytes = 16 + 8 + 16 + value_bytes;
    EXPECT_EQ(kSizeClasses[size_class_of(bytes)].block_bytes, bytes);
  }
}

TEST(SizeClassesTest, SpansAreShortAndLoseLittle) {
  double lost = 0;
  for (const SizeClass& each : kSizeClasses) {
    EXPECT_LE(each.span_pages, kSpanPagesMax);
    EXPECT_GE(each.span_blocks, 1U);
    EXPECT_LE(each.span_blocks, kSpanBlocksMax);
    const double share = 1.0 - static_cast<double>(each.span_blocks) * each.block_bytes /
                                   (static_cast<double>(each.span_pages) * kPageBytes);
    EXPECT_GE(share, 0);
    EXPECT_LE(share, 1.0 / 16) << each.block_bytes;
    lost += share;
  }
  EXPECT_LE(lost / kSizeClassCount, 0.015);
}

TEST(SizeClassesTest, TheReciprocalFindsTheBlockOfEveryOffset) {
  for (const SizeClass& each : kSizeClasses) {
    for (std::uint64_t offset = 0; offset < each.span_pages * kPageBytes; offset += 8) {
      ASSERT_EQ((offset * each.reciprocal) >> 32U, offset / each.block_bytes) << each.block_bytes;
    }
  }
}

TEST(SizeClassesTest, EveryPartlyFullSpanHasAList) {
  for (const SizeClass& each : kSizeClasses) {
    for (std::uint32_t live = 1; live < each.span_blocks; ++live) {
      ASSERT_LT((live * each.fullness_scale) >> 16U, kFullnessLists);
    }
  }
}

}  // namespace
}  // namespace appmem::core
