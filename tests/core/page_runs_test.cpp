#include "page_runs.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "appmem/base/memory_budget.h"
#include "appmem/base/units.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::core {
namespace {

constexpr std::uint64_t kRegion = 64_MiB;

class PageRunsTest : public testing::Test {
 protected:
  MemoryBudget budget_{16_MiB};
  PageRuns runs_{budget_, kRegion};

  PageIndex allocate(std::uint32_t count) { return runs_.allocate(count); }
  char* bytes(PageIndex page) { return runs_.base() + std::size_t{page} * kPageBytes; }
};

TEST_F(PageRunsTest, TakesNoMemoryUntilAskedForPages) {
  EXPECT_EQ(budget_.used(), 0U);
  EXPECT_EQ(runs_.charged_bytes(), 0U);
}

TEST_F(PageRunsTest, ChargesPagesAndTheTableForThem) {
  EXPECT_NE(allocate(3), kNoPage);
  EXPECT_EQ(runs_.table_bytes(), kPageBytes);
  EXPECT_EQ(budget_.used(), 3 * kPageBytes + kPageBytes);
  EXPECT_EQ(budget_.used(), runs_.charged_bytes());
}

TEST_F(PageRunsTest, NeverGivesOutPageZero) {
  EXPECT_GT(allocate(1), kNoPage);
}

TEST_F(PageRunsTest, AFreedRunStaysChargedAndIsUsedAgain) {
  const PageIndex run = allocate(4);
  const std::uint64_t used = budget_.used();
  runs_.free(run, 4);
  EXPECT_EQ(budget_.used(), used);
  EXPECT_EQ(runs_.dirty_bytes(), 4 * kPageBytes);
  EXPECT_EQ(allocate(4), run);
  EXPECT_EQ(budget_.used(), used);
  EXPECT_EQ(runs_.dirty_bytes(), 0U);
}

TEST_F(PageRunsTest, PrefersTheDirtyRunThatFitsBest) {
  const PageIndex five = allocate(5);
  ASSERT_NE(allocate(1), kNoPage);
  const PageIndex three = allocate(3);
  ASSERT_NE(allocate(1), kNoPage);
  runs_.free(three, 3);
  runs_.free(five, 5);
  EXPECT_EQ(allocate(3), three);
  EXPECT_EQ(allocate(3), five);
}

TEST_F(PageRunsTest, FreeNeighboursBecomeOneRun) {
  const PageIndex a = allocate(2);
  const PageIndex b = allocate(3);
  const PageIndex c = allocate(4);
  ASSERT_NE(allocate(1), kNoPage);
  runs_.free(a, 2);
  runs_.free(c, 4);
  runs_.free(b, 3);
  EXPECT_EQ(allocate(9), a);
}

TEST_F(PageRunsTest, PurgeGivesMemoryAndChargeBack) {
  const PageIndex run = allocate(100);
  std::memset(bytes(run), 1, 100 * kPageBytes);
  runs_.free(run, 100);
  EXPECT_TRUE(runs_.purge(40));
  EXPECT_EQ(runs_.dirty_bytes(), 60 * kPageBytes);
  EXPECT_EQ(budget_.used(), runs_.charged_bytes());
  EXPECT_FALSE(runs_.purge(1000));
  EXPECT_EQ(runs_.dirty_bytes(), 0U);
  EXPECT_EQ(budget_.used(), runs_.table_bytes());
  EXPECT_EQ(runs_.end(), 1U) << "all of the region is unused again";
  EXPECT_FALSE(runs_.purge(1));
}

TEST_F(PageRunsTest, PurgeDoesSomethingWhenAskedForNothing) {
  runs_.free(allocate(2), 2);
  EXPECT_TRUE(runs_.purge(0));
  EXPECT_EQ(runs_.dirty_bytes(), kPageBytes);
}

TEST_F(PageRunsTest, PagesGivenBackComeAgainAsZeros) {
  const PageIndex low = allocate(2);
  ASSERT_NE(allocate(1), kNoPage);
  std::memset(bytes(low), 1, 2 * kPageBytes);
  runs_.free(low, 2);
  runs_.purge(2);
  const std::uint64_t used = budget_.used();
  ASSERT_EQ(allocate(2), low);
  EXPECT_EQ(budget_.used(), used + 2 * kPageBytes);
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_EQ(*bytes(low), 0);
#endif
}

TEST_F(PageRunsTest, TheTableShrinksWithTheRegionInUse) {
  std::vector<PageIndex> all;
  while (const PageIndex run = allocate(128))
    all.push_back(run);
  const std::uint64_t table_bytes = runs_.table_bytes();
  EXPECT_GT(table_bytes, 64_KiB + kPageBytes);
  for (const PageIndex run : all)
    runs_.free(run, 128);
  while (runs_.purge(1000)) {
  }
  EXPECT_LE(runs_.table_bytes(), 64_KiB + kPageBytes);
  EXPECT_EQ(budget_.used(), runs_.charged_bytes());
  EXPECT_NE(allocate(128), kNoPage);
}

TEST_F(PageRunsTest, UsesTheBudgetToItsLastPage) {
  budget_.set_limit(10 * kPageBytes + kPageBytes);
  EXPECT_NE(allocate(10), kNoPage);
  EXPECT_EQ(budget_.used(), budget_.limit());
  EXPECT_EQ(allocate(1), kNoPage);
  EXPECT_EQ(budget_.used(), budget_.limit());
}

TEST_F(PageRunsTest, ExchangesDirtyPagesWhenTheBudgetIsFull) {
  budget_.set_limit(12 * kPageBytes);
  const PageIndex a = allocate(3);
  ASSERT_NE(allocate(1), kNoPage);
  const PageIndex b = allocate(3);
  ASSERT_NE(allocate(4), kNoPage);
  ASSERT_EQ(budget_.used(), budget_.limit());
  runs_.free(a, 3);
  runs_.free(b, 3);
  EXPECT_NE(allocate(5), kNoPage) << "no free run is that long, but six pages are free";
  EXPECT_EQ(runs_.dirty_bytes(), 0U) << "one more was given back for what comes next";
  EXPECT_EQ(budget_.used(), budget_.limit() - kPageBytes);
  EXPECT_EQ(budget_.used(), runs_.charged_bytes());
}

TEST_F(PageRunsTest, AnExchangeGivesBackNoMoreThanPaysAtOnce) {
  std::vector<PageIndex> all;
  while (const PageIndex run = allocate(1))
    all.push_back(run);
  // Every other page is free, so that no free run is long enough for two.
  std::uint64_t free_pages = 0;
  for (std::size_t i = 0; i < all.size(); i += 2, ++free_pages)
    runs_.free(all[i], 1);
  ASSERT_NE(allocate(2), kNoPage);
  EXPECT_EQ(runs_.dirty_bytes(), (free_pages - 64) * kPageBytes);
  EXPECT_EQ(budget_.used(), runs_.charged_bytes());
  for (int i = 0; i < 30; ++i)
    ASSERT_NE(allocate(2), kNoPage);
  EXPECT_EQ(runs_.dirty_bytes(), (free_pages - 64) * kPageBytes) << "the next ones are paid for";
}

TEST_F(PageRunsTest, KeepsDirtyPagesWhenTheyAreTooFewForAnExchange) {
  budget_.set_limit(8 * kPageBytes);
  const PageIndex a = allocate(3);
  ASSERT_NE(allocate(4), kNoPage);
  runs_.free(a, 3);
  EXPECT_EQ(allocate(4), kNoPage);
  EXPECT_EQ(runs_.dirty_bytes(), 3 * kPageBytes);
  EXPECT_EQ(budget_.used(), budget_.limit());
}

TEST_F(PageRunsTest, AnExchangeWorksWhileOthersAreOverTheLimit) {
  budget_.set_limit(8 * kPageBytes);
  const PageIndex a = allocate(3);
  ASSERT_NE(allocate(1), kNoPage);
  const PageIndex b = allocate(3);
  budget_.charge(1_MiB);
  runs_.free(a, 3);
  runs_.free(b, 3);
  const std::uint64_t used = budget_.used();
  EXPECT_NE(allocate(4), kNoPage);
  EXPECT_LE(budget_.used(), used);
}

TEST(PageRunsRegionTest, RefusesRunsBeyondTheRegion) {
  MemoryBudget budget(1_GiB);
  PageRuns runs(budget, 1_MiB);
  // 256 pages, of which the first is not given out.
  EXPECT_NE(runs.allocate(128), kNoPage);
  const PageIndex last = runs.allocate(127);
  EXPECT_NE(last, kNoPage);
  EXPECT_EQ(runs.allocate(1), kNoPage);
  runs.free(last, 127);
  EXPECT_EQ(runs.allocate(128), kNoPage);
  EXPECT_NE(runs.allocate(127), kNoPage);
}

TEST(PageRunsRegionTest, PurgesWhenOnlyDirtyAndCleanTogetherHaveRoom) {
  MemoryBudget budget(1_GiB);
  PageRuns runs(budget, 1_MiB);
  const PageIndex low = runs.allocate(100);
  const PageIndex high = runs.allocate(28);
  ASSERT_NE(runs.allocate(127), kNoPage);
  runs.free(low, 100);
  while (runs.purge(1000)) {
  }
  runs.free(high, 28);
  EXPECT_EQ(runs.allocate(128), low);
}

TEST(PageRunsRegionTest, ReleasesItsChargeAtTheEnd) {
  MemoryBudget budget(1_GiB);
  {
    PageRuns runs(budget, kRegion);
    runs.free(runs.allocate(5), 5);
    ASSERT_NE(runs.allocate(7), kNoPage);
    EXPECT_NE(budget.used(), 0U);
  }
  EXPECT_EQ(budget.used(), 0U);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// What a process does that may use 1 GiB of addresses only: 0 when all is well.
int use_region_in_few_addresses() {
  const rlimit limit{1_GiB, 1_GiB};
  if (setrlimit(RLIMIT_AS, &limit) != 0) return 1;
  MemoryBudget budget(1_GiB);
  PageRuns runs(budget, PageRuns::kRegionBytesMax);
  const bool fits = runs.region_bytes() >= 256_MiB && runs.region_bytes() < 1_GiB;
  return fits && runs.allocate(1) != kNoPage ? 0 : 2;
}

TEST(PageRunsDeathTest, MakesDoWithLessWhereAddressesAreLimited) {
  EXPECT_EXIT(_exit(use_region_in_few_addresses()), testing::ExitedWithCode(0), "");
}
#endif

TEST(PageRunsDeathTest, RefusesImpossibleArguments) {
  MemoryBudget budget(1_GiB);
  EXPECT_DEATH(PageRuns(budget, PageRuns::kRegionBytesMax + kPageBytes), "broken invariant");
  EXPECT_DEATH(PageRuns(budget, PageRuns::kRegionBytesMin - 1), "broken invariant");
  PageRuns runs(budget, kRegion);
  EXPECT_DEATH(static_cast<void>(runs.allocate(0)), "broken invariant");
  EXPECT_DEATH(static_cast<void>(runs.allocate(PageRuns::kRunPagesMax + 1)), "broken invariant");
  EXPECT_NE(runs.allocate(PageRuns::kRunPagesMax), kNoPage);
}

/// Against a map of what is taken: no two runs overlap, and the sums are right after each step.
TEST(PageRunsModelTest, RandomStepsUnderABudget) {
  test::Random random(0x9a9e);
  constexpr std::uint64_t kLimitPages = 3000;
  MemoryBudget budget(kLimitPages * kPageBytes);
  PageRuns runs(budget, kLimitPages * 4 * kPageBytes);
  std::map<PageIndex, std::uint32_t> model;
  std::vector<PageIndex> taken;
  std::uint64_t taken_pages = 0;
  std::uint64_t others = 0;

  const std::uint64_t steps = 1'000'000 * test::test_scale();
  for (std::uint64_t step = 0; step < steps; ++step) {
    const std::uint64_t choice = random.below(1000);
    if (choice < 500) {
      const auto count = static_cast<std::uint32_t>(
          random.one_in(4) ? random.between(1, PageRuns::kRunPagesMax) : random.between(1, 6));
      const std::uint64_t used = budget.used();
      const PageIndex run = runs.allocate(count);
      if (run == kNoPage) {
        ASSERT_EQ(budget.used(), used);
        // Never refused while dirty and uncharged pages together are enough; the table may need
        // three.
        const std::uint64_t room =
            runs.dirty_bytes() + (budget.excess() != 0 ? 0 : budget.limit() - budget.used());
        ASSERT_LT(room, (count + 3) * kPageBytes);
      } else {
        const auto after = model.lower_bound(run);
        ASSERT_TRUE(after == model.end() || after->first >= run + count);
        ASSERT_TRUE(after == model.begin() ||
                    std::prev(after)->first + std::prev(after)->second <= run);
        ASSERT_LE(run + count, runs.end());
        for (std::uint32_t i = 0; i < count; ++i) {
          ASSERT_EQ(runs.page(run + i).state, Page::State::kInside);
        }
        model.emplace(run, count);
        taken.push_back(run);
        taken_pages += count;
      }
    } else if (choice < 990) {
      // Now and then a long phase of shrinking: more frees than there is anything to free.
      const std::uint64_t rounds = (step / 50'000) % 3 == 2 ? 3 : 1;
      for (std::uint64_t i = 0; i < rounds && !taken.empty(); ++i) {
        const std::size_t at = random.below(taken.size());
        const auto entry = model.find(taken[at]);
        runs.free(entry->first, entry->second);
        taken_pages -= entry->second;
        model.erase(entry);
        taken[at] = taken.back();
        taken.pop_back();
      }
    } else if (choice < 996) {
      const std::uint64_t pages = random.between(0, 200);
      const std::uint64_t dirty = runs.dirty_bytes();
      const bool more = runs.purge(pages);
      ASSERT_EQ(more, runs.dirty_bytes() != 0);
      ASSERT_GE(runs.dirty_bytes() + std::max<std::uint64_t>(pages, 1) * kPageBytes, dirty);
    } else {
      // Somebody else takes and gives memory.
      budget.release(others);
      others = random.below(kLimitPages / 2 * kPageBytes);
      budget.charge(others);
    }
    ASSERT_EQ(runs.charged_bytes(),
              taken_pages * kPageBytes + runs.dirty_bytes() + runs.table_bytes());
    ASSERT_EQ(budget.used(), runs.charged_bytes() + others);
    if (step % 20'000 == 0) {
      // Walks all runs: they cover the region up to end() without gaps, and no two free
      // neighbours are of one kind.
      std::uint64_t dirty_pages = 0;
      std::optional<Page::State> before;
      for (PageIndex at = 1; at < runs.end();) {
        if (const auto entry = model.find(at); entry != model.end()) {
          at += entry->second;
          before.reset();
          continue;
        }
        const Page& page = runs.page(at);
        ASSERT_TRUE(page.state == Page::State::kDirty || page.state == Page::State::kClean);
        ASSERT_NE(before, std::optional(page.state));
        ASSERT_EQ(runs.page(at + page.pages - 1).pages, page.pages);
        for (std::uint32_t i = 1; i + 1 < page.pages; ++i) {
          ASSERT_EQ(runs.page(at + i).state, Page::State::kInside);
        }
        if (page.state == Page::State::kDirty) dirty_pages += page.pages;
        before = page.state;
        at += page.pages;
      }
      ASSERT_EQ(dirty_pages * kPageBytes, runs.dirty_bytes());
      ASSERT_NE(before, std::optional(Page::State::kClean)) << "a clean end belongs to the unused";
    }
  }
}

TEST_F(PageRunsTest, BelowTheEndOnlyGivenBackPagesAreHandedOut) {
  EXPECT_EQ(runs_.allocate_below_end(1), kNoPage);
  const PageIndex low = allocate(3);
  ASSERT_NE(allocate(3), kNoPage);
  const PageIndex end = runs_.end();
  runs_.free(low, 3);
  EXPECT_EQ(runs_.allocate_below_end(3), kNoPage) << "dirty";
  EXPECT_FALSE(runs_.purge(3));
  EXPECT_EQ(runs_.clean_pages(), 3U);
  EXPECT_EQ(runs_.allocate_below_end(4), kNoPage) << "too long";
  EXPECT_EQ(runs_.allocate_below_end(2), low);
  EXPECT_EQ(runs_.clean_pages(), 1U);
  EXPECT_EQ(budget_.used(), runs_.charged_bytes());
  EXPECT_EQ(runs_.end(), end);
}

TEST_F(PageRunsTest, BelowTheEndNothingIsHandedOutThatTheBudgetRefuses) {
  const PageIndex low = allocate(3);
  EXPECT_NE(allocate(3), kNoPage);
  runs_.free(low, 3);
  EXPECT_FALSE(runs_.purge(3));
  const std::uint64_t others = budget_.limit() - budget_.used() - 3 * kPageBytes + 1;
  budget_.charge(others);
  const std::uint64_t used = budget_.used();
  EXPECT_EQ(runs_.allocate_below_end(3), kNoPage);
  EXPECT_EQ(budget_.used(), used);
  EXPECT_EQ(runs_.allocate_below_end(2), low);
  budget_.release(others);
}

}  // namespace
}  // namespace appmem::core
