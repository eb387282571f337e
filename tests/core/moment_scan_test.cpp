#include "appmem/core/moment_scan.h"

#include <map>
#include <string>

#include "store_fixture.h"
#include "support/random.h"

namespace appmem::core {
namespace {

/// What a scan shows of an entry: the first time is what counts.
using Seen = std::map<std::string, StoredEntry>;

class MomentScanTest : public testing::Test {
 protected:
  MomentScanTest()
      : store_({.max_memory_bytes = 64_MiB, .shards = 4, .seed = 5}, clock_.now()),
        ns_(*store_.create_namespace("n", {}, clock_.now())) {}

  void set(const std::string& key, const std::string& value) {
    ASSERT_TRUE(store_.set(ns_, key, ValueView::from_bytes(value), {}, clock_.now()));
  }
  std::unique_ptr<MomentScan> begin(Seen& seen) {
    auto scan = MomentScan::begin(store_, ns_, [&seen](const EntryView& entry) {
      seen.emplace(std::string(entry.key), StoredEntry{.value = StoredValue::of(entry.value),
                                                       .version = entry.version,
                                                       .deadline = entry.deadline});
    });
    EXPECT_TRUE(scan);
    return scan ? *std::move(scan) : nullptr;
  }
  Seen all() {
    Seen found;
    const auto show = [&](const EntryView& entry) {
      found.emplace(std::string(entry.key), StoredEntry{.value = StoredValue::of(entry.value),
                                                        .version = entry.version,
                                                        .deadline = entry.deadline});
      return true;
    };
    for (ScanCursor cursor = 0;;) {
      const auto step = store_.scan(ns_, cursor, 1000, clock_.now(), show);
      if (!step || step->done) return found;
      cursor = step->next;
    }
  }
  static void expect_same(const Seen& seen, const Seen& expected) {
    ASSERT_EQ(seen.size(), expected.size());
    for (const auto& [key, entry] : expected) {
      const auto found = seen.find(key);
      ASSERT_NE(found, seen.end()) << key;
      EXPECT_EQ(found->second.value, entry.value) << key;
      EXPECT_EQ(found->second.version, entry.version) << key;
      EXPECT_EQ(found->second.deadline, entry.deadline) << key;
    }
  }

  test::ManualClock clock_;
  Store store_;
  NamespaceId ns_;
};

TEST_F(MomentScanTest, ShowsEveryEntryOnce) {
  for (int i = 0; i < 3000; ++i)
    set("k" + std::to_string(i), std::to_string(i));
  const Seen expected = all();
  Seen seen;
  const auto scan = begin(seen);
  for (;;) {
    const auto done = scan->run(100, UINT64_MAX, clock_.now());
    ASSERT_TRUE(done);
    if (*done) break;
  }
  expect_same(seen, expected);
}

TEST_F(MomentScanTest, ASliceEndsWithTheEntryThatIsEnough) {
  for (int i = 0; i < 50; ++i)
    set("k" + std::to_string(i), std::string(1000, 'v'));
  const Seen expected = all();
  Seen seen;
  const auto scan = begin(seen);
  for (bool done = false; !done;) {
    const std::size_t before = seen.size();
    const auto ran = scan->run(100, 2500, clock_.now());
    ASSERT_TRUE(ran);
    done = *ran;
    EXPECT_LE(seen.size(), before + 3);
  }
  expect_same(seen, expected);
}

TEST_F(MomentScanTest, ShowsWhatWasThereWhateverIsChangedMeanwhile) {
  test::Random random(3);
  for (int round = 0; round < 30; ++round) {
    // Grows over the size at which a namespace spreads, during a scan as well.
    for (int i = 0; i < 300; ++i)
      set("k" + std::to_string(random.below(9000)), std::to_string(random()));
    const Seen expected = all();
    Seen seen;
    const auto scan = begin(seen);
    for (bool done = false; !done;) {
      for (int i = 0; i < 40; ++i) {
        const std::string key = "k" + std::to_string(random.below(9000));
        const Instant now = clock_.now();
        switch (random.below(5)) {
          case 0:
            ASSERT_TRUE(store_.remove(ns_, key, {}, now));
            break;
          case 1:
            ASSERT_TRUE(store_.expire(
                ns_, key, {.expiry = {Expiry::Mode::kAt, now.mono + std::chrono::hours{1}}}, now));
            break;
          case 2:
            ASSERT_TRUE(store_.patch(ns_, key, {.bytes = "+"}, now));
            break;
          default:
            set(key, std::string(random.below(50), 'n'));
        }
      }
      store_.maintain(0, 1, clock_.now(), {});
      const auto ran = scan->run(64, 1 + random.below(4000), clock_.now());
      ASSERT_TRUE(ran);
      done = *ran;
    }
    expect_same(seen, expected);
  }
}

TEST_F(MomentScanTest, TellsWhenTheNamespaceIsClearedOrDropped) {
  for (int i = 0; i < 300; ++i)
    set("k" + std::to_string(i), "v");
  Seen seen;
  const auto cleared = begin(seen);
  ASSERT_TRUE(store_.clear_namespace(ns_, clock_.now()));
  const auto after_clear = cleared->run(1000, UINT64_MAX, clock_.now());
  ASSERT_FALSE(after_clear);
  EXPECT_EQ(after_clear.error().code, ErrorCode::kConflict);
  const auto dropped = begin(seen);
  ASSERT_TRUE(store_.drop_namespace(ns_, clock_.now()));
  EXPECT_FALSE(dropped->run(1000, UINT64_MAX, clock_.now()));
  EXPECT_FALSE(MomentScan::begin(store_, ns_, [](const EntryView&) {}));
}

}  // namespace
}  // namespace appmem::core
