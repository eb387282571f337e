// After a repair a start succeeds, with exactly what all whole records make.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <gmock/gmock.h>

#include "appmem/storage/inspection.h"
#include "crc32c.h"
#include "little_endian.h"
#include "log_files.h"
#include "record_file.h"
#include "sample_directory.h"

namespace appmem::storage::test {
namespace {

using appmem::test::ManualClock;
using appmem::test::SimulatedFiles;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kDirectory = Machine::kDirectory;
const RepairOptions kOptions{.segment_bytes = 4096, .seed = 0x1234567};

/// A record of a file.
struct Place {
  std::string path;
  bool is_segment = false;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  RecordHeader header{};
};

std::vector<Place> places_of(SimulatedFiles& files) {
  std::vector<Place> places;
  for (const std::string& path : files.paths()) {
    const bool is_segment = path.ends_with(format::kSegmentSuffix);
    if (!is_segment && !path.ends_with(format::kCheckpointSuffix)) continue;
    auto file = RecordFile::open(files, path,
                                 is_segment ? format::kSegmentMagic : format::kCheckpointMagic);
    EXPECT_TRUE(file) << path;
    while (*file->next() == RecordFile::Found::kRecord) {
      places.push_back(
          {path, is_segment, file->offset(), file->next_offset() - file->offset(), file->record()});
    }
  }
  return places;
}

class RepairTest : public testing::Test {
 protected:
  RepairTest() : sample_(machine_) {
    EXPECT_TRUE(machine_.stop());
    files_ = machine_.files->clone();
    whole_ = start(*files_).value_or(Kept());
  }

  /// What a start on a copy of the files makes of them.
  static std::optional<Kept> start(const SimulatedFiles& files, std::string* refusal = nullptr) {
    Machine machine(files.clone());
    machine.shards = 1;
    machine.max_memory_bytes = 4_MiB;
    if (const auto started = machine.start(); !started) {
      if (refusal != nullptr) *refusal = started.error().message;
      return std::nullopt;
    }
    return machine.kept();
  }
  static Result<RepairReport> run(FileSystem& files) {
    return repair(files, kDirectory, kOptions, ManualClock::kStartWall);
  }
  static RepairReport must_repair(FileSystem& files) {
    auto done = run(files);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *std::move(done) : RepairReport();
  }

  /// The files without a record: an empty one has its number.
  std::unique_ptr<SimulatedFiles> without(const Place& lost) const {
    auto files = files_->clone();
    const std::string bytes = files->contents(lost.path);
    const std::uint32_t salt = load_u32(bytes.data() + format::kSaltAt);
    RecordBuffer empty;
    empty.begin(lost.header.kind, lost.header.sequence);
    if (lost.header.kind == format::RecordKind::kGroup) empty.put_u64(0);
    empty.end();
    empty.seal(salt);
    std::vector<std::string_view> pieces;
    empty.gather(pieces);
    std::string changed = bytes.substr(0, lost.offset);
    for (const std::string_view piece : pieces)
      changed += piece;
    changed += bytes.substr(lost.offset + lost.bytes);
    files->set_contents(lost.path, changed);
    return files;
  }

  /// Whatever a remade namespace is called, it has the name that it had.
  static void rename_remade(Kept& kept, const RepairReport& report, const Kept& before) {
    for (const std::string& text : report.remade) {
      const std::size_t begin = text.find('"') + 1;
      const std::string name = text.substr(begin, text.find('"', begin) - begin);
      const auto found = kept.find(name);
      ASSERT_NE(found, kept.end()) << text;
      const auto was = std::find_if(before.begin(), before.end(), [&](const auto& one) {
        return one.second.entries == found->second.entries;
      });
      ASSERT_NE(was, before.end()) << text;
      kept.erase(found);
      kept[was->first] = was->second;
    }
  }

  static bool makes_namespace(const SimulatedFiles& files, const Place& place) {
    bool makes = false;
    const std::string bytes = files.contents(place.path);
    const std::string_view payload = std::string_view(bytes).substr(
        place.offset + format::kRecordHeaderBytes, place.header.length);
    static_cast<void>(read_operations(payload, [&](const Operation& operation) -> Result<void> {
      makes = makes || operation.kind == format::Operation::kCreate;
      return {};
    }));
    return makes;
  }

  Machine machine_;
  SampleDirectory sample_;
  std::unique_ptr<SimulatedFiles> files_;
  Kept whole_;
};

TEST_F(RepairTest, AWholeDirectoryStaysAsItIs) {
  const auto before = files_->paths();
  const RepairReport report = must_repair(*files_);
  EXPECT_FALSE(report.repaired);
  EXPECT_EQ(files_->paths(), before);
  EXPECT_FALSE(must_repair(*std::make_unique<SimulatedFiles>()).repaired);
}

TEST_F(RepairTest, AnyRecordOfTheLogIsLostAlone) {
  int lost = 0;
  for (const Place& place : places_of(*files_)) {
    if (!place.is_segment) continue;
    for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{5}, place.bytes - 1}) {
      SCOPED_TRACE(place.path + " record " + std::to_string(place.header.sequence) + " at " +
                   std::to_string(place.offset + at));
      auto files = files_->clone();
      files->flip(place.path, place.offset + at);
      // The last mark of all is a torn tail.
      const bool refused = !start(*files);
      const RepairReport report = must_repair(*files);
      EXPECT_EQ(report.repaired, refused);
      if (!refused) continue;
      auto kept = start(*files);
      ASSERT_TRUE(kept);
      const bool is_change = place.header.kind == format::RecordKind::kChanges;
      const bool is_needed = place.header.sequence > sample_.history.begin()->first;
      std::uint64_t missing = 0;
      for (const LostPart& part : report.lost) {
        EXPECT_EQ("/data/" + part.file, place.path);
        if (part.first_missing != 0) missing += part.last_missing - part.first_missing + 1;
      }
      EXPECT_EQ(missing, is_change && is_needed ? 1U : 0U);
      lost += missing != 0 ? 1 : 0;
      if (is_change && is_needed && makes_namespace(*files_, place)) {
        rename_remade(*kept, report, whole_);
        const Kept& expected = whole_;
        EXPECT_EQ(*kept, expected);
        continue;
      }
      EXPECT_THAT(report.remade, IsEmpty());
      EXPECT_EQ(*kept, is_needed ? *start(*without(place)) : whole_);
    }
  }
  EXPECT_GT(lost, 30);
}

TEST_F(RepairTest, OfACheckpointTheWholeRecordsAreKept) {
  for (const Place& place : places_of(*files_)) {
    if (place.is_segment) continue;
    SCOPED_TRACE(place.path + " at " + std::to_string(place.offset));
    auto files = files_->clone();
    files->flip(place.path, place.offset + place.bytes - 1);
    ASSERT_FALSE(start(*files));
    const RepairReport report = must_repair(*files);
    EXPECT_TRUE(report.repaired);
    EXPECT_THAT(report.lost, SizeIs(1));
    const auto kept = start(*files);
    ASSERT_TRUE(kept);
    if (place.header.kind == format::RecordKind::kEnd) {
      EXPECT_EQ(*kept, whole_);
    }
    // What the log has of them is there in any case.
    const bool is_snapshot = place.path.find("snapshot-") != std::string::npos;
    const auto ledger = std::find_if(kept->begin(), kept->end(), [](const auto& one) {
      return one.second.entries.contains("last");
    });
    ASSERT_NE(ledger, kept->end());
    EXPECT_EQ(ledger->second.entries.contains("old"),
              is_snapshot || place.header.kind == format::RecordKind::kEnd);
  }
}

TEST_F(RepairTest, AHeaderIsMadeUpFromTheRecords) {
  for (const std::string& path : files_->paths()) {
    if (path.ends_with(format::kLockName)) continue;
    for (std::uint64_t at = 0; at < format::kFileHeaderBytes; ++at) {
      SCOPED_TRACE(path + " at " + std::to_string(at));
      auto files = files_->clone();
      files->flip(path, at);
      ASSERT_FALSE(start(*files));
      const RepairReport report = must_repair(*files);
      ASSERT_TRUE(report.repaired);
      EXPECT_THAT(report.remade, IsEmpty());
      const auto kept = start(*files);
      ASSERT_TRUE(kept);
      ASSERT_EQ(*kept, whole_);
    }
  }
}

TEST_F(RepairTest, ASegmentThatIsGoneIsListed) {
  const auto segments = list_directory(*files_, kDirectory)->segments;
  ASSERT_GT(segments.size(), 3U);
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    auto files = files_->clone();
    ASSERT_TRUE(files->remove("/data/" + segments[i].name));
    if (start(*files)) continue;  // not needed
    const RepairReport report = must_repair(*files);
    ASSERT_THAT(report.lost, SizeIs(1));
    EXPECT_EQ(report.lost[0].file, "");
    EXPECT_EQ(report.lost[0].last_missing, segments[i + 1].sequence - 1);
    EXPECT_TRUE(start(*files));
  }
}

TEST_F(RepairTest, TheFilesAsTheyWereAreKept) {
  const std::string path = "/data/" + list_directory(*files_, kDirectory)->segments[1].name;
  files_->flip(path, 100);
  const auto before = files_->clone();
  const RepairReport report = must_repair(*files_);
  EXPECT_EQ(report.originals, "damaged-20240101T000000Z");
  for (const std::string& old : before->paths()) {
    if (old.ends_with(format::kLockName)) continue;
    EXPECT_EQ(files_->contents("/data/" + report.originals + old.substr(5)), before->contents(old));
  }
  // And again, in the same second.
  const std::string again = "/data/" + list_directory(*files_, kDirectory)->segments[0].name;
  files_->flip(again, 100);
  EXPECT_EQ(must_repair(*files_).originals, "damaged-20240101T000000Z-2");
}

TEST_F(RepairTest, WhatIsWrittenAfterARepairIsKept) {
  const auto places = places_of(*files_);
  // The last record, so that numbers above it are not used again.
  const auto last = std::find_if(places.rbegin(), places.rend(), [](const Place& place) {
    return place.is_segment && place.header.kind == format::RecordKind::kChanges;
  });
  ASSERT_NE(last, places.rend());
  files_->flip(last->path, last->offset + 5);
  must_repair(*files_);
  Machine machine(files_->clone());
  machine.must_start();
  EXPECT_EQ(machine.storage->latest(), last->header.sequence);
  const auto ns = machine.find("ledger");
  machine.set(ns, "new", "v");
  machine.set(ns, "old", "changed");
  ASSERT_TRUE(machine.commit());
  const Kept kept = machine.kept();
  machine.crash(1);
  machine.must_start();
  EXPECT_EQ(machine.kept(), kept);
  EXPECT_EQ(machine.get(machine.find("ledger"), "new"), "v");
}

TEST_F(RepairTest, AnInterruptedRepairIsBegunAgain) {
  const std::string path = "/data/" + list_directory(*files_, kDirectory)->segments[1].name;
  files_->flip(path, 100);
  auto done = files_->clone();
  must_repair(*done);
  const auto expected = start(*done);
  ASSERT_TRUE(expected);
  std::uint64_t crashes = 0;
  for (std::uint64_t operation = 0;; ++operation) {
    auto files = files_->clone();
    files->crash_at(files->operations() + operation);
    if (run(*files)) break;
    ++crashes;
    for (const std::uint64_t seed : {operation * 2, operation * 2 + 1}) {
      SCOPED_TRACE("crash at operation " + std::to_string(operation) + ", seed " +
                   std::to_string(seed));
      auto crashed = files->clone();
      crashed->crash(seed);
      // Before it is done, a start is refused, and never finds less than it might.
      std::string refusal;
      if (const auto kept = start(*crashed, &refusal)) {
        ASSERT_EQ(*kept, *expected);
      } else {
        ASSERT_THAT(refusal, HasSubstr("--repair"));
      }
      must_repair(*crashed);
      const auto kept = start(*crashed);
      ASSERT_TRUE(kept);
      ASSERT_EQ(*kept, *expected);
      std::size_t originals = 0;
      for (const std::string& left : crashed->paths())
        originals += left.find("/damaged-") != std::string::npos ? 1U : 0U;
      ASSERT_EQ(originals, files_->paths().size() - 1);
    }
  }
  EXPECT_GT(crashes, 40U);
}

TEST_F(RepairTest, AFullDiskLosesNothing) {
  files_->flip("/data/" + list_directory(*files_, kDirectory)->segments[1].name, 100);
  auto done = files_->clone();
  must_repair(*done);
  const auto expected = start(*done);
  for (std::uint64_t operation = 1;; ++operation) {
    auto files = files_->clone();
    files->fail_at(files->operations() + operation, SimulatedFiles::Fault::kNoSpace,
                   SimulatedFiles::Lasts::kFromThenOn);
    const auto failed = run(*files);
    if (failed) break;
    EXPECT_THAT(failed.error().message, HasSubstr("No space left"));
    files->heal();
    must_repair(*files);
    ASSERT_EQ(start(*files), expected) << operation;
  }
}

TEST_F(RepairTest, ADaemonThatUsesTheDirectoryKeepsIt) {
  files_->flip("/data/" + list_directory(*files_, kDirectory)->segments[1].name, 100);
  const auto lock = files_->lock("/data/LOCK");
  ASSERT_TRUE(lock);
  const auto refused = run(*files_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
}

TEST_F(RepairTest, AnotherVersionIsLeftToItsProgram) {
  const std::string path = "/data/" + list_directory(*files_, kDirectory)->segments[1].name;
  std::string bytes = files_->contents(path);
  bytes[format::kVersionAt] = 2;
  std::fill_n(bytes.begin() + format::kHeaderCrcAt, 4, '\0');
  store_u32(bytes.data() + format::kHeaderCrcAt,
            crc32c(std::string_view(bytes).substr(0, format::kFileHeaderBytes)));
  files_->set_contents(path, bytes);
  const auto before = files_->paths();
  const auto refused = run(*files_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("version 2"));
  EXPECT_EQ(files_->paths(), before);
}

TEST_F(RepairTest, ATornTailIsCutAsAStartWouldCutIt) {
  Machine machine(files_->clone());
  machine.must_start();
  machine.set(machine.find("ledger"), "torn", "v");
  ASSERT_TRUE(machine.commit());
  const auto segments = list_directory(*machine.files, kDirectory)->segments;
  const std::string last = "/data/" + segments.back().name;
  machine.crash(1);
  machine.files->flip(last, machine.files->contents(last).find("torn"));
  auto only_torn = machine.files->clone();
  EXPECT_FALSE(must_repair(*only_torn).repaired);
  // Beside real damage as well.
  machine.files->flip("/data/" + segments[1].name, 100);
  const RepairReport report = must_repair(*machine.files);
  EXPECT_TRUE(report.repaired);
  EXPECT_GT(report.cut_bytes, 0U);
  const auto kept = start(*machine.files);
  ASSERT_TRUE(kept);
  EXPECT_FALSE(kept->at("ledger").entries.contains("torn"));
}

/// Flips the first change of the only segment of a machine that has ended.
void lose_first_change(Machine& machine) {
  for (const Place& place : places_of(*machine.files)) {
    if (!place.is_segment || place.header.kind != format::RecordKind::kChanges) continue;
    machine.files->flip(place.path, place.offset + 1);
    return;
  }
}

TEST_F(RepairTest, ANamespaceThatIsMadeAgainHasTheNameOfALaterChange) {
  Machine machine;
  machine.must_start();
  const auto ns = machine.make("orders");
  machine.set(ns, "before", "v");
  auto settings = machine.store->namespace_settings(ns);
  settings->max_keys = 7;
  ASSERT_TRUE(machine.store->alter_namespace(ns, *settings, machine.clock.now()));
  machine.set(ns, "after", "v");
  ASSERT_TRUE(machine.commit());
  const Kept whole = machine.kept();
  ASSERT_TRUE(machine.stop());
  lose_first_change(machine);
  EXPECT_THAT(
      must_repair(*machine.files).remade,
      ElementsAre("namespace 1 is called \"orders\": the record that made it is lost, a later "
                  "one has its name and settings"));
  EXPECT_EQ(start(*machine.files), whole);
}

TEST_F(RepairTest, ASnapshotWhoseNamespaceIsLostMakesOne) {
  Machine machine;
  machine.must_start();
  const auto ns = machine.make("shots", {.persist = core::Persistence::kSnapshot});
  machine.set(ns, "k", "v");
  Kept whole = machine.kept();
  ASSERT_TRUE(machine.stop());
  lose_first_change(machine);
  EXPECT_THAT(must_repair(*machine.files).remade, SizeIs(1));
  const auto kept = start(*machine.files);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->at("recovered-1"), whole.at("shots"));
}

TEST_F(RepairTest, ASnapshotThatWentOnAsALogIsNotForgotten) {
  Machine machine;
  machine.must_start();
  const auto ns = machine.make("n", {.persist = core::Persistence::kSnapshot});
  machine.set(ns, "k", "v");
  ASSERT_TRUE(machine.stop());
  machine.must_start();
  const auto again = machine.find("n");
  ASSERT_TRUE(machine.store->alter_namespace(again, {.persist = core::Persistence::kWal},
                                             machine.clock.now()));
  machine.set(again, "l", "v");
  ASSERT_TRUE(machine.commit());
  const Kept whole = machine.kept();
  ASSERT_TRUE(machine.stop());
  ASSERT_EQ(start(*machine.files), whole);
  lose_first_change(machine);
  must_repair(*machine.files);
  EXPECT_EQ(start(*machine.files), whole);
}

/// What was written to its log would otherwise be taken away by the snapshot, which is older.
TEST_F(RepairTest, ANamespaceWhoseGettingALogIsLostHasItsSnapshotAndItsLog) {
  for (const bool has_checkpoint : {false, true}) {
    SCOPED_TRACE(has_checkpoint);
    Machine machine;
    machine.must_start();
    const auto ns = machine.make("n", {.persist = core::Persistence::kSnapshot, .max_keys = 50});
    machine.set(ns, "old", "v");
    machine.set(ns, "changed", "v");
    machine.set(ns, "gone", "v");
    ASSERT_TRUE(machine.commit());
    if (has_checkpoint) {
      ASSERT_TRUE(machine.storage->checkpoint());
    }
    ASSERT_TRUE(machine.stop());
    machine.must_start();
    const auto again = machine.find("n");
    ASSERT_TRUE(machine.store->alter_namespace(
        again, {.persist = core::Persistence::kWal, .max_keys = 50}, machine.clock.now()));
    ASSERT_TRUE(machine.commit());
    const std::uint64_t altered = machine.storage->latest();
    machine.set(again, "changed", "w");
    machine.set(again, "new", "w");
    ASSERT_TRUE(machine.store->remove(again, "gone", {}, machine.clock.now()));
    ASSERT_TRUE(machine.commit());
    const Kept whole = machine.kept();
    ASSERT_TRUE(machine.stop());
    ASSERT_EQ(start(*machine.files), whole);
    for (const Place& place : places_of(*machine.files)) {
      const bool is_it = place.is_segment && place.header.sequence == altered &&
                         place.header.kind == format::RecordKind::kChanges;
      if (is_it) machine.files->flip(place.path, place.offset + 1);
    }
    ASSERT_FALSE(start(*machine.files));
    EXPECT_THAT(must_repair(*machine.files).remade,
                ElementsAre("namespace 1, \"n\", has a log again: the record that gave it one is "
                            "lost"));
    EXPECT_EQ(start(*machine.files), whole);
  }
}

TEST_F(RepairTest, AFileWithAnotherOnesNameGetsItsOwnAgain) {
  for (const std::string_view kind : {format::kCheckpointPrefix, format::kSnapshotPrefix}) {
    const std::string prefix(kind);
    auto files = files_->clone();
    for (const std::string& path : files->paths()) {
      if (!path.starts_with("/data/" + prefix)) continue;
      std::string name = path;
      name[path.size() - format::kCheckpointSuffix.size() - 3] = 'f';
      ASSERT_TRUE(files->rename(path, name));
    }
    ASSERT_FALSE(start(*files)) << prefix;
    must_repair(*files);
    EXPECT_EQ(start(*files), whole_) << prefix;
  }
}

TEST_F(RepairTest, ASnapshotOfAnotherDirectoryIsNotTaken) {
  for (const std::string& path : files_->paths()) {
    if (!path.starts_with("/data/" + std::string(format::kSnapshotPrefix))) continue;
    change_header(*files_, path, format::kDirectoryAt);
  }
  ASSERT_FALSE(start(*files_));
  EXPECT_THAT(must_repair(*files_).lost, SizeIs(1));
  Kept expected = whole_;
  expected["shots"].entries.clear();
  EXPECT_EQ(start(*files_), expected);
}

TEST_F(RepairTest, ACheckpointOfAnotherDirectoryIsNotTaken) {
  Machine other;
  other.options.seed = 8;
  other.must_start();
  const auto ns = other.make("other");
  for (int i = 0; i < 100; ++i)
    other.set(ns, "k" + std::to_string(i), "v");
  ASSERT_TRUE(other.commit());
  ASSERT_TRUE(other.storage->checkpoint());
  ASSERT_TRUE(other.stop());
  const std::string name = list_directory(*other.files, kDirectory)->checkpoints[0].name;
  ASSERT_GT(name, list_directory(*files_, kDirectory)->checkpoints[0].name);
  files_->set_contents("/data/" + name, other.files->contents("/data/" + name));
  ASSERT_FALSE(start(*files_));
  const RepairReport report = must_repair(*files_);
  ASSERT_THAT(report.lost, SizeIs(1));
  EXPECT_EQ(report.lost[0].file, name);
  EXPECT_EQ(report.lost[0].problem, "it belongs to another directory");
  EXPECT_EQ(start(*files_), whole_);
}

TEST_F(RepairTest, AndLeavesTheLogWhereThereIsNoOther) {
  const std::string name = list_directory(*files_, kDirectory)->checkpoints[0].name;
  change_header(*files_, "/data/" + name, format::kDirectoryAt);
  ASSERT_FALSE(start(*files_));
  const RepairReport report = must_repair(*files_);
  ASSERT_FALSE(report.lost.empty());
  EXPECT_EQ(report.lost[0].file, name);
  const auto kept = start(*files_);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(std::any_of(kept->begin(), kept->end(),
                          [](const auto& one) { return one.second.entries.contains("last"); }));
}

TEST_F(RepairTest, AnOldCheckpointHelpsWhereTheLogGoesOnFromIt) {
  Machine machine;
  machine.must_start();
  const auto ns = machine.make("w");
  machine.set(ns, "first", "v");
  ASSERT_TRUE(machine.commit());
  ASSERT_TRUE(machine.storage->checkpoint());
  machine.set(ns, "second", "v");
  ASSERT_TRUE(machine.commit());
  const auto old = machine.files->clone();
  const std::string old_name = list_directory(*machine.files, kDirectory)->checkpoints[0].name;
  ASSERT_TRUE(machine.storage->checkpoint());
  ASSERT_TRUE(machine.stop());
  const auto kept = start(*machine.files);
  const std::string name = list_directory(*machine.files, kDirectory)->checkpoints[0].name;
  machine.files->set_contents("/data/" + old_name, old->contents("/data/" + old_name));
  machine.files->flip("/data/" + name, 70);
  ASSERT_FALSE(start(*machine.files));
  must_repair(*machine.files);
  EXPECT_EQ(start(*machine.files), kept);
}

}  // namespace
}  // namespace appmem::storage::test
