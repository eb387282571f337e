#include "rate_meter.h"

#include <gtest/gtest.h>

namespace appmem::daemon::test {
namespace {

class RateMeterTest : public testing::Test {
 protected:
  /// One interval in which so many requests, and ten and twenty times as many bytes, went by.
  void pass(std::uint64_t requests) {
    now_ += RateMeter::kInterval;
    totals_.requests += requests;
    totals_.bytes_received += 10 * requests;
    totals_.bytes_sent += 20 * requests;
    ASSERT_TRUE(meter_.is_due(now_));
    meter_.sample(totals_, now_);
    ASSERT_FALSE(meter_.is_due(now_));
  }

  RateMeter meter_;
  RateMeter::Totals totals_;
  TimePoint now_{};
};

TEST_F(RateMeterTest, NothingIsKnownOfOneMoment) {
  EXPECT_EQ(meter_.rates().requests, 0);
  pass(100);
  EXPECT_EQ(meter_.rates().requests, 0);
}

TEST_F(RateMeterTest, ARateIsThatOfASecond) {
  pass(0);
  pass(100);
  EXPECT_DOUBLE_EQ(meter_.rates().requests, 1'000);
  EXPECT_DOUBLE_EQ(meter_.rates().bytes_received, 10'000);
  EXPECT_DOUBLE_EQ(meter_.rates().bytes_sent, 20'000);
  pass(0);
  EXPECT_DOUBLE_EQ(meter_.rates().requests, 500);
}

TEST_F(RateMeterTest, WhatIsLongAgoDoesNotCount) {
  pass(0);
  pass(1'000'000);
  for (std::size_t i = 0; i < RateMeter::kSamples; ++i)
    pass(10);
  EXPECT_DOUBLE_EQ(meter_.rates().requests, 100);
}

}  // namespace
}  // namespace appmem::daemon::test
