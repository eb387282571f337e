// A store whose values are compressed on their way to the disk, started again.

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "appmem/storage/inspection.h"
#include "log_writer.h"
#include "storage_fixture.h"
#include "support/random.h"
#include "support/temporary_directory.h"

namespace appmem::storage::test {
namespace {

using appmem::test::ManualClock;
using appmem::test::Random;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

constexpr const char* kDirectory = Machine::kDirectory;
constexpr std::uint64_t kAbove = 100;

class CompressionTest : public testing::Test {
 protected:
  CompressionTest() {
    machine_.options.compress_above = kAbove;
    machine_.must_start();
  }

  /// Of all files with such a name.
  std::uint64_t file_bytes(std::string_view prefix) {
    std::uint64_t bytes = 0;
    for (const std::string& name : machine_.names()) {
      if (name.starts_with(prefix)) {
        bytes += machine_.files->contents(std::string(kDirectory) + "/" + name).size();
      }
    }
    return bytes;
  }
  std::vector<std::string> lines(const DumpOptions& options) {
    std::vector<std::string> found;
    const auto dumped = dump(*machine_.files, kDirectory, options, [&](std::string_view line) {
      found.emplace_back(line);
      return true;
    });
    EXPECT_TRUE(dumped);
    return found;
  }
  void expect_whole() {
    const auto verified = verify(*machine_.files, kDirectory);
    ASSERT_TRUE(verified);
    EXPECT_EQ(verified->damage, "");
  }

  Machine machine_;
};

TEST_F(CompressionTest, ValuesOfAllKindsAndLengthsComeBackFromTheLogCheckpointsAndSnapshots) {
  Random random(1);
  machine_.max_memory_bytes = 256_MiB;
  machine_.options.segment_bytes = 64_KiB;
  ASSERT_TRUE(machine_.stop());
  machine_.must_start();
  const auto logged = machine_.make("logged");
  const auto shots = machine_.make("shots", {.persist = core::Persistence::kSnapshot});
  for (int round = 0; round < 6; ++round) {
    SCOPED_TRACE(round);
    for (int i = 0; i < 60; ++i) {
      const std::size_t bytes = random.below(random.one_in(20) ? 400'000 : 400);
      const std::string text = random.one_in(3)
                                   ? random.bytes(bytes)
                                   : std::string(bytes, static_cast<char>('a' + i % 26));
      const std::string key = std::to_string(random.below(50));
      machine_.set(random.one_in(3) ? shots : logged, key, text);
      if (random.one_in(8)) {
        const std::string json = "[\"" + std::string(bytes, 'j') + "\"]";
        ASSERT_TRUE(
            machine_.store->set(logged, key, ValueView::from_json(json), {}, machine_.clock.now()));
      }
      if (random.one_in(5)) {
        ASSERT_TRUE(machine_.commit());
      }
    }
    if (round % 3 == 1) {
      ASSERT_TRUE(machine_.storage->checkpoint());
    }
    const Kept before = machine_.kept();
    ASSERT_TRUE(machine_.stop());
    expect_whole();
    // Whether the next daemon compresses or not, it reads what is there.
    machine_.options.compress_above = round % 2 == 0 ? kCompressNever : kAbove;
    machine_.must_start();
    ASSERT_EQ(machine_.kept(), before);
  }
}

TEST_F(CompressionTest, AllThreeKindsOfFilesAreShorter) {
  const std::string text(50'000, 't');
  const auto logged = machine_.make("logged");
  const auto shots = machine_.make("shots", {.persist = core::Persistence::kSnapshot});
  machine_.set(logged, "k", text);
  machine_.set(shots, "k", text);
  ASSERT_TRUE(machine_.commit());
  // With its space taken in advance.
  const auto size = machine_.storage->stats().log_bytes;
  EXPECT_LT(size, 1'000U);
  ASSERT_TRUE(machine_.storage->checkpoint());
  EXPECT_LT(file_bytes("checkpoint-"), 1'000U);
  EXPECT_LT(file_bytes("snapshot-"), 1'000U);
  EXPECT_GT(file_bytes("checkpoint-"), 64U);
  EXPECT_GT(file_bytes("snapshot-"), 64U);
  EXPECT_EQ(machine_.get(logged, "k"), text);
}

TEST_F(CompressionTest, LiveBytesAreThoseOfACompressedCheckpoint) {
  const auto ns = machine_.make("logged");
  for (int i = 0; i < 20; ++i)
    machine_.set(ns, std::to_string(i), std::string(50'000, 't'));
  ASSERT_TRUE(machine_.commit());
  EXPECT_GT(machine_.storage->stats().live_bytes, 500'000U) << "nothing is known yet";
  ASSERT_TRUE(machine_.storage->checkpoint());
  const StorageStats stats = machine_.storage->stats();
  EXPECT_LE(stats.live_bytes, stats.checkpoint_bytes);
  EXPECT_GT(stats.live_bytes, stats.checkpoint_bytes / 2);
}

TEST_F(CompressionTest, DumpShowsTheValueAndWhatItTakes) {
  const auto ns = machine_.make("logged");
  machine_.set(ns, "short", std::string(kAbove, 't'));
  machine_.set(ns, "long", std::string(kAbove + 1, 't'));
  ASSERT_TRUE(machine_.stop());
  EXPECT_THAT(lines({}), Contains(HasSubstr("\"short\": bytes of 100, version")));
  EXPECT_THAT(lines({}), Contains(HasSubstr("\"long\": bytes of 101 in ")));
  EXPECT_THAT(lines({.values = true, .value_bytes_max = 200}),
              Contains(HasSubstr(" = \"" + std::string(kAbove + 1, 't') + '"')));
  EXPECT_THAT(lines({.json = true}),
              Contains(AllOf(HasSubstr("\"length\":101"), HasSubstr("\"compressed\":"))));
}

TEST_F(CompressionTest, ARepairKeepsThemAsTheyAre) {
  const auto ns = machine_.make("logged");
  machine_.set(ns, "a", std::string(5'000, 't'));
  ASSERT_TRUE(machine_.storage->checkpoint());
  machine_.set(ns, "b", std::string(6'000, 't'));
  machine_.set(ns, "c", "lost");
  ASSERT_TRUE(machine_.commit());
  machine_.set(ns, "d", std::string(7'000, 't'));
  ASSERT_TRUE(machine_.stop());
  for (const std::string& path : machine_.files->paths()) {
    const std::size_t at = machine_.files->contents(path).find("lost");
    if (at != std::string::npos) machine_.files->flip(path, at);
  }
  const auto repaired = repair(*machine_.files, kDirectory, {.seed = 3}, ManualClock::kStartWall);
  ASSERT_TRUE(repaired) << repaired.error().message;
  EXPECT_EQ(repaired->lost.size(), 1U);
  machine_.must_start();
  const auto found = machine_.find("logged");
  EXPECT_EQ(machine_.get(found, "a"), std::string(5'000, 't'));
  EXPECT_EQ(machine_.get(found, "b"), std::string(6'000, 't'));
  EXPECT_EQ(machine_.get(found, "c"), std::nullopt);
  EXPECT_EQ(machine_.get(found, "d"), std::string(7'000, 't'));
}

/// A record whose checksum is right, and whose frame is not: something has written it so.
TEST_F(CompressionTest, ABadFrameIsDamageThatARepairTakesOut) {
  ASSERT_TRUE(machine_.stop());
  Machine other;
  ASSERT_TRUE(other.files->make_directory(kDirectory));
  LogWriter writer(
      *other.files,
      {.directory = kDirectory, .segment_bytes = 64_KiB, .directory_id = 1, .seed = 5});
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  RecordBuffer records;
  records.begin(format::RecordKind::kChanges, 1);
  records.describe(format::Operation::kCreate, 1, "w", {.persist = core::Persistence::kWal}, false);
  records.set(1, {.key = "kept", .value = ValueView::from_bytes("v"), .version = 1});
  records.end();
  records.begin(format::RecordKind::kChanges, 2);
  records.put_payload("\1\1\x10\1k\7\x64\4\x28\xB5\x2F\xFD");
  records.end();
  ASSERT_TRUE(writer.write(records, 2, 0, ManualClock::kStartWall));
  ASSERT_TRUE(writer.close());
  const auto verified = verify(*other.files, kDirectory);
  ASSERT_TRUE(verified);
  EXPECT_THAT(
      verified->damage,
      HasSubstr("byte 7 of the payload: a zstd frame does not say how long its content is"));
  const auto started = other.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, verified->damage);
  other.storage.reset();
  ASSERT_TRUE(repair(*other.files, kDirectory, {.seed = 3}, ManualClock::kStartWall));
  other.must_start();
  EXPECT_EQ(other.get(other.find("w"), "kept"), "v");
  EXPECT_EQ(other.get(other.find("w"), "k"), std::nullopt);
}

/// With its threads, and without a sync to wait for: the loop writes what it can write at once.
TEST(CompressionThreadsTest, TheThreadThatEndsATurnDoesNotCompress) {
  const appmem::test::TemporaryDirectory directory;
  const auto files = make_system_files();
  SystemClock clock;
  EventList events;
  Storage storage(
      {.directory = directory.file("data"), .sync = Sync::kOs, .compress_above = kAbove, .seed = 9},
      *files, clock, events);
  core::Store store({.max_memory_bytes = 64_MiB, .seed = 3, .sink = &storage}, clock.now());
  ASSERT_TRUE(storage.recover(store));
  storage.start({});
  ASSERT_TRUE(storage.prepare());
  const auto ns = store.create_namespace(
      "w", {.persist = core::Persistence::kWal, .eviction = core::Eviction::kNone}, clock.now());
  ASSERT_TRUE(ns);
  const auto set = [&](std::size_t bytes) {
    const std::string text(bytes, 'v');
    ASSERT_TRUE(store.set(*ns, "k", ValueView::from_bytes(text), {}, clock.now()));
  };
  const auto wait = [&] {
    while (storage.committed() < storage.latest())
      std::this_thread::yield();
  };
  storage.turn_ended();  // the log's thread makes the first segment
  wait();
  bool here = false;
  for (int i = 0; i < 1'000 && !here; ++i) {  // it may still be at it
    set(kAbove);
    here = storage.turn_ended();
    wait();
  }
  EXPECT_TRUE(here);
  for (int i = 0; i < 20; ++i) {
    set(kAbove + 1);
    EXPECT_FALSE(storage.turn_ended());
    wait();
  }
  EXPECT_TRUE(storage.close());
}

}  // namespace
}  // namespace appmem::storage::test
