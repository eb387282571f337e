#include "appmem/base/similar_name.h"

#include <string>

#include <gtest/gtest.h>

namespace appmem {
namespace {

std::string meant(const std::string& written) {
  SimilarName similar(written);
  for (const char* const name : {"get", "set", "del", "decr", "ns create", "max-memory"})
    similar.consider(name);
  return std::string(similar.best());
}

TEST(SimilarName, IsTheNearestOne) {
  EXPECT_EQ(meant("gett"), "get");
  EXPECT_EQ(meant("sett"), "set");
  EXPECT_EQ(meant("dcr"), "decr");
  EXPECT_EQ(meant("ns crate"), "ns create");
  EXPECT_EQ(meant("max-memry"), "max-memory");
}

TEST(SimilarName, CapitalsAndUnderscoresAreNoMistakes) {
  EXPECT_EQ(meant("GET"), "get");
  EXPECT_EQ(meant("MAX_MEMORY"), "max-memory");
  EXPECT_EQ(meant("MAX_MEMRY"), "max-memory");
}

TEST(SimilarName, OfSeveralThatAreAsNearTheFirst) {
  EXPECT_EQ(meant("bet"), "get");
}

TEST(SimilarName, IsNoneWhereNoneIsNear) {
  EXPECT_EQ(meant("bananas"), "");
  EXPECT_EQ(meant("x"), "");
  EXPECT_EQ(meant(""), "");
  EXPECT_EQ(meant("maximum-memory"), "");
  EXPECT_EQ(meant(std::string(100'000, 'x')), "");
}

}  // namespace
}  // namespace appmem
