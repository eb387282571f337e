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

}  // namespace
}  // namespace appmem
