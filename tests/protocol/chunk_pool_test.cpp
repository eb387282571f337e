#include "appmem/protocol/chunk_pool.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace appmem::protocol {
namespace {

class ChunkPoolTest : public testing::Test {
 protected:
  static constexpr std::size_t kBlock = ChunkPool::kBlockBytes;

  MemoryBudget budget_{1_GiB};
};

TEST_F(ChunkPoolTest, RoundsUpToWholeBlocks) {
  EXPECT_EQ(ChunkPool::rounded(1), kBlock);
  EXPECT_EQ(ChunkPool::rounded(kBlock), kBlock);
  EXPECT_EQ(ChunkPool::rounded(kBlock + 1), 2 * kBlock);
}

TEST_F(ChunkPoolTest, TheLastBlockGivenBackIsTheNextOneTaken) {
  ChunkPool pool(budget_);
  char* const one = pool.take(kBlock);
  char* const two = pool.take(kBlock);
  std::fill_n(one, kBlock, 'x');
  std::fill_n(two, kBlock, 'x');
  pool.give_back(two, kBlock);
  pool.give_back(one, kBlock);
  EXPECT_EQ(pool.take(kBlock), one);
  EXPECT_EQ(pool.take(kBlock), two);
  pool.give_back(one, kBlock);
  pool.give_back(two, kBlock);
}

TEST_F(ChunkPoolTest, KeepsAFewBlocksAndIsChargedForThem) {
  {
    ChunkPool pool(budget_);
    std::vector<char*> blocks;
    for (std::size_t i = 0; i < MemoryBudget::kFreeBlocksMax + 5; ++i)
      blocks.push_back(pool.take(kBlock));
    EXPECT_EQ(budget_.used(), 0U);
    for (char* const block : blocks)
      pool.give_back(block, kBlock);
    EXPECT_EQ(pool.blocks_kept(), MemoryBudget::kFreeBlocksMax);
    EXPECT_EQ(budget_.used(), MemoryBudget::kFreeBlocksMax * kBlock);
    pool.give_back(pool.take(kBlock), kBlock);
    EXPECT_EQ(budget_.used(), MemoryBudget::kFreeBlocksMax * kBlock);
  }
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(ChunkPoolTest, SmallOnesAreKeptBesideThem) {
  constexpr std::size_t kSmall = ChunkPool::kSmallBytes;
  {
    ChunkPool pool(budget_);
    std::vector<char*> chunks;
    for (std::size_t i = 0; i < MemoryBudget::kFreeBlocksMax + 5; ++i)
      std::fill_n(chunks.emplace_back(pool.take(kSmall)), kSmall, 'x');
    pool.give_back(pool.take(kBlock), kBlock);
    for (char* const chunk : chunks)
      pool.give_back(chunk, kSmall);
    EXPECT_EQ(pool.small_kept(), MemoryBudget::kFreeBlocksMax);
    EXPECT_EQ(pool.blocks_kept(), 1U);
    EXPECT_EQ(budget_.used(), MemoryBudget::kFreeBlocksMax * kSmall + kBlock);
    char* const again = pool.take(kSmall);
    EXPECT_EQ(again, chunks[MemoryBudget::kFreeBlocksMax - 1]);
    pool.give_back(again, kSmall);
  }
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(ChunkPoolTest, KeepsNothingOfASmallBudget) {
  for (const auto& [limit, kept] : {std::pair(1_MiB, 0U), std::pair(64_MiB, 1U)}) {
    MemoryBudget small(limit);
    ChunkPool pool(small);
    char* const one = pool.take(kBlock);
    char* const two = pool.take(kBlock);
    pool.give_back(one, kBlock);
    pool.give_back(two, kBlock);
    EXPECT_EQ(pool.blocks_kept(), kept);
    EXPECT_EQ(small.used(), kept * kBlock);
  }
}

TEST_F(ChunkPoolTest, LongerOnesAreNotKept) {
  ChunkPool pool(budget_);
  char* const chunk = pool.take(3 * kBlock);
  std::fill_n(chunk, 3 * kBlock, 'x');
  pool.give_back(chunk, 3 * kBlock);
  EXPECT_EQ(pool.blocks_kept(), 0U);
}

}  // namespace
}  // namespace appmem::protocol
