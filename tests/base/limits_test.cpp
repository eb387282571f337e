#include "appmem/base/limits.h"

#include <gtest/gtest.h>

namespace appmem {
namespace {

TEST(LimitsTest, ARequestMayHoldAValueAtItsLimitInBase64) {
  for (const std::size_t value_bytes :
       {1_MiB, 16_MiB, 64_MiB, 100_MiB + 1, kValueBytesMaxCeiling}) {
    Limits limits;
    limits.value_bytes_max = value_bytes;
    const std::size_t base64_bytes = (value_bytes + 2) / 3 * 4;
    EXPECT_GT(limits.effective_request_bytes_max(), base64_bytes + kKeyBytesMax);
  }
}

TEST(LimitsTest, ALargerRequestLimitIsKept) {
  Limits limits;
  EXPECT_EQ(limits.effective_request_bytes_max(), 64_MiB);
  limits.request_bytes_max = 1_GiB;
  EXPECT_EQ(limits.effective_request_bytes_max(), 1_GiB);
}

TEST(LimitsTest, TheLimitsOfTheOutputAreRaisedWhereRequestsAndValuesNeedMore) {
  Limits limits;
  EXPECT_EQ(limits.effective_output_bytes_soft_max(), 32_MiB);
  EXPECT_EQ(limits.effective_output_bytes_hard_max(), 256_MiB);
  EXPECT_EQ(limits.answer_bytes_max(), 255_MiB);
  limits.value_bytes_max = 300_MiB;
  EXPECT_EQ(limits.effective_output_bytes_soft_max(), 300_MiB);
  EXPECT_EQ(limits.effective_output_bytes_hard_max(), 802_MiB);
  EXPECT_EQ(limits.answer_bytes_max(), 801_MiB);
  limits.output_bytes_hard_max = 1_GiB;
  EXPECT_EQ(limits.answer_bytes_max(), 1023_MiB);
}

}  // namespace
}  // namespace appmem
