#include "appmem/base/check.h"

#include <gtest/gtest.h>

namespace appmem {
namespace {

TEST(CheckTest, ATrueInvariantIsEvaluatedOnceAndPasses) {
  int evaluated = 0;
  APPMEM_CHECK(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckDeathTest, ABrokenInvariantNamesItselfAndAborts) {
  const int answer = 41;
  EXPECT_DEATH(APPMEM_CHECK(answer == 42),
               "broken invariant at .*check_test.cpp:[0-9]+: answer == 42");
}

}  // namespace
}  // namespace appmem
