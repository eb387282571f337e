#include <cstdint>
#include <string>
#include <vector>

#include "store_fixture.h"

namespace appmem::core {
namespace {

constexpr std::size_t kShards = 4;
constexpr std::size_t kEntries = 20'000;

/// What storage does at the start.
class StoreRestoreTest : public StoreTest {
 protected:
  StoreRestoreTest() : StoreTest({.max_memory_bytes = 64_MiB, .shards = kShards, .seed = 3}) {}

  void restore(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string key = "key" + std::to_string(i);
      const std::string value = "value" + std::to_string(i);
      const EntryView entry{.key = key, .value = ValueView::from_bytes(value)};
      ASSERT_TRUE(store_->restore(kDefaultNamespace, entry, now()));
    }
  }
  void expect_all(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      ASSERT_EQ(get("key" + std::to_string(i)), "value" + std::to_string(i));
    EXPECT_EQ(keys(), count);
  }
  [[nodiscard]] NamespaceInfo info() { return *store_->namespace_info(kDefaultNamespace, now()); }
  [[nodiscard]] std::uint64_t keys() { return info().keys; }
  [[nodiscard]] std::uint64_t table_bytes() { return store_->store_stats(now()).table_bytes; }
};

TEST_F(StoreRestoreTest, TablesHaveTheirSizeBeforeTheEntriesCome) {
  ASSERT_TRUE(store_->restore_begins(kDefaultNamespace, kEntries));
  const std::uint64_t bytes = table_bytes();
  EXPECT_GE(bytes, kEntries * 9);
  EXPECT_LE(bytes, kEntries * 10 + kShards * 2 * 4096);
  restore(kEntries);
  EXPECT_EQ(table_bytes(), bytes);
  expect_all(kEntries);
}

TEST_F(StoreRestoreTest, AFewEntriesStayAtHome) {
  ASSERT_TRUE(store_->restore_begins(kDefaultNamespace, 4'096));
  const std::uint64_t bytes = table_bytes();
  restore(4'096);
  EXPECT_EQ(table_bytes(), bytes) << "one table for them all";
  expect_all(4'096);
}

TEST_F(StoreRestoreTest, MoreOrFewerThanWereToldAreFine) {
  for (const std::size_t told : {std::size_t{0}, std::size_t{10}, std::size_t{100'000}}) {
    restart(options_);
    ASSERT_TRUE(store_->restore_begins(kDefaultNamespace, told));
    restore(kEntries);
    expect_all(kEntries);
    while (store_->maintain(0, 1, now(), {})) {
    }
    expect_all(kEntries);
    // What was too much is given back.
    EXPECT_LE(table_bytes(), kEntries * 15 + kShards * 2 * 4096) << told;
  }
}

TEST_F(StoreRestoreTest, ANamespaceWithEntriesKeepsItsTables) {
  restore(100);
  const std::uint64_t bytes = table_bytes();
  EXPECT_TRUE(store_->restore_begins(kDefaultNamespace, kEntries));
  EXPECT_EQ(table_bytes(), bytes);
  expect_all(100);
}

TEST_F(StoreRestoreTest, MoreThanCanBeHeldIsRefusedAtOnce) {
  for (const std::uint64_t entries : {std::uint64_t{1} << 62U, std::uint64_t{64_MiB} / 24 + 1}) {
    const auto begun = store_->restore_begins(kDefaultNamespace, entries);
    ASSERT_FALSE(begun);
    EXPECT_EQ(begun.error().code, ErrorCode::kOutOfMemory);
  }
  EXPECT_EQ(table_bytes(), 0U);
  restore(kEntries);
  expect_all(kEntries);
}

/// In a table that grew with them, all would be in one run of slots.
TEST_F(StoreRestoreTest, EntriesMayComeInTheOrderOfAScan) {
  ASSERT_TRUE(store_->restore_begins(kDefaultNamespace, kEntries));
  restore(kEntries);
  std::vector<std::string> keys;
  for (ScanCursor cursor = 0;;) {
    const auto step = store_->scan(kDefaultNamespace, cursor, 1000, now(), [&](const EntryView& e) {
      keys.emplace_back(e.key);
      return true;
    });
    ASSERT_TRUE(step);
    if (step->done) break;
    cursor = step->next;
  }
  ASSERT_EQ(keys.size(), kEntries);
  restart(options_);
  ASSERT_TRUE(store_->restore_begins(kDefaultNamespace, kEntries));
  const std::uint64_t bytes = table_bytes();
  for (const std::string& key : keys) {
    const std::string value = "value" + key.substr(3);
    const EntryView entry{.key = key, .value = ValueView::from_bytes(value)};
    ASSERT_TRUE(store_->restore(kDefaultNamespace, entry, now()));
  }
  EXPECT_EQ(table_bytes(), bytes);
  expect_all(kEntries);
}

TEST_F(StoreRestoreTest, AnEmptyNamespaceThatWasSpreadIsLikeAnyOther) {
  ASSERT_TRUE(store_->restore_begins(kDefaultNamespace, kEntries));
  EXPECT_EQ(keys(), 0U);
  EXPECT_TRUE(set("a", "1"));
  EXPECT_EQ(get("a"), "1");
  const auto cleared = store_->clear_namespace(kDefaultNamespace, now());
  ASSERT_TRUE(cleared);
  EXPECT_EQ(*cleared, 1U);
  EXPECT_EQ(keys(), 0U);
  restore(kEntries);
  expect_all(kEntries);
}

/// One shard of a megabyte, in which nothing is evicted.
class StoreRestoreTightTest : public StoreTest {
 protected:
  StoreRestoreTightTest() : StoreTest({.max_memory_bytes = 1_MiB, .shards = 1, .seed = 3}) {
    EXPECT_TRUE(store_->alter_namespace(ns_, {.eviction = Eviction::kNone}, now()));
  }

  Result<void> restore(const std::string& key, std::size_t bytes,
                       std::optional<TimePoint> deadline = std::nullopt) {
    const std::string value(bytes, 'v');
    return store_->restore(
        ns_, {.key = key, .value = ValueView::from_bytes(value), .deadline = deadline}, now());
  }
  /// Entries of `bytes` until there is no room. Returns how many.
  int fill(std::size_t bytes) {
    for (int i = 0;; ++i) {
      if (!restore(std::to_string(bytes) + ":" + std::to_string(i), bytes)) return i;
    }
  }
  Result<void> persist(const std::string& key) {
    return store_->restore_deadline(ns_, key, std::nullopt, 0, now());
  }
  [[nodiscard]] TimePoint past() { return now().mono - 1h; }
};

TEST_F(StoreRestoreTightTest, WhatHasPassedIsKeptForALaterChangeWhereThereIsOtherRoom) {
  const int small = fill(100);
  ASSERT_GT(small, 1000);
  for (int i = 0; i < small; i += 2)
    ASSERT_TRUE(store_->restore_removal(ns_, "100:" + std::to_string(i), 0, now()));
  ASSERT_TRUE(restore("k", 100, past()));
  clock_.advance(1s);
  // The room is there once blocks have been moved.
  for (int i = 0; i < small / 40; ++i)
    ASSERT_TRUE(restore("long" + std::to_string(i), 1000)) << i;
  ASSERT_TRUE(persist("k"));
  EXPECT_EQ(get("k"), std::string(100, 'v'));
}

TEST_F(StoreRestoreTightTest, WhatHasPassedGoesWhereNothingElseMakesRoom) {
  constexpr int kOver = 20'000;
  ASSERT_TRUE(restore("lasts", 100));
  for (int i = 0; i < kOver; ++i)
    ASSERT_TRUE(restore("over" + std::to_string(i), 100, past())) << i;
  EXPECT_EQ(get("lasts"), std::string(100, 'v'));
  // Nobody is told that one lasts that is gone.
  int gone = 0;
  for (int i = 0; i < kOver; ++i) {
    const std::string key = "over" + std::to_string(i);
    ASSERT_TRUE(store_->restore_deadline(ns_, key, past(), 0, now())) << "over in any case";
    if (const auto done = persist(key); !done) {
      ASSERT_EQ(done.error().code, ErrorCode::kOutOfMemory);
      ++gone;
    } else {
      ASSERT_TRUE(get(key)) << key;
    }
  }
  EXPECT_GT(gone, kOver / 2);
  EXPECT_LT(gone, kOver);
  EXPECT_TRUE(persist("lasts"));
}

TEST_F(StoreRestoreTightTest, WhatIsReplacedDoesNotGoForItsSuccessor) {
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(restore("k" + std::to_string(i), 100, past())) << i;
    ASSERT_TRUE(restore("k" + std::to_string(i), 150, past())) << i;
  }
}

TEST_F(StoreRestoreTest, OneThatIsGoneIsNoError) {
  const auto made = store_->create_namespace("gone", {}, now());
  ASSERT_TRUE(made);
  ASSERT_TRUE(store_->drop_namespace(*made, now()));
  EXPECT_TRUE(store_->restore_begins(*made, kEntries));
  EXPECT_EQ(table_bytes(), 0U);
}

}  // namespace
}  // namespace appmem::core
