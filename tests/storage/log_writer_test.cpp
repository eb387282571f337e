// Zeros that are written ahead of the log. What the log itself keeps, other tests tell.

#include "log_writer.h"

#include <atomic>
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
  EXPECT_FALSE(writer.write_zeros());
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  EXPECT_TRUE(writer.wants_zeros());
  const std::uint64_t before = files_.operations();
  while (writer.write_zeros()) {
  }
  EXPECT_EQ(files_.operations() - before, 4_MiB / 256_KiB - 1) << "behind a gap";
  EXPECT_FALSE(writer.wants_zeros());
  write(writer, 1_MiB);
  EXPECT_FALSE(writer.wants_zeros()) << "half of them are left";
  EXPECT_TRUE(writer.write_zeros());
  write(writer, 2_MiB);
  EXPECT_TRUE(writer.wants_zeros());
}

TEST_F(LogWriterTest, OnlyWhenToldSo) {
  LogWriter writer = make(64_MiB, false);
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  EXPECT_FALSE(writer.wants_zeros());
  EXPECT_FALSE(writer.write_zeros());
}

TEST_F(LogWriterTest, ZerosStayInTheirSegment) {
  LogWriter writer = make(10'000, true);
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  EXPECT_TRUE(writer.write_zeros()) << "the one block that is all in it";
  EXPECT_FALSE(writer.write_zeros());
  EXPECT_FALSE(writer.wants_zeros());
  write(writer, 9'500);
  write(writer, 900);
  EXPECT_EQ(writer.size().segments, 2U);
  EXPECT_TRUE(writer.wants_zeros());
  EXPECT_TRUE(writer.write_zeros());
  ASSERT_TRUE(writer.close());
}

TEST_F(LogWriterTest, ThatTheyCannotBeWrittenIsNoFailureOfTheLog) {
  LogWriter writer = make(64_KiB, true);
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  files_.fail_at(files_.operations(), SimulatedFiles::Fault::kInputOutput);
  EXPECT_FALSE(writer.write_zeros());
  EXPECT_EQ(files_.faults(), 1U);
  EXPECT_FALSE(writer.wants_zeros()) << "nor in vain";
  EXPECT_FALSE(writer.write_zeros());
  write(writer, 60'000);
  write(writer, 8'000);
  EXPECT_EQ(writer.size().segments, 2U);
  EXPECT_TRUE(writer.wants_zeros()) << "another file may be better";
  ASSERT_TRUE(writer.close());
}

/// The simulated files refuse zeros over anything else.
TEST_F(LogWriterTest, TheLogIsTheSameWithAndWithoutZerosBesideIt) {
  constexpr std::uint64_t kSegmentBytes = 256_KiB;
  const auto write_all = [&](LogWriter& writer) {
    appmem::test::Random random(3);
    last_ = 0;
    ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
    for (int i = 0; i < 300; ++i) {
      // Some reach over all zeros, and into the next segment.
      write(writer, random.one_in(10) ? random.below(kSegmentBytes) : random.below(3000));
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
  EXPECT_GT(expected.size(), 5U);

  LogWriter writer = make(kSegmentBytes, true);
  std::atomic<bool> stop{false};
  std::atomic<int> written{0};
  std::thread zeros([&] {
    while (!stop.load()) {
      if (writer.wants_zeros() && writer.write_zeros()) ++written;
      std::this_thread::yield();
    }
  });
  write_all(writer);
  stop = true;
  zeros.join();
  EXPECT_GT(written.load(), 0);
  for (const auto& [path, contents] : expected)
    EXPECT_TRUE(files_.contents(path) == contents) << path;
  EXPECT_EQ(files_.paths().size(), expected.size());
}

}  // namespace
}  // namespace appmem::storage::test
