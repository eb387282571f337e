#include "support/simulated_files.h"

#include <array>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace appmem::storage {
namespace {

using test::SimulatedFiles;
using testing::ElementsAre;
using testing::UnorderedElementsAreArray;
using Open = FileSystem::Open;
using Fault = SimulatedFiles::Fault;
using Lasts = SimulatedFiles::Lasts;

constexpr std::uint64_t kSeeds = 400;

bool write(File& file, std::uint64_t offset, std::string_view text) {
  const std::array<std::string_view, 1> pieces{text};
  return file.write_at(offset, pieces).has_value();
}

std::string message_of(const Result<void>& result) {
  return result ? "" : result.error().message;
}

class SimulatedFilesTest : public testing::Test {
 protected:
  SimulatedFilesTest() { EXPECT_TRUE(files_.make_directory("/d").has_value()); }

  std::unique_ptr<File> open(const std::string& path, Open how) { return *files_.open(path, how); }

  /// A file whose name and contents are on the disk.
  std::unique_ptr<File> make_synced(const std::string& path, std::string_view text) {
    files_.set_contents(path, std::string(text));
    return open(path, Open::kWrite);
  }

  /// What a file may hold after a crash of now.
  std::set<std::string> outcomes(const std::string& path) {
    std::set<std::string> found;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const auto machine = files_.clone();
      machine->crash(seed);
      found.insert(machine->exists(path) ? machine->contents(path) : "(gone)");
    }
    return found;
  }

  SimulatedFiles files_;
};

TEST_F(SimulatedFilesTest, BehavesAsTheSystemsFilesDo) {
  const auto file = open("/d/a", Open::kMake);
  EXPECT_TRUE(write(*file, 0, "one two"));
  EXPECT_TRUE(write(*file, 4, "TWO"));
  EXPECT_TRUE(write(*file, 9, "far"));
  EXPECT_EQ(files_.contents("/d/a"), std::string("one TWO\0\0far", 12));
  std::array<char, 20> buffer{};
  EXPECT_EQ(file->read_at(9, buffer), 3U);
  EXPECT_EQ(file->read_at(20, buffer), 0U);
  EXPECT_TRUE(file->truncate(3).has_value());
  EXPECT_TRUE(file->reserve(5).has_value());
  EXPECT_TRUE(file->reserve(1).has_value());
  EXPECT_EQ(file->size(), 5U);
  EXPECT_EQ(files_.contents("/d/a"), std::string("one\0\0", 5));

  EXPECT_EQ(files_.open("/d/a", Open::kMake).error().message, "make /d/a: File exists");
  EXPECT_EQ(files_.open("/d/b", Open::kRead).error().message,
            "open /d/b: No such file or directory");
  EXPECT_EQ(files_.open("/none/b", Open::kMake).error().message,
            "make /none/b: No such file or directory");
  const std::array<std::string_view, 1> pieces{"text"};
  EXPECT_EQ(message_of(open("/d/a", Open::kRead)->write_at(0, pieces)),
            "write to /d/a: Bad file descriptor");

  open("/d/b", Open::kMake);
  EXPECT_TRUE(files_.make_directory("/d/e/f").has_value());
  EXPECT_THAT(*files_.list("/d"), ElementsAre("a", "b", "e"));
  EXPECT_THAT(*files_.list("/none"), ElementsAre());
  EXPECT_TRUE(files_.rename("/d/a", "/d/b").has_value());
  EXPECT_THAT(*files_.list("/d"), ElementsAre("b", "e"));
  EXPECT_EQ(file->size(), 5U) << "an open file keeps its contents, whatever its name";
  EXPECT_TRUE(files_.remove("/d/b").has_value());
  EXPECT_EQ(message_of(files_.remove("/d/b")), "remove /d/b: No such file or directory");
  EXPECT_THAT(files_.paths(), ElementsAre());
}

TEST_F(SimulatedFilesTest, ZerosAreWrittenOnlyOverZerosThatWereReserved) {
  constexpr std::uint64_t kBlock = storage::File::kBlockBytes;
  const auto file = open("/d/a", Open::kMake);
  write(*file, 0, "text");
  ASSERT_TRUE(file->reserve(3 * kBlock).has_value());
  EXPECT_TRUE(file->write_zeros(kBlock, kBlock).has_value());
  EXPECT_EQ(files_.contents("/d/a"), "text" + std::string(3 * kBlock - 4, '\0'));
  const auto write_zeros = [&](std::uint64_t offset, std::uint64_t bytes) {
    return file->write_zeros(offset, bytes).has_value();
  };
  EXPECT_THROW(write_zeros(0, kBlock), std::logic_error);
  EXPECT_THROW(write_zeros(kBlock, 3 * kBlock), std::logic_error);
  EXPECT_THROW(write_zeros(kBlock + 1, kBlock), std::logic_error);
}

TEST_F(SimulatedFilesTest, WhatWasSyncedStays) {
  const auto file = open("/d/a", Open::kMake);
  write(*file, 0, "text");
  EXPECT_EQ(files_.synced_contents("/d/a"), "");
  ASSERT_TRUE(file->sync().has_value());
  ASSERT_TRUE(files_.sync_directory("/d").has_value());
  EXPECT_EQ(files_.synced_contents("/d/a"), "text");
  EXPECT_THAT(outcomes("/d/a"), ElementsAre("text"));
}

TEST_F(SimulatedFilesTest, AnUnsyncedWriteIsKeptLostOrTorn) {
  const auto file = make_synced("/d/a", "....");
  write(*file, 0, "ab");
  write(*file, 3, "c");
  EXPECT_THAT(outcomes("/d/a"),
              UnorderedElementsAreArray({"....", "a...", "ab..", "...c", "a..c", "ab.c"}));
}

TEST_F(SimulatedFilesTest, AnUnsyncedEndIsMissingOrZeros) {
  const auto file = make_synced("/d/a", "..");
  write(*file, 2, "ab");
  const auto found = outcomes("/d/a");
  for (const std::string& outcome : {std::string(".."), std::string("..a"), std::string("..ab"),
                                     std::string("..\0\0", 4), std::string("..a\0", 4)}) {
    EXPECT_EQ(found.count(outcome), 1U) << outcome;
  }
  EXPECT_EQ(found.size(), 5U);
}

TEST_F(SimulatedFilesTest, AWriteIsTornBySectorsToo) {
  const auto file = make_synced("/d/a", std::string(1'536, '.'));
  write(*file, 256, std::string(1'024, 'x'));
  const std::string second_sector_only =
      std::string(512, '.') + std::string(512, 'x') + std::string(512, '.');
  EXPECT_EQ(outcomes("/d/a").count(second_sector_only), 1U);
}

TEST_F(SimulatedFilesTest, AnUnsyncedSizeIsKeptOrNot) {
  auto file = make_synced("/d/a", "text");
  file->truncate(2);
  EXPECT_THAT(outcomes("/d/a"), UnorderedElementsAreArray({"text", "te"}));
  file = make_synced("/d/b", "text");
  file->reserve(6);
  EXPECT_THAT(outcomes("/d/b"),
              UnorderedElementsAreArray({std::string("text"), std::string("text\0\0", 6)}));
}

TEST_F(SimulatedFilesTest, AnUnsyncedNameIsKeptOrNot) {
  const auto file = open("/d/a", Open::kMake);
  write(*file, 0, "text");
  file->sync();
  EXPECT_THAT(outcomes("/d/a"), UnorderedElementsAreArray({"text", "(gone)"}));
}

TEST_F(SimulatedFilesTest, AnUnsyncedRenameLeavesBothFilesOrTheNewOne) {
  make_synced("/d/old", "old");
  make_synced("/d/new", "new");
  ASSERT_TRUE(files_.rename("/d/new", "/d/old").has_value());
  EXPECT_THAT(outcomes("/d/old"), UnorderedElementsAreArray({"old", "new"}));
  EXPECT_THAT(outcomes("/d/new"), UnorderedElementsAreArray({"new", "(gone)"}));
  ASSERT_TRUE(files_.sync_directory("/d").has_value());
  EXPECT_THAT(outcomes("/d/old"), ElementsAre("new"));
}

TEST_F(SimulatedFilesTest, ARenameToAnotherDirectoryIsOneStep) {
  make_synced("/d/a", "text");
  ASSERT_TRUE(files_.make_directory("/d/e").has_value());
  ASSERT_TRUE(files_.rename("/d/a", "/d/e/b").has_value());
  EXPECT_THAT(files_.paths(), ElementsAre("/d/e/b"));
  EXPECT_THAT(outcomes("/d/e/b"), ElementsAre("text"));
  EXPECT_FALSE(files_.rename("/d/e/b", "/none/b").has_value());
}

TEST_F(SimulatedFilesTest, AnUnsyncedRemovalIsDoneOrNot) {
  make_synced("/d/a", "text");
  ASSERT_TRUE(files_.remove("/d/a").has_value());
  EXPECT_THAT(outcomes("/d/a"), UnorderedElementsAreArray({"text", "(gone)"}));
  ASSERT_TRUE(files_.sync_directory("/d/").has_value());
  EXPECT_THAT(outcomes("/d/a"), ElementsAre("(gone)"));
}

TEST_F(SimulatedFilesTest, TheSameSeedGivesTheSameFiles) {
  const auto file = make_synced("/d/a", "");
  for (std::uint64_t i = 0; i < 50; ++i)
    write(*file, 100 * i, std::string(100, 'x'));
  const auto first = files_.clone();
  const auto second = files_.clone();
  first->crash(7);
  second->crash(7);
  EXPECT_EQ(first->contents("/d/a"), second->contents("/d/a"));
}

TEST_F(SimulatedFilesTest, ACrashEndsOpenFilesAndLocks) {
  const auto file = make_synced("/d/a", "text");
  auto lock = *files_.lock("/d/LOCK");
  EXPECT_EQ(files_.lock("/d/LOCK").error().code, ErrorCode::kBusy);
  files_.crash(1);
  EXPECT_EQ(message_of(file->sync()), "sync /d/a: the machine has crashed");
  EXPECT_FALSE(write(*file, 0, "more"));
  const auto again = files_.lock("/d/LOCK");
  EXPECT_TRUE(again.has_value());
  lock.reset();
  EXPECT_FALSE(files_.lock("/d/LOCK").has_value())
      << "the lock of the old start is not the new one";
}

TEST_F(SimulatedFilesTest, ALockIsFreeWhenItsHolderIsGone) {
  EXPECT_TRUE(files_.lock("/d/LOCK").has_value());
  EXPECT_TRUE(files_.lock("/d/LOCK").has_value());
  EXPECT_TRUE(files_.exists("/d/LOCK"));
}

TEST_F(SimulatedFilesTest, AfterAFailedSyncItsWritesStayInDoubt) {
  const auto file = make_synced("/d/a", "....");
  write(*file, 0, "ab");
  files_.fail_at(files_.operations(), Fault::kInputOutput);
  EXPECT_EQ(message_of(file->sync()), "sync /d/a: Input/output error");
  write(*file, 3, "c");
  ASSERT_TRUE(file->sync().has_value());
  EXPECT_EQ(files_.contents("/d/a"), "ab.c");
  EXPECT_EQ(files_.synced_contents("/d/a"), "...c");
  EXPECT_THAT(outcomes("/d/a"), UnorderedElementsAreArray({"...c", "a..c", "ab.c"}));
  write(*file, 0, "ab");
  ASSERT_TRUE(file->sync().has_value());
  EXPECT_THAT(outcomes("/d/a"), ElementsAre("ab.c"));
}

TEST_F(SimulatedFilesTest, EachOperationIsCountedAndCanFailOnce) {
  const auto file = make_synced("/d/a", "text");
  std::array<char, 4> buffer{};
  const std::array<std::string_view, 1> pieces{"more"};
  const auto failed = [](const auto& result) {
    return !result.has_value();
  };
  const std::vector<std::function<bool()>> operations = {
      [&] { return failed(files_.open("/d/a", Open::kRead)); },
      [&] { return failed(files_.open("/d/b", Open::kMake)); },
      [&] { return failed(files_.list("/d")); },
      [&] { return failed(files_.make_directory("/e")); },
      [&] { return failed(files_.rename("/d/b", "/d/c")); },
      [&] { return failed(files_.remove("/d/c")); },
      [&] { return failed(files_.sync_directory("/d")); },
      [&] { return failed(files_.lock("/d/LOCK")); },
      [&] { return failed(file->read_at(0, buffer)); },
      [&] { return failed(file->write_at(0, pieces)); },
      [&] { return failed(file->sync()); },
      [&] { return failed(file->truncate(4)); },
      [&] { return failed(file->reserve(5)); },
      [&] { return failed(file->size()); },
  };
  std::uint64_t faults = 0;
  for (const Fault fault : {Fault::kNoSpace, Fault::kInputOutput, Fault::kShortWrite}) {
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const std::uint64_t number = files_.operations();
      files_.fail_at(number, fault);
      EXPECT_TRUE(operations[i]()) << i;
      EXPECT_EQ(files_.operations(), number + 1) << i;
      EXPECT_EQ(files_.faults(), ++faults);
      EXPECT_FALSE(operations[i]()) << i << " works again";
    }
  }
}

TEST_F(SimulatedFilesTest, AShortWriteLeavesAPartFromTheBeginning) {
  const auto file = make_synced("/d/a", "");
  std::set<std::size_t> sizes;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(file->truncate(0).has_value());
    files_.fail_at(files_.operations(), Fault::kShortWrite);
    const std::array<std::string_view, 2> pieces{"ab", "cd"};
    EXPECT_EQ(message_of(file->write_at(0, pieces)), "write to /d/a: No space left on device");
    const std::string left = files_.contents("/d/a");
    EXPECT_EQ(left, std::string("abcd").substr(0, left.size()));
    sizes.insert(left.size());
  }
  EXPECT_THAT(sizes, ElementsAre(0U, 1U, 2U, 3U));
}

TEST_F(SimulatedFilesTest, AFullDiskReadsAndRemovesUntilItIsHealed) {
  const auto file = make_synced("/d/a", "text");
  files_.fail_at(files_.operations(), Fault::kNoSpace, Lasts::kFromThenOn);
  EXPECT_FALSE(write(*file, 0, "more"));
  EXPECT_FALSE(write(*file, 0, "more"));
  EXPECT_FALSE(files_.open("/d/b", Open::kMake).has_value());
  EXPECT_FALSE(file->reserve(100).has_value());
  EXPECT_TRUE(file->size().has_value());
  EXPECT_TRUE(file->sync().has_value());
  EXPECT_TRUE(files_.remove("/d/a").has_value());
  files_.heal();
  EXPECT_TRUE(write(*file, 0, "more"));
}

TEST_F(SimulatedFilesTest, ADiskThatFailsForGoodDoesNothingMore) {
  const auto file = make_synced("/d/a", "text");
  files_.fail_at(files_.operations(), Fault::kInputOutput, Lasts::kFromThenOn);
  EXPECT_FALSE(file->size().has_value());
  EXPECT_FALSE(file->sync().has_value());
  EXPECT_FALSE(files_.list("/d").has_value());
  files_.crash(1);
  EXPECT_TRUE(files_.list("/d").has_value());
}

TEST_F(SimulatedFilesTest, TheOperationOfACrashIsDoneOrNot) {
  const auto file = make_synced("/d/a", "..");
  files_.crash_at(files_.operations());
  EXPECT_FALSE(write(*file, 0, "ab"));
  EXPECT_EQ(message_of(file->sync()), "sync /d/a: the machine has crashed");
  EXPECT_FALSE(files_.remove("/d/a").has_value());
  EXPECT_THAT(outcomes("/d/a"), UnorderedElementsAreArray({"..", "a.", "ab"}));
  files_.crash(1);
  EXPECT_TRUE(files_.exists("/d/a"));
  EXPECT_TRUE(open("/d/a", Open::kWrite)->sync().has_value());
}

TEST_F(SimulatedFilesTest, FilesAreDamagedByHand) {
  make_synced("/d/a", "text");
  files_.flip("/d/a", 1, 0x20);
  EXPECT_EQ(files_.synced_contents("/d/a"), "tExt");
  files_.cut("/d/a", 2);
  EXPECT_EQ(files_.synced_contents("/d/a"), "tE");
  EXPECT_THAT(files_.paths(), ElementsAre("/d/a"));
  EXPECT_THROW(files_.cut("/d/none", 2), std::logic_error);
}

TEST_F(SimulatedFilesTest, ACloneIsOnItsOwn) {
  const auto file = make_synced("/d/a", "text");
  write(*file, 0, "T");
  const auto other = files_.clone();
  EXPECT_EQ(other->contents("/d/a"), "Text");
  EXPECT_EQ(other->synced_contents("/d/a"), "text");
  write(*file, 1, "E");
  EXPECT_EQ(other->contents("/d/a"), "Text");
}

TEST_F(SimulatedFilesTest, ThreadsUseThemTogether) {
  constexpr std::size_t kThreads = 4;
  constexpr std::uint64_t kWrites = 500;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([file = make_synced("/d/" + std::to_string(i), "")] {
      for (std::uint64_t at = 0; at < kWrites; ++at) {
        write(*file, at, "x");
        if (at % 16 == 0) file->sync();
      }
      file->sync();
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  files_.crash(1);
  for (std::size_t i = 0; i < kThreads; ++i)
    EXPECT_EQ(files_.contents("/d/" + std::to_string(i)), std::string(kWrites, 'x'));
}

}  // namespace
}  // namespace appmem::storage
