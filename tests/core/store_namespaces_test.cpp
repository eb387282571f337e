// Namespaces: types, names, limits, lives; and passes over their keys.

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "store_fixture.h"
#include "support/random.h"

namespace appmem::core {
namespace {

class StoreNamespacesTest : public StoreTest {
 protected:
  void start(std::size_t shards, std::uint64_t bytes = 256_MiB) {
    StoreOptions options;
    options.max_memory_bytes = bytes;
    options.shards = shards;
    options.seed = 3;
    restart(options);
  }
  std::optional<ErrorCode> creation(std::string_view name, const NamespaceSettings& settings = {}) {
    return error_of(store_->create_namespace(name, settings, now()));
  }
  static std::string key(std::uint64_t i) { return "key:" + std::to_string(i); }
};

TEST_F(StoreNamespacesTest, DefaultAlwaysExists) {
  EXPECT_EQ(store_->find_namespace("default"), kDefaultNamespace);
  EXPECT_EQ(info().name, "default");
  EXPECT_EQ(error_of(store_->drop_namespace(kDefaultNamespace, now())), ErrorCode::kInvalidRequest);
  EXPECT_EQ(creation("default"), ErrorCode::kExists);
}

TEST_F(StoreNamespacesTest, WhatIsFullGivesWayUnderItsNewName) {
  const NamespaceId other = *store_->create_namespace("other", {}, now());
  const std::string value(1'000, 'v');
  for (std::uint64_t i = 0; i < 20'000; ++i)
    ASSERT_TRUE(set(key(i), value));
  ASSERT_TRUE(store_->swap_namespaces(kDefaultNamespace, other, now()));
  for (std::uint64_t i = 0; i < 20'000; ++i)
    ASSERT_TRUE(set(key(i), value)) << i;
  ns_ = other;
  const std::uint64_t left = info().keys;
  EXPECT_GT(left, 0U);
  // A floor goes with its namespace too.
  NamespaceSettings floor = info().settings;
  floor.reserved_bytes = 4_MiB;
  ns_ = kDefaultNamespace;
  ASSERT_TRUE(store_->alter_namespace(ns_, floor, now()));
  for (std::uint64_t i = 0; i < 20'000; ++i)
    ASSERT_TRUE(set(key(i), value)) << i;
  EXPECT_GE(info().memory, 4_MiB - 64_KiB);
}

TEST_F(StoreNamespacesTest, SwappedNamespacesHaveEachOthersKeysAndSettings) {
  start(4);
  NamespaceSettings settings;
  settings.type = ValueType::kInt;
  const NamespaceId numbers = *store_->create_namespace("numbers", settings, now());
  // One of them is spread over all shards, the other one is not.
  constexpr std::uint64_t kKeys = 10'000;
  for (std::uint64_t i = 0; i < kKeys; ++i)
    ASSERT_TRUE(set(key(i), "text"));
  ns_ = numbers;
  ASSERT_TRUE(set("n", "1"));
  ASSERT_TRUE(store_->swap_namespaces(kDefaultNamespace, numbers, now()));
  EXPECT_EQ(store_->find_namespace("default"), kDefaultNamespace);
  EXPECT_EQ(store_->find_namespace("numbers"), numbers);
  EXPECT_EQ(info().name, "numbers");
  EXPECT_EQ(info().keys, kKeys);
  EXPECT_EQ(info().settings.type, ValueType::kAny);
  for (std::uint64_t i = 0; i < kKeys; ++i)
    ASSERT_EQ(get(key(i)), "text");
  EXPECT_EQ(get("n"), std::nullopt);
  ns_ = kDefaultNamespace;
  EXPECT_EQ(info().keys, 1U);
  EXPECT_EQ(get("n"), "1");
  EXPECT_EQ(error_of(set("m", "text")), ErrorCode::kWrongType);
  EXPECT_EQ(error_of(store_->drop_namespace(kDefaultNamespace, now())), ErrorCode::kInvalidRequest);

  // What is dropped is gone with the keys that it had last, and its id with it.
  ASSERT_TRUE(store_->drop_namespace(numbers, now()));
  EXPECT_EQ(creation("other"), std::nullopt);
  ns_ = numbers;
  EXPECT_EQ(error_of(set("a", "1")), ErrorCode::kNotFound);
  EXPECT_EQ(error_of(store_->swap_namespaces(numbers, kDefaultNamespace, now())),
            ErrorCode::kNotFound);
  ns_ = kDefaultNamespace;
  EXPECT_EQ(get("n"), "1");
  EXPECT_TRUE(store_->swap_namespaces(ns_, ns_, now()));
  EXPECT_EQ(get("n"), "1");
}

TEST_F(StoreNamespacesTest, NamesAreChecked) {
  EXPECT_EQ(creation("a"), std::nullopt);
  EXPECT_EQ(creation("A-z_0.9:x"), std::nullopt);
  EXPECT_EQ(creation(std::string(kNamespaceNameBytesMax, 'n')), std::nullopt);
  EXPECT_EQ(creation(std::string(kNamespaceNameBytesMax + 1, 'n')), ErrorCode::kInvalidRequest);
  for (const char* name : {"", " ", "a b", "a/b", "ä", "0", "123"}) {
    EXPECT_EQ(creation(name), ErrorCode::kInvalidRequest) << name;
  }
  EXPECT_EQ(creation("a"), ErrorCode::kExists);
}

TEST_F(StoreNamespacesTest, SettingsAreChecked) {
  NamespaceSettings settings;
  settings.max_bytes = options_.max_memory_bytes;
  EXPECT_EQ(creation("a", settings), std::nullopt);
  settings.max_bytes = options_.max_memory_bytes + 1;
  EXPECT_EQ(creation("b", settings), ErrorCode::kTooLarge);
  settings = {};
  settings.max_value_bytes = kValueBytesMaxCeiling;
  EXPECT_EQ(creation("c", settings), std::nullopt);
  settings.max_value_bytes = kValueBytesMaxCeiling + 1;
  EXPECT_EQ(creation("d", settings), ErrorCode::kTooLarge);
  settings = {};
  settings.persist = Persistence::kWal;
  EXPECT_EQ(creation("e", settings), ErrorCode::kUnavailable);
  settings = {};
  settings.default_ttl = 0ms;
  EXPECT_EQ(creation("f", settings), ErrorCode::kInvalidRequest);
  settings.default_ttl = kTtlMax;
  EXPECT_EQ(creation("g", settings), std::nullopt);
  settings.default_ttl = kTtlMax + 1ms;
  EXPECT_EQ(creation("h", settings), ErrorCode::kInvalidRequest);
}

TEST_F(StoreNamespacesTest, ReservationsFitTogether) {
  NamespaceSettings settings;
  settings.reserved_bytes = options_.max_memory_bytes / 2;
  const NamespaceId a = create("a", settings);
  EXPECT_EQ(creation("b", settings), std::nullopt);
  settings.reserved_bytes = 1;
  EXPECT_EQ(creation("c", settings), ErrorCode::kOutOfMemory);
  EXPECT_EQ(error_of(store_->alter_namespace(kDefaultNamespace, settings, now())),
            ErrorCode::kOutOfMemory);
  settings.reserved_bytes = options_.max_memory_bytes / 2 - 1;
  EXPECT_TRUE(store_->alter_namespace(a, settings, now()));
  settings.reserved_bytes = 1;
  EXPECT_EQ(creation("c", settings), std::nullopt);
  settings.reserved_bytes = options_.max_memory_bytes + 1;
  EXPECT_EQ(creation("d", settings), ErrorCode::kTooLarge);
  settings.reserved_bytes = 100;
  settings.max_bytes = 99;
  EXPECT_EQ(creation("d", settings), ErrorCode::kInvalidRequest);
}

TEST_F(StoreNamespacesTest, ThereAreAsManyAsTheLimitSays) {
  for (std::size_t i = 1; i < kNamespacesMax; ++i) {
    ns_ = create("n" + std::to_string(i));
    ASSERT_TRUE(set("k", std::to_string(i)));
  }
  EXPECT_EQ(creation("more"), ErrorCode::kTooLarge);
  const auto all = store_->list_namespaces(now());
  ASSERT_EQ(all.size(), kNamespacesMax);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
  ns_ = *store_->find_namespace("n500");
  EXPECT_EQ(get("k"), "500");
  ASSERT_TRUE(store_->drop_namespace(ns_, now()));
  EXPECT_EQ(creation("more"), std::nullopt);
}

TEST_F(StoreNamespacesTest, AnUnknownOrDroppedNamespaceIsNotFound) {
  const NamespaceId gone = create("gone");
  ns_ = gone;
  ASSERT_TRUE(set("k", "v"));
  ASSERT_TRUE(store_->drop_namespace(gone, now()));
  EXPECT_EQ(store_->find_namespace("gone"), std::nullopt);
  const NamespaceId next = create("next");
  EXPECT_EQ(next.index, gone.index);
  EXPECT_NE(next, gone);
  for (const NamespaceId id : {gone, NamespaceId{999, 0}, NamespaceId{5000, 0}}) {
    ns_ = id;
    EXPECT_EQ(error_of(set("k", "v")), ErrorCode::kNotFound);
    EXPECT_EQ(error_of(incr("k")), ErrorCode::kNotFound);
    EXPECT_EQ(error_of(append("k", "v")), ErrorCode::kNotFound);
    EXPECT_EQ(error_of(append("k", std::string(kInlineValueBytesMax + 1, 'v'))),
              ErrorCode::kNotFound);
    EXPECT_EQ(error_of(set("k", std::string(kInlineValueBytesMax + 1, 'v'))), ErrorCode::kNotFound);
    EXPECT_EQ(error_of(store_->scan(id, 0, 1, now(), [](const EntryView&) { return true; })),
              ErrorCode::kNotFound);
    EXPECT_EQ(error_of(store_->namespace_info(id, now())), ErrorCode::kNotFound);
    EXPECT_EQ(error_of(store_->namespace_settings(id)), ErrorCode::kNotFound);
    EXPECT_EQ(error_of(store_->clear_namespace(id, now())), ErrorCode::kNotFound);
    EXPECT_EQ(error_of(store_->drop_namespace(id, now())), ErrorCode::kNotFound);
    EXPECT_EQ(error_of(store_->alter_namespace(id, {}, now())), ErrorCode::kNotFound);
  }
  ns_ = next;
  EXPECT_EQ(get("k"), std::nullopt);
}

// --- types ---

TEST_F(StoreNamespacesTest, AnIntNamespaceConvertsOrRefuses) {
  ns_ = create("int", {.type = ValueType::kInt});
  EXPECT_TRUE(set("k", "-17"));
  EXPECT_EQ(entry("k")->value, (StoredValue{ValueKind::kInteger, "", -17}));
  EXPECT_TRUE(set_with("k", ValueView::from_integer(4), {}));
  EXPECT_EQ(incr("k")->value, 5);
  EXPECT_EQ(error_of(set("k", "x")), ErrorCode::kWrongType);
  EXPECT_EQ(error_of(set("k", "01")), ErrorCode::kWrongType);
  EXPECT_EQ(error_of(set_with("k", ValueView::from_json("1"), {})), ErrorCode::kWrongType);
  EXPECT_EQ(error_of(append("k", "1")), ErrorCode::kWrongType);
  EXPECT_EQ(get("k"), "5");
}

TEST_F(StoreNamespacesTest, AStringNamespaceStoresDigits) {
  ns_ = create("string", {.type = ValueType::kString});
  EXPECT_TRUE(set_with("k", ValueView::from_integer(-42), {}));
  EXPECT_EQ(entry("k")->value, (StoredValue{ValueKind::kBytes, "-42", 0}));
  EXPECT_EQ(incr("k", 50)->value, 8);
  EXPECT_EQ(entry("k")->value, (StoredValue{ValueKind::kBytes, "8", 0}));
  EXPECT_EQ(append("k", "0")->length, 2U);
  EXPECT_EQ(incr("k")->value, 81);
  EXPECT_EQ(error_of(set_with("k", ValueView::from_json("1"), {})), ErrorCode::kWrongType);
}

TEST_F(StoreNamespacesTest, AJsonNamespaceStoresDocuments) {
  ns_ = create("json", {.type = ValueType::kJson});
  EXPECT_TRUE(set_with("k", ValueView::from_json("[1,2]"), {}));
  EXPECT_TRUE(set_with("n", ValueView::from_integer(7), {}));
  EXPECT_EQ(entry("n")->value, (StoredValue{ValueKind::kJson, "7", 0}));
  EXPECT_EQ(error_of(set("k", "[1]")), ErrorCode::kWrongType);
  EXPECT_EQ(error_of(incr("n")), ErrorCode::kWrongType);
  EXPECT_EQ(error_of(incr("missing")), ErrorCode::kWrongType);
  EXPECT_EQ(error_of(append("k", "x")), ErrorCode::kWrongType);
  EXPECT_EQ(error_of(append("missing", "x")), ErrorCode::kWrongType);
}

TEST_F(StoreNamespacesTest, ItsOwnValueLimitHolds) {
  ns_ = create("n", {.max_value_bytes = 10});
  EXPECT_TRUE(set("k", "1234567890"));
  const auto refused = set("k", "12345678901");
  EXPECT_EQ(error_of(refused), ErrorCode::kTooLarge);
  EXPECT_NE(refused.error().message.find("max_value_bytes"), std::string::npos);
  EXPECT_EQ(error_of(append("k", "1")), ErrorCode::kTooLarge);
  EXPECT_EQ(error_of(set("k", std::string(kInlineValueBytesMax + 1, 'x'))), ErrorCode::kTooLarge);
  EXPECT_EQ(get("k"), "1234567890");
  EXPECT_EQ(info().counters.refused, 3U);
}

TEST_F(StoreNamespacesTest, AlterChangesWhatMayBeChanged) {
  ns_ = create("n");
  ASSERT_TRUE(set("k", "text"));
  NamespaceSettings settings;
  settings.type = ValueType::kInt;
  EXPECT_EQ(error_of(store_->alter_namespace(ns_, settings, now())), ErrorCode::kConflict);
  settings.type = ValueType::kAny;
  settings.default_ttl = 5s;
  settings.max_value_bytes = 3;
  ASSERT_TRUE(store_->alter_namespace(ns_, settings, now()));
  EXPECT_EQ(store_->namespace_settings(ns_)->default_ttl, 5s);
  EXPECT_EQ(entry("k")->deadline, std::nullopt);
  EXPECT_EQ(error_of(set("k", "text")), ErrorCode::kTooLarge);
  EXPECT_TRUE(remove("k"));
  settings.type = ValueType::kInt;
  EXPECT_TRUE(store_->alter_namespace(ns_, settings, now()));
  EXPECT_EQ(error_of(set("k", "abc")), ErrorCode::kWrongType);
}

TEST_F(StoreNamespacesTest, NamespacesDoNotSeeEachOther) {
  for (const std::size_t shards : {1U, 8U}) {
    start(shards);
    const NamespaceId a = create("a");
    const NamespaceId b = create("b");
    ns_ = a;
    ASSERT_TRUE(set("k", "a"));
    ns_ = b;
    ASSERT_TRUE(set("k", "b"));
    ASSERT_TRUE(store_->clear_namespace(b, now()));
    EXPECT_EQ(get("k"), std::nullopt);
    ns_ = a;
    EXPECT_EQ(get("k"), "a");
    EXPECT_EQ(scan().size(), 1U);
  }
}

TEST_F(StoreNamespacesTest, ClearingKeepsSettingsAndCounters) {
  start(4);
  ns_ = create("n", {.max_keys = 50'000});
  for (std::uint64_t i = 0; i < 20'000; ++i)
    ASSERT_TRUE(set(key(i), "v"));
  EXPECT_EQ(*store_->clear_namespace(ns_, now()), 20'000U);
  EXPECT_EQ(info().keys, 0U);
  EXPECT_EQ(info().counters.sets, 20'000U);
  EXPECT_EQ(info().settings.max_keys, 50'000U);
  for (std::uint64_t i = 0; i < 20'000; ++i)
    ASSERT_TRUE(set(key(i), "w"));
  settle();
  EXPECT_EQ(info().keys, 20'000U);
  EXPECT_EQ(scan().size(), 20'000U);
  ASSERT_TRUE(store_->drop_namespace(ns_, now()));
  settle();
  ns_ = kDefaultNamespace;
  EXPECT_EQ(store_->store_stats(now()).keys, 0U);
}

// --- spreading ---

TEST_F(StoreNamespacesTest, AGrowingNamespaceSpreadsAndKeepsEveryKey) {
  start(8);
  constexpr std::uint64_t kKeys = 30'000;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    ASSERT_TRUE(set(key(i), std::to_string(i),
                    i % 2 == 0 ? std::optional<milliseconds>(1h) : std::nullopt));
    if (i % 97 == 0) {
      for (std::uint64_t j = 0; j <= i; j += 1 + i / 50) {
        ASSERT_EQ(get(key(j)), std::to_string(j)) << i;
      }
    }
    if (i == 5000) {
      ASSERT_EQ(scan(7).size(), i + 1);
    }
  }
  settle();
  EXPECT_EQ(info().keys, kKeys);
  const auto shown = scan(1000);
  EXPECT_EQ(shown.size(), kKeys);
  for (const auto& [name, times] : shown)
    ASSERT_EQ(times, 1) << name;
  for (std::uint64_t i = 0; i < kKeys; ++i)
    ASSERT_EQ(get(key(i)), std::to_string(i));
  clock_.advance(1h);
  settle();
  EXPECT_EQ(info().keys, kKeys / 2);
}

TEST_F(StoreNamespacesTest, ASpreadKeyNeverGetsAVersionAgainThatItHadAtHome) {
  start(4);
  // The home shard's versions are far ahead of the others'.
  for (int i = 0; i < 50'000; ++i)
    ASSERT_TRUE(set("hot" + std::to_string(i % 100), "v"));
  std::map<std::string, Version> last;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "hot" + std::to_string(i);
    last[name] = entry(name)->version;
    EXPECT_TRUE(remove(name));
  }
  for (std::uint64_t i = 0; i < 20'000; ++i)
    ASSERT_TRUE(set(key(i), "v"));
  settle();
  for (const auto& [name, version] : last)
    EXPECT_GT(set(name, "v")->version, version);
}

TEST_F(StoreNamespacesTest, SpreadEntriesRememberWhenTheyWereUsed) {
  start(4);
  ASSERT_TRUE(set("old", "v"));
  clock_.advance(100s);
  for (std::uint64_t i = 0; i < 4096; ++i)
    ASSERT_TRUE(set(key(i), "v"));
  clock_.advance(100s);
  for (std::uint64_t i = 4096; i < 10'000; ++i)
    ASSERT_TRUE(set(key(i), "v"));
  settle();
  EXPECT_NEAR(static_cast<double>((*store_->stats(ns_, "old", now()))->idle.count()), 200e3, 10e3);
  EXPECT_NEAR(static_cast<double>((*store_->stats(ns_, key(7), now()))->idle.count()), 100e3, 10e3);
  EXPECT_NEAR(static_cast<double>((*store_->stats(ns_, key(9999), now()))->idle.count()), 0, 10e3);
}

// --- scans ---

TEST_F(StoreNamespacesTest, AScanStopsWhereTheVisitorSays) {
  for (std::uint64_t i = 0; i < 1000; ++i)
    ASSERT_TRUE(set(key(i), "v"));
  std::map<std::string, int> shown;
  ScanCursor cursor = 0;
  for (;;) {
    int here = 0;
    const auto step = store_->scan(ns_, cursor, 1000, now(), [&](const EntryView& view) {
      ++shown[std::string(view.key)];
      return ++here < 10;
    });
    ASSERT_TRUE(step);
    EXPECT_LE(here, 11);
    if (step->done) break;
    cursor = step->next;
  }
  EXPECT_EQ(shown.size(), 1000U);
  for (const auto& [name, times] : shown)
    EXPECT_EQ(times, 1) << name;
}

TEST_F(StoreNamespacesTest, AScanShowsNothingThatHasExpired) {
  ASSERT_TRUE(set("a", "v", 1s));
  ASSERT_TRUE(set("b", "v"));
  clock_.advance(1s);
  EXPECT_EQ(scan(), (std::map<std::string, int>{{"b", 1}}));
}

TEST_F(StoreNamespacesTest, AnyCursorIsTaken) {
  start(4);
  for (std::uint64_t i = 0; i < 20'000; ++i)
    ASSERT_TRUE(set(key(i), "v"));
  settle();
  test::Random random(5);
  for (int i = 0; i < 1000; ++i) {
    const ScanCursor cursor = i == 0 ? UINT64_MAX : i == 1 ? UINT64_MAX - 1 : random();
    const auto step = store_->scan(ns_, cursor, 10, now(), [](const EntryView&) { return true; });
    ASSERT_TRUE(step);
    ASSERT_TRUE(step->done || step->next > cursor);
  }
}

TEST_F(StoreNamespacesTest, WhatIsPresentThroughoutAScanIsShownExactlyOnce) {
  test::Random random(11);
  for (const std::size_t shards : {1U, 4U, 16U}) {
    for (int round = 0; round < 10; ++round) {
      start(shards);
      // The pass begins small, at home, and goes on while the namespace grows, spreads and shrinks.
      const std::uint64_t stable = 200 + random.below(3000);
      for (std::uint64_t i = 0; i < stable; ++i)
        ASSERT_TRUE(set("stable" + key(i), "v"));
      std::map<std::string, int> shown;
      ScanCursor cursor = 0;
      std::uint64_t next = 0;
      for (;;) {
        const auto step =
            store_->scan(ns_, cursor, 1 + random.below(100), now(), [&](const EntryView& view) {
              ++shown[std::string(view.key)];
              return !random.one_in(50);
            });
        ASSERT_TRUE(step);
        if (step->done) break;
        cursor = step->next;
        for (std::uint64_t i = random.below(300); i > 0; --i) {
          const std::uint64_t which = random.below(next + 1);
          if (random.below(3) != 0) {
            ASSERT_TRUE(set("changing" + key(next++), std::string(random.below(100), 'v')));
          } else {
            remove("changing" + key(which));
          }
          ASSERT_TRUE(
              set("stable" + key(random.below(stable)), std::string(random.below(90), 'w')));
        }
        if (random.one_in(10)) store_->maintain(0, 1, now(), WorkBudget{500});
      }
      for (std::uint64_t i = 0; i < stable; ++i) {
        ASSERT_EQ(shown["stable" + key(i)], 1) << "key " << i << ", " << shards << " shards";
      }
      for (const auto& [name, times] : shown)
        ASSERT_LE(times, 1) << name;
    }
  }
}

TEST_F(StoreNamespacesTest, ShardsAreChosenByThreadsAndMemory) {
  const auto shards_for = [&](std::uint64_t bytes, std::size_t threads) {
    StoreOptions options;
    options.max_memory_bytes = bytes;
    options.threads = threads;
    restart(options);
    return store_->shard_count();
  };
  EXPECT_EQ(shards_for(1_MiB, 8), 1U);
  EXPECT_EQ(shards_for(63_MiB, 8), 1U);
  EXPECT_EQ(shards_for(64_MiB, 4), 4U);
  EXPECT_EQ(shards_for(1_GiB, 4), 32U);
  EXPECT_EQ(shards_for(1_GiB, 1), 1U);
  EXPECT_EQ(shards_for(64_GiB, 1), 8U);
}

void expect_other_order(const std::vector<std::string>& first,
                        const std::vector<std::string>& second) {
  const std::size_t count = first.size();
  ASSERT_EQ(second.size(), count);
  // Of the first quarter of one, about a quarter is in each quarter of the other.
  const std::set<std::string> quarter(first.begin(),
                                      first.begin() + static_cast<std::ptrdiff_t>(count / 4));
  for (std::size_t part = 0; part < 4; ++part) {
    std::size_t shared = 0;
    for (std::size_t i = part * count / 4; i < (part + 1) * count / 4; ++i)
      shared += quarter.count(second[i]);
    EXPECT_GT(shared, count / 16 * 8 / 10) << part;
    EXPECT_LT(shared, count / 16 * 12 / 10) << part;
  }
}

/// A table that is filled in its own order is filled from one end, and each entry walks along those
/// before it.
TEST_F(StoreNamespacesTest, OneThatIsFilledInTheOrderOfAnotherIsFilledEverywhere) {
  constexpr std::size_t kKeys = 4'000;
  const auto keys_of = [&](NamespaceId ns) {
    std::vector<std::string> keys;
    for (ScanCursor cursor = 0;;) {
      const auto step = store_->scan(ns, cursor, 1000, now(), [&](const EntryView& entry) {
        keys.emplace_back(entry.key);
        return true;
      });
      EXPECT_TRUE(step);
      if (!step || step->done) return keys;
      cursor = step->next;
    }
  };
  const auto copy = store_->create_namespace("copy", {}, now());
  ASSERT_TRUE(copy);
  for (std::size_t i = 0; i < kKeys; ++i) {
    for (const NamespaceId ns : {kDefaultNamespace, *copy}) {
      ASSERT_TRUE(
          store_->set(ns, "key" + std::to_string(i), ValueView::from_integer(1), {}, now()));
    }
  }
  const std::vector<std::string> first = keys_of(kDefaultNamespace);
  const std::vector<std::string> second = keys_of(*copy);
  expect_other_order(first, second);
  // And so is one that is filled again in its own order.
  ASSERT_TRUE(store_->clear_namespace(*copy, now()));
  for (const std::string& key : second)
    ASSERT_TRUE(store_->set(*copy, key, ValueView::from_integer(2), {}, now()));
  expect_other_order(second, keys_of(*copy));
}

}  // namespace
}  // namespace appmem::core
