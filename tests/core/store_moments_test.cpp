// Reading many keys as of one moment, in slices.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "appmem/core/moment_read.h"
#include "store_fixture.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::core {
namespace {

class StoreMomentsTest : public StoreTest {
 protected:
  static std::string key(std::size_t i) { return "key:" + std::to_string(i); }
  static std::vector<std::string> keys(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i)
      all.push_back(key(i));
    return all;
  }

  void with_shards(std::size_t shards, std::uint64_t bytes = 64_MiB) {
    restart({.max_memory_bytes = bytes, .shards = shards, .threads = 2, .seed = 3});
  }
  std::unique_ptr<MomentRead> begin(const std::vector<std::string>& keys,
                                    const MomentRead::Options& options = {}) {
    const std::vector<std::string_view> views(keys.begin(), keys.end());
    auto begun = MomentRead::begin(*store_, ns_, views, options, now());
    EXPECT_TRUE(begun) << begun.error().message;
    return begun ? *std::move(begun) : nullptr;
  }
  /// Goes on by some steps; whether all has been read.
  bool go_on(MomentRead& read, std::size_t steps) {
    const auto done = read.run(now(), steps);
    EXPECT_TRUE(done) << done.error().message;
    return done && *done;
  }
  void finish(MomentRead& read) {
    constexpr int kRoundsMax = 100'000;
    for (int round = 0; round < kRoundsMax; ++round) {
      if (go_on(read, 1'000)) return;
    }
    ADD_FAILURE() << "the read does not end";
  }
  /// Goes on until the moment has been taken: one that reads all keys but some.
  void take_moment(MomentRead& read, std::size_t keys) {
    for (std::size_t i = 0; i < keys + keys / 16 + 4; ++i)
      ASSERT_FALSE(go_on(read, 1));
  }
  static std::optional<std::string> text(const MomentRead& read, std::size_t index) {
    const auto entry = read.entry(index);
    if (!entry) return std::nullopt;
    return StoredValue::of(entry->value).text();
  }
};

TEST_F(StoreMomentsTest, FindsWhatThereIsAndWhatThereIsNot) {
  with_shards(8);
  const std::string large(kInlineValueBytesMax + 1, 'l');
  ASSERT_TRUE(set("text", "t"));
  ASSERT_TRUE(set("empty", ""));
  ASSERT_TRUE(set_with("number", ValueView::from_integer(-7), {}));
  ASSERT_TRUE(set_with("document", ValueView::from_json("{}"), {}));
  ASSERT_TRUE(set("large", large));
  ASSERT_TRUE(set("", "of the empty key"));
  const auto read = begin({"text", "none", "empty", "number", "document", "large", "", "text"});
  finish(*read);
  ASSERT_EQ(read->size(), 8U);
  EXPECT_EQ(text(*read, 0), "t");
  EXPECT_EQ(text(*read, 1), std::nullopt);
  EXPECT_EQ(text(*read, 2), "");
  EXPECT_EQ(read->entry(3)->value.kind, ValueKind::kInteger);
  EXPECT_EQ(text(*read, 3), "-7");
  EXPECT_EQ(read->entry(4)->value.kind, ValueKind::kJson);
  EXPECT_NE(read->entry(5)->value.shared, nullptr);
  EXPECT_EQ(text(*read, 5), large);
  EXPECT_EQ(text(*read, 6), "of the empty key");
  EXPECT_EQ(text(*read, 7), "t");
  EXPECT_EQ(read->entry(7)->key, "text");
  EXPECT_EQ(read->entry(0)->version, entry("text")->version);
  EXPECT_EQ(read->found(), 7U);
  EXPECT_EQ(read->found_keys(), 6U);
  EXPECT_EQ(read->value_bytes(), 1 + 2 + large.size() + 16 + 1);
}

TEST_F(StoreMomentsTest, ReadingCountsAsSoManyGets) {
  ASSERT_TRUE(set("a", "1"));
  finish(*begin({"a", "b"}));
  EXPECT_EQ(info().counters.gets, 2U);
  EXPECT_EQ(info().counters.hits, 1U);
  EXPECT_EQ(info().counters.misses, 1U);
  finish(*begin({"a", "b"}, {.values = false, .peek = true}));
  EXPECT_EQ(info().counters.gets, 2U);
}

TEST_F(StoreMomentsTest, WithoutValuesOnlyTellsWhatIsThere) {
  ASSERT_TRUE(set("a", "1"));
  const auto read = begin({"a", "b", "a"}, {.values = false});
  finish(*read);
  EXPECT_EQ(read->found(), 2U);
  EXPECT_EQ(read->found_keys(), 1U);
  EXPECT_EQ(read->value_bytes(), 0U);
  EXPECT_EQ(read->entry(0)->version, entry("a")->version);
  EXPECT_FALSE(read->entry(1));
}

TEST_F(StoreMomentsTest, EveryWayToChangeAnEntryLeavesBehindWhatItWas) {
  constexpr std::size_t kKeys = 100;
  const std::string large(kInlineValueBytesMax + 1, 'l');
  const std::vector<std::pair<const char*, std::function<void(const std::string&)>>> changes = {
      {"the same length",
       [&](const std::string& key) {
         ASSERT_TRUE(set(key, "new"));
       }},
      {"longer",
       [&](const std::string& key) {
         ASSERT_TRUE(set(key, std::string(500, 'n')));
       }},
      {"large",
       [&](const std::string& key) {
         ASSERT_TRUE(set(key, large));
       }},
      {"removed",
       [&](const std::string& key) {
         remove(key);
       }},
      {"appended",
       [&](const std::string& key) {
         ASSERT_TRUE(append(key, "x"));
       }},
      {"patched",
       [&](const std::string& key) {
         ASSERT_TRUE(write_at(key, 0, "x"));
       }},
      {"expired at once",
       [&](const std::string& key) {
         ASSERT_TRUE(expire(key, 0ms));
       }},
      {"with a deadline",
       [&](const std::string& key) {
         ASSERT_TRUE(expire(key, 1h));
       }},
      {"in a batch",
       [&](const std::string& key) {
         const KeyRef keys[] = {{ns_, key}};
         ASSERT_TRUE(store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
           EXPECT_TRUE(batch.remove(ns_, key, {}, now()));
           EXPECT_TRUE(batch.set(ns_, key, ValueView::from_bytes("x"), {}, now()));
           return {};
         }));
       }},
      {"undone in a batch",
       [&](const std::string& key) {
         const KeyRef keys[] = {{ns_, key}};
         ASSERT_FALSE(store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
           EXPECT_TRUE(batch.remove(ns_, key, {}, now()));
           return fail(ErrorCode::kConflict, "");
         }));
       }},
  };
  for (const auto& [name, change] : changes) {
    SCOPED_TRACE(name);
    restart(options_);
    for (std::size_t i = 0; i < kKeys; i += 2)
      ASSERT_TRUE(set(key(i), "old"));
    const Version version = entry(key(0))->version;
    auto read = begin(keys(kKeys));
    take_moment(*read, kKeys);
    for (std::size_t i = 0; i < kKeys; ++i)
      change(key(i));
    finish(*read);
    EXPECT_EQ(read->entry(0)->version, version);
    for (std::size_t i = 0; i < kKeys; ++i) {
      ASSERT_EQ(text(*read, i), i % 2 == 0 ? std::optional<std::string>("old") : std::nullopt) << i;
    }
  }
}

TEST_F(StoreMomentsTest, ALargeValueIsNotChangedUnderTheReadersHands) {
  const std::string large(kInlineValueBytesMax + 1, 'l');
  for (const std::string& each : keys(20))
    ASSERT_TRUE(set(each, large));
  auto read = begin(keys(20));
  take_moment(*read, 20);
  for (const std::string& each : keys(20)) {
    ASSERT_TRUE(append(each, "more"));
    ASSERT_TRUE(write_at(each, 0, "XX"));
  }
  finish(*read);
  for (std::size_t i = 0; i < 20; ++i)
    EXPECT_EQ(text(*read, i), large);
}

TEST_F(StoreMomentsTest, WhatExpiresMeanwhileWasThereAndWhatHadExpiredWasNot) {
  with_shards(8);
  constexpr std::size_t kKeys = 2'000;
  for (std::size_t i = 0; i < kKeys; ++i)
    ASSERT_TRUE(set(key(i), "v", i % 2 == 0 ? 10ms : 20ms));
  clock_.advance(10ms);
  auto read = begin(keys(kKeys));
  take_moment(*read, kKeys);
  clock_.advance(10ms);
  for (std::size_t i = 0; i < kKeys; i += 3)
    ASSERT_EQ(get(key(i)), std::nullopt);
  while (!go_on(*read, 50))
    store_->maintain(0, 1, now(), {.steps = 50});
  for (std::size_t i = 0; i < kKeys; ++i)
    ASSERT_EQ(text(*read, i).has_value(), i % 2 == 1) << i;
}

TEST_F(StoreMomentsTest, WhatIsEvictedMeanwhileWasThere) {
  with_shards(4, 8_MiB);
  constexpr std::size_t kKeys = 4'000;
  for (std::size_t i = 0; i < kKeys; ++i)
    ASSERT_TRUE(set(key(i), std::string(200, 'v')));
  auto read = begin(keys(kKeys));
  take_moment(*read, kKeys);
  const std::uint64_t evicted = info().counters.evictions;
  for (std::size_t i = 0; i < 20'000; ++i)
    ASSERT_TRUE(set("filler" + key(i), std::string(1'000, 'f')));
  EXPECT_GT(info().counters.evictions, evicted + kKeys / 2);
  finish(*read);
  EXPECT_EQ(read->found(), kKeys);
  for (std::size_t i = 0; i < kKeys; ++i)
    ASSERT_EQ(text(*read, i), std::string(200, 'v'));
}

TEST_F(StoreMomentsTest, SpreadingLosesNothing) {
  with_shards(8);
  constexpr std::size_t kKeys = 4'000;
  for (std::size_t i = 0; i < kKeys; ++i)
    ASSERT_TRUE(set(key(i), "old"));
  auto read = begin(keys(kKeys));
  take_moment(*read, kKeys);
  for (std::size_t i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(set("filler" + key(i), "f"));
    if (i % 16 == 0) go_on(*read, 4);
    if (i % 4 == 0) {
      ASSERT_TRUE(set(key(i % kKeys), "new"));
    }
  }
  finish(*read);
  for (std::size_t i = 0; i < kKeys; ++i)
    ASSERT_EQ(text(*read, i), "old") << i;
}

TEST_F(StoreMomentsTest, ASwapMakesNoDifferenceToWhatIsBeingRead) {
  const NamespaceId other = create("other");
  for (std::size_t i = 0; i < 1'000; ++i)
    ASSERT_TRUE(set(key(i), "mine"));
  auto read = begin(keys(1'000));
  take_moment(*read, 1'000);
  ASSERT_TRUE(store_->swap_namespaces(ns_, other, now()));
  ns_ = other;
  for (std::size_t i = 0; i < 1'000; i += 2)
    ASSERT_TRUE(set(key(i), "changed"));
  finish(*read);
  for (std::size_t i = 0; i < 1'000; ++i)
    ASSERT_EQ(text(*read, i), "mine");
}

TEST_F(StoreMomentsTest, AClearedNamespaceIsReadAgain) {
  with_shards(8);
  for (std::size_t i = 0; i < 6'000; ++i)
    ASSERT_TRUE(set(key(i), "old"));
  auto read = begin(keys(6'000));
  take_moment(*read, 6'000);
  ASSERT_TRUE(store_->clear_namespace(ns_, now()));
  ASSERT_TRUE(set(key(1), "new"));
  settle();  // frees what was cleared, which is nobody's
  finish(*read);
  EXPECT_EQ(read->found(), 1U);
  EXPECT_EQ(text(*read, 1), "new");
  EXPECT_EQ(read->value_bytes(), 3U);
}

TEST_F(StoreMomentsTest, WhoIsInterruptedAgainAndAgainReadsAllAtOnceInTheEnd) {
  for (std::size_t i = 0; i < 2'000; ++i)
    ASSERT_TRUE(set(key(i), "v"));
  auto read = begin(keys(2'000));
  int rounds = 0;
  while (!go_on(*read, 100)) {
    ASSERT_TRUE(store_->clear_namespace(ns_, now()));
    ASSERT_LT(++rounds, 1'000);
  }
  EXPECT_EQ(read->found(), 0U);
}

TEST_F(StoreMomentsTest, ADroppedNamespaceIsAnErrorAndOneInItsPlaceIsAnother) {
  ns_ = create("brief");
  for (std::size_t i = 0; i < 1'000; ++i)
    ASSERT_TRUE(set(key(i), "v"));
  auto read = begin(keys(1'000));
  take_moment(*read, 1'000);
  ASSERT_TRUE(store_->drop_namespace(ns_, now()));
  create("brief");
  std::size_t steps = 100'000;
  EXPECT_EQ(error_of(read->run(now(), steps)), ErrorCode::kNotFound);
}

TEST_F(StoreMomentsTest, AnEntryThatWasClearedBeforeTheMomentIsNotReapedIntoIt) {
  for (std::size_t i = 0; i < 1'000; ++i)
    ASSERT_TRUE(set(key(i), "cleared", 10ms));
  ASSERT_TRUE(store_->clear_namespace(ns_, now()));
  auto read = begin(keys(1'000));
  take_moment(*read, 1'000);
  clock_.advance(1s);
  settle();
  finish(*read);
  EXPECT_EQ(read->found(), 0U);
}

TEST_F(StoreMomentsTest, SomeReadAtOnceAndTheOthersWait) {
  for (std::size_t i = 0; i < 1'000; ++i)
    ASSERT_TRUE(set(key(i), "v"));
  std::vector<std::unique_ptr<MomentRead>> reads;
  for (int i = 0; i < 20; ++i) {
    reads.push_back(begin(keys(1'000)));
    take_moment(*reads.back(), 1'000);
  }
  ASSERT_TRUE(set(key(5), "changed"));
  reads[3].reset();  // whose client has gone
  // One has taken the place of the one that left, and two wait.
  EXPECT_TRUE(go_on(*reads[19], 10'000));
  finish(*reads[12]);
  std::size_t waiting = 0;
  for (const std::size_t each : {8U, 9U, 10U, 11U}) {
    std::size_t steps = 1;
    EXPECT_FALSE(*reads[each]->run(now(), steps));
    EXPECT_EQ(steps, 0U);
    ++waiting;
  }
  EXPECT_EQ(waiting, 4U);
  for (const std::size_t each : {0U, 1U, 2U, 4U, 5U, 6U, 7U, 8U, 9U, 10U, 11U, 13U})
    finish(*reads[each]);
  EXPECT_EQ(text(*reads[1], 5), "v");
}

TEST_F(StoreMomentsTest, NoMoreValuesAreKeptThanAskedFor) {
  for (std::size_t i = 0; i < 1'000; ++i)
    ASSERT_TRUE(set(key(i), std::string(1'000, 'v')));
  auto read = begin(keys(1'000), {.value_bytes_max = 100'000});
  finish(*read);
  EXPECT_GT(read->value_bytes(), 100'000U);
  EXPECT_LT(read->memory_bytes(), 600'000U);
  // Each mention counts: a value that is kept once may be answered a hundred thousand times.
  std::vector<std::string> same(1'000, key(1));
  read = begin(same, {.value_bytes_max = 999'999});
  finish(*read);
  EXPECT_EQ(read->value_bytes(), 1'000'000U);
}

TEST_F(StoreMomentsTest, EverythingIsChargedAndGivenBack) {
  for (std::size_t i = 0; i < 1'000; ++i)
    ASSERT_TRUE(set(key(i), std::string(1'000, 'v')));
  settle();
  const std::uint64_t before = store_->memory().used();
  auto read = begin(keys(1'000));
  EXPECT_GE(store_->memory().used(), before + 50'000);
  take_moment(*read, 1'000);
  for (std::size_t i = 0; i < 1'000; i += 2)
    ASSERT_TRUE(remove(key(i)));
  finish(*read);
  EXPECT_EQ(read->value_bytes(), 1'000'000U);
  EXPECT_GE(read->memory_bytes(), 1'050'000U);
  EXPECT_LE(read->memory_bytes(), 1'500'000U);
  for (std::size_t i = 1; i < 1'000; i += 2)
    ASSERT_TRUE(remove(key(i)));
  const std::uint64_t most = store_->memory().used();
  const std::size_t taken = read->memory_bytes();
  read.reset();
  while (store_->memory().used() > most - taken) {
    ASSERT_TRUE(store_->maintain(0, 1, now(), {}));
  }
}

TEST_F(StoreMomentsTest, KeepsWhatItNeedsAlsoWhereThereIsNoRoom) {
  restart({.max_memory_bytes = 2_MiB, .seed = 3});
  ns_ = create("full", {.eviction = Eviction::kNone});
  std::size_t stored = 0;
  while (set(key(stored), std::string(300, 'v')))
    ++stored;
  const std::vector<std::string> all = keys(stored);
  const std::vector<std::string_view> views(all.begin(), all.end());
  EXPECT_EQ(error_of(MomentRead::begin(*store_, ns_, views, {}, now())), ErrorCode::kOutOfMemory);
  for (std::size_t i = 0; i < 1'000; ++i)
    ASSERT_TRUE(remove(key(i)));
  settle();
  auto read = begin(keys(2'000));
  take_moment(*read, 2'000);
  while (set("more" + key(stored), std::string(300, 'v')))
    ++stored;
  finish(*read);
  EXPECT_EQ(read->found(), 1'000U);
}

TEST_F(StoreMomentsTest, ReadsWhatAModelHoldsAtTheMoment) {
  test::Random random(11);
  for (const std::size_t shards : {1U, 8U}) {
    with_shards(shards);
    std::map<std::string, std::string> model;
    constexpr std::size_t kKeys = 6'000;
    const auto change = [&] {
      const std::string name = key(random.below(kKeys));
      switch (random.below(4)) {
        case 0:
          remove(name);
          model.erase(name);
          break;
        case 1:
          ASSERT_TRUE(append(name, "+"));
          model[name] += "+";
          break;
        default:
          const std::string value(random.below(40), static_cast<char>('a' + random.below(26)));
          ASSERT_TRUE(set(name, value));
          model[name] = value;
      }
    };
    for (std::size_t i = 0; i < 10'000; ++i)
      change();
    for (std::size_t round = 0; round < 20 * test::test_scale(); ++round) {
      std::vector<std::string> names;
      for (std::size_t i = random.between(1, 2'000); i > 0; --i)
        names.push_back(key(random.below(kKeys + 100)));
      auto read = begin(names);
      take_moment(*read, names.size());
      const std::map<std::string, std::string> then(model.begin(), model.end());
      for (bool done = false; !done; done = go_on(*read, random.between(1, 200))) {
        for (std::size_t i = random.below(200); i > 0; --i)
          change();
        if (random.one_in(4)) store_->maintain(0, 1, now(), {.steps = 100});
      }
      for (std::size_t i = 0; i < names.size(); ++i) {
        const auto expected = then.find(names[i]);
        const auto found = text(*read, i);
        ASSERT_EQ(found.has_value(), expected != then.end()) << names[i];
        if (found) {
          ASSERT_EQ(*found, expected->second);
        }
      }
    }
  }
}

}  // namespace
}  // namespace appmem::core
