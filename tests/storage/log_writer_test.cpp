// Zeros that are written ahead of the log. What the log itself keeps, other tests tell.

#include "log_writer.h"

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "storage_fixture.h"
#include "support/random.h"

namespace appmem::storage::test {
namespace {

using appmem::test::ManualClock;
using appmem::test::SimulatedFiles;

constexpr const char* kDirectory = "/data";

class LogWriterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(files_.make_directory(kDirectory)); }

  LogWriter make(std::uint64_t segment_bytes, bool writes_zeros) {
    return {files_,
            {.directory = kDirectory,
             .segment_bytes = segment_bytes,
             .directory_id = 1,
             .seed = 5,
             .writes_zeros = writes_zeros}};
  }

  /// A group of one record of about so many bytes.
  void write(LogWriter& writer, std::size_t bytes) {
    RecordBuffer records;
    records.begin(format::RecordKind::kChanges, ++last_);
    const std::string value(bytes, 'v');
    records.set(1, {.key = "k", .value = ValueView::from_bytes(value), .version = last_});
    records.end();
    const auto written = writer.write(records, last_, last_ - 1, ManualClock::kStartWall);
    ASSERT_TRUE(written) << written.error().message;
  }

  SimulatedFiles files_;
  std::uint64_t last_ = 0;
};

TEST_F(LogWriterTest, ZerosGoSomewhatAhead) {
  LogWriter writer = make(64_MiB, true);
  EXPECT_FALSE(writer.wants_zeros()) << "there is no segment yet";
  EXPECT_FALSE(writer.write_zeros().value());
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  EXPECT_TRUE(writer.wants_zeros());
  const std::uint64_t before = files_.operations();
  while (writer.write_zeros().value()) {
  }
  EXPECT_EQ(files_.operations() - before, 4_MiB / 256_KiB - 1) << "behind a gap";
  EXPECT_FALSE(writer.wants_zeros());
  write(writer, 1_MiB);
  EXPECT_FALSE(writer.wants_zeros()) << "half of them are left";
  EXPECT_TRUE(writer.write_zeros().value());
  write(writer, 2_MiB);
  EXPECT_TRUE(writer.wants_zeros());
}

TEST_F(LogWriterTest, OnlyWhenToldSo) {
  LogWriter writer = make(64_MiB, false);
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  EXPECT_FALSE(writer.wants_zeros());
  EXPECT_FALSE(writer.write_zeros().value());
}

TEST_F(LogWriterTest, ZerosStayInTheirSegment) {
  LogWriter writer = make(10'000, true);
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  EXPECT_TRUE(writer.write_zeros().value()) << "the one block that is all in it";
  EXPECT_FALSE(writer.write_zeros().value());
  EXPECT_FALSE(writer.wants_zeros());
  write(writer, 9'500);
  write(writer, 900);
  EXPECT_EQ(writer.size().segments, 2U);
  EXPECT_TRUE(writer.wants_zeros());
  EXPECT_TRUE(writer.write_zeros().value());
  ASSERT_TRUE(writer.close());
}

TEST_F(LogWriterTest, ThatTheyCannotBeWrittenIsNoFailureOfTheLog) {
  LogWriter writer = make(64_KiB, true);
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  files_.fail_at(files_.operations(), SimulatedFiles::Fault::kInputOutput);
  EXPECT_FALSE(writer.write_zeros());
  EXPECT_EQ(files_.faults(), 1U);
  EXPECT_FALSE(writer.wants_zeros()) << "nor in vain";
  EXPECT_FALSE(writer.write_zeros().value());
  write(writer, 60'000);
  write(writer, 8'000);
  EXPECT_EQ(writer.size().segments, 2U);
  EXPECT_TRUE(writer.wants_zeros()) << "another file may be better";
  ASSERT_TRUE(writer.close());
}

/// Zeros are asked for behind every operation of the log, in the middle of a seal too. The
/// simulated files refuse them over anything but what was reserved and never written to.
TEST_F(LogWriterTest, TheLogIsTheSameWithAndWithoutZerosBesideIt) {
  constexpr std::uint64_t kSegmentBytes = 1_MiB;
  const auto write_all = [&](LogWriter& writer) {
    appmem::test::Random random(3);
    last_ = 0;
    ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
    for (int i = 0; i < 500; ++i) {
      // Some reach over all zeros, and into the next segment.
      write(writer, random.one_in(10) ? random.below(kSegmentBytes) : random.below(5000));
      ASSERT_TRUE(i % 10 != 0 || writer.sync());
    }
    ASSERT_TRUE(writer.close());
  };
  LogWriter plain = make(kSegmentBytes, false);
  write_all(plain);
  std::map<std::string, std::string> expected;
  for (const std::string& path : files_.paths()) {
    expected[path] = files_.contents(path);
    ASSERT_TRUE(files_.remove(path));
  }
  EXPECT_GT(expected.size(), 10U);

  for (const int per_operation : {1, 100}) {
    LogWriter writer = make(kSegmentBytes, true);
    int written = 0;
    files_.behind_each([&](std::string_view) {
      for (int i = 0; i < per_operation && writer.write_zeros().value_or(false); ++i)
        ++written;
    });
    write_all(writer);
    files_.behind_each({});
    EXPECT_GT(written, 20) << per_operation;
    for (const auto& [path, contents] : expected) {
      EXPECT_TRUE(files_.contents(path) == contents) << path;
      ASSERT_TRUE(files_.remove(path));
    }
    EXPECT_TRUE(files_.paths().empty());
  }
}

TEST_F(LogWriterTest, ASegmentThatCouldNotBeSealedGetsNoMoreZeros) {
  LogWriter writer = make(1_MiB, true);
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  write(writer, 600'000);
  files_.fail_at(files_.operations(), SimulatedFiles::Fault::kInputOutput);
  RecordBuffer records;
  records.begin(format::RecordKind::kChanges, 2);
  const std::string value(600'000, 'v');
  records.set(1, {.key = "k", .value = ValueView::from_bytes(value), .version = 2});
  records.end();
  EXPECT_FALSE(writer.write(records, 2, 1, ManualClock::kStartWall));
  EXPECT_EQ(files_.faults(), 1U);
  EXPECT_FALSE(writer.wants_zeros());
  EXPECT_FALSE(writer.write_zeros().value());
  const std::string abandoned = writer.abandon();
  EXPECT_FALSE(abandoned.empty());
  EXPECT_FALSE(writer.write_zeros().value());
}

/// While zeros are being written, `work` on another thread has to wait for them.
void expect_to_wait(SimulatedFiles& files, LogWriter& writer, const std::function<void()>& work) {
  std::atomic<bool> began{false};
  std::atomic<bool> done{false};
  bool done_meanwhile = false;
  files.behind_each([&](std::string_view what) {
    if (!what.starts_with("write zeros to ")) return;
    began = true;
    // Time enough for a thread that does not wait.
    for (int i = 0; i < 2'000 && !done.load(); ++i)
      std::this_thread::yield();
    done_meanwhile = done.load();
  });
  std::thread other([&] {
    while (!began.load())
      std::this_thread::yield();
    work();
    done = true;
  });
  EXPECT_TRUE(writer.write_zeros().value());
  other.join();
  files.behind_each({});
  EXPECT_FALSE(done_meanwhile);
}

TEST_F(LogWriterTest, AGroupWaitsForZerosThatAreBeingWrittenWhereItGoes) {
  LogWriter writer = make(1_MiB, true);
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  expect_to_wait(files_, writer, [&] { write(writer, 200'000); });
  ASSERT_TRUE(writer.close());
}

TEST_F(LogWriterTest, ASegmentIsSealedClosedOrGivenUpWhenItsZerosAreWritten) {
  {
    LogWriter writer = make(1_MiB, true);
    ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
    write(writer, 300'000);
    expect_to_wait(files_, writer, [&] { write(writer, 800'000); });
    EXPECT_EQ(writer.size().segments, 2U);
    expect_to_wait(files_, writer, [&] { EXPECT_TRUE(writer.close()); });
  }
  LogWriter writer = make(1_MiB, true);
  ASSERT_TRUE(writer.begin(100, ManualClock::kStartWall));
  expect_to_wait(files_, writer, [&] { EXPECT_FALSE(writer.abandon().empty()); });
}

TEST_F(LogWriterTest, ZerosGoOnBesideGroups) {
  // On two threads, for a sanitizer.
  LogWriter writer = make(1_MiB, true);
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  std::atomic<bool> stop{false};
  std::thread zeros([&] {
    while (!stop.load()) {
      static_cast<void>(writer.write_zeros());
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 300; ++i)
    write(writer, static_cast<std::size_t>(i) * 997 % 20'000);
  ASSERT_TRUE(writer.close());
  stop = true;
  zeros.join();
  EXPECT_GT(writer.size().segments, 2U);
}

std::uint64_t zeros_of(Sync sync) {
  Machine machine;
  machine.options.sync = sync;
  machine.must_start();
  std::uint64_t count = 0;
  machine.files->behind_each([&](std::string_view what) {
    if (what.starts_with("write zeros to /data/segment-")) ++count;
  });
  const auto ns = machine.make("w");
  machine.set(ns, "k", "v");
  EXPECT_TRUE(machine.commit());
  machine.files->behind_each({});
  return count;
}

TEST(StorageZerosTest, AreWrittenWhereAnswersWaitForEachSync) {
  EXPECT_EQ(zeros_of(Sync::kAlways), 1U);
  EXPECT_EQ(zeros_of(Sync::kInterval), 0U);
  EXPECT_EQ(zeros_of(Sync::kOs), 0U);
}

TEST(StorageZerosTest, ThatTheyCannotBeWrittenIsSaidOnce) {
  Machine machine;
  machine.options.segment_bytes = 1_MiB;
  machine.must_start();
  const auto ns = machine.make("w");
  for (int segment = 0; segment < 2; ++segment) {
    machine.set(ns, "k", std::string(700'000, 'v'));
    // Zeros come behind the first group of a segment, and that behind its header.
    int writes = 0;
    machine.files->behind_each([&](std::string_view what) {
      if (what.starts_with("write to /data/segment-") && ++writes == 2) {
        machine.files->fail_at(machine.files->operations(), SimulatedFiles::Fault::kInputOutput);
      }
    });
    ASSERT_TRUE(machine.commit());
    machine.files->behind_each({});
    EXPECT_EQ(machine.files->faults(), static_cast<std::uint64_t>(segment) + 1);
  }
  EXPECT_FALSE(machine.storage->failed());
  EXPECT_EQ(machine.storage->stats().segments, 2U);
  EXPECT_EQ(machine.events.count("no_zeros_ahead"), 1U);
}

}  // namespace
}  // namespace appmem::storage::test
