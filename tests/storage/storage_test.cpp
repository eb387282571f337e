#include <algorithm>
#include <cstring>

#include <gmock/gmock.h>

#include "crc32c.h"
#include "log_files.h"
#include "log_format.h"
#include "storage_fixture.h"

namespace appmem::storage::test {
namespace {

using core::Persistence;
using testing::HasSubstr;

class StorageTest : public testing::Test {
 protected:
  void SetUp() override { machine_.must_start(); }
  void restart() {
    const auto stopped = machine_.stop();
    ASSERT_TRUE(stopped) << stopped.error().message;
    machine_.must_start();
  }
  /// As restart(), but the machine fails, with all that was synced.
  void crash() {
    machine_.crash(1);
    machine_.must_start();
  }
  std::string only_segment() const {
    std::string found;
    for (const std::string& name : machine_.names()) {
      if (name.starts_with(format::kSegmentPrefix)) found = "/data/" + name;
    }
    return found;
  }
  Machine machine_;
};

TEST_F(StorageTest, WithoutADurableNamespaceThereIsNoDirectory) {
  const auto ns = machine_.store->create_namespace("m", {}, machine_.clock.now());
  ASSERT_TRUE(ns);
  machine_.set(*ns, "k", "v");
  EXPECT_TRUE(machine_.commit());
  EXPECT_TRUE(machine_.files->paths().empty());
  EXPECT_FALSE(machine_.storage->stats().open);
}

TEST_F(StorageTest, WhatWasCommittedIsThereAfterACrash) {
  const auto ns = machine_.make("w");
  machine_.set(ns, "k", "v");
  machine_.set(ns, "t", "with a deadline", 60s);
  EXPECT_EQ(machine_.storage->committed(), 0U);
  EXPECT_TRUE(machine_.commit());
  const Kept before = machine_.kept();
  crash();
  EXPECT_EQ(machine_.kept(), before);
  EXPECT_EQ(machine_.get(machine_.find("w"), "k"), "v");
}

TEST_F(StorageTest, EveryKindOfChangeComesBack) {
  const auto ns = machine_.make("w");
  const Instant now = machine_.clock.now();
  machine_.set(ns, "gone", "1");
  machine_.set(ns, "later", "1", 10s);
  machine_.set(ns, "for ever", "1", 10s);
  machine_.set(ns, "large", std::string(300'000, 'x'));
  ASSERT_TRUE(machine_.store->remove(ns, "gone", {}, now));
  ASSERT_TRUE(machine_.store->increment(ns, "n", {.by = 41}, now));
  ASSERT_TRUE(machine_.store->increment(ns, "n", {}, now));
  ASSERT_TRUE(machine_.store->set(ns, "j", ValueView::from_json("[1]"), {}, now));
  ASSERT_TRUE(machine_.store->patch(ns, "p", {.bytes = "ab"}, now));
  ASSERT_TRUE(machine_.store->patch(ns, "p", {.bytes = "cd"}, now));
  ASSERT_TRUE(machine_.store->patch(ns, "large", {.bytes = "y", .offset = 5}, now));
  ASSERT_TRUE(machine_.store->expire(ns, "later",
                                     {.expiry = {core::Expiry::Mode::kAt, now.mono + 70s}}, now));
  ASSERT_TRUE(
      machine_.store->expire(ns, "for ever", {.expiry = {core::Expiry::Mode::kNever, {}}}, now));
  ASSERT_TRUE(machine_.commit());
  const Kept before = machine_.kept();
  crash();
  EXPECT_EQ(machine_.kept(), before);
  const auto found = machine_.find("w");
  EXPECT_EQ(machine_.get(found, "n"), "42");
  EXPECT_EQ(machine_.get(found, "p"), "abcd");
  EXPECT_EQ(machine_.get(found, "gone"), std::nullopt);
}

TEST_F(StorageTest, NamespacesComeBackWithTheirSettings) {
  machine_.make("dropped");
  const auto cleared = machine_.make("cleared");
  const auto altered = machine_.make("altered");
  machine_.set(cleared, "k", "v");
  const Instant now = machine_.clock.now();
  ASSERT_TRUE(machine_.store->drop_namespace(machine_.find("dropped"), now));
  ASSERT_TRUE(machine_.store->clear_namespace(cleared, now));
  machine_.set(cleared, "after", "v");
  auto settings = machine_.store->namespace_settings(altered);
  settings->max_keys = 7;
  settings->default_ttl = 90s;
  ASSERT_TRUE(machine_.store->alter_namespace(altered, *settings, now));
  ASSERT_TRUE(machine_.commit());
  crash();
  EXPECT_FALSE(machine_.store->find_namespace("dropped"));
  EXPECT_EQ(machine_.get(machine_.find("cleared"), "k"), std::nullopt);
  EXPECT_EQ(machine_.get(machine_.find("cleared"), "after"), "v");
  const auto restored = machine_.store->namespace_settings(machine_.find("altered"));
  EXPECT_EQ(restored->max_keys, 7U);
  EXPECT_EQ(restored->default_ttl, 90s);
  EXPECT_EQ(restored->persist, Persistence::kWal);
}

TEST_F(StorageTest, TheDefaultNamespaceCanBeDurable) {
  ASSERT_TRUE(machine_.storage->prepare());
  ASSERT_TRUE(machine_.store->alter_namespace(
      core::kDefaultNamespace, {.persist = Persistence::kWal}, machine_.clock.now()));
  machine_.set(core::kDefaultNamespace, "k", "v");
  ASSERT_TRUE(machine_.commit());
  crash();
  EXPECT_EQ(machine_.get(core::kDefaultNamespace, "k"), "v");
}

TEST_F(StorageTest, WhatExpiresWhileTheDaemonIsDownDoesNotComeBack) {
  const auto ns = machine_.make("w");
  machine_.set(ns, "short", "v", 5s);
  machine_.set(ns, "long", "v", 15s);
  ASSERT_TRUE(machine_.commit());
  ASSERT_TRUE(machine_.stop());
  machine_.clock.advance(10s);
  machine_.must_start();
  EXPECT_EQ(machine_.get(machine_.find("w"), "short"), std::nullopt);
  EXPECT_EQ(machine_.get(machine_.find("w"), "long"), "v");
}

TEST_F(StorageTest, ADeadlineThatWasTakenAwayOrMovedCountsWhenTheFirstOneHasPassed) {
  const auto ns = machine_.make("w");
  const Instant now = machine_.clock.now();
  for (const char* key : {"kept", "moved", "checkpointed", "over"})
    machine_.set(ns, key, "v", 5s);
  ASSERT_TRUE(machine_.commit());
  ASSERT_TRUE(machine_.storage->checkpoint());
  machine_.set(ns, "late", "v", 5s);
  for (const char* key : {"kept", "checkpointed", "late"}) {
    ASSERT_TRUE(machine_.store->expire(ns, key, {.expiry = {core::Expiry::Mode::kNever, {}}}, now));
  }
  ASSERT_TRUE(machine_.store->expire(ns, "moved",
                                     {.expiry = {core::Expiry::Mode::kAt, now.mono + 60s}}, now));
  ASSERT_TRUE(machine_.commit());
  machine_.crash(1);
  machine_.clock.advance(10s);
  machine_.must_start();
  const auto found = machine_.find("w");
  for (const char* key : {"kept", "moved", "checkpointed", "late"})
    EXPECT_EQ(machine_.get(found, key), "v") << key;
  EXPECT_EQ(machine_.get(found, "over"), std::nullopt);
}

TEST_F(StorageTest, ASnapshotFollowsAClearAndALostDeadlineAlsoAfterARestart) {
  const auto ns = machine_.make("s", {.persist = Persistence::kSnapshot});
  machine_.set(ns, "a", "v", 5s);
  machine_.set(ns, "b", "v");
  ASSERT_TRUE(machine_.storage->checkpoint());
  const Instant now = machine_.clock.now();
  ASSERT_TRUE(machine_.store->expire(ns, "a", {.expiry = {core::Expiry::Mode::kNever, {}}}, now));
  ASSERT_TRUE(machine_.storage->checkpoint());
  machine_.crash(1);
  machine_.clock.advance(10s);
  machine_.must_start();
  EXPECT_EQ(machine_.get(machine_.find("s"), "a"), "v");
  ASSERT_TRUE(machine_.store->clear_namespace(machine_.find("s"), machine_.clock.now()));
  ASSERT_TRUE(machine_.commit());
  ASSERT_TRUE(machine_.storage->checkpoint());
  crash();
  EXPECT_EQ(machine_.get(machine_.find("s"), "b"), std::nullopt);
}

TEST_F(StorageTest, ACheckpointKeepsTheSeedThatItsEntriesAreOrderedBy) {
  const auto stored = [&] {
    return stored_hash_seed(*machine_.files, Machine::kDirectory);
  };
  EXPECT_EQ(stored(), std::nullopt) << "no directory";
  const auto ns = machine_.make("w");
  machine_.set(ns, "key", "value");
  EXPECT_EQ(stored(), std::nullopt) << "no checkpoint";
  ASSERT_TRUE(machine_.storage->checkpoint());
  const std::uint64_t seed = machine_.store->hash_seed();
  EXPECT_EQ(stored(), seed);
  ASSERT_TRUE(machine_.stop());
  machine_.must_start();
  EXPECT_EQ(machine_.store->hash_seed(), seed);
}

TEST_F(StorageTest, ASnapshotKeepsItWhereThereIsNoCheckpoint) {
  const auto ns = machine_.make("s", {.persist = core::Persistence::kSnapshot});
  machine_.set(ns, "key", "value");
  const std::uint64_t seed = machine_.store->hash_seed();
  ASSERT_TRUE(machine_.stop());
  EXPECT_EQ(stored_hash_seed(*machine_.files, Machine::kDirectory), seed);
}

/// Its order would be of no use to a start, and worse, without tables of the right size.
TEST_F(StorageTest, ACheckpointBesideWhichMuchCameOrWentKeepsNoSeed) {
  constexpr int kBefore = 3'000;
  for (const bool comes : {true, false}) {
    const auto ns = machine_.make(comes ? "grows" : "shrinks");
    for (int i = 0; i < kBefore; ++i)
      machine_.set(ns, "before" + std::to_string(i), std::string(1'000, 'v'));
    ASSERT_TRUE(machine_.storage->checkpoint());
    EXPECT_NE(stored_hash_seed(*machine_.files, Machine::kDirectory), std::nullopt);
    machine_.set(ns, "more", "v");
    int writes = 0;
    machine_.files->behind_each([&](std::string_view what) {
      if (what.find("checkpoint-") == std::string_view::npos || !what.starts_with("write")) return;
      if (++writes != 2) return;  // the header, then the first entries
      for (int i = 0; i < kBefore / 2; ++i) {
        if (comes) {
          machine_.set(ns, "beside" + std::to_string(i), "v");
        } else {
          EXPECT_TRUE(
              machine_.store->remove(ns, "before" + std::to_string(i), {}, machine_.clock.now()));
        }
      }
    });
    ASSERT_TRUE(machine_.storage->checkpoint());
    machine_.files->behind_each({});
    EXPECT_GT(writes, 2);
    EXPECT_EQ(stored_hash_seed(*machine_.files, Machine::kDirectory), std::nullopt);
    const Kept before = machine_.kept();
    restart();
    EXPECT_EQ(machine_.kept(), before);
  }
}

TEST_F(StorageTest, WhatGivesItsLogUpWhileACheckpointBeginsIsInIt) {
  const auto shots = machine_.make("s", {.persist = core::Persistence::kSnapshot});
  machine_.set(shots, "key", "value");
  const auto ns = machine_.make("w");
  machine_.set(ns, "a", "1");
  ASSERT_TRUE(machine_.commit());
  bool is_altered = false;
  machine_.files->behind_each([&](std::string_view what) {
    // The snapshots are being written, and "w" is none of them.
    if (is_altered || what.find("snapshot-") == std::string_view::npos) return;
    is_altered = true;
    auto settings = machine_.store->namespace_settings(ns);
    ASSERT_TRUE(settings);
    settings->persist = core::Persistence::kSnapshot;
    EXPECT_TRUE(machine_.store->alter_namespace(ns, *settings, machine_.clock.now()));
  });
  ASSERT_TRUE(machine_.storage->checkpoint());
  machine_.files->behind_each({});
  EXPECT_TRUE(is_altered);
  EXPECT_TRUE(machine_.commit());
  crash();
  EXPECT_EQ(machine_.get(machine_.find("w"), "a"), "1");
}

TEST_F(StorageTest, NoCheckpointIsCompletedOnceTheLogHasFailed) {
  const auto ns = machine_.make("w");
  machine_.set(ns, "safe", "v");
  ASSERT_TRUE(machine_.commit());
  machine_.set(ns, "unsafe", "v");
  using appmem::test::SimulatedFiles;
  machine_.files->fail_at(machine_.files->operations(), SimulatedFiles::Fault::kInputOutput);
  ASSERT_FALSE(machine_.commit());
  EXPECT_FALSE(machine_.storage->checkpoint());
  crash();
  EXPECT_EQ(machine_.get(machine_.find("w"), "safe"), "v");
}

TEST_F(StorageTest, VersionsStayAndNewOnesAreOthers) {
  const auto ns = machine_.make("w");
  const auto first = machine_.try_set(ns, "k", "v");
  ASSERT_TRUE(machine_.commit());
  restart();
  const auto again =
      machine_.store->set(machine_.find("w"), "k", ValueView::from_bytes("w"),
                          {.conditions = {.if_version = first->version}}, machine_.clock.now());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_GT(again->version, first->version);
}

TEST_F(StorageTest, ACheckpointMakesTheLogBeforeItUnnecessary) {
  machine_.options.segment_bytes = 4096;
  restart();
  const auto ns = machine_.make("w");
  for (int i = 0; i < 200; ++i) {
    machine_.set(ns, "key" + std::to_string(i % 20), std::string(100, 'a'));
    ASSERT_TRUE(machine_.commit());
  }
  EXPECT_GT(machine_.storage->stats().segments, 4U);
  ASSERT_TRUE(machine_.storage->checkpoint());
  EXPECT_EQ(machine_.storage->stats().segments, 1U);
  machine_.set(ns, "key3", "changed");
  ASSERT_TRUE(machine_.store->remove(ns, "key4", {}, machine_.clock.now()));
  ASSERT_TRUE(machine_.commit());
  const Kept before = machine_.kept();
  crash();
  EXPECT_EQ(machine_.kept(), before);
  EXPECT_EQ(machine_.storage->stats().recovered_entries, 20U);
  EXPECT_EQ(machine_.storage->stats().recovered_records, 2U);
}

TEST_F(StorageTest, ANamespaceThatBecomesDurableKeepsWhatItHas) {
  const auto ns = machine_.make("n", {});
  machine_.set(ns, "before", "v");
  ASSERT_TRUE(
      machine_.store->alter_namespace(ns, {.persist = Persistence::kWal}, machine_.clock.now()));
  machine_.set(ns, "after", "v");
  ASSERT_TRUE(machine_.commit());
  ASSERT_TRUE(machine_.storage->checkpoint());
  const Kept before = machine_.kept();
  crash();
  EXPECT_EQ(machine_.kept(), before);
  EXPECT_EQ(machine_.get(machine_.find("n"), "before"), "v");
  EXPECT_EQ(machine_.get(machine_.find("n"), "after"), "v");
}

TEST_F(StorageTest, OneThatHadNotBecomeDurableYetIsGoneAsAWhole) {
  const auto ns = machine_.make("n", {});
  machine_.set(ns, "before", "v");
  ASSERT_TRUE(
      machine_.store->alter_namespace(ns, {.persist = Persistence::kWal}, machine_.clock.now()));
  machine_.set(ns, "after", "v");
  ASSERT_TRUE(machine_.commit());
  crash();
  EXPECT_FALSE(machine_.store->find_namespace("n"));
  // And one that comes in its place is another one, now and later.
  const auto again = machine_.make("n");
  machine_.set(again, "k", "v");
  ASSERT_TRUE(machine_.commit());
  const Kept before = machine_.kept();
  crash();
  EXPECT_EQ(machine_.kept(), before);
}

TEST_F(StorageTest, ANamespaceGoesThroughAllModesWithoutLosingAKey) {
  const auto ns = machine_.make("n", {});
  machine_.set(ns, "k0", "v");
  int i = 0;
  for (const Persistence mode :
       {Persistence::kSnapshot, Persistence::kWal, Persistence::kSnapshot, Persistence::kWal}) {
    const auto id = machine_.find("n");
    ASSERT_TRUE(machine_.storage->prepare());
    ASSERT_TRUE(machine_.store->alter_namespace(id, {.persist = mode}, machine_.clock.now()));
    ASSERT_TRUE(machine_.storage->checkpoint());
    machine_.set(id, "k" + std::to_string(++i), "v");
    if (mode == Persistence::kSnapshot) {
      ASSERT_TRUE(machine_.storage->checkpoint());
    }
    ASSERT_TRUE(machine_.commit());
    const Kept before = machine_.kept();
    crash();
    EXPECT_EQ(machine_.kept(), before) << i;
  }
  ASSERT_TRUE(machine_.store->alter_namespace(machine_.find("n"), {}, machine_.clock.now()));
  EXPECT_EQ(machine_.get(machine_.find("n"), "k4"), "v");
  ASSERT_TRUE(machine_.commit());
  crash();
  EXPECT_FALSE(machine_.store->find_namespace("n"));
}

TEST_F(StorageTest, ASnapshotIsWrittenOnDemandAndAtTheEnd) {
  const auto ns = machine_.make("s", {.persist = Persistence::kSnapshot});
  machine_.set(ns, "first", "v", 1h);
  ASSERT_TRUE(machine_.storage->checkpoint());
  machine_.set(ns, "second", "v");
  crash();
  EXPECT_EQ(machine_.get(machine_.find("s"), "first"), "v");
  EXPECT_EQ(machine_.get(machine_.find("s"), "second"), std::nullopt);
  machine_.set(machine_.find("s"), "third", "v");
  const Kept before = machine_.kept();
  restart();
  EXPECT_EQ(machine_.kept(), before);
}

TEST_F(StorageTest, ASnapshotNamespaceThatWasClearedIsEmptyAfterACrash) {
  const auto ns = machine_.make("s", {.persist = Persistence::kSnapshot});
  machine_.set(ns, "k", "v");
  ASSERT_TRUE(machine_.storage->checkpoint());
  ASSERT_TRUE(machine_.store->clear_namespace(ns, machine_.clock.now()));
  ASSERT_TRUE(machine_.commit());
  crash();
  EXPECT_EQ(machine_.get(machine_.find("s"), "k"), std::nullopt);
  ASSERT_TRUE(machine_.storage->checkpoint());
  crash();
  EXPECT_EQ(machine_.get(machine_.find("s"), "k"), std::nullopt);
}

TEST_F(StorageTest, ACompactionWritesOnlySnapshotsThatTheLogIsNeededFor) {
  machine_.options.segment_bytes = 4096;
  restart();
  const auto shots = machine_.make("s", {.persist = Persistence::kSnapshot});
  const auto ns = machine_.make("w");
  const auto snapshot = [&] {
    const auto found = list_directory(*machine_.files, Machine::kDirectory)->snapshots;
    return found.empty() ? "" : found.front().name;
  };
  const auto compact = [&] {
    for (int i = 0; i < 1000; ++i) {
      machine_.set(ns, "k", std::to_string(i));
      EXPECT_TRUE(machine_.commit());
      const auto made = machine_.storage->compact_if_due();
      EXPECT_TRUE(made) << made.error().message;
      if (!made || *made) return;
    }
    ADD_FAILURE() << "no compaction";
  };
  machine_.set(shots, "first", "v");
  compact();
  const std::string first = snapshot();
  EXPECT_NE(first, "");
  machine_.set(shots, "second", "v");
  compact();
  EXPECT_EQ(snapshot(), first);
  ASSERT_TRUE(machine_.storage->checkpoint());
  const std::string second = snapshot();
  EXPECT_NE(second, first);
  ASSERT_TRUE(machine_.store->clear_namespace(shots, machine_.clock.now()));
  compact();
  EXPECT_NE(snapshot(), second);
  compact();
  crash();
  EXPECT_EQ(machine_.get(machine_.find("s"), "second"), std::nullopt);
  EXPECT_NE(machine_.get(machine_.find("w"), "k"), std::nullopt);
}

TEST_F(StorageTest, ATornTailIsCutAndReported) {
  const auto ns = machine_.make("w");
  machine_.set(ns, "k", "v");
  ASSERT_TRUE(machine_.commit());
  machine_.set(ns, "torn", "v");
  ASSERT_TRUE(machine_.commit());
  const std::string path = only_segment();
  std::string bytes = machine_.files->contents(path);
  const std::size_t at = bytes.find("torn");
  ASSERT_NE(at, std::string::npos);
  machine_.crash(1);
  machine_.files->cut(path, at + 2);
  machine_.must_start();
  EXPECT_EQ(machine_.get(machine_.find("w"), "k"), "v");
  EXPECT_EQ(machine_.get(machine_.find("w"), "torn"), std::nullopt);
  EXPECT_EQ(machine_.events.count("log_cut"), 1U);
  EXPECT_GT(machine_.storage->stats().cut_bytes, 0U);
}

TEST_F(StorageTest, DamageBeforeTheTailStopsTheStart) {
  const auto ns = machine_.make("w");
  machine_.set(ns, "first", "v");
  ASSERT_TRUE(machine_.commit());
  machine_.set(ns, "second", "v");
  ASSERT_TRUE(machine_.commit());
  const std::string path = only_segment();
  const std::size_t at = machine_.files->contents(path).find("first");
  machine_.crash(1);
  machine_.files->flip(path, at);
  const auto started = machine_.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(started.error().message, HasSubstr(path));
  EXPECT_THAT(started.error().message, HasSubstr("at byte"));
  EXPECT_THAT(started.error().message, HasSubstr("--repair"));
}

TEST_F(StorageTest, AfterAnOrderlyEndNoDamageIsTakenForATornTail) {
  const auto ns = machine_.make("w");
  machine_.set(ns, "last", "v");
  ASSERT_TRUE(machine_.commit());
  const std::string path = only_segment();
  ASSERT_TRUE(machine_.stop());
  machine_.files->flip(path, machine_.files->contents(path).find("last"));
  EXPECT_FALSE(machine_.start());
}

TEST_F(StorageTest, AMissingSegmentStopsTheStart) {
  machine_.options.segment_bytes = 1024;
  restart();
  const auto ns = machine_.make("w");
  for (int i = 0; i < 60; ++i) {
    machine_.set(ns, "k" + std::to_string(i), std::string(50, 'v'));
    ASSERT_TRUE(machine_.commit());
  }
  std::vector<std::string> segments;
  for (const std::string& name : machine_.names()) {
    if (name.starts_with(format::kSegmentPrefix)) segments.push_back(name);
  }
  ASSERT_GT(segments.size(), 3U);
  ASSERT_TRUE(machine_.stop());
  ASSERT_TRUE(machine_.files->remove("/data/" + segments[1]));
  const auto started = machine_.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("are missing"));
}

TEST_F(StorageTest, AnUnknownVersionIsRefused) {
  machine_.make("w");
  ASSERT_TRUE(machine_.commit());
  const std::string path = only_segment();
  ASSERT_TRUE(machine_.stop());
  std::string bytes = machine_.files->contents(path);
  bytes[format::kVersionAt] = 2;
  std::fill_n(bytes.begin() + format::kHeaderCrcAt, 4, '\0');
  const std::uint32_t crc = crc32c(std::string_view(bytes).substr(0, format::kFileHeaderBytes));
  std::memcpy(bytes.data() + format::kHeaderCrcAt, &crc, sizeof crc);
  machine_.files->set_contents(path, bytes);
  const auto started = machine_.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("version"));
}

TEST_F(StorageTest, ANamespaceAtItsCeilingComesBackWhole) {
  const auto ns = machine_.make(
      "w", {.persist = Persistence::kWal, .eviction = core::Eviction::kNone, .max_bytes = 100'000});
  int stored = 0;
  while (machine_.try_set(ns, "key" + std::to_string(stored), std::string(90, 'v')))
    ++stored;
  ASSERT_TRUE(machine_.commit());
  const Kept before = machine_.kept();
  machine_.shards = 1;
  crash();
  EXPECT_EQ(machine_.kept(), before);
  EXPECT_EQ(machine_.store->namespace_settings(machine_.find("w"))->max_bytes, 100'000U);
}

TEST_F(StorageTest, ASecondDaemonIsRefusedByTheLock) {
  machine_.make("w");
  ASSERT_TRUE(machine_.commit());
  EventList events;
  Storage second(machine_.options, *machine_.files, machine_.clock, events);
  core::Store store({.max_memory_bytes = 16_MiB, .sink = &second}, machine_.clock.now());
  const auto recovered = second.recover(store);
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, ErrorCode::kBusy);
}

TEST_F(StorageTest, AStoreThatIsTooSmallIsRefused) {
  const auto ns = machine_.make("w");
  for (int i = 0; i < 40; ++i)
    machine_.set(ns, "k" + std::to_string(i), std::string(100'000, 'v'));
  ASSERT_TRUE(machine_.commit());
  ASSERT_TRUE(machine_.stop());
  machine_.max_memory_bytes = 1_MiB;
  const auto started = machine_.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kOutOfMemory);
}

TEST_F(StorageTest, AStoreThatIsAlmostTooSmallLosesNoDeadlineThatWasMoved) {
  const auto ns = machine_.make("w");
  for (int i = 0; i < 5'000; ++i) {
    machine_.set(ns, i == 4'500 ? "kept" : "k" + std::to_string(i), std::string(100, 'v'), 5s);
  }
  ASSERT_TRUE(machine_.store->expire(ns, "kept", {.expiry = {core::Expiry::Mode::kNever, {}}},
                                     machine_.clock.now()));
  ASSERT_TRUE(machine_.commit());
  ASSERT_TRUE(machine_.stop());
  machine_.clock.advance(10s);
  int started = 0;
  for (std::uint64_t bytes = 128_KiB; bytes <= 1_MiB; bytes += 64_KiB) {
    machine_.max_memory_bytes = bytes;
    const auto done = machine_.start();
    if (done) {
      ++started;
      EXPECT_NE(machine_.get(machine_.find("w"), "kept"), std::nullopt) << bytes;
    } else {
      EXPECT_EQ(done.error().code, ErrorCode::kOutOfMemory) << bytes;
    }
    machine_.store.reset();
    machine_.storage.reset();
  }
  EXPECT_GT(started, 0);
}

TEST_F(StorageTest, AFailedLogIsReadOnlyUntilItIsResumed) {
  const auto ns = machine_.make("w");
  const auto memory = machine_.make("m", {});
  machine_.set(ns, "safe", "v");
  ASSERT_TRUE(machine_.commit());
  machine_.files->fail_at(machine_.files->operations(),
                          appmem::test::SimulatedFiles::Fault::kNoSpace,
                          appmem::test::SimulatedFiles::Lasts::kFromThenOn);
  machine_.set(ns, "unsafe", "v");
  ASSERT_TRUE(machine_.store->remove(ns, "safe", {}, machine_.clock.now()));
  EXPECT_FALSE(machine_.commit());
  EXPECT_TRUE(machine_.storage->failed());
  EXPECT_EQ(machine_.events.count("log_failed"), 1U);

  const auto written = machine_.try_set(ns, "k", "v");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kReadOnly);
  EXPECT_THAT(written.error().message, HasSubstr("No space left on device"));
  EXPECT_THAT(written.error().message, HasSubstr("storage resume"));
  const auto read = machine_.try_get(ns, "unsafe");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnavailable);
  // That it is gone may not last either.
  EXPECT_FALSE(machine_.try_get(ns, "safe"));
  machine_.set(memory, "k", "v");
  EXPECT_EQ(machine_.get(memory, "k"), "v");

  // As long as the disk is full, it cannot be resumed.
  const auto in_vain = machine_.storage->request_resume();
  EXPECT_FALSE(machine_.storage->checkpoint_state(in_vain).result);
  EXPECT_TRUE(machine_.storage->failed());

  machine_.files->heal();
  const auto resumed = machine_.storage->checkpoint_state(machine_.storage->request_resume());
  EXPECT_TRUE(resumed.done);
  EXPECT_TRUE(resumed.result) << resumed.result.error().message;
  EXPECT_FALSE(machine_.storage->failed());
  EXPECT_EQ(machine_.get(ns, "unsafe"), "v");
  machine_.set(ns, "after", "v");
  ASSERT_TRUE(machine_.commit());
  const Kept before = machine_.kept();
  crash();
  EXPECT_EQ(machine_.kept(), before);
}

TEST_F(StorageTest, ASegmentAndACheckpointThatCannotBeMadeLeaveNothingBehind) {
  const auto ns = machine_.make("w");
  machine_.set(ns, "k", "v");
  ASSERT_TRUE(machine_.commit());
  const auto names = machine_.names();
  machine_.files->fail_at(machine_.files->operations() + 1,
                          appmem::test::SimulatedFiles::Fault::kNoSpace,
                          appmem::test::SimulatedFiles::Lasts::kFromThenOn);
  EXPECT_FALSE(machine_.storage->checkpoint());
  machine_.files->heal();
  EXPECT_EQ(machine_.names(), names);
  EXPECT_FALSE(machine_.storage->failed());
}

}  // namespace
}  // namespace appmem::storage::test
