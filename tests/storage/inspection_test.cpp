#include "appmem/storage/inspection.h"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "log_files.h"
#include "log_writer.h"
#include "record_file.h"
#include "sample_directory.h"
#include "support/temporary_directory.h"

namespace appmem::storage::test {
namespace {

using appmem::test::ManualClock;
using appmem::test::SimulatedFiles;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using Kind = InspectedFile::Kind;
using State = InspectedFile::State;

constexpr const char* kDirectory = Machine::kDirectory;

class InspectionTest : public testing::Test {
 protected:
  InspectionTest() : sample_(machine_) {}
  void SetUp() override { ASSERT_TRUE(machine_.stop()); }

  Inspection must_verify() {
    auto verified = verify(*machine_.files, kDirectory);
    EXPECT_TRUE(verified) << verified.error().message;
    return verified ? *std::move(verified) : Inspection();
  }
  std::vector<std::string> lines(const DumpOptions& options) {
    std::vector<std::string> found;
    const auto dumped = dump(*machine_.files, kDirectory, options, [&](std::string_view line) {
      found.emplace_back(line);
      return true;
    });
    EXPECT_TRUE(dumped) << dumped.error().message;
    return found;
  }
  std::string path_of(const std::string& prefix) {
    for (const std::string& name : machine_.names()) {
      if (name.starts_with(prefix)) return std::string(kDirectory) + "/" + name;
    }
    ADD_FAILURE() << "no " << prefix;
    return {};
  }

  Machine machine_;
  SampleDirectory sample_;
};

TEST_F(InspectionTest, AWholeDirectoryIsReportedFileByFile) {
  const Inspection found = must_verify();
  EXPECT_EQ(found.damage, "");
  ASSERT_GE(found.files.size(), 4U);
  EXPECT_EQ(found.files.front().kind, Kind::kCheckpoint);
  EXPECT_EQ(found.files.front().entries, 3U);
  EXPECT_EQ(found.files.back().kind, Kind::kSnapshot);
  EXPECT_EQ(found.files.back().entries, 2U);
  std::uint64_t bytes = 0;
  std::uint64_t last = 0;
  for (const InspectedFile& file : found.files) {
    EXPECT_EQ(file.state, State::kWhole) << file.name << ": " << file.problem;
    EXPECT_TRUE(file.needed) << file.name;
    EXPECT_EQ(file.end, file.bytes) << file.name;
    bytes += file.bytes;
    if (file.kind != Kind::kSegment) continue;
    if (last != 0) {
      EXPECT_EQ(file.first_sequence, last + 1);
    }
    EXPECT_EQ(file.records, file.last_sequence - file.first_sequence + 1);
    EXPECT_GE(file.operations, file.entries);
    last = file.last_sequence;
  }
  EXPECT_EQ(found.bytes, bytes);
  EXPECT_EQ(found.last_sequence, last);
  EXPECT_EQ(last, sample_.history.rbegin()->first);
}

TEST_F(InspectionTest, ADirectoryThatIsNotThereHasNothing) {
  const auto found = verify(*machine_.files, "/nowhere");
  ASSERT_TRUE(found);
  EXPECT_THAT(found->files, IsEmpty());
  EXPECT_EQ(found->damage, "");
}

TEST_F(InspectionTest, WhoWaitsIsToldAndMayGiveUp) {
  machine_.must_start();
  machine_.options.segment_bytes = 4_MiB;
  const auto ns = machine_.make("large");
  for (int i = 0; i < 8; ++i)
    machine_.set(ns, "k" + std::to_string(i), std::string(1_MiB, 'v'));
  ASSERT_TRUE(machine_.commit());
  ASSERT_TRUE(machine_.stop());
  std::vector<std::uint64_t> told;
  const auto found =
      verify(*machine_.files, kDirectory, [&](std::uint64_t done, std::uint64_t all) {
        EXPECT_LE(done, all);
        told.push_back(done);
        return true;
      });
  ASSERT_TRUE(found);
  EXPECT_GT(told.size(), 4U);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  const auto given_up =
      verify(*machine_.files, kDirectory, [](std::uint64_t, std::uint64_t) { return false; });
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().code, ErrorCode::kTimeout);
}

TEST_F(InspectionTest, ATornTailIsNoDamage) {
  machine_.must_start();
  const auto ns = machine_.find("ledger");
  machine_.set(ns, "torn", "value");
  ASSERT_TRUE(machine_.commit());
  const std::string path =
      "/data/" + list_directory(*machine_.files, kDirectory)->segments.back().name;
  machine_.crash(1);
  machine_.files->cut(path, machine_.files->contents(path).find("torn"));
  const Inspection found = must_verify();
  EXPECT_EQ(found.damage, "");
  EXPECT_THAT(
      found.files,
      Contains(AllOf(testing::Field(&InspectedFile::state, State::kTorn),
                     testing::Field(&InspectedFile::problem, HasSubstr("within a record")))));
}

TEST_F(InspectionTest, WhatAStartDoesNotReadMayBeDamaged) {
  machine_.files->set_contents("/data/" + checkpoint_name(1), "an old checkpoint");
  machine_.files->set_contents("/data/checkpoint.tmp", "half a checkpoint");
  const Inspection found = must_verify();
  EXPECT_EQ(found.damage, "");
  const InspectedFile& old = found.files.front();
  EXPECT_EQ(old.state, State::kDamaged);
  EXPECT_FALSE(old.needed);
  EXPECT_EQ(found.files.back().kind, Kind::kUnfinished);
}

/// Files of which something is done before one is opened.
class WatchedFiles final : public FileSystem {
 public:
  explicit WatchedFiles(FileSystem& files) : files_(files) {}
  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    if (before_open) {
      const auto told = is_always ? before_open : std::exchange(before_open, {});
      told(path);
    }
    return files_.open(path, how);
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return files_.list(directory);
  }
  Result<void> make_directory(const std::string& path) override {
    return files_.make_directory(path);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return files_.rename(from, to);
  }
  Result<void> remove(const std::string& path) override { return files_.remove(path); }
  Result<void> sync_directory(const std::string& path) override {
    return files_.sync_directory(path);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    return files_.lock(path);
  }
  std::function<void(const std::string& path)> before_open;
  /// Before each, not only the first one.
  bool is_always = false;

 private:
  FileSystem& files_;
};

TEST_F(InspectionTest, ADaemonMayWorkInTheDirectoryMeanwhile) {
  machine_.must_start();
  const auto ns = machine_.find("ledger");
  machine_.set(ns, "k", "v");
  ASSERT_TRUE(machine_.commit());
  EXPECT_EQ(must_verify().damage, "");
  WatchedFiles watched(*machine_.files);
  watched.before_open = [&](const std::string&) {
    // All that was listed goes.
    for (int i = 0; i < 10; ++i) {
      machine_.set(ns, "k" + std::to_string(i), std::string(200, 'v'));
      ASSERT_TRUE(machine_.commit());
    }
    ASSERT_TRUE(machine_.storage->checkpoint());
  };
  const auto found = verify(watched, kDirectory);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->damage, "");
  EXPECT_EQ(found->last_sequence, machine_.storage->latest());
}

TEST_F(InspectionTest, WhatGoesEachTimeBeforeItIsReadIsNotTakenForWhole) {
  machine_.must_start();
  const auto ns = machine_.find("ledger");
  WatchedFiles watched(*machine_.files);
  watched.is_always = true;
  int opened = 0;
  watched.before_open = [&](const std::string&) {
    machine_.set(ns, "k" + std::to_string(++opened), std::string(200, 'v'));
    ASSERT_TRUE(machine_.commit());
    ASSERT_TRUE(machine_.storage->checkpoint());
  };
  const auto found = verify(watched, kDirectory);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kBusy);
  EXPECT_THAT(found.error().message, HasSubstr("faster than they could be read"));
  watched.before_open = {};
  const auto again = verify(watched, kDirectory);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->damage, "");
  EXPECT_EQ(again->last_sequence, machine_.storage->latest());
}

TEST(InspectionThreadsTest, WhatIsBeingWrittenIsNoDamage) {
  const appmem::test::TemporaryDirectory directory;
  const auto files = make_system_files();
  LogWriter writer(
      *files,
      {.directory = directory.path(), .segment_bytes = 256_KiB, .directory_id = 1, .seed = 5});
  ASSERT_TRUE(writer.begin(1, ManualClock::kStartWall));
  // The writer gets ahead by a segment at most, so that the last one changes while it is read.
  constexpr std::size_t kRounds = 24;
  std::atomic<std::size_t> rounds{0};
  std::thread thread([&] {
    RecordBuffer records;
    for (std::uint64_t next = 1; rounds.load() < kRounds;) {
      if (writer.size().segments > rounds.load() + 1) {
        std::this_thread::yield();
        continue;
      }
      const std::uint64_t synced = next - 1;
      for (int i = 0; i < 3; ++i) {
        const std::string value(next % 3000, 'v');
        records.begin(format::RecordKind::kChanges, next++);
        records.set(1, {.key = "key", .value = ValueView::from_bytes(value)});
        records.end();
      }
      if (!writer.write(records, next - 1, synced, ManualClock::kStartWall)) break;
      records.clear_all(1_MiB);
    }
  });
  std::uint64_t last = 0;
  for (; rounds.load() < kRounds; ++rounds) {
    // However late its thread begins: there is something new each time.
    while (writer.written() <= last)
      std::this_thread::yield();
    const auto found = verify(*files, directory.path());
    EXPECT_TRUE(found);
    if (!found) continue;
    EXPECT_EQ(found->damage, "");
    EXPECT_GE(found->last_sequence, last);
    last = found->last_sequence;
  }
  thread.join();
  EXPECT_GT(last, 0U);
}

TEST_F(InspectionTest, DumpShowsEveryOperation) {
  const auto text = lines({});
  const std::string snapshot = path_of(std::string(format::kSnapshotPrefix)).substr(6);
  EXPECT_THAT(text, Contains(StartsWith(snapshot +
                                        ":64 1 set \"shots\" (1) \"s1\": bytes of 13, version ")));
  EXPECT_THAT(text, Contains(HasSubstr(": 2 entries, with the log up to ")));
  EXPECT_THAT(text, Contains(HasSubstr("mark: up to ")));
  EXPECT_THAT(text, Contains(HasSubstr(" delete \"ledger\" (2) \"gone\"")));
  EXPECT_THAT(text, Contains(HasSubstr(" set \"ledger\" (2) \"n\": integer, version ")));
  EXPECT_THAT(text, Contains(HasSubstr(" set \"ledger\" (2) \"j\": json of 11, version ")));
  EXPECT_THAT(text, Contains(HasSubstr(", until 2024-01-01T01:00:00.000Z")));
  EXPECT_THAT(
      text,
      Contains(HasSubstr(" expire \"ledger\" (2) \"short\": until 2024-01-01T02:00:00.000Z")));
  EXPECT_THAT(text, Contains(HasSubstr(R"("ledger" (2) "\x00\xff\x80 bytes": bytes of 9)")));
  EXPECT_THAT(text, Contains(HasSubstr(" clear \"cleared\" (3)")));
  EXPECT_THAT(text, Contains(HasSubstr(" create \"made\" (4): type int, persist wal, eviction "
                                       "none, max_keys 100, owner_uid 0")));
  EXPECT_THAT(text, Contains(HasSubstr(" drop \"dropped\" (5)")));
  EXPECT_THAT(text, Contains(HasSubstr(" alter \"ledger\" (2): ")));
  EXPECT_THAT(text, Each(Not(HasSubstr("zzzz"))));
}

TEST_F(InspectionTest, DumpShowsValuesWhenItIsAsked) {
  const auto text = lines({.values = true, .value_bytes_max = 10});
  EXPECT_THAT(text, Contains(HasSubstr(" = -42")));
  EXPECT_THAT(text, Contains(HasSubstr(R"( = "{\"a\":[1,2]"...)")));
  EXPECT_THAT(text, Contains(HasSubstr(R"( = "zzzzzzzzzz"...)")));
}

TEST_F(InspectionTest, DumpAsJsonIsForPrograms) {
  const auto text = lines({.values = true, .value_bytes_max = 10, .json = true});
  EXPECT_THAT(text, Contains(AllOf(
                        StartsWith(R"({"file":"segment-)"), HasSubstr(R"("kind":"set","ns":2,)"),
                        HasSubstr(R"("name":"ledger","key":"last","type":"bytes","length":100,)"),
                        HasSubstr(R"("value":"zzzzzzzzzz","cut":true})"))));
  EXPECT_THAT(text, Contains(HasSubstr(R"("key_b64":"AP+AIGJ5dGVz")")));
  EXPECT_THAT(text, Contains(HasSubstr(R"("kind":"create","ns":4,"name":"made","type":"int",)")));
  EXPECT_THAT(text, Contains(HasSubstr(R"("value":-42})")));
}

TEST_F(InspectionTest, DumpGoesOnBehindDamageAndEndsWhenItIsTold) {
  const std::string path =
      "/data/" + list_directory(*machine_.files, kDirectory)->segments.front().name;
  machine_.files->flip(path, format::kFileHeaderBytes + 3);
  const auto text = lines({});
  EXPECT_THAT(text, Contains(HasSubstr(path.substr(6) + ":64 - damaged: up to byte ")));
  EXPECT_THAT(text, Contains(HasSubstr("\"last\"")));
  int shown = 0;
  ASSERT_TRUE(dump(*machine_.files, kDirectory, {}, [&](std::string_view) { return ++shown < 3; }));
  EXPECT_EQ(shown, 3);
}

}  // namespace
}  // namespace appmem::storage::test
