#include "redis/lcs_table.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/random.h"

namespace appmem::commands {
namespace {

/// Lengths for all beginnings, as they are defined.
class NaiveTable {
 public:
  NaiveTable(const std::string& a, const std::string& b)
      : columns_(b.size() + 1), lengths_((a.size() + 1) * columns_) {
    for (std::size_t i = 1; i <= a.size(); ++i) {
      for (std::size_t j = 1; j < columns_; ++j) {
        at(i, j) =
            a[i - 1] == b[j - 1] ? at(i - 1, j - 1) + 1 : std::max(at(i - 1, j), at(i, j - 1));
      }
    }
  }
  std::size_t& at(std::size_t i, std::size_t j) { return lengths_[i * columns_ + j]; }

 private:
  std::size_t columns_;
  std::vector<std::size_t> lengths_;
};

void expect_agreement(const std::string& a, const std::string& b, std::size_t steps) {
  NaiveTable naive(a, b);
  LcsTable table(a, b, true);
  LcsTable length(a, b, false);
  for (LcsTable* each : {&table, &length}) {
    std::size_t left = steps;
    while (!each->advance(left))
      left = steps;
    ASSERT_EQ(each->length(), naive.at(a.size(), b.size())) << a << ' ' << b;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < b.size(); ++j) {
      ASSERT_EQ(table.grows(i, j), naive.at(i + 1, j + 1) > naive.at(i + 1, j))
          << a << ' ' << b << ' ' << i << ' ' << j;
    }
  }
}

TEST(LcsTableTest, AgreesWithTheDefinition) {
  test::Random random(11);
  constexpr std::size_t kSizes[] = {0, 1, 2, 7, 8, 9, 63, 64, 65, 127, 128, 129, 300, 2100};
  for (int round = 0; round < 150; ++round) {
    const std::size_t letters = 1 + random() % 5;
    std::string texts[2];
    for (std::string& text : texts) {
      text.resize(kSizes[random() % (round < 140 ? 13 : 14)]);
      for (char& c : text)
        c = static_cast<char>(0x7e + random() % letters);
    }
    expect_agreement(texts[0], texts[1], 1 + random() % 5);
  }
}

TEST(LcsTableTest, AStepIsABoundedAmountOfWork) {
  const std::string text(20'000, 'x');
  LcsTable table(text, text, false);
  std::size_t steps_taken = 0;
  for (std::size_t left = 1; !table.advance(left); left = 1)
    ++steps_taken;
  EXPECT_GT(steps_taken, text.size() * text.size() / 64 / 64);
  EXPECT_EQ(table.length(), text.size());
}

}  // namespace
}  // namespace appmem::commands
