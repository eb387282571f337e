#include "latency_histogram.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace appmem::ctl {
namespace {

TEST(LatencyHistogramTest, NothingRecordedIsZero) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(0.5), 0U);
  EXPECT_EQ(histogram.max(), 0U);
  EXPECT_EQ(histogram.mean(), 0.0);
}

TEST(LatencyHistogramTest, SmallValuesAreExact) {
  LatencyHistogram histogram;
  for (std::uint64_t value = 1; value <= 100; ++value)
    histogram.record(value);
  EXPECT_EQ(histogram.percentile(0.01), 1U);
  EXPECT_EQ(histogram.percentile(0.5), 50U);
  EXPECT_EQ(histogram.percentile(0.99), 99U);
  EXPECT_EQ(histogram.percentile(1.0), 100U);
  EXPECT_DOUBLE_EQ(histogram.mean(), 50.5);
}

TEST(LatencyHistogramTest, EveryMagnitudeIsWithinOneSixtyFourth) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const std::uint64_t value : {std::uint64_t{1} << bit, (std::uint64_t{1} << bit) - 1,
                                      (std::uint64_t{1} << bit) | (std::uint64_t{1} << bit) / 3}) {
      LatencyHistogram histogram;
      histogram.record(value);
      histogram.record(UINT64_MAX);  // so that the maximum does not cut the bucket's end
      const std::uint64_t seen = histogram.percentile(0.5);
      EXPECT_GE(seen, value) << "bit " << bit;
      EXPECT_LE(seen - value, value / 64) << "bit " << bit;
    }
  }
}

TEST(LatencyHistogramTest, MergedHistogramsAddUp) {
  LatencyHistogram one;
  LatencyHistogram other;
  one.record(10);
  other.record(30);
  other.record(5'000'000'000);
  one.merge(other);
  EXPECT_EQ(one.count(), 3U);
  EXPECT_EQ(one.percentile(0.5), 30U);
  EXPECT_EQ(one.percentile(1.0), 5'000'000'000U);
}

TEST(LatencyHistogramTest, ManyAtOnceAreThatManyOneByOne) {
  LatencyHistogram histogram;
  histogram.record(10, 3);
  histogram.record(50);
  histogram.record(1'000, 0);
  EXPECT_EQ(histogram.count(), 4U);
  EXPECT_EQ(histogram.percentile(0.75), 10U);
  EXPECT_EQ(histogram.max(), 50U);
  EXPECT_DOUBLE_EQ(histogram.mean(), 20.0);
}

}  // namespace
}  // namespace appmem::ctl
