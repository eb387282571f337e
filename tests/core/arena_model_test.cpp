#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/memory_budget.h"
#include "arena.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::core {
namespace {

/// The arena beside a map of what must be in it. Every block is stamped with a number of its own,
/// at its beginning and its end.
class ArenaWithModel {
 public:
  ArenaWithModel(MemoryBudget& budget, std::uint64_t region_bytes) : arena_(budget, region_bytes) {}

  /// False when there was no room.
  bool allocate(std::size_t bytes) {
    const Handle handle = arena_.try_allocate(bytes);
    if (handle == kNoHandle) return false;
    const std::size_t block_bytes = arena_.block_bytes(handle);
    EXPECT_EQ(block_bytes, Arena::block_bytes_for(bytes));
    const auto [entry, is_new] =
        blocks_.emplace(handle, Block{block_bytes, ++last_stamp_, order_.size()});
    EXPECT_TRUE(is_new) << "given out twice";
    stamp(entry->first, entry->second);
    order_.push_back(handle);
    live_bytes_ += block_bytes;
    return true;
  }

  void free(std::size_t position) {
    const Handle handle = order_[position];
    const auto entry = blocks_.find(handle);
    expect_stamped(handle, entry->second);
    live_bytes_ -= entry->second.bytes;
    blocks_.erase(entry);
    order_[position] = order_.back();
    order_.pop_back();
    if (position < order_.size()) blocks_.at(order_[position]).position = position;
    arena_.free(handle);
    EXPECT_FALSE(arena_.is_live_block(handle));
  }

  bool compact() {
    std::uint64_t moves = 0;
    const std::uint64_t slack_before = arena_.slack_bytes();
    const bool gained = arena_.compact_one_span([&](Handle from, Handle to) {
      ++moves;
      expect_moved(from, to);
    });
    EXPECT_LE(moves, kSpanBlocksMax);
    EXPECT_TRUE(gained ? arena_.slack_bytes() < slack_before : moves == 0);
    return gained;
  }

  /// Nothing may be dirty.
  bool lower() {
    const Handle before = highest_block();
    std::uint64_t moves = 0;
    const bool lowered = arena_.lower_highest_run([&](Handle from, Handle to) {
      ++moves;
      ASSERT_LT(to, from);
      expect_moved(from, to);
    });
    EXPECT_LE(moves, kSpanBlocksMax);
    EXPECT_EQ(lowered, moves > 0);
    EXPECT_TRUE(lowered ? highest_block() < before : highest_block() == before);
    return lowered;
  }

  /// What holds after every step.
  void expect_accounts_balance(const MemoryBudget& budget, std::uint64_t others) const {
    ASSERT_EQ(arena_.live_bytes(), live_bytes_);
    ASSERT_EQ(arena_.committed_bytes(), arena_.live_bytes() + arena_.slack_bytes() +
                                            arena_.tail_bytes() + arena_.dirty_bytes() +
                                            arena_.table_bytes());
    ASSERT_EQ(budget.used(), arena_.committed_bytes() + others);
  }

  /// Slow: every block, and only those, with its bytes.
  void expect_same_blocks() const {
    std::size_t count = 0;
    for (Handle at = arena_.next_live_block(kNoHandle); at != kNoHandle;
         at = arena_.next_live_block(at)) {
      const auto entry = blocks_.find(at);
      ASSERT_NE(entry, blocks_.end()) << at;
      expect_stamped(at, entry->second);
      ++count;
    }
    ASSERT_EQ(count, blocks_.size());
  }

  bool holds(Handle handle) const { return blocks_.contains(handle); }
  std::size_t count() const { return order_.size(); }
  Handle handle_at(std::size_t position) const { return order_[position]; }
  Arena& arena() { return arena_; }

 private:
  struct Block {
    std::size_t bytes;
    std::uint64_t stamp;
    std::size_t position;  // in order_
  };

  void expect_moved(Handle from, Handle to) {
    const auto entry = blocks_.find(from);
    ASSERT_NE(entry, blocks_.end());
    ASSERT_TRUE(arena_.is_live_block(to));
    ASSERT_EQ(arena_.block_bytes(to), entry->second.bytes);
    const Block block = entry->second;
    blocks_.erase(entry);
    ASSERT_TRUE(blocks_.emplace(to, block).second);
    order_[block.position] = to;
    expect_stamped(to, block);
  }
  [[nodiscard]] Handle highest_block() const {
    return order_.empty() ? kNoHandle : *std::max_element(order_.begin(), order_.end());
  }

  void stamp(Handle handle, const Block& block) {
    std::memcpy(arena_.at(handle), &block.stamp, sizeof block.stamp);
    std::memcpy(arena_.at(handle) + block.bytes - sizeof block.stamp, &block.stamp,
                sizeof block.stamp);
  }
  void expect_stamped(Handle handle, const Block& block) const {
    ASSERT_EQ(std::memcmp(arena_.at(handle), &block.stamp, sizeof block.stamp), 0);
    ASSERT_EQ(std::memcmp(arena_.at(handle) + block.bytes - sizeof block.stamp, &block.stamp,
                          sizeof block.stamp),
              0);
  }

  Arena arena_;
  std::unordered_map<Handle, Block> blocks_;
  std::vector<Handle> order_;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t last_stamp_ = 0;
};

std::size_t any_size(test::Random& random) {
  switch (random.below(16)) {
    case 0:
      return random.between(1, Arena::kBytesMax);
    case 1:
    case 2:
      return random.between(1, 16'500);
    case 3:
    case 4:
    case 5:
      return random.between(400, 2000);
    default:
      return random.between(1, 200);
  }
}

TEST(ArenaModelTest, RandomStepsUnderABudget) {
  test::Random random(0xa2e4a);
  constexpr std::uint64_t kLimit = 8_MiB;
  MemoryBudget budget(kLimit);
  ArenaWithModel model(budget, Arena::region_bytes_for(kLimit));
  Arena& arena = model.arena();
  std::uint64_t others = 0;
  std::uint64_t refusals = 0;
  std::uint64_t compactions = 0;
  std::uint64_t lowered = 0;

  const std::uint64_t steps = 2'000'000 * test::test_scale();
  for (std::uint64_t step = 0; step < steps && !testing::Test::HasFatalFailure(); ++step) {
    // Phases of growth, of balance and of shrinking.
    const std::uint64_t phase = step / 100'000 % 4;
    const std::uint64_t allocations = phase == 3 ? 350 : phase == 2 ? 490 : 600;
    const std::uint64_t choice = random.below(1000);
    if (choice < allocations) {
      const std::size_t bytes = any_size(random);
      const std::uint64_t used = budget.used();
      if (!model.allocate(bytes)) {
        ++refusals;
        ASSERT_LE(budget.used(), std::max(used, kLimit));
        // Room for it is a few victims away, whatever the pages look like.
        for (int i = 0; i < 3 && model.count() != 0; ++i)
          model.free(random.below(model.count()));
      }
    } else if (choice < 985) {
      if (model.count() != 0) model.free(random.below(model.count()));
    } else if (choice < 994) {
      if (model.compact()) ++compactions;
    } else if (choice < 995) {
      if (arena.dirty_bytes() == 0 && model.lower()) ++lowered;
    } else if (choice < 998) {
      const std::uint64_t dirty = arena.dirty_bytes();
      const std::uint64_t bytes = random.below(512_KiB);
      const bool more = arena.purge(bytes);
      ASSERT_EQ(more, arena.dirty_bytes() != 0);
      ASSERT_GE(arena.dirty_bytes() + std::max<std::uint64_t>(bytes, kPageBytes), dirty);
    } else {
      budget.release(others);
      others = random.below(kLimit / 4);
      budget.charge(others);
    }
    model.expect_accounts_balance(budget, others);
    const auto somewhere = static_cast<Handle>(
        random.one_in(8) ? random() : random.below(arena.committed_bytes() / 8 + 2000));
    ASSERT_EQ(arena.is_live_block(somewhere), model.holds(somewhere)) << somewhere;
    if (model.count() != 0) {
      ASSERT_TRUE(arena.is_live_block(model.handle_at(random.below(model.count()))));
    }
    if (step % 50'000 == 0) model.expect_same_blocks();
  }
  EXPECT_GT(refusals, steps / 1000);
  EXPECT_GT(compactions, steps / 1000);
  EXPECT_GT(lowered, 0U);
  while (model.count() != 0)
    model.free(model.count() - 1);
  EXPECT_EQ(arena.live_bytes(), 0U);
  EXPECT_EQ(arena.slack_bytes(), 0U);
  EXPECT_EQ(arena.tail_bytes(), 0U);
}

/// Sizes that drift for ever, victims chosen at random, in the way the store does it: when there is
/// no room, spans are compacted if much is slack, else victims go.
class ArenaChurnTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kLimit = 16_MiB;  // the smallest shard of several

  void churn(std::uint64_t bytes_min, std::uint64_t bytes_max, std::uint64_t writes) {
    for (std::uint64_t i = 0; i < writes; ++i) {
      const std::size_t bytes = random_.between(bytes_min, bytes_max);
      while (!model_.allocate(bytes)) {
        full_ = true;
        if (model_.arena().wants_compaction() && model_.compact()) continue;
        ASSERT_NE(model_.count(), 0U);
        model_.free(random_.below(model_.count()));
      }
    }
    model_.expect_accounts_balance(budget_, 0);
    ASSERT_LE(budget_.used(), kLimit);
  }

  double live_share() {
    return static_cast<double>(model_.arena().live_bytes()) /
           static_cast<double>(model_.arena().committed_bytes());
  }

  test::Random random_{0xd21f7};
  MemoryBudget budget_{kLimit};
  ArenaWithModel model_{budget_, Arena::region_bytes_for(kLimit)};
  bool full_ = false;
};

TEST_F(ArenaChurnTest, DriftingSizesLeaveNineTenthsOfTheMemoryInLiveBlocks) {
  const std::array<std::pair<std::uint64_t, std::uint64_t>, 9> sizes = {{{40, 90},
                                                                         {100, 250},
                                                                         {300, 700},
                                                                         {700, 3000},
                                                                         {3000, 9000},
                                                                         {9000, 30'000},
                                                                         {20'000, 200'000},
                                                                         {50, 6000},
                                                                         {24, 64}}};
  for (std::uint64_t round = 0; round < test::test_scale(); ++round) {
    for (const auto& [low, high] : sizes) {
      // Twice as much as fits, so that hardly anything of the phase before is left; watched on
      // the way, because it is in the middle of the change that spans are half empty.
      const std::uint64_t writes = 2 * kLimit / ((low + high) / 2);
      for (int part = 0; part < 20; ++part) {
        ASSERT_NO_FATAL_FAILURE(churn(low, high, writes / 20 + 1));
        if (full_) {
          EXPECT_GE(live_share(), 0.90) << low << " to " << high << ", part " << part;
        }
      }
    }
  }
  EXPECT_TRUE(full_);
  model_.expect_same_blocks();
}

TEST_F(ArenaChurnTest, ASlowDriftThroughAllSizesDoesSo) {
  double bytes = 48;
  while (bytes < 20'000) {
    ASSERT_NO_FATAL_FAILURE(churn(static_cast<std::uint64_t>(bytes * 0.8),
                                  static_cast<std::uint64_t>(bytes * 1.2), 500));
    if (full_) {
      ASSERT_GE(live_share(), 0.90) << bytes;
    }
    bytes *= 1.001;
  }
  EXPECT_TRUE(full_);
}

TEST_F(ArenaChurnTest, CompactionAloneBringsASparseArenaTogether) {
  ASSERT_NO_FATAL_FAILURE(churn(40, 3000, 20'000));
  while (model_.arena().live_bytes() > kLimit / 2)
    model_.free(random_.below(model_.count()));
  EXPECT_LT(live_share(), 0.7);
  while (model_.compact()) {
  }
  while (model_.arena().purge(256_KiB)) {
  }
  EXPECT_GE(live_share(), 0.90);
  model_.expect_same_blocks();
}

TEST_F(ArenaChurnTest, WhatIsLeftMovesDownUntilThePageTableIsShort) {
  ASSERT_NO_FATAL_FAILURE(churn(40, 60'000, 20'000));
  const std::uint64_t table_bytes = model_.arena().table_bytes();
  while (model_.arena().live_bytes() > kLimit / 20)
    model_.free(random_.below(model_.count()));
  while (model_.compact()) {
  }
  while (model_.arena().purge(256_KiB)) {
  }
  EXPECT_TRUE(model_.arena().wants_lowering());
  EXPECT_TRUE(model_.arena().wants_lowering_in_quiet());
  while (model_.arena().wants_lowering_in_quiet()) {
    ASSERT_TRUE(model_.lower());
    model_.expect_accounts_balance(budget_, 0);
  }
  EXPECT_LT(model_.arena().table_bytes(), table_bytes / 2);
  model_.expect_same_blocks();
}

}  // namespace
}  // namespace appmem::core
