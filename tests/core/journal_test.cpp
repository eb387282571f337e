#include <array>
#include <cstddef>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "step.h"
#include "support/random.h"

namespace appmem::core {
namespace {

using test::Random;

/// Shards are only told apart here.
class JournalTest : public testing::Test {
 protected:
  static constexpr std::size_t kShards = 3;

  Shard* shard(std::size_t index) { return reinterpret_cast<Shard*>(&places_[index]); }
  void add(std::size_t shard_index, Handle before, Handle after) {
    Journal::Record record;
    record.shard = shard(shard_index);
    record.before = before;
    record.after = after;
    journal_.records.push_back(record);
  }
  void expect(std::size_t record, Handle before, Handle after) {
    EXPECT_EQ(journal_.records[record].before, before) << record;
    EXPECT_EQ(journal_.records[record].after, after) << record;
  }

  Journal journal_;

 private:
  alignas(16) std::array<std::array<char, 16>, kShards> places_{};
};

TEST_F(JournalTest, BothRecordsOfABlockFollowIt) {
  add(0, 10, 11);
  add(0, 11, 12);  // replaces what the first has made
  journal_.moved(shard(0), 11, 21);
  expect(0, 10, 21);
  expect(1, 21, 12);
}

TEST_F(JournalTest, ABlockIsFollowedWhereverItGoes) {
  add(0, kNoHandle, 10);
  for (Handle to = 11; to < 20; ++to)
    journal_.moved(shard(0), to - 1, to);
  expect(0, kNoHandle, 19);
  journal_.moved(shard(0), 19, 10);
  expect(0, kNoHandle, 10);
}

TEST_F(JournalTest, RecordsOfOtherShardsStay) {
  add(0, 10, kNoHandle);
  add(1, 10, kNoHandle);
  journal_.moved(shard(1), 10, 30);
  expect(0, 10, kNoHandle);
  expect(1, 30, kNoHandle);
  journal_.moved(shard(0), 10, 20);
  expect(0, 20, kNoHandle);
  expect(1, 30, kNoHandle);
}

TEST_F(JournalTest, RecordsAddedBetweenMovesAreFoundToo) {
  add(0, 10, 11);
  journal_.moved(shard(0), 10, 12);
  add(0, 20, 10);  // a new block where the one that moved was
  journal_.moved(shard(0), 10, 13);
  expect(0, 12, 11);
  expect(1, 20, 13);
}

TEST_F(JournalTest, BlocksThatNobodyNamesMayMove) {
  journal_.moved(shard(0), 1, 2);
  add(0, 10, 11);
  journal_.moved(shard(0), 1, 2);
  expect(0, 10, 11);
}

TEST_F(JournalTest, AgreesWithLookingAtEveryRecord) {
  const std::uint64_t seed = 20;
  Random random(seed);
  SCOPED_TRACE(seed);
  std::vector<Journal::Record> model;
  std::array<std::set<Handle>, kShards> live;  // blocks, of which some are in records
  std::array<Handle, kShards> next{};
  next.fill(1);
  const auto free_handle = [&](std::size_t at) {
    // A place that was left is taken again now and then.
    if (random.one_in(2)) {
      for (int i = 0; i < 4; ++i) {
        const auto handle = static_cast<Handle>(1 + random.below(next[at]));
        if (handle < next[at] && !live[at].contains(handle)) return handle;
      }
    }
    return next[at]++;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t at = random.below(kShards);
    if (live[at].empty() || random.one_in(3)) {
      // A write: of a new key, or of one that was written before.
      Handle before = kNoHandle;
      if (!model.empty() && random.one_in(2)) {
        const Journal::Record& earlier = model[random.below(model.size())];
        bool replaced = earlier.shard != shard(at);
        for (const Journal::Record& record : model)
          replaced = replaced || (record.shard == shard(at) && record.before == earlier.after);
        if (!replaced) before = earlier.after;
      }
      const Handle after = free_handle(at);
      live[at].insert(after);
      add(at, before, after);
      model.push_back(journal_.records.back());
      continue;
    }
    auto from = live[at].lower_bound(static_cast<Handle>(random.below(next[at])));
    if (from == live[at].end()) from = live[at].begin();
    const Handle to = free_handle(at);
    const Handle moved = *from;
    live[at].erase(from);
    live[at].insert(to);
    journal_.moved(shard(at), moved, to);
    for (Journal::Record& record : model) {
      if (record.shard != shard(at)) continue;
      if (record.before == moved) record.before = to;
      if (record.after == moved) record.after = to;
    }
    if (i % 100 != 0) continue;
    for (std::size_t record = 0; record < model.size(); ++record)
      expect(record, model[record].before, model[record].after);
  }
}

}  // namespace
}  // namespace appmem::core
