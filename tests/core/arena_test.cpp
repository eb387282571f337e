#include "arena.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "appmem/base/memory_budget.h"

namespace appmem::core {
namespace {

/// How many blocks of these sizes a span has.
constexpr std::size_t kBlocks64 = 64;
constexpr std::size_t kBlocks512 = 8;

class ArenaTest : public testing::Test {
 protected:
  MemoryBudget budget_{64_MiB};
  Arena arena_{budget_, Arena::region_bytes_for(64_MiB)};

  Handle allocate(std::size_t bytes) {
    const Handle handle = arena_.try_allocate(bytes);
    EXPECT_NE(handle, kNoHandle);
    return handle;
  }
  std::vector<Handle> allocate_many(std::size_t count, std::size_t bytes) {
    std::vector<Handle> handles(count);
    std::generate(handles.begin(), handles.end(), [&] { return allocate(bytes); });
    return handles;
  }
  std::vector<Handle> live_blocks() const {
    std::vector<Handle> handles;
    for (Handle at = arena_.next_live_block(kNoHandle); at != kNoHandle;
         at = arena_.next_live_block(at)) {
      handles.push_back(at);
    }
    return handles;
  }
  void expect_accounts_balance() const {
    EXPECT_EQ(budget_.used(), arena_.committed_bytes());
    EXPECT_EQ(arena_.committed_bytes(), arena_.live_bytes() + arena_.slack_bytes() +
                                            arena_.tail_bytes() + arena_.dirty_bytes() +
                                            arena_.table_bytes());
  }
  bool compact() {
    return arena_.compact_one_span([](Handle, Handle) {});
  }
  bool lower() {
    return arena_.lower_highest_run([](Handle, Handle) {});
  }
};

TEST_F(ArenaTest, AnEmptyArenaTakesNothing) {
  EXPECT_EQ(budget_.used(), 0U);
  EXPECT_EQ(live_blocks(), std::vector<Handle>{});
  EXPECT_FALSE(compact());
  EXPECT_FALSE(arena_.purge(1_GiB));
  expect_accounts_balance();
}

TEST_F(ArenaTest, EverySizeGetsABlockThatHoldsIt) {
  for (std::size_t bytes = 1; bytes <= Arena::kBytesMax; bytes += bytes < 40'000 ? 1 : 997) {
    const Handle handle = allocate(bytes);
    ASSERT_GE(arena_.block_bytes(handle), bytes);
    ASSERT_EQ(arena_.block_bytes(handle), Arena::block_bytes_for(bytes));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(arena_.at(handle)) % 8, 0U);
    ASSERT_EQ(arena_.live_bytes(), arena_.block_bytes(handle));
    std::memset(arena_.at(handle), 0x5a, arena_.block_bytes(handle));
    arena_.free(handle);
  }
  expect_accounts_balance();
}

TEST_F(ArenaTest, TheLargestEntryFits) {
  constexpr std::size_t kHeaderBytesMax = 64;
  static_assert(kInlineValueBytesMax + kKeyBytesMax + kHeaderBytesMax <= Arena::kBytesMax);
  const Handle handle = allocate(Arena::kBytesMax);
  EXPECT_EQ(arena_.block_bytes(handle), Arena::kBytesMax);
  arena_.free(handle);
}

TEST_F(ArenaTest, BlocksOfOneSizeShareASpan) {
  const Handle first = allocate(64);
  const std::uint64_t committed = arena_.committed_bytes();
  std::vector<Handle> rest = allocate_many(63, 64);
  EXPECT_EQ(arena_.committed_bytes(), committed);
  EXPECT_EQ(arena_.slack_bytes(), 0U);
  allocate(64);
  EXPECT_EQ(arena_.committed_bytes(), committed + kPageBytes);
  EXPECT_EQ(arena_.slack_bytes(), 63U * 64);
  rest.push_back(first);
  std::sort(rest.begin(), rest.end());
  for (std::size_t i = 1; i < rest.size(); ++i)
    EXPECT_EQ(rest[i] - rest[i - 1], 64U / 8);
}

TEST_F(ArenaTest, AFreedBlockIsUsedAgainBeforeANewSpanIsCut) {
  std::vector<Handle> blocks = allocate_many(3 * kBlocks64, 64);
  arena_.free(blocks[100]);
  const std::uint64_t committed = arena_.committed_bytes();
  EXPECT_EQ(allocate(64), blocks[100]);
  EXPECT_EQ(arena_.committed_bytes(), committed);
}

TEST_F(ArenaTest, NewBlocksComeFromTheFullestSpan) {
  std::vector<Handle> blocks = allocate_many(3 * kBlocks64, 64);
  for (std::size_t i = 0; i < 60; ++i)
    arena_.free(blocks[i]);  // first: 4 left
  for (std::size_t i = 128; i < 128 + 10; ++i)
    arena_.free(blocks[i]);  // third: 54 left
  const Handle handle = allocate(64);
  EXPECT_GE(handle, blocks[128]);
  EXPECT_LE(handle, blocks[128 + 63]);
}

TEST_F(ArenaTest, TheLastBlockOfASpanFreesItsPages) {
  std::vector<Handle> blocks = allocate_many(kBlocks64 + 1, 64);
  arena_.free(blocks[64]);
  EXPECT_EQ(arena_.dirty_bytes(), kPageBytes);
  for (std::size_t i = 0; i < 64; ++i)
    arena_.free(blocks[i]);
  EXPECT_EQ(arena_.dirty_bytes(), 2 * kPageBytes);
  EXPECT_EQ(arena_.live_bytes(), 0U);
  EXPECT_EQ(arena_.slack_bytes(), 0U);
  EXPECT_EQ(arena_.tail_bytes(), 0U);
  expect_accounts_balance();
}

TEST_F(ArenaTest, FreePagesServeAnotherSize) {
  for (const Handle handle : allocate_many(16 * kBlocks64, 64))
    arena_.free(handle);
  const std::uint64_t committed = arena_.committed_bytes();
  allocate(16 * kPageBytes);
  EXPECT_EQ(arena_.committed_bytes(), committed);
}

TEST_F(ArenaTest, RefusesWhenTheBudgetIsFullAndGoesOnAfterAFree) {
  budget_.set_limit(1_MiB);
  std::vector<Handle> blocks;
  while (const Handle handle = arena_.try_allocate(1000))
    blocks.push_back(handle);
  EXPECT_LE(budget_.used(), 1_MiB);
  EXPECT_GE(arena_.live_bytes() * 100, 1_MiB * 95);
  expect_accounts_balance();
  EXPECT_EQ(arena_.try_allocate(1000), kNoHandle);
  EXPECT_EQ(arena_.try_allocate(24), kNoHandle);
  arena_.free(blocks.back());
  EXPECT_EQ(arena_.try_allocate(1000), blocks.back());
}

TEST_F(ArenaTest, AFullBudgetServesALargeBlockFromScatteredPages) {
  budget_.set_limit(1_MiB);
  std::vector<Handle> blocks;
  while (const Handle handle = arena_.try_allocate(4096))
    blocks.push_back(handle);
  for (std::size_t i = 0; i < blocks.size(); i += 2)
    arena_.free(blocks[i]);
  EXPECT_NE(arena_.try_allocate(100 * 4096 + 1 - 4096 * 20), kNoHandle);
  EXPECT_LE(budget_.used(), 1_MiB);
  expect_accounts_balance();
}

TEST_F(ArenaTest, OnlyLiveBlocksAreLive) {
  const Handle small = allocate(24);
  const Handle multi = allocate(1100);
  const Handle large = allocate(100_KiB);
  const std::vector<Handle> live = {small, multi, large};
  const auto handles_end = static_cast<Handle>((large + 200_KiB / 8));
  for (Handle handle = 0; handle < handles_end; ++handle) {
    ASSERT_EQ(arena_.is_live_block(handle),
              std::find(live.begin(), live.end(), handle) != live.end())
        << handle;
  }
  for (const std::uint64_t far : {std::uint64_t{1} << 20U, std::uint64_t{1} << 31U,
                                  std::uint64_t{std::numeric_limits<Handle>::max()}}) {
    EXPECT_FALSE(arena_.is_live_block(static_cast<Handle>(far)));
  }
}

TEST_F(ArenaTest, AHandleIsDeadAfterFreePurgeAndReuseByAnotherSize) {
  const std::vector<Handle> blocks = allocate_many(64, 64);
  for (const Handle handle : blocks) {
    arena_.free(handle);
    EXPECT_FALSE(arena_.is_live_block(handle));
  }
  while (arena_.purge(1_MiB)) {
  }
  for (const Handle handle : blocks)
    EXPECT_FALSE(arena_.is_live_block(handle));
  const Handle other = allocate(48);
  for (const Handle handle : blocks)
    EXPECT_EQ(arena_.is_live_block(handle), handle == other);
}

TEST_F(ArenaTest, EnumeratesLiveBlocksInOrderFromAnywhere) {
  std::vector<Handle> blocks = allocate_many(300, 24);
  const std::vector<Handle> middle = allocate_many(20, 1100);
  const std::vector<Handle> large = allocate_many(3, 50_KiB);
  blocks.insert(blocks.end(), middle.begin(), middle.end());
  blocks.insert(blocks.end(), large.begin(), large.end());
  std::sort(blocks.begin(), blocks.end());
  // Every third goes, and a whole stretch, so that there are holes and free runs.
  std::vector<Handle> live;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i % 3 == 0 || (i > 20 && i < 230)) {
      arena_.free(blocks[i]);
    } else {
      live.push_back(blocks[i]);
    }
  }
  EXPECT_EQ(live_blocks(), live);
  for (Handle after = 0; after < blocks.back() + 10'000; ++after) {
    const auto expected = std::upper_bound(live.begin(), live.end(), after);
    ASSERT_EQ(arena_.next_live_block(after), expected == live.end() ? kNoHandle : *expected);
  }
  EXPECT_EQ(arena_.next_live_block(std::numeric_limits<Handle>::max()), kNoHandle);
}

TEST_F(ArenaTest, CompactionEmptiesTheSparsestSpanIntoTheOthers) {
  std::vector<Handle> blocks = allocate_many(2 * kBlocks64, 64);
  std::map<Handle, Handle> expected_moves;
  for (std::size_t i = 0; i < 60; ++i)
    arena_.free(blocks[i]);  // 4 left
  for (std::size_t i = 64; i < 64 + 20; ++i)
    arena_.free(blocks[i]);  // 44 left
  for (std::size_t i = 60; i < 64; ++i) {
    std::memset(arena_.at(blocks[i]), static_cast<int>(i), 64);
    expected_moves[blocks[i]] = kNoHandle;
  }
  const std::uint64_t live_bytes = arena_.live_bytes();
  EXPECT_TRUE(arena_.compact_one_span([&](Handle from, Handle to) {
    ASSERT_TRUE(expected_moves.contains(from));
    ASSERT_TRUE(arena_.is_live_block(to));
    expected_moves[from] = to;
  }));
  for (std::size_t i = 60; i < 64; ++i) {
    const Handle to = expected_moves[blocks[i]];
    ASSERT_NE(to, kNoHandle);
    EXPECT_FALSE(arena_.is_live_block(blocks[i]));
    EXPECT_TRUE(arena_.is_live_block(to));
    for (std::size_t byte = 0; byte < 64; ++byte)
      EXPECT_EQ(arena_.at(to)[byte], static_cast<char>(i));
  }
  EXPECT_EQ(arena_.live_bytes(), live_bytes);
  EXPECT_EQ(arena_.dirty_bytes(), kPageBytes);
  EXPECT_FALSE(compact());
  expect_accounts_balance();
}

TEST_F(ArenaTest, NoCompactionWithoutAGain) {
  std::vector<Handle> blocks = allocate_many(2 * kBlocks64, 64);
  // 63 free blocks in two spans: no span can be emptied.
  for (std::size_t i = 0; i < 63; ++i)
    arena_.free(blocks[i * 2]);
  EXPECT_FALSE(compact());
  arena_.free(blocks[126]);
  EXPECT_TRUE(compact());
  EXPECT_FALSE(compact());
}

TEST_F(ArenaTest, CompactionTakesTheClassWithTheMostToGive) {
  const std::vector<Handle> small = allocate_many(4 * kBlocks64, 64);
  const std::vector<Handle> big = allocate_many(4 * kBlocks512, 512);
  for (std::size_t i = 0; i < small.size(); ++i) {
    if (i % 2 == 0) arena_.free(small[i]);
  }
  for (std::size_t i = 0; i < big.size(); ++i) {
    if (i % 4 != 0) arena_.free(big[i]);
  }
  std::size_t size = 0;
  EXPECT_TRUE(
      arena_.compact_one_span([&](Handle from, Handle) { size = arena_.block_bytes(from); }));
  EXPECT_EQ(size, 512U);
}

TEST_F(ArenaTest, WhatLiesHighestMovesDown) {
  EXPECT_FALSE(lower()) << "nothing is there";
  const std::vector<Handle> low = allocate_many(4, 40'000);
  const Handle large = allocate(40'000);
  const Handle first = allocate(512);
  const Handle second = allocate(512);
  EXPECT_FALSE(lower()) << "nothing is free below";
  for (const Handle handle : low)
    arena_.free(handle);
  while (arena_.purge(1_MiB)) {
  }
  std::memset(arena_.at(large), 'l', 40'000);
  std::memset(arena_.at(first), '1', 512);
  std::memset(arena_.at(second), '2', 512);

  std::map<Handle, Handle> moves;
  const auto note = [&](Handle from, Handle to) {
    moves[from] = to;
  };
  EXPECT_TRUE(arena_.lower_highest_run(note));
  EXPECT_EQ(moves.size(), 2U);
  EXPECT_EQ(std::string(arena_.at(moves[first]), 512), std::string(512, '1'));
  EXPECT_EQ(std::string(arena_.at(moves[second]), 512), std::string(512, '2'));
  EXPECT_TRUE(arena_.lower_highest_run(note));
  EXPECT_EQ(moves.size(), 3U);
  EXPECT_EQ(std::string(arena_.at(moves[large]), 40'000), std::string(40'000, 'l'));
  std::vector<Handle> moved;
  for (const auto& [from, to] : moves) {
    EXPECT_LT(to, from);
    EXPECT_FALSE(arena_.is_live_block(from));
    moved.push_back(to);
  }
  std::sort(moved.begin(), moved.end());
  EXPECT_EQ(live_blocks(), moved);
  expect_accounts_balance();
  // The span goes on as the current one: its next block lies behind the others.
  EXPECT_EQ(allocate(512), moves[second] + (moves[second] - moves[first]));
  EXPECT_EQ(arena_.dirty_bytes(), 0U);
}

TEST_F(ArenaTest, WhatHasNoPlaceBelowIsNotTriedAgainUntilMoreIsFree) {
  std::vector<Handle> small = allocate_many(600, 20'000);
  const Handle large = allocate(Arena::kBytesMax);
  const auto free_but_one_in = [&](std::size_t kept) {
    for (std::size_t i = 0; i < small.size(); ++i) {
      if (i % kept != 0 && small[i] != kNoHandle) arena_.free(std::exchange(small[i], kNoHandle));
    }
    while (arena_.purge(1_MiB)) {
    }
  };
  free_but_one_in(4);
  EXPECT_TRUE(arena_.wants_lowering_in_quiet());
  EXPECT_FALSE(lower()) << "no three small ones are as long";
  EXPECT_FALSE(arena_.wants_lowering_in_quiet());
  EXPECT_FALSE(arena_.wants_lowering());
  std::memset(arena_.at(large), 'l', Arena::kBytesMax);
  free_but_one_in(64);
  EXPECT_TRUE(arena_.wants_lowering());
  EXPECT_TRUE(lower());
  EXPECT_FALSE(arena_.is_live_block(large));
  expect_accounts_balance();
}

TEST_F(ArenaTest, TheRegionAllowsForFragmentation) {
  EXPECT_EQ(Arena::region_bytes_for(1_MiB), 68_MiB);
  EXPECT_EQ(Arena::region_bytes_for(1_GiB), 4_GiB + 64_MiB);
  EXPECT_EQ(Arena::region_bytes_for(8_GiB), Arena::kRegionBytesMax);
  EXPECT_EQ(Arena::region_bytes_for(std::numeric_limits<std::uint64_t>::max()),
            Arena::kRegionBytesMax);
}

TEST_F(ArenaTest, AFullRegionRefusesAndGoesOnAfterAFree) {
  MemoryBudget budget(1_GiB);
  Arena arena(budget, 4_MiB);
  std::vector<Handle> blocks;
  while (const Handle handle = arena.try_allocate(100'000))
    blocks.push_back(handle);
  EXPECT_GE(arena.live_bytes(), 3_MiB);
  EXPECT_LE(arena.live_bytes(), 4_MiB);
  EXPECT_NE(budget.used(), budget.limit());
  arena.free(blocks[3]);
  EXPECT_EQ(arena.try_allocate(100'000), blocks[3]);
}

TEST_F(ArenaTest, HandlesReachTheEndOfTheLargestRegion) {
  constexpr std::uint64_t kLastPage = Arena::kRegionBytesMax / kPageBytes - 1;
  EXPECT_LE(kLastPage * (kPageBytes / 8) + (kPageBytes - 16) / 8,
            std::numeric_limits<Handle>::max());
}

using ArenaDeathTest = ArenaTest;

TEST_F(ArenaDeathTest, BrokenPreconditionsAbort) {
  EXPECT_DEATH(static_cast<void>(arena_.try_allocate(0)), "broken invariant");
  EXPECT_DEATH(static_cast<void>(arena_.try_allocate(Arena::kBytesMax + 1)), "broken invariant");
  EXPECT_DEATH(arena_.free(kNoHandle), "broken invariant");
  EXPECT_DEATH(arena_.free(std::numeric_limits<Handle>::max()), "broken invariant");
  const Handle small = allocate(24);
  const Handle twin = allocate(24);
  const Handle large = allocate(100'000);
  EXPECT_DEATH(arena_.free(small + 1), "broken invariant");
  EXPECT_DEATH(arena_.free(large + 1), "broken invariant");
  EXPECT_DEATH(arena_.free(large + 512), "broken invariant");
  EXPECT_DEATH(static_cast<void>(arena_.block_bytes(large + 512)), "broken invariant");
  arena_.free(small);
  EXPECT_DEATH(arena_.free(small), "broken invariant");
  arena_.free(twin);
  EXPECT_DEATH(arena_.free(twin), "broken invariant");
}

#if defined(__SANITIZE_ADDRESS__)
TEST_F(ArenaDeathTest, AddressSanitizerSeesAUseAfterFree) {
  const Handle handle = allocate(64);
  allocate(64);
  arena_.free(handle);
  EXPECT_DEATH(*static_cast<volatile char*>(arena_.at(handle)) = 1, "use-after-poison");
}
#endif

}  // namespace
}  // namespace appmem::core
