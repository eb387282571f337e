// Storage with its threads, used by several at once: what ThreadSanitizer looks at.

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include <pthread.h>

#include "appmem/storage/file_system.h"
#include "storage_fixture.h"
#include "support/temporary_directory.h"

namespace appmem::storage::test {
namespace {

constexpr int kWriters = 3;
constexpr int kWrites = 400;

void wait_until_committed(Storage& storage, core::CommitTicket ticket) {
  while (storage.committed() < ticket && !storage.failed())
    std::this_thread::yield();
}

/// Writes, and after each tells that a turn has ended, as an event loop does.
void write(core::Store& store, Storage& storage, core::NamespaceId ns, Clock& clock, int writer) {
  for (int i = 0; i < kWrites; ++i) {
    const Instant now = clock.now();
    const std::string key = std::to_string(writer) + ":" + std::to_string(i % 100);
    if (i % 7 == 0) {
      ASSERT_TRUE(store.remove(ns, key, {}, now));
    } else {
      // Some of them are compressed.
      const std::string value = std::to_string(i) + std::string(i % 5 == 0 ? 200 : 0, 'v');
      const auto done = store.set(ns, key, ValueView::from_bytes(value), {}, now);
      ASSERT_TRUE(done) << done.error().message;
      storage.turn_ended();
      if (i % 50 == 0) wait_until_committed(storage, done->ticket);
    }
    storage.turn_ended();
  }
}

void run(Sync sync) {
  const appmem::test::TemporaryDirectory directory;
  const auto files = make_system_files();
  SystemClock clock;
  EventList events;
  StorageOptions options{.directory = directory.file("data"),
                         .sync = sync,
                         .sync_interval = 5ms,
                         .segment_bytes = 16'384,
                         .compress_above = 100,
                         .seed = 9};
  Kept before;
  {
    Storage storage(options, *files, clock, events);
    core::Store store({.max_memory_bytes = 64_MiB, .shards = 4, .seed = 3, .sink = &storage},
                      clock.now());
    ASSERT_TRUE(storage.recover(store));
    std::atomic<int> told{0};
    storage.start([&] { ++told; });
    ASSERT_TRUE(storage.prepare());
    const auto logged = store.create_namespace(
        "w", {.persist = core::Persistence::kWal, .eviction = core::Eviction::kNone}, clock.now());
    const auto shots = store.create_namespace(
        "s", {.persist = core::Persistence::kSnapshot, .eviction = core::Eviction::kNone},
        clock.now());
    ASSERT_TRUE(logged && shots);
    std::vector<std::thread> writers;
    writers.reserve(kWriters);
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back(
          [&, writer] { write(store, storage, writer == 0 ? *shots : *logged, clock, writer); });
    }
    for (int i = 0; i < 5; ++i) {
      const auto made = storage.checkpoint();
      EXPECT_TRUE(made) << made.error().message;
      EXPECT_TRUE(storage.stats().open);
    }
    for (std::thread& writer : writers)
      writer.join();
    storage.turn_ended();
    wait_until_committed(storage, storage.latest());
    EXPECT_FALSE(storage.failed());
    before = kept_by(store, clock.now());
    const auto closed = storage.close();
    EXPECT_TRUE(closed) << closed.error().message;
    EXPECT_GT(told.load(), 0);
  }
  Storage storage(options, *files, clock, events);
  core::Store store({.max_memory_bytes = 64_MiB,
                     .shards = 2,
                     .seed = 4,
                     .version_floor = 1'000'000,
                     .version_reach = 1'000'000,
                     .sink = &storage},
                    clock.now());
  const auto recovered = storage.recover(store);
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_EQ(kept_by(store, clock.now()), before);
}

TEST(StorageThreadsTest, WhatSeveralWriteBesideCheckpointsComesBackWhenEachGroupIsSynced) {
  run(Sync::kAlways);
}

TEST(StorageThreadsTest, AndWhenTheLoopsWriteThemselves) {
  run(Sync::kInterval);
}

/// Told of the writes to files that are being made, behind the header of each.
class ContentWrites {
 public:
  explicit ContentWrites(appmem::test::SimulatedFiles& files) : files_(files) {
    files.behind_each([this](std::string_view what) {
      if (what.starts_with("write to ") && what.ends_with(".tmp")) ++writes_;
    });
  }
  ContentWrites(const ContentWrites&) = delete;
  ContentWrites& operator=(const ContentWrites&) = delete;
  ~ContentWrites() { files_.behind_each({}); }
  void wait_for_first() const {
    while (writes_.load() < 2)
      std::this_thread::yield();
  }

 private:
  appmem::test::SimulatedFiles& files_;
  std::atomic<int> writes_{0};
};

Result<void> wait_for_checkpoint(Storage& storage, std::uint64_t request) {
  while (!storage.checkpoint_state(request).done)
    std::this_thread::yield();
  return storage.checkpoint_state(request).result;
}

/// At this rate it would wait for a day.
TEST(StorageThreadsTest, ACheckpointWaitsForItsRateOnlyUntilTheLogFallsBehind) {
  Machine machine;
  machine.options.threads = true;
  machine.options.segment_bytes = 64_KiB;
  machine.options.background_bytes_per_second = 1;
  machine.must_start();
  const auto ns = machine.make("w");
  const auto fill = [&] {
    for (int i = 0; i < 100; ++i)
      machine.set(ns, "key" + std::to_string(i), std::string(1000, 'v'));
    machine.storage->turn_ended();
    wait_until_committed(*machine.storage, machine.storage->latest());
  };
  fill();
  const ContentWrites writes(*machine.files);
  const auto request = machine.storage->request_checkpoint();
  ASSERT_TRUE(request);
  writes.wait_for_first();
  EXPECT_FALSE(machine.storage->checkpoint_state(*request).done);
  for (int round = 0; round < 5; ++round)
    fill();
  const auto made = wait_for_checkpoint(*machine.storage, *request);
  EXPECT_TRUE(made) << made.error().message;
  EXPECT_TRUE(machine.stop());
}

/// At this rate the snapshot, which may not wait for it, would have taken two hours.
TEST(StorageThreadsTest, WhatAHurriedSnapshotWritesIsNotWaitedForLater) {
  Machine machine;
  machine.options.threads = true;
  machine.options.background_bytes_per_second = 1000;
  machine.must_start();
  const auto shots = machine.make(
      "s", {.persist = core::Persistence::kSnapshot, .eviction = core::Eviction::kNone});
  machine.make("w");
  machine.storage->turn_ended();
  // The next one that nobody asks for is five minutes away.
  ASSERT_TRUE(machine.storage->checkpoint());
  for (int i = 0; i < 8000; ++i)
    machine.set(shots, "key" + std::to_string(i), std::string(1000, 'v'));
  machine.storage->turn_ended();
  wait_until_committed(*machine.storage, machine.storage->latest());
  const ContentWrites writes(*machine.files);
  const auto request = machine.storage->request_checkpoint();
  ASSERT_TRUE(request);
  writes.wait_for_first();
  // Enough of what it has not seen yet changes that it is in a hurry.
  for (int i = 0; i < 400; ++i)
    machine.set(shots, "key" + std::to_string(i), "changed");
  const auto made = wait_for_checkpoint(*machine.storage, *request);
  EXPECT_TRUE(made) << made.error().message;
  EXPECT_TRUE(machine.stop());
}

TEST(StorageThreadsTest, AVerificationWithoutAThreadIsAnError) {
  Machine machine;
  machine.options.threads = true;
  machine.must_start();
  const auto ns = machine.make("w");
  machine.set(ns, "k", "v");
  machine.storage->turn_ended();
  wait_until_committed(*machine.storage, machine.storage->latest());
  // No thread gets a stack that is larger than all addresses.
  pthread_attr_t as_it_was;
  ASSERT_EQ(::pthread_getattr_default_np(&as_it_was), 0);
  pthread_attr_t impossible;
  ASSERT_EQ(::pthread_attr_init(&impossible), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&impossible, std::size_t{1} << 47U), 0);
  ASSERT_EQ(::pthread_setattr_default_np(&impossible), 0);
  const std::uint64_t refused = machine.storage->request_verify();
  ASSERT_EQ(::pthread_setattr_default_np(&as_it_was), 0);
  ::pthread_attr_destroy(&impossible);
  ::pthread_attr_destroy(&as_it_was);
  const auto state = machine.storage->verify_state(refused);
  ASSERT_TRUE(state.done);
  ASSERT_FALSE(state.result);
  EXPECT_EQ(state.result.error().code, ErrorCode::kUnavailable);
  const std::uint64_t again = machine.storage->request_verify();
  while (!machine.storage->verify_state(again).done)
    std::this_thread::yield();
  EXPECT_TRUE(machine.storage->verify_state(again).result);
  EXPECT_TRUE(machine.stop());
}

TEST(StorageThreadsTest, AVerificationDoesNotHoldUpCheckpoints) {
  Machine machine;
  machine.options.threads = true;
  machine.options.segment_bytes = 4096;
  machine.must_start();
  const auto ns = machine.make("w");
  const auto fill = [&] {
    for (int i = 0; i < 100; ++i) {
      machine.set(ns, "key" + std::to_string(i), std::string(100, 'v'));
      machine.storage->turn_ended();
      wait_until_committed(*machine.storage, machine.storage->latest());
    }
  };
  fill();
  std::latch reads(1);
  std::latch goes_on(1);
  std::atomic<bool> is_held{false};
  machine.files->behind_each([&](std::string_view what) {
    if (!what.starts_with("read ") || is_held.exchange(true)) return;
    reads.count_down();
    goes_on.wait();
  });
  const std::uint64_t request = machine.storage->request_verify();
  reads.wait();
  // In the middle of the first file, all that were there go.
  for (int round = 0; round < 2; ++round) {
    fill();
    EXPECT_TRUE(machine.storage->checkpoint());
  }
  EXPECT_FALSE(machine.storage->verify_state(request).done);
  goes_on.count_down();
  while (!machine.storage->verify_state(request).done)
    std::this_thread::yield();
  const auto state = machine.storage->verify_state(request);
  ASSERT_TRUE(state.result) << state.result.error().message;
  EXPECT_EQ(state.result->damage, "");
  EXPECT_EQ(state.result->last_sequence, machine.storage->latest());
  // One that is asked for at the end is given up.
  machine.storage->request_verify();
  EXPECT_TRUE(machine.stop());
}

}  // namespace
}  // namespace appmem::storage::test
