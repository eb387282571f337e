// What the files take, in all of their life: at most two and a half times the live data and two
// segments.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "record.h"
#include "storage_fixture.h"
#include "support/environment.h"
#include "support/random.h"

namespace appmem::storage::test {
namespace {

using appmem::test::Random;

constexpr std::uint64_t kSegmentBytes = 128_KiB;
/// A step changes no more than this, so that no more than one segment is begun in it.
constexpr std::uint64_t kStepBytesMax = kSegmentBytes / 2;

class DiskUseTest : public testing::Test {
 protected:
  void SetUp() override {
    machine_.options.segment_bytes = kSegmentBytes;
    machine_.must_start();
    ns_ = machine_.make("w");
    watch();
  }
  void watch() {
    machine_.files->behind_each([this](std::string_view what) {
      if (what.starts_with("write") && what.ends_with(".tmp") && beside_) beside_();
      check(what);
    });
  }
  void TearDown() override {
    machine_.files->behind_each({});
    EXPECT_GE(machine_.storage->stats().checkpoints, checkpoints_min_);
    std::printf("at most %.0f %% of what they may take\n", 100 * share_max_);
  }

  /// What a checkpoint of one moment would have: a file's header, the namespaces, all entries, the
  /// end.
  std::uint64_t live_bytes() {
    const Instant now = machine_.clock.now();
    RecordBuffer records;
    records.begin(format::RecordKind::kContent, 1);
    for (const core::NamespaceInfo& info : machine_.store->list_namespaces(now)) {
      if (info.settings.persist != core::Persistence::kWal) continue;
      records.describe(format::Operation::kCreate, 1, info.name, info.settings, false);
      const auto show = [&](const core::EntryView& entry) {
        std::optional<WallTime> deadline;
        if (entry.deadline) deadline = now.wall_of(*entry.deadline);
        records.set(1, {.key = entry.key,
                        .value = entry.value,
                        .version = entry.version,
                        .deadline = deadline,
                        .position = entry.ticket});
        return true;
      };
      for (core::ScanCursor cursor = 0;;) {
        const auto step = machine_.store->scan(info.id, cursor, 1000, now, show);
        EXPECT_TRUE(step);
        if (!step || step->done) break;
        cursor = step->next;
      }
    }
    records.end();
    records.begin(format::RecordKind::kEnd, 2);
    records.put_varint(1);
    records.put_varint(1);
    records.end();
    return format::kFileHeaderBytes + records.bytes();
  }

  void set(const std::string& key, std::size_t bytes,
           std::optional<milliseconds> ttl = std::nullopt) {
    machine_.set(ns_, key, std::string(bytes, static_cast<char>('a' + random_.below(26))), ttl);
    changed_bytes_ += bytes + 60;
  }
  void remove(const std::string& key) {
    ASSERT_TRUE(machine_.store->remove(ns_, key, {}, machine_.clock.now()));
    changed_bytes_ += 40;
  }
  std::string key(std::uint64_t keys) { return "key" + std::to_string(random_.below(keys)); }

  /// Changes, a commit, and what the background does then; all of it is looked at.
  void step(const std::function<void()>& change) {
    const std::uint64_t bytes = random_.below(kStepBytesMax) + 1;
    while (changed_bytes_ < bytes)
      change();
    changed_bytes_ = 0;
    while (machine_.store->maintain(0, 1, machine_.clock.now(), {})) {
    }
    ASSERT_TRUE(machine_.commit());
    check("after the changes");
    look();
  }
  /// As the background does it: again at once behind a checkpoint. Whatever is deleted between two
  /// looks and while a checkpoint is written, nothing is given back before that is whole: until
  /// then, what was live before counts.
  void look() {
    for (bool goes_on = true; goes_on;) {
      const auto made = machine_.storage->compact_if_due();
      ASSERT_TRUE(made) << made.error().message;
      goes_on = *made;
    }
    live_before_ = 0;
    check("after a checkpoint");
    live_before_ = live_bytes();
  }
  void steps(int count, const std::function<void()>& change) {
    for (int i = 0; i < count * static_cast<int>(appmem::test::test_scale()) && !HasFailure(); ++i)
      step(change);
  }

  [[nodiscard]] std::uint64_t snapshot_bytes() const {
    std::uint64_t bytes = 0;
    for (const std::string& path : machine_.files->paths()) {
      if (path.starts_with("/data/snapshot-")) bytes += machine_.files->contents(path).size();
    }
    return bytes;
  }

  void check(std::string_view when) {
    const std::uint64_t live = std::max(live_before_, live_bytes());
    const std::uint64_t files = machine_.files->bytes() - snapshot_bytes();
    const std::uint64_t most = live * 5 / 2 + 2 * kSegmentBytes;
    EXPECT_LE(files, most) << when << ": " << live << " bytes are live";
    share_max_ = std::max(share_max_, static_cast<double>(files) / static_cast<double>(most));
  }

  Machine machine_;
  core::NamespaceId ns_{};
  Random random_{17};
  std::function<void()> beside_;  // runs at each write of a checkpoint
  std::uint64_t live_before_ = 0;
  std::uint64_t changed_bytes_ = 0;
  std::uint64_t checkpoints_min_ = 3;
  double share_max_ = 0;
};

TEST_F(DiskUseTest, OverwritesOfSmallEntries) {
  steps(400, [&] { set(key(3000), random_.below(12)); });
}

TEST_F(DiskUseTest, OverwritesOfEntriesThatGrowAndShrink) {
  for (const std::size_t bytes : {std::size_t{2000}, std::size_t{50}, std::size_t{500}}) {
    steps(120, [&] { set(key(500), random_.below(bytes)); });
  }
}

TEST_F(DiskUseTest, ContentThatGrowsAndIsDeleted) {
  std::uint64_t first = 0;
  std::uint64_t next = 0;
  for (int round = 0; round < 2; ++round) {
    steps(100, [&] { set("key" + std::to_string(next++), 400); });
    steps(100, [&] {
      if (first < next) remove("key" + std::to_string(first++));
      set("counter", 8);
    });
  }
}

TEST_F(DiskUseTest, EntriesThatExpire) {
  std::uint64_t next = 0;
  steps(400, [&] {
    set("key" + std::to_string(next++), random_.below(300), milliseconds{random_.below(20'000)});
    machine_.clock.advance(3ms);
  });
  // And nothing is written while the rest of them go.
  for (int i = 0; i < 200; ++i) {
    machine_.clock.advance(100ms);
    step([&] { changed_bytes_ = kStepBytesMax; });
  }
  EXPECT_LT(machine_.files->bytes(), 2 * kSegmentBytes);
}

TEST_F(DiskUseTest, ANamespaceThatIsCleared) {
  for (int round = 0; round < 4; ++round) {
    steps(60, [&] { set(key(2000), 500); });
    // What is dead at once is gone with the next look.
    ASSERT_TRUE(machine_.store->clear_namespace(ns_, machine_.clock.now()));
    machine_.files->behind_each({});
    ASSERT_TRUE(machine_.commit());
    const auto made = machine_.storage->compact_if_due();
    ASSERT_TRUE(made) << made.error().message;
    live_before_ = 0;
    check("after the clear");
    watch();
  }
}

TEST_F(DiskUseTest, WritesBesideACheckpoint) {
  steps(100, [&] { set(key(4000), 1000); });
  beside_ = [&] {
    for (int i = 0; i < 100; ++i)
      set(key(4000), 1000);
    ASSERT_TRUE(machine_.commit());
  };
  steps(400, [&] { set(key(4000), 1000); });
}

/// The log does not wait for its checkpoint because a namespace without one has changed.
TEST_F(DiskUseTest, WritesBesideACheckpointWhereThereAreSnapshotsToo) {
  const auto shots = machine_.make(
      "s", {.persist = core::Persistence::kSnapshot, .eviction = core::Eviction::kNone});
  for (int i = 0; i < 2500; ++i)
    machine_.set(shots, "s" + std::to_string(i), std::string(1000, 's'));
  steps(100, [&] { set(key(4000), 1000); });
  ASSERT_TRUE(machine_.storage->checkpoint());
  beside_ = [&] {
    for (int i = 0; i < 50; ++i)
      set(key(4000), 1000);
    ASSERT_TRUE(machine_.commit());
  };
  steps(300, [&] {
    machine_.set(shots, "s0", "changed");
    set(key(4000), 1000);
  });
}

/// What was written to it already is dead then: the next one follows at once.
TEST_F(DiskUseTest, ContentThatIsDeletedWhileACheckpointIsWritten) {
  for (int round = 0; round < 3; ++round) {
    beside_ = {};
    for (int i = 0; i < 4000; ++i) {
      set("key" + std::to_string(i), 1000);
      if (i % 50 == 49) step([&] { set("step", 10); });
    }
    int next = 0;
    beside_ = [&] {
      for (int i = 0; i < 1500 && next < 3990; ++i)
        remove("key" + std::to_string(next++));
      ASSERT_TRUE(machine_.commit());
    };
    while (next < 3900 && !HasFailure())
      step([&] { set("key3999", 1000); });
    EXPECT_LT(machine_.files->bytes(), 3 * kSegmentBytes);
  }
}

TEST_F(DiskUseTest, WhatHasJustBeenWrittenIsNotWrittenAgain) {
  for (const int entries : {0, 1, 60, 3000}) {
    for (int i = 0; i < entries; ++i)
      set("k" + std::to_string(i), 0, 24h);
    ASSERT_TRUE(machine_.commit());
    ASSERT_TRUE(machine_.storage->checkpoint());
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(machine_.storage->compact_if_due(), false) << entries;
      set("k", 1, 24h);
      ASSERT_TRUE(machine_.commit());
    }
  }
}

TEST_F(DiskUseTest, AlsoAfterStarts) {
  for (int round = 0; round < 6; ++round) {
    steps(80, [&] { set(key(3000), random_.below(30)); });
    machine_.files->behind_each({});
    ASSERT_TRUE(machine_.stop());
    machine_.must_start();
    ns_ = machine_.find("w");
    watch();
  }
  checkpoints_min_ = 0;
}

}  // namespace
}  // namespace appmem::storage::test
