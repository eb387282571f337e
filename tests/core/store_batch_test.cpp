// Atomic steps over several keys, and what the mutation sink is told.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "store_fixture.h"

namespace appmem::core {
namespace {

/// Records what it is told; refuses when a test says so.
class RecordingSink final : public MutationSink {
 public:
  struct Told {
    Mutation::Kind kind;
    NamespaceId ns;
    std::string key;
    StoredValue value;
    Version version;
    std::optional<TimePoint> deadline;
    std::string name;
  };

  Result<void> admit() override {
    ++admissions;
    if (refusal) return fail(*refusal, "the log has failed");
    return {};
  }
  CommitTicket append(std::span<const Mutation> mutations, const Instant& /*now*/) override {
    std::vector<Told>& record = records.emplace_back();
    for (const Mutation& it : mutations) {
      record.push_back({it.kind, it.ns, std::string(it.key), StoredValue::of(it.value), it.version,
                        it.deadline, std::string(it.name)});
    }
    return 100 + records.size();
  }
  [[nodiscard]] CommitTicket latest() const override { return last(); }
  [[nodiscard]] Result<void> readable(CommitTicket /*ticket*/) const override { return {}; }
  [[nodiscard]] CommitTicket last() const { return 100 + records.size(); }

  std::vector<std::vector<Told>> records;
  std::optional<ErrorCode> refusal;
  int admissions = 0;
};

class StoreBatchTest : public StoreTest {
 protected:
  /// `keys` of the current namespace.
  Result<CommitTicket> atomically(const std::vector<std::string>& keys,
                                  FunctionRef<Result<void>(Batch&)> body) {
    std::vector<KeyRef> refs;
    refs.reserve(keys.size());
    for (const std::string& key : keys)
      refs.push_back({ns_, key});
    return store_->atomically(refs, now(), body);
  }
  Result<void> put(Batch& batch, std::string_view key, std::string_view value,
                   const SetOptions& options = {}) {
    const auto stored = batch.set(ns_, key, ValueView::from_bytes(value), options, now());
    if (!stored) return fail(stored.error());
    return {};
  }
  std::optional<std::string> look(Batch& batch, std::string_view key) {
    std::optional<std::string> value;
    const auto got = batch.get(ns_, key, {}, now(), [&](const EntryView& view) {
      value = StoredValue::of(view.value).text();
    });
    EXPECT_TRUE(got);
    return value;
  }
};

TEST_F(StoreBatchTest, AllTakesEffectOrNothing) {
  ASSERT_TRUE(set("a", "1"));
  const auto done = atomically({"a", "b"}, [&](Batch& batch) -> Result<void> {
    EXPECT_EQ(look(batch, "a"), "1");
    if (auto r = put(batch, "a", "2"); !r) return r;
    EXPECT_EQ(look(batch, "a"), "2");
    return put(batch, "b", "3");
  });
  ASSERT_TRUE(done);
  EXPECT_EQ(*done, 0U);
  EXPECT_EQ(get("a"), "2");
  EXPECT_EQ(get("b"), "3");
}

TEST_F(StoreBatchTest, AnErrorUndoesEverything) {
  const Version version = set("changed", "1", 10s)->version;
  ASSERT_TRUE(set("removed", std::string(1000, 'r')));
  ASSERT_TRUE(set_with("counted", ValueView::from_integer(5), {}));
  ASSERT_TRUE(set("appended", "x"));
  ASSERT_TRUE(set("expiring", "e"));
  ASSERT_TRUE(set("large", std::string(kInlineValueBytesMax + 1, 'l')));
  const NamespaceInfo before = info();
  const std::vector<std::string> keys{"changed",  "removed", "counted", "appended",
                                      "expiring", "large",   "new",     "new2"};
  const auto failed = atomically(keys, [&](Batch& batch) -> Result<void> {
    EXPECT_TRUE(put(batch, "changed", "22"));
    EXPECT_TRUE(put(batch, "changed", std::string(5000, 'c')));
    EXPECT_TRUE(batch.remove(ns_, "removed", {}, now()));
    EXPECT_TRUE(put(batch, "removed", "again"));
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE(batch.increment(ns_, "counted", {}, now()));
    EXPECT_TRUE(batch.patch(ns_, "appended", {"y"}, now()));
    ExpireOptions expiry;
    expiry.expiry = at(in(1s));
    EXPECT_TRUE(batch.expire(ns_, "expiring", expiry, now()));
    EXPECT_TRUE(batch.get(ns_, "changed", {.touch = at(in(0s))}, now(), [](const EntryView&) {}));
    EXPECT_TRUE(batch.patch(ns_, "large", {"more"}, now()));
    EXPECT_TRUE(put(batch, "new", "n"));
    EXPECT_TRUE(put(batch, "new2", std::string(kInlineValueBytesMax + 7, 'm')));
    EXPECT_TRUE(batch.remove(ns_, "new", {}, now()));
    return Result<void>(tl::unexpect, Error{ErrorCode::kConflict, "as the test wants", 7});
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kConflict);
  EXPECT_EQ(failed.error().index, 7U);
  EXPECT_EQ(get("changed"), "1");
  EXPECT_EQ(entry("changed")->version, version);
  EXPECT_EQ(entry("changed")->deadline, in(10s));
  EXPECT_EQ(get("removed"), std::string(1000, 'r'));
  EXPECT_EQ(get("counted"), "5");
  EXPECT_EQ(get("appended"), "x");
  EXPECT_EQ(entry("expiring")->deadline, std::nullopt);
  EXPECT_EQ(get("large"), std::string(kInlineValueBytesMax + 1, 'l'));
  EXPECT_EQ(get("new"), std::nullopt);
  EXPECT_EQ(get("new2"), std::nullopt);
  const NamespaceInfo after = info();
  EXPECT_EQ(after.keys, before.keys);
  EXPECT_EQ(after.bytes, before.bytes);
  EXPECT_EQ(after.memory, before.memory);
  EXPECT_EQ(after.counters.sets, before.counters.sets);
  EXPECT_EQ(after.counters.deletes, before.counters.deletes);
  clock_.advance(10s);
  settle();
  EXPECT_EQ(info().keys, 5U);
}

TEST_F(StoreBatchTest, APartOfABatchIsUndoneByItself) {
  ASSERT_TRUE(set("a", "old", 10s));
  const auto failing = [&](Batch& batch) {
    return batch.all_or_none([&]() -> Result<void> {
      EXPECT_TRUE(put(batch, "a", "never"));
      EXPECT_TRUE(put(batch, "b", std::string(300'000, 'x')));
      EXPECT_TRUE(batch.remove(ns_, "c", {}, now()));
      EXPECT_TRUE(put(batch, "c", "never"));
      return fail(ErrorCode::kConflict, "no");
    });
  };
  ASSERT_TRUE(atomically({"a", "b", "c"}, [&](Batch& batch) -> Result<void> {
    EXPECT_TRUE(put(batch, "c", "1"));
    EXPECT_EQ(error_of(failing(batch)), ErrorCode::kConflict);
    EXPECT_EQ(error_of(failing(batch)), ErrorCode::kConflict);
    EXPECT_TRUE(batch.increment(ns_, "c", {}, now()));
    return {};
  }));
  EXPECT_EQ(get("a"), "old");
  EXPECT_EQ(get("b"), std::nullopt);
  EXPECT_EQ(get("c"), "2");
  clock_.advance(10s);
  EXPECT_EQ(get("a"), std::nullopt);
}

TEST_F(StoreBatchTest, KeysMayComeInAnyOrderAndTwice) {
  std::vector<std::string> keys;
  keys.reserve(101);
  for (int i = 0; i < 100; ++i)
    keys.push_back("k" + std::to_string(i));
  keys.emplace_back("k7");
  const auto done = atomically(keys, [&](Batch& batch) -> Result<void> {
    for (int i = 99; i >= 0; --i)
      EXPECT_TRUE(put(batch, "k" + std::to_string(i), "v"));
    for (int i = 0; i < 100; i += 3)
      EXPECT_TRUE(batch.patch(ns_, "k" + std::to_string(i), {"w"}, now()));
    return {};
  });
  ASSERT_TRUE(done);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(get("k" + std::to_string(i)), i % 3 == 0 ? "vw" : "v");
}

TEST_F(StoreBatchTest, ABatchSpansNamespaces) {
  const NamespaceId other = create("other");
  const std::vector<KeyRef> keys{{kDefaultNamespace, "k"}, {other, "k"}};
  ASSERT_TRUE(store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
    EXPECT_TRUE(batch.set(kDefaultNamespace, "k", ValueView::from_bytes("a"), {}, now()));
    EXPECT_TRUE(batch.set(other, "k", ValueView::from_bytes("b"), {}, now()));
    return {};
  }));
  EXPECT_EQ(get("k"), "a");
  ns_ = other;
  EXPECT_EQ(get("k"), "b");
}

TEST_F(StoreBatchTest, AMissingNamespaceIsTheOperationsError) {
  const std::vector<KeyRef> keys{{NamespaceId{7, 0}, "k"}};
  const auto failed = store_->atomically(keys, now(), [&](Batch& batch) -> Result<void> {
    const auto stored = batch.set(keys[0].ns, "k", ValueView::from_bytes("a"), {}, now());
    if (!stored) return fail(stored.error());
    return {};
  });
  EXPECT_EQ(error_of(failed), ErrorCode::kNotFound);
}

TEST_F(StoreBatchTest, AnEntryThatExpiresInABatchIsAbsent) {
  ASSERT_TRUE(set("k", "v", 5s));
  clock_.advance(5s);
  const auto failed = atomically({"k"}, [&](Batch& batch) -> Result<void> {
    EXPECT_EQ(look(batch, "k"), std::nullopt);
    EXPECT_TRUE(put(batch, "k", "w"));
    return Result<void>(tl::unexpect, Error{ErrorCode::kConflict, "", std::nullopt});
  });
  EXPECT_FALSE(failed);
  EXPECT_EQ(get("k"), std::nullopt);
  EXPECT_EQ(info().counters.expirations, 1U);
}

TEST_F(StoreBatchTest, OnAllShardsAnyKeyMayBeTouched) {
  ASSERT_TRUE(set("a", "1"));
  ASSERT_TRUE(store_->atomically_on_all(now(), [&](Batch& batch) -> Result<void> {
    const std::string next = "key" + look(batch, "a").value_or("");
    EXPECT_TRUE(put(batch, next, "x"));
    return put(batch, std::string("key") + "2", "y");
  }));
  EXPECT_EQ(get("key1"), "x");
  EXPECT_EQ(get("key2"), "y");
}

using StoreBatchDeathTest = StoreBatchTest;

TEST_F(StoreBatchDeathTest, ABatchTouchesOnlyTheKeysThatItNamed) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(static_cast<void>(atomically(
                   {"a"}, [&](Batch& batch) -> Result<void> { return put(batch, "b", "1"); })),
               "kKeyWasNamed");
}

// --- the sink ---

class StoreSinkTest : public StoreBatchTest {
 protected:
  void SetUp() override {
    StoreOptions options = options_;
    options.sink = &sink_;
    restart(options);
    NamespaceSettings settings;
    settings.persist = Persistence::kWal;
    settings.eviction = Eviction::kNone;
    ns_ = create("durable", settings);
    ASSERT_EQ(sink_.records.size(), 1U);
    EXPECT_EQ(sink_.records[0][0].kind, Mutation::Kind::kCreate);
    EXPECT_EQ(sink_.records[0][0].name, "durable");
    sink_.records.clear();
  }
  [[nodiscard]] const RecordingSink::Told& last() const { return sink_.records.back().back(); }
  [[nodiscard]] bool is_last(CommitTicket ticket) const { return ticket == sink_.last(); }

  RecordingSink sink_;
};

TEST_F(StoreSinkTest, WithoutASinkDurableNamespacesAreUnavailable) {
  StoreOptions options = options_;
  options.sink = nullptr;
  restart(options);
  NamespaceSettings settings;
  settings.persist = Persistence::kSnapshot;
  EXPECT_EQ(error_of(store_->create_namespace("d", settings, now())), ErrorCode::kUnavailable);
}

TEST_F(StoreSinkTest, MemoryOnlyNamespacesDoNotTouchTheSink) {
  ns_ = kDefaultNamespace;
  const int admissions = sink_.admissions;
  ASSERT_TRUE(set("k", "v"));
  EXPECT_EQ(store_->get(ns_, "k", {}, now(), [](const EntryView&) {})->ticket, 0U);
  ASSERT_TRUE(
      atomically({"k"}, [&](Batch& batch) -> Result<void> { return put(batch, "k", "w"); }));
  EXPECT_TRUE(remove("k"));
  EXPECT_TRUE(sink_.records.empty());
  EXPECT_EQ(sink_.admissions, admissions);
}

TEST_F(StoreSinkTest, EveryChangeIsToldOnceWithItsTicket) {
  const auto stored = set("k", "v", 10s);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->ticket, sink_.last());
  EXPECT_EQ(last().kind, Mutation::Kind::kSet);
  EXPECT_EQ(last().key, "k");
  EXPECT_EQ(last().value, (StoredValue{ValueKind::kBytes, "v", 0}));
  EXPECT_EQ(last().version, stored->version);
  EXPECT_EQ(last().deadline, in(10s));
  // In place, in another block, by another operation.
  EXPECT_TRUE(is_last(set("k", "w")->ticket));
  EXPECT_EQ(last().deadline, std::nullopt);
  EXPECT_TRUE(is_last(set("k", std::string(500, 'x'))->ticket));
  EXPECT_TRUE(is_last(append("k", "y")->ticket));
  EXPECT_EQ(last().value.bytes.size(), 501U);
  EXPECT_TRUE(is_last(incr("n", 4)->ticket));
  EXPECT_EQ(last().value, (StoredValue{ValueKind::kInteger, "", 4}));
  EXPECT_TRUE(is_last(expire("n", 5s)->ticket));
  EXPECT_EQ(last().kind, Mutation::Kind::kExpire);
  EXPECT_EQ(last().deadline, in(5s));
  const GetOptions persist{.touch = Expiry{Expiry::Mode::kNever, {}}};
  EXPECT_TRUE(is_last(store_->get(ns_, "n", persist, now(), [](const EntryView&) {})->ticket));
  EXPECT_EQ(last().deadline, std::nullopt);
  EXPECT_TRUE(is_last(set("l", std::string(kInlineValueBytesMax + 1, 'z'))->ticket));
  EXPECT_EQ(last().value.bytes.size(), kInlineValueBytesMax + 1);
  EXPECT_TRUE(is_last(store_->remove(ns_, "n", {}, now())->ticket));
  EXPECT_EQ(last().kind, Mutation::Kind::kDelete);
  EXPECT_EQ(sink_.records.size(), 9U);
}

TEST_F(StoreSinkTest, AReadWaitsForTheWriteThatItSaw) {
  const CommitTicket written = set("k", "v")->ticket;
  ASSERT_TRUE(set("other", "v"));
  const auto got = store_->get(ns_, "k", {}, now(), [](const EntryView&) {});
  EXPECT_EQ(got->ticket, written);
  const CommitTicket removed = store_->remove(ns_, "k", {}, now())->ticket;
  EXPECT_EQ(store_->get(ns_, "k", {}, now(), [](const EntryView&) {})->ticket, removed);
  EXPECT_EQ(store_->remove(ns_, "k", {}, now())->ticket, removed);
}

TEST_F(StoreSinkTest, ABatchIsOneRecordInOrder) {
  ASSERT_TRUE(set("gone", "v"));
  sink_.records.clear();
  const auto done = atomically({"a", "b", "gone"}, [&](Batch& batch) -> Result<void> {
    EXPECT_TRUE(put(batch, "a", "1"));
    EXPECT_TRUE(put(batch, "b", "2"));
    EXPECT_TRUE(batch.remove(ns_, "gone", {}, now()));
    return put(batch, "a", "3");
  });
  ASSERT_TRUE(done);
  ASSERT_EQ(sink_.records.size(), 1U);
  EXPECT_EQ(*done, sink_.last());
  const auto& record = sink_.records[0];
  ASSERT_EQ(record.size(), 4U);
  EXPECT_EQ(record[0].value.bytes, "1");
  EXPECT_EQ(record[2].kind, Mutation::Kind::kDelete);
  EXPECT_EQ(record[3].value.bytes, "3");
  EXPECT_EQ(record[3].version, entry("a")->version);
  EXPECT_EQ(store_->get(ns_, "a", {}, now(), [](const EntryView&) {})->ticket, *done);
  EXPECT_EQ(store_->get(ns_, "gone", {}, now(), [](const EntryView&) {})->ticket, *done);
}

TEST_F(StoreSinkTest, AFailedOperationOrBatchIsNotTold) {
  ASSERT_TRUE(set("k", "v"));
  sink_.records.clear();
  SetOptions absent;
  absent.conditions.if_absent = true;
  EXPECT_FALSE(set_with("k", ValueView::from_bytes("x"), absent));
  EXPECT_FALSE(incr("k"));
  EXPECT_FALSE(atomically({"k", "l"}, [&](Batch& batch) -> Result<void> {
    EXPECT_TRUE(put(batch, "l", "1"));
    return put(batch, "k", "2", absent);
  }));
  ASSERT_TRUE(atomically({"k"}, [&](Batch& batch) -> Result<void> {
    EXPECT_EQ(look(batch, "k"), "v");
    return {};
  }));
  EXPECT_TRUE(sink_.records.empty());
  EXPECT_EQ(get("l"), std::nullopt);
}

TEST_F(StoreSinkTest, NothingChangesWhenTheSinkRefuses) {
  ASSERT_TRUE(set("k", "v", 10s));
  const NamespaceInfo before = info();
  sink_.records.clear();
  sink_.refusal = ErrorCode::kReadOnly;
  EXPECT_EQ(error_of(set("k", "w")), ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(set("new", "w")), ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(incr("new")), ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(append("k", "w")), ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(expire("k", 1s)), ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(store_->remove(ns_, "k", {}, now())), ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(store_->get(ns_, "k", {.touch = at(in(1s))}, now(), [](const EntryView&) {})),
            ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(atomically({"k"}, [&](Batch& b) -> Result<void> { return put(b, "k", "w"); })),
            ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(store_->clear_namespace(ns_, now())), ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(store_->drop_namespace(ns_, now())), ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(store_->alter_namespace(ns_, before.settings, now())), ErrorCode::kReadOnly);
  EXPECT_EQ(error_of(store_->create_namespace("x", before.settings, now())), ErrorCode::kReadOnly);
  EXPECT_TRUE(sink_.records.empty());
  EXPECT_EQ(get("k"), "v");
  EXPECT_EQ(entry("k")->deadline, in(10s));
  EXPECT_EQ(info().keys, 1U);
  EXPECT_EQ(info().bytes, before.bytes);
  // Others go on.
  ns_ = kDefaultNamespace;
  EXPECT_TRUE(set("k", "w"));
}

TEST_F(StoreSinkTest, NothingIsEvictedForALargeWriteThatIsRefused) {
  const NamespaceId durable =
      create("evicted", {.persist = Persistence::kWal, .eviction = Eviction::kLru});
  ns_ = create("memory");
  for (int i = 0; info().counters.evictions == 0; ++i)
    ASSERT_TRUE(set("key" + std::to_string(i), std::string(1000, 'v')));
  const NamespaceId filled = std::exchange(ns_, durable);
  ASSERT_TRUE(set("k", "v"));
  ns_ = filled;
  const NamespaceInfo before = info();
  const std::string large(4_MiB, 'w');
  const auto refused = [&](ErrorCode code, SetOptions options = {}) {
    const NamespaceId memory = std::exchange(ns_, durable);
    EXPECT_EQ(error_of(set_with("k", ValueView::from_bytes(large), options)), code);
    EXPECT_EQ(error_of(atomically({"k"}, [&](Batch& b) { return put(b, "k", large, options); })),
              code);
    ns_ = memory;
    EXPECT_EQ(info().keys, before.keys);
    EXPECT_EQ(info().counters.evictions, before.counters.evictions);
  };
  refused(ErrorCode::kExists, {.conditions = {.if_absent = true}});
  refused(ErrorCode::kConflict, {.conditions = {.if_version = 1}});
  sink_.refusal = ErrorCode::kReadOnly;
  refused(ErrorCode::kReadOnly);
  ns_ = durable;
  EXPECT_EQ(error_of(write_at("k", large.size(), "w")), ErrorCode::kReadOnly);
  EXPECT_TRUE(get("k") == "v");
}

TEST_F(StoreSinkTest, ABatchAsksOnce) {
  const int admissions = sink_.admissions;
  ASSERT_TRUE(atomically({"a", "b"}, [&](Batch& batch) -> Result<void> {
    EXPECT_TRUE(put(batch, "a", "1"));
    return put(batch, "b", "2");
  }));
  EXPECT_EQ(sink_.admissions, admissions + 1);
}

TEST_F(StoreSinkTest, ClearDropAndAlterAreTold) {
  ASSERT_TRUE(set("k", "v"));
  ASSERT_TRUE(store_->clear_namespace(ns_, now()));
  EXPECT_EQ(last().kind, Mutation::Kind::kClear);
  EXPECT_EQ(store_->get(ns_, "k", {}, now(), [](const EntryView&) {})->ticket, sink_.last());
  ASSERT_TRUE(store_->alter_namespace(ns_, info().settings, now()));
  EXPECT_EQ(last().kind, Mutation::Kind::kAlter);
  ASSERT_TRUE(store_->drop_namespace(ns_, now()));
  EXPECT_EQ(last().kind, Mutation::Kind::kDrop);
  EXPECT_EQ(last().ns, ns_);
}

TEST_F(StoreSinkTest, EvictionsOfADurableNamespaceAreDeletes) {
  NamespaceSettings settings;
  settings.persist = Persistence::kWal;
  settings.eviction = Eviction::kLru;
  settings.max_keys = 2;
  ns_ = create("cache", settings);
  ASSERT_TRUE(set("a", "1"));
  ASSERT_TRUE(set("b", "2"));
  sink_.records.clear();
  ASSERT_TRUE(set("c", "3"));
  ASSERT_EQ(sink_.records.size(), 2U);
  EXPECT_EQ(sink_.records[0][0].kind, Mutation::Kind::kDelete);
  EXPECT_EQ(sink_.records[0][0].key, "a");
  EXPECT_EQ(sink_.records[1][0].key, "c");
}

TEST_F(StoreSinkTest, ExpiryIsNotTold) {
  ASSERT_TRUE(set("a", "1", 1s));
  ASSERT_TRUE(set("b", "1", 1s));
  sink_.records.clear();
  clock_.advance(2s);
  EXPECT_EQ(get("a"), std::nullopt);
  settle();
  EXPECT_EQ(info().keys, 0U);
  EXPECT_TRUE(sink_.records.empty());
}

}  // namespace
}  // namespace appmem::core
