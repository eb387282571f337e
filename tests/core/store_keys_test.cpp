// Single keys: what each operation of Keyspace promises.

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "store_fixture.h"

namespace appmem::core {
namespace {

constexpr std::int64_t kIntMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kIntMin = std::numeric_limits<std::int64_t>::min();

class StoreKeysTest : public StoreTest {};

TEST_F(StoreKeysTest, WhatWasSetIsFound) {
  EXPECT_EQ(get("name"), std::nullopt);
  const auto stored = set("name", "Shanil");
  ASSERT_TRUE(stored);
  EXPECT_TRUE(stored->created);
  EXPECT_EQ(get("name"), "Shanil");
  EXPECT_EQ(entry("name")->version, stored->version);
  EXPECT_TRUE(remove("name"));
  EXPECT_FALSE(remove("name"));
  EXPECT_EQ(get("name"), std::nullopt);
}

TEST_F(StoreKeysTest, EveryWriteGivesAnotherVersion) {
  const Version first = set("k", "a")->version;
  const Version second = set("k", "b")->version;
  EXPECT_GT(second, first);
  EXPECT_TRUE(remove("k"));
  EXPECT_GT(set("k", "c")->version, second);
}

TEST_F(StoreKeysTest, VersionsAreAboveTheFloor) {
  StoreOptions options = options_;
  options.version_floor = Version{1} << 52U;
  restart(options);
  const Version version = set("k", "v")->version;
  EXPECT_GT(version, options.version_floor);
  EXPECT_LT(version, Version{1} << 53U);
}

TEST_F(StoreKeysTest, ValuesRememberWhatTheyAre) {
  ASSERT_TRUE(set_with("i", ValueView::from_integer(-5), {}));
  ASSERT_TRUE(set_with("j", ValueView::from_json("{\"a\":1}"), {}));
  ASSERT_TRUE(set_with("b", ValueView::from_bytes(std::string_view("\0\xff", 2)), {}));
  ASSERT_TRUE(set_with("", ValueView::from_bytes(""), {}));
  EXPECT_EQ(entry("i")->value, (StoredValue{ValueKind::kInteger, "", -5}));
  EXPECT_EQ(entry("j")->value, (StoredValue{ValueKind::kJson, "{\"a\":1}", 0}));
  EXPECT_EQ(entry("b")->value, (StoredValue{ValueKind::kBytes, std::string("\0\xff", 2), 0}));
  EXPECT_EQ(entry("")->value, StoredValue{});
}

TEST_F(StoreKeysTest, KeysAreStoredUpToTheirLimit) {
  for (const std::size_t bytes : {254UL, 255UL, 256UL, 1000UL, kKeyBytesMax}) {
    const std::string key(bytes, 'k');
    ASSERT_TRUE(set(key, "v")) << bytes;
    EXPECT_EQ(get(key), "v") << bytes;
  }
  const std::string key(kKeyBytesMax + 1, 'k');
  EXPECT_EQ(error_of(set(key, "v")), ErrorCode::kTooLarge);
  EXPECT_EQ(error_of(store_->remove(ns_, key, {}, now())), ErrorCode::kTooLarge);
  EXPECT_EQ(info().keys, 5U);
}

TEST_F(StoreKeysTest, ConditionsAreCheckedBeforeAnythingChanges) {
  SetOptions absent;
  absent.conditions.if_absent = true;
  SetOptions present;
  present.conditions.if_present = true;
  SetOptions version;
  version.conditions.if_version = 1;
  EXPECT_EQ(error_of(set_with("k", ValueView::from_bytes("x"), present)), ErrorCode::kNotFound);
  EXPECT_EQ(error_of(set_with("k", ValueView::from_bytes("x"), version)), ErrorCode::kNotFound);
  EXPECT_EQ(get("k"), std::nullopt);
  const auto stored = set_with("k", ValueView::from_bytes("a"), absent);
  ASSERT_TRUE(stored);
  EXPECT_EQ(error_of(set_with("k", ValueView::from_bytes("x"), absent)), ErrorCode::kExists);
  version.conditions.if_version = stored->version + 1;
  EXPECT_EQ(error_of(set_with("k", ValueView::from_bytes("x"), version)), ErrorCode::kConflict);
  EXPECT_EQ(get("k"), "a");
  version.conditions.if_version = stored->version;
  EXPECT_TRUE(set_with("k", ValueView::from_bytes("b"), version));
  EXPECT_TRUE(set_with("k", ValueView::from_bytes("c"), present));
  EXPECT_EQ(get("k"), "c");
}

TEST_F(StoreKeysTest, TheOldEntryIsShownAlsoWhenAConditionRefuses) {
  ASSERT_TRUE(set("k", "old"));
  std::vector<std::string> shown;
  const auto show = [&](const EntryView& view) {
    shown.emplace_back(view.value.bytes);
  };
  const EntryVisitor old = show;
  SetOptions options;
  options.old = &old;
  ASSERT_TRUE(set_with("k", ValueView::from_bytes("new"), options));
  options.conditions.if_absent = true;
  EXPECT_EQ(error_of(set_with("k", ValueView::from_bytes("x"), options)), ErrorCode::kExists);
  EXPECT_FALSE(set_with("k", ValueView::from_bytes(std::string(100, 'y')), options));
  RemoveOptions removal;
  removal.old = &old;
  ASSERT_TRUE(store_->remove(ns_, "k", removal, now()));
  EXPECT_EQ(shown, (std::vector<std::string>{"old", "new", "new", "new"}));
}

TEST_F(StoreKeysTest, RemoveChecksTheVersion) {
  const Version version = set("k", "v")->version;
  EXPECT_EQ(error_of(store_->remove(ns_, "none", {.if_version = 1}, now())), ErrorCode::kNotFound);
  EXPECT_EQ(error_of(store_->remove(ns_, "k", {.if_version = version + 1}, now())),
            ErrorCode::kConflict);
  EXPECT_EQ(get("k"), "v");
  EXPECT_TRUE(store_->remove(ns_, "k", {.if_version = version}, now())->removed);
}

// --- counters ---

TEST_F(StoreKeysTest, AMissingCounterBecomesInitialPlusBy) {
  const auto made = store_->increment(ns_, "n", {.by = 5, .initial = 10}, now());
  ASSERT_TRUE(made);
  EXPECT_EQ(made->value, 15);
  EXPECT_TRUE(made->created);
  const auto again = store_->increment(ns_, "n", {.by = -20, .initial = 10}, now());
  EXPECT_EQ(again->value, -5);
  EXPECT_FALSE(again->created);
  EXPECT_GT(again->version, made->version);
  EXPECT_EQ(entry("n")->value, (StoredValue{ValueKind::kInteger, "", -5}));
}

TEST_F(StoreKeysTest, CanonicalDecimalsCount) {
  for (const char* digits : {"0", "-1", "41", "9223372036854775806", "-9223372036854775808"}) {
    ASSERT_TRUE(set("n", digits));
    EXPECT_EQ(incr("n")->value, std::stoll(digits) + 1);
    EXPECT_EQ(entry("n")->value.kind, ValueKind::kInteger);
  }
  for (const char* digits : {"", "-", "+1", " 1", "1 ", "01", "-0", "1.0", "0x1", "1e3",
                             "9223372036854775808", "-9223372036854775809"}) {
    ASSERT_TRUE(set("n", digits));
    EXPECT_EQ(error_of(incr("n")), ErrorCode::kNotInteger) << digits;
    EXPECT_EQ(get("n"), digits);
  }
  ASSERT_TRUE(set_with("n", ValueView::from_json("1"), {}));
  EXPECT_EQ(error_of(incr("n")), ErrorCode::kWrongType);
}

TEST_F(StoreKeysTest, CountersNeverWrap) {
  ASSERT_TRUE(set_with("n", ValueView::from_integer(kIntMax), {}));
  EXPECT_EQ(error_of(incr("n")), ErrorCode::kOverflow);
  EXPECT_EQ(incr("n", -1)->value, kIntMax - 1);
  ASSERT_TRUE(set_with("n", ValueView::from_integer(kIntMin), {}));
  EXPECT_EQ(error_of(incr("n", -1)), ErrorCode::kOverflow);
  EXPECT_EQ(error_of(store_->increment(ns_, "m", {.by = 1, .initial = kIntMax}, now())),
            ErrorCode::kOverflow);
  EXPECT_EQ(get("m"), std::nullopt);
}

TEST_F(StoreKeysTest, BoundsAreInclusiveAndRefuseWithoutChange) {
  IncrementOptions options{.by = 1, .min = 0, .max = 2};
  EXPECT_EQ(store_->increment(ns_, "n", options, now())->value, 1);
  EXPECT_EQ(store_->increment(ns_, "n", options, now())->value, 2);
  EXPECT_EQ(error_of(store_->increment(ns_, "n", options, now())), ErrorCode::kOutOfRange);
  EXPECT_EQ(get("n"), "2");
  options.by = -2;
  EXPECT_EQ(store_->increment(ns_, "n", options, now())->value, 0);
  EXPECT_EQ(error_of(store_->increment(ns_, "n", options, now())), ErrorCode::kOutOfRange);
  EXPECT_EQ(error_of(store_->increment(ns_, "m", options, now())), ErrorCode::kOutOfRange);
  EXPECT_EQ(get("m"), std::nullopt);
}

TEST_F(StoreKeysTest, ACounterIsGivenADeadlineOnlyWhenItIsCreated) {
  IncrementOptions options;
  options.expiry = at(in(10s));
  ASSERT_TRUE(store_->increment(ns_, "n", options, now()));
  clock_.advance(6s);
  options.expiry = at(in(10s));
  ASSERT_TRUE(store_->increment(ns_, "n", options, now()));
  clock_.advance(4s);
  EXPECT_EQ(get("n"), std::nullopt);
}

// --- append ---

TEST_F(StoreKeysTest, AppendMakesLengthensAndTurnsIntegersIntoBytes) {
  EXPECT_EQ(append("k", "ab")->length, 2U);
  EXPECT_EQ(append("k", "")->length, 2U);
  EXPECT_EQ(append("k", "cd")->length, 4U);
  EXPECT_EQ(get("k"), "abcd");
  ASSERT_TRUE(set_with("i", ValueView::from_integer(-12), {}));
  EXPECT_EQ(append("i", "3")->length, 4U);
  EXPECT_EQ(entry("i")->value, (StoredValue{ValueKind::kBytes, "-123", 0}));
  ASSERT_TRUE(set_with("j", ValueView::from_json("[]"), {}));
  EXPECT_EQ(error_of(append("j", "x")), ErrorCode::kWrongType);
  EXPECT_EQ(get("j"), "[]");
}

TEST_F(StoreKeysTest, AppendKeepsTheDeadline) {
  ASSERT_TRUE(set("k", "a", 10s));
  ASSERT_TRUE(append("k", "b"));
  ASSERT_TRUE(append("k", std::string(1000, 'c')));
  EXPECT_EQ(entry("k")->deadline, in(10s));
  clock_.advance(10s);
  EXPECT_EQ(get("k"), std::nullopt);
}

TEST_F(StoreKeysTest, AppendGrowsByteByByteToALargeValueAndToTheLimit) {
  StoreOptions options = options_;
  options.value_bytes_max = kInlineValueBytesMax + 3;
  options.max_memory_bytes = 64_MiB;
  restart(options);
  std::string expected(kInlineValueBytesMax - 2, 'x');
  ASSERT_TRUE(set("k", expected));
  for (int i = 0; i < 5; ++i) {
    const auto appended = append("k", std::string(1, static_cast<char>('a' + i)));
    ASSERT_TRUE(appended);
    expected += static_cast<char>('a' + i);
    EXPECT_EQ(appended->length, expected.size());
    EXPECT_EQ(entry("k")->version, appended->version);
    ASSERT_EQ(get("k"), expected);
  }
  EXPECT_EQ(error_of(append("k", "z")), ErrorCode::kTooLarge);
  EXPECT_EQ(get("k"), expected);
  EXPECT_EQ(append("new", expected)->length, expected.size());
  EXPECT_EQ(get("new"), expected);
}

TEST_F(StoreKeysTest, WritesOverAPartAndBehindTheEnd) {
  EXPECT_EQ(write_at("k", 0, "hello")->length, 5U);
  EXPECT_EQ(write_at("k", 1, "EL")->length, 5U);
  EXPECT_EQ(get("k"), "hELlo");
  EXPECT_EQ(write_at("k", 7, "!")->length, 8U);
  EXPECT_EQ(get("k"), std::string("hELlo\0\0!", 8));
  EXPECT_EQ(write_at("k", 4, std::string(1000, 'x'))->length, 1004U);
  EXPECT_EQ(get("k"), "hELl" + std::string(1000, 'x'));
  EXPECT_EQ(write_at("new", 2, "x")->length, 3U);
  EXPECT_EQ(get("new"), std::string("\0\0x", 3));
  ASSERT_TRUE(set_with("i", ValueView::from_integer(-12), {}));
  EXPECT_EQ(write_at("i", 1, "9")->length, 3U);
  EXPECT_EQ(entry("i")->value, (StoredValue{ValueKind::kBytes, "-92", 0}));
  constexpr std::size_t kFarthest = std::numeric_limits<std::size_t>::max();
  EXPECT_EQ(error_of(write_at("k", kFarthest, "x")), ErrorCode::kTooLarge);
  EXPECT_EQ(error_of(write_at("k", kFarthest - 1, "xyz")), ErrorCode::kTooLarge);
  EXPECT_EQ(get("i"), "-92");
}

TEST_F(StoreKeysTest, ALargeValueIsChangedWhereItLies) {
  StoreOptions options = options_;
  options.max_memory_bytes = 64_MiB;
  options.value_bytes_max = 64_MiB;
  restart(options);
  std::string expected(40_MiB, 'x');  // there is no room for two of it
  ASSERT_TRUE(set("k", expected, 10s));
  ASSERT_TRUE(set("other", "here"));
  const auto change = [&](std::size_t offset, std::string_view bytes) {
    const std::uint64_t before = entry("k")->version;
    const auto written = write_at("k", offset, bytes);
    expected.resize(std::max(expected.size(), offset + bytes.size()));
    expected.replace(offset, bytes.size(), bytes);
    ASSERT_TRUE(written);
    EXPECT_GT(written->version, before);
    EXPECT_EQ(written->version, entry("k")->version);
    EXPECT_EQ(written->length, expected.size());
    ASSERT_TRUE(get("k") == expected);
    EXPECT_EQ(info().bytes, expected.size() + 10);
  };
  change(1, "abc");
  change(40_MiB - 1, "def");
  change(40_MiB + 2, std::string(100'000, 'y'));
  change(42_MiB, "far");
  change(42_MiB + 3, std::string_view());  // which is at no address
  EXPECT_EQ(entry("k")->deadline, in(10s));
  EXPECT_EQ(get("other"), "here");
  EXPECT_EQ(store_->stats(ns_, "k", now())->value().memory_bytes / 4_KiB, (42_MiB + 4_KiB) / 4_KiB);
  ASSERT_TRUE(remove("k"));
  EXPECT_EQ(info().keys, 1U);
}

TEST_F(StoreKeysTest, WhoHoldsALargeValueKeepsItAsItWas) {
  StoreOptions options = options_;
  options.max_memory_bytes = 64_MiB;
  restart(options);
  const std::string before(1_MiB, 'x');
  ASSERT_TRUE(set("k", before));
  SharedBytes held;
  ASSERT_TRUE(
      store_->get(ns_, "k", {}, now(), [&](const EntryView& view) { held = *view.value.shared; }));
  ASSERT_TRUE(write_at("k", 5, "changed"));
  ASSERT_TRUE(append("k", "longer"));
  EXPECT_TRUE(held.view() == before);
  EXPECT_EQ(get("k")->substr(0, 13), "xxxxxchangedx");
  EXPECT_EQ(get("k")->size(), 1_MiB + 6);
}

TEST_F(StoreKeysTest, ALargeValueGrowsWithinItsNamespacesLimit) {
  StoreOptions options = options_;
  options.max_memory_bytes = 64_MiB;
  restart(options);
  NamespaceSettings settings;
  settings.max_bytes = 2_MiB;
  settings.eviction = Eviction::kNone;
  ASSERT_TRUE(store_->alter_namespace(ns_, settings, now()));
  ASSERT_TRUE(set("k", std::string(1_MiB, 'x')));
  ASSERT_TRUE(append("k", std::string(512_KiB, 'y')));
  EXPECT_EQ(error_of(append("k", std::string(512_KiB, 'z'))), ErrorCode::kOutOfMemory);
  EXPECT_EQ(get("k")->size(), 1'536_KiB);
  EXPECT_LE(info().memory, 2_MiB);
}

// --- expiry ---

TEST_F(StoreKeysTest, ADeadlineIsExactToTheMillisecond) {
  ASSERT_TRUE(set("k", "v", 10s));
  clock_.advance(9'999ms);
  EXPECT_EQ(get("k"), "v");
  clock_.advance(1ms);
  EXPECT_EQ(get("k"), std::nullopt);
  EXPECT_EQ(info().keys, 0U);
  EXPECT_EQ(info().counters.expirations, 1U);
}

TEST_F(StoreKeysTest, TheWallClockMovesNoDeadline) {
  ASSERT_TRUE(set("k", "v", 10s));
  clock_.set_wall(now().wall + std::chrono::hours{24 * 400});
  EXPECT_EQ(get("k"), "v");
  clock_.set_wall(now().wall - std::chrono::hours{24 * 800});
  clock_.advance(9'999ms);
  EXPECT_EQ(get("k"), "v");
  clock_.advance(1ms);
  EXPECT_EQ(get("k"), std::nullopt);
}

TEST_F(StoreKeysTest, SetReplacesKeepsOrDefaultsTheDeadline) {
  ASSERT_TRUE(set("k", "v", 10s));
  SetOptions keep;
  keep.expiry.mode = Expiry::Mode::kKeep;
  ASSERT_TRUE(set_with("k", ValueView::from_bytes("w"), keep));
  EXPECT_EQ(entry("k")->deadline, in(10s));
  ASSERT_TRUE(set("k", "x"));
  EXPECT_EQ(entry("k")->deadline, std::nullopt);

  ns_ = create("short", {.default_ttl = 5s});
  ASSERT_TRUE(set("k", "v"));
  EXPECT_EQ(entry("k")->deadline, in(5s));
  SetOptions never;
  never.expiry.mode = Expiry::Mode::kNever;
  ASSERT_TRUE(set_with("k", ValueView::from_bytes("w"), never));
  EXPECT_EQ(entry("k")->deadline, std::nullopt);
  ASSERT_TRUE(set_with("k2", ValueView::from_bytes("w"), keep));
  EXPECT_EQ(entry("k2")->deadline, in(5s));
  ASSERT_TRUE(incr("n"));
  EXPECT_EQ(entry("n")->deadline, in(5s));
  ASSERT_TRUE(append("a", "x"));
  EXPECT_EQ(entry("a")->deadline, in(5s));
}

TEST_F(StoreKeysTest, ADeadlineInThePastDeletes) {
  ASSERT_TRUE(set("k", "v"));
  SetOptions past;
  past.expiry = at(now().mono);
  const auto stored = set_with("k", ValueView::from_bytes("w"), past);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->version, 0U);
  EXPECT_EQ(get("k"), std::nullopt);
  ASSERT_TRUE(set_with("k", ValueView::from_bytes("w"), past));
  EXPECT_EQ(get("k"), std::nullopt);
  ASSERT_TRUE(set("k", "v"));
  const auto expired = expire("k", 0ms);
  EXPECT_TRUE(expired->found && expired->deleted);
  EXPECT_EQ(get("k"), std::nullopt);
  EXPECT_EQ(info().keys, 0U);
}

TEST_F(StoreKeysTest, ExpireAndPersistChangeTheDeadlineAndNotTheVersion) {
  const Version version = set("k", "v")->version;
  EXPECT_FALSE(expire("none", 1s)->found);
  auto outcome = expire("k", 10s);
  EXPECT_TRUE(outcome->found);
  EXPECT_FALSE(outcome->had_deadline);
  EXPECT_EQ(entry("k")->deadline, in(10s));
  EXPECT_EQ(entry("k")->version, version);
  ExpireOptions persist;
  persist.expiry.mode = Expiry::Mode::kNever;
  outcome = store_->expire(ns_, "k", persist, now());
  EXPECT_TRUE(outcome->found && outcome->had_deadline);
  EXPECT_EQ(entry("k")->deadline, std::nullopt);
  EXPECT_FALSE(store_->expire(ns_, "k", persist, now())->had_deadline);
  clock_.advance(1h);
  settle();
  EXPECT_EQ(get("k"), "v");
}

TEST_F(StoreKeysTest, ExpireConditionsCountNoDeadlineAsInfinitelyFar) {
  const auto expire_if = [&](std::string_view key, milliseconds ttl, auto member) {
    ExpireOptions options;
    options.expiry = at(in(ttl));
    options.*member = true;
    return error_of(store_->expire(ns_, key, options, now()));
  };
  ASSERT_TRUE(set("never", "v"));
  ASSERT_TRUE(set("ten", "v", 10s));
  EXPECT_EQ(expire_if("ten", 5s, &ExpireOptions::if_none), ErrorCode::kConflict);
  EXPECT_EQ(expire_if("never", 5s, &ExpireOptions::if_some), ErrorCode::kConflict);
  EXPECT_EQ(expire_if("never", 5s, &ExpireOptions::if_longer), ErrorCode::kConflict);
  EXPECT_EQ(expire_if("ten", 10s, &ExpireOptions::if_longer), ErrorCode::kConflict);
  EXPECT_EQ(expire_if("ten", 10s, &ExpireOptions::if_shorter), ErrorCode::kConflict);
  EXPECT_EQ(entry("ten")->deadline, in(10s));
  EXPECT_EQ(entry("never")->deadline, std::nullopt);
  EXPECT_EQ(expire_if("ten", 11s, &ExpireOptions::if_longer), std::nullopt);
  EXPECT_EQ(expire_if("ten", 9s, &ExpireOptions::if_shorter), std::nullopt);
  EXPECT_EQ(expire_if("ten", 8s, &ExpireOptions::if_some), std::nullopt);
  EXPECT_EQ(expire_if("never", 5s, &ExpireOptions::if_shorter), std::nullopt);
  EXPECT_EQ(entry("ten")->deadline, in(8s));
  EXPECT_EQ(entry("never")->deadline, in(5s));
}

TEST_F(StoreKeysTest, GetWithTouchMovesOrTakesAwayTheDeadline) {
  ASSERT_TRUE(set("k", "v"));
  EXPECT_EQ(entry("k", {.touch = at(in(3s))})->deadline, in(3s));
  EXPECT_EQ(entry("k", {.touch = at(in(2s))})->deadline, in(2s));
  EXPECT_EQ(entry("k", {.touch = Expiry{Expiry::Mode::kNever, {}}})->deadline, std::nullopt);
  EXPECT_EQ(entry("k", {.touch = at(in(0s))})->value.text(), "v");
  EXPECT_EQ(get("k"), std::nullopt);
  EXPECT_EQ(entry("k", {.touch = at(in(3s))}).has_value(), false);
}

TEST_F(StoreKeysTest, ADeadlineMovedEarlierOrLaterIsReapedInTime) {
  ASSERT_TRUE(set("early", "v", 1h));
  ASSERT_TRUE(set("late", "v", 10s));
  ASSERT_TRUE(expire("early", 5s));
  ASSERT_TRUE(expire("late", 1h));
  clock_.advance(6s);
  settle();
  EXPECT_EQ(info().keys, 1U);
  clock_.advance(10s);
  settle();
  EXPECT_EQ(info().keys, 1U);
  clock_.advance(1h);
  settle();
  EXPECT_EQ(info().keys, 0U);
}

TEST_F(StoreKeysTest, OverwritingAKeyWithADeadlineIsNoLeak) {
  for (int i = 0; i < 200'000; ++i) {
    ASSERT_TRUE(set("k", "v", 1h - milliseconds{i}));
    if (i % 100 == 0) store_->maintain(0, 1, now(), WorkBudget{});
  }
  settle();
  EXPECT_LT(store_->store_stats(now()).memory_used, 256_KiB);
}

TEST_F(StoreKeysTest, TheReaperRemovesWhatIsDueAndNothingElse) {
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(set("k" + std::to_string(i), "v", milliseconds{1000 + i}));
  }
  clock_.advance(2s);
  settle();
  EXPECT_LE(info().keys, 1999U);
  EXPECT_GE(info().keys, 1999U - 32);
  EXPECT_EQ(info().keys + info().counters.expirations, 3000U);
  EXPECT_EQ(store_->store_stats(now()).expiry_lag, 0ms);
  clock_.advance(2s);
  EXPECT_GT(store_->store_stats(now()).expiry_lag, 0ms);
  settle();
  EXPECT_EQ(info().keys, 0U);
  EXPECT_EQ(info().bytes, 0U);
}

// --- looks, counters ---

TEST_F(StoreKeysTest, StatsTellSizeKindIdleTimeExpiryAndVersion) {
  const Version version = set("k", std::string(100, 'v'), 1h)->version;
  clock_.advance(30s);
  const auto stats = store_->stats(ns_, "k", now());
  ASSERT_TRUE(stats && *stats);
  EXPECT_EQ((*stats)->kind, ValueKind::kBytes);
  EXPECT_EQ((*stats)->value_bytes, 100U);
  EXPECT_GE((*stats)->memory_bytes, 16U + 8 + 1 + 100 + 8);
  EXPECT_LE((*stats)->memory_bytes, 16U + 8 + 1 + 100 + 8 + 8);
  EXPECT_EQ((*stats)->idle, 30s);
  EXPECT_EQ((*stats)->deadline, in(1h - 30s));
  EXPECT_EQ((*stats)->version, version);
  EXPECT_EQ(peek("k"), std::string(100, 'v'));
  EXPECT_EQ((*store_->stats(ns_, "k", now()))->idle, 30s);
  EXPECT_TRUE(get("k"));
  EXPECT_EQ((*store_->stats(ns_, "k", now()))->idle, 0s);
  EXPECT_EQ(*store_->stats(ns_, "none", now()), std::nullopt);
}

TEST_F(StoreKeysTest, OperationsAreCounted) {
  ASSERT_TRUE(set("a", "1"));
  ASSERT_TRUE(incr("a"));
  ASSERT_TRUE(append("a", "x"));
  EXPECT_TRUE(get("a"));
  EXPECT_FALSE(get("b"));
  EXPECT_TRUE(peek("a"));
  EXPECT_TRUE(remove("a"));
  EXPECT_FALSE(remove("a"));
  const NamespaceCounters counters = info().counters;
  EXPECT_EQ(counters.sets, 3U);
  EXPECT_EQ(counters.gets, 2U);
  EXPECT_EQ(counters.hits, 1U);
  EXPECT_EQ(counters.misses, 1U);
  EXPECT_EQ(counters.deletes, 1U);
  EXPECT_EQ(counters.refused, 0U);
}

TEST_F(StoreKeysTest, BytesAreKeysAndValues) {
  ASSERT_TRUE(set("abc", "12345"));
  EXPECT_EQ(info().bytes, 8U);
  ASSERT_TRUE(set("abc", "123456789"));
  EXPECT_EQ(info().bytes, 12U);
  ASSERT_TRUE(append("abc", std::string(1000, 'x')));
  EXPECT_EQ(info().bytes, 1012U);
  ASSERT_TRUE(set_with("abc", ValueView::from_integer(1), {}));
  EXPECT_EQ(info().bytes, 11U);
  EXPECT_TRUE(remove("abc"));
  EXPECT_EQ(info().bytes, 0U);
}

}  // namespace
}  // namespace appmem::core
