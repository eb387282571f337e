#include "appmem/base/shared_bytes.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "appmem/base/units.h"
#include "support/random.h"

namespace appmem {
namespace {

constexpr std::uint64_t kPage = 4_KiB;

class SharedBytesTest : public testing::Test {
 protected:
  void reclaim_all() {
    while (pool_.reclaim(1_GiB)) {
    }
  }

  MemoryBudget budget_{64_MiB};
  BlobPool pool_{budget_};
};

TEST_F(SharedBytesTest, AnEmptyOneHasNothing) {
  SharedBytes none;
  EXPECT_FALSE(none);
  EXPECT_EQ(none.view(), "");
  EXPECT_TRUE(none.writable().empty());
  EXPECT_EQ(none.memory_bytes(), 0U);
  const SharedBytes copy = none;
  EXPECT_FALSE(copy);
}

TEST_F(SharedBytesTest, ChargesWholePages) {
  const std::vector<std::pair<std::size_t, std::uint64_t>> sizes = {
      {0, kPage}, {1, kPage}, {kPage, kPage}, {kPage + 1, 2 * kPage}, {1_MiB, 1_MiB}};
  std::uint64_t sum = 0;
  std::vector<SharedBytes> kept;
  for (const auto& [bytes, charged] : sizes) {
    kept.push_back(pool_.try_allocate(bytes));
    ASSERT_TRUE(kept.back());
    EXPECT_EQ(kept.back().view().size(), bytes);
    EXPECT_EQ(kept.back().memory_bytes(), charged);
    sum += charged;
    EXPECT_EQ(budget_.used(), sum);
  }
}

TEST_F(SharedBytesTest, CopiesShareTheBytes) {
  SharedBytes first = pool_.try_allocate(1_MiB);
  std::memset(first.writable().data(), 'x', 1_MiB);
  const SharedBytes second = first;
  EXPECT_EQ(second.view().data(), first.view().data());
  EXPECT_EQ(second.view(), std::string(1_MiB, 'x'));
  EXPECT_EQ(budget_.used(), 1_MiB);
}

TEST_F(SharedBytesTest, GrowsWithZerosAndWithoutACopy) {
  SharedBytes value = pool_.try_allocate(kPage + 1);
  std::memset(value.writable().data(), 'x', kPage + 1);
  ASSERT_TRUE(value.try_grow(kPage + 3));  // into what its last page has left
  EXPECT_EQ(value.view(), std::string(kPage + 1, 'x') + std::string(2, '\0'));
  EXPECT_EQ(budget_.used(), 2 * kPage);
  value.writable().back() = 'y';
  // More than half of the budget, so that there could not be two of it.
  ASSERT_TRUE(value.try_grow(40_MiB));
  EXPECT_EQ(value.view().size(), 40_MiB);
  EXPECT_EQ(value.view().substr(0, kPage + 4),
            std::string(kPage + 1, 'x') + std::string("\0y\0", 3));
  EXPECT_EQ(value.view().back(), '\0');
  EXPECT_EQ(value.memory_bytes(), 40_MiB);
  EXPECT_EQ(budget_.used(), 40_MiB);
  value = SharedBytes();
  reclaim_all();
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(SharedBytesTest, GrowsOnlyAloneAndWithinTheBudget) {
  SharedBytes value = pool_.try_allocate(10);
  std::memcpy(value.writable().data(), "0123456789", 10);
  {
    const SharedBytes reader = value;
    EXPECT_FALSE(value.sole());
    EXPECT_FALSE(value.try_grow(11));
  }
  EXPECT_TRUE(value.sole());
  EXPECT_FALSE(value.try_grow(64_MiB + 1));
  EXPECT_EQ(value.view(), "0123456789");
  EXPECT_EQ(budget_.used(), kPage);
  EXPECT_TRUE(value.try_grow(64_MiB));
}

TEST_F(SharedBytesTest, TheBytesLiveUntilTheLastReferenceGoes) {
  SharedBytes kept;
  {
    SharedBytes first = pool_.try_allocate(300_KiB);
    std::memcpy(first.writable().data(), "alive", 5);
    const SharedBytes second = first;
    kept = second;
    first = SharedBytes();
  }
  reclaim_all();
  EXPECT_EQ(kept.view().substr(0, 5), "alive");
  EXPECT_EQ(budget_.used(), 300_KiB);
  SharedBytes moved = std::move(kept);
  EXPECT_EQ(moved.view().substr(0, 5), "alive");
  moved = SharedBytes();
  EXPECT_TRUE(pool_.reclaim(1));
  reclaim_all();
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(SharedBytesTest, SelfAssignmentKeepsIt) {
  SharedBytes bytes = pool_.try_allocate(10);
  const SharedBytes& alias = bytes;
  bytes = alias;
  EXPECT_TRUE(bytes);
  reclaim_all();
  EXPECT_EQ(bytes.view().size(), 10U);
}

TEST_F(SharedBytesTest, DeadMemoryStaysChargedAndComesBackInSlices) {
  static_cast<void>(pool_.try_allocate(1_MiB + kPage));
  EXPECT_EQ(budget_.used(), 1_MiB + kPage);
  EXPECT_TRUE(pool_.reclaim(1));
  EXPECT_EQ(budget_.used(), 768_KiB + kPage);
  EXPECT_TRUE(pool_.reclaim(512_KiB));
  EXPECT_EQ(budget_.used(), 256_KiB + kPage);
  EXPECT_FALSE(pool_.reclaim(1_MiB));
  EXPECT_EQ(budget_.used(), 0U);
  EXPECT_FALSE(pool_.reclaim(1_MiB));
}

TEST_F(SharedBytesTest, TheBudgetIsUsedToItsLastPageAndNotBeyond) {
  budget_.set_limit(1_MiB);
  const SharedBytes all = pool_.try_allocate(1_MiB);
  EXPECT_TRUE(all);
  EXPECT_FALSE(pool_.try_allocate(1));
  EXPECT_EQ(budget_.used(), 1_MiB);
}

TEST_F(SharedBytesTest, ANewValueTakesTheMemoryOfDeadOnes) {
  budget_.set_limit(2_MiB);
  static_cast<void>(pool_.try_allocate(1_MiB));
  static_cast<void>(pool_.try_allocate(1_MiB));
  const SharedBytes next = pool_.try_allocate(1_MiB + 512_KiB);
  EXPECT_TRUE(next);
  EXPECT_LE(budget_.used(), 2_MiB);
}

TEST_F(SharedBytesTest, AbsurdSizesAreRefused) {
  budget_.set_limit(UINT64_MAX);
  EXPECT_FALSE(pool_.try_allocate(SIZE_MAX));
  EXPECT_FALSE(pool_.try_allocate(SIZE_MAX - kPage));
  EXPECT_FALSE(pool_.try_allocate(std::size_t{1} << 60U));
  EXPECT_EQ(budget_.used(), 0U);
}

/// How many pages of [at, at + bytes) the process has; 0 where nothing is mapped any more.
std::size_t pages_present(char* at, std::size_t bytes) {
  std::vector<unsigned char> present(bytes / kPage);
  if (mincore(at, bytes, present.data()) != 0) {
    return 0;
  }
  return static_cast<std::size_t>(
      std::count_if(present.begin(), present.end(), [](unsigned char page) { return page & 1U; }));
}

TEST_F(SharedBytesTest, MemoryThatIsGivenBackLeavesTheProcess) {
  SharedBytes bytes = pool_.try_allocate(32_MiB);
  char* const at = bytes.writable().data();
  std::memset(at, 1, 32_MiB);
  EXPECT_EQ(pages_present(at, 32_MiB), 32_MiB / kPage);
  bytes = SharedBytes();
  reclaim_all();
  EXPECT_EQ(pages_present(at, 32_MiB), 0U);
}

TEST_F(SharedBytesTest, ThreadsMayShareDropAndReclaimAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 500;
  std::atomic<int> wrong{0};
  std::vector<SharedBytes> shared;
  for (int i = 0; i < kRounds; ++i) {
    shared.push_back(pool_.try_allocate(16_KiB));
    ASSERT_TRUE(shared.back());
    std::memset(shared.back().writable().data(), i % 100, 16_KiB);
  }
  std::vector<std::vector<SharedBytes>> copies(kThreads, shared);
  shared.clear();
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back(
        [this, &wrong, mine = std::move(copies[static_cast<std::size_t>(t)])]() mutable {
          for (int i = 0; i < kRounds; ++i) {
            SharedBytes& each = mine[static_cast<std::size_t>(i)];
            if (each.view()[100] != static_cast<char>(i % 100)) ++wrong;
            each = SharedBytes();
            const SharedBytes fresh = pool_.try_allocate(20_KiB);
            if (!fresh) ++wrong;
            pool_.reclaim(64_KiB);
          }
        });
  }
  copies.clear();
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
  reclaim_all();
  EXPECT_EQ(budget_.used(), 0U);
}

TEST(BlobPoolDeathTest, APoolThatDiesBeforeItsValuesAborts) {
  EXPECT_DEATH(
      {
        MemoryBudget budget(1_MiB);
        SharedBytes survivor;
        {
          BlobPool pool(budget);
          survivor = pool.try_allocate(10);
        }
      },
      "broken invariant");
}

}  // namespace
}  // namespace appmem
