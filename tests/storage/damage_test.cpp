// Every byte of a small data directory flipped, and every file cut everywhere: a start opens with
// exactly the whole records before the damage, or refuses; and verify says the same beforehand.

#include <string>

#include <gmock/gmock.h>

#include "appmem/storage/inspection.h"
#include "log_format.h"
#include "sample_directory.h"

namespace appmem::storage::test {
namespace {

using appmem::test::SimulatedFiles;
using testing::HasSubstr;
using testing::StartsWith;

class DamageTest : public testing::Test {
 protected:
  explicit DamageTest(std::uint64_t compress_above = kCompressNever)
      : sample_(compressing(machine_, compress_above)) {
    running_ = machine_.files->clone();
    EXPECT_TRUE(machine_.stop());
    ended_ = machine_.files->clone();
  }

  /// Starts a machine on what has become of `files`, of which `path` was damaged.
  void check(std::unique_ptr<SimulatedFiles> files, const std::string& what) {
    SCOPED_TRACE(what);
    const auto verified = verify(*files, Machine::kDirectory);
    ASSERT_TRUE(verified) << verified.error().message;
    Machine machine(std::move(files));
    machine.shards = 1;
    machine.max_memory_bytes = 4_MiB;
    const auto started = machine.start();
    if (!started) {
      ++refused_;
      ASSERT_EQ(started.error().code, ErrorCode::kUnavailable);
      ASSERT_THAT(started.error().message, StartsWith("/data/"));
      ASSERT_THAT(started.error().message, HasSubstr(" is damaged at byte "));
      ASSERT_EQ(verified->damage, started.error().message);
      return;
    }
    ++opened_;
    ASSERT_EQ(verified->damage, "");
    const std::uint64_t last = machine.storage->stats().synced_sequence;
    ASSERT_EQ(verified->last_sequence, last);
    const auto expected = sample_.history.find(last);
    ASSERT_NE(expected, sample_.history.end()) << "the log ends with record " << last;
    ASSERT_EQ(machine.kept(), expected->second) << "after record " << last;
  }

  void flip_all(const SimulatedFiles& original) {
    for (const std::string& path : original.paths()) {
      if (path.ends_with(format::kLockName)) continue;
      const std::size_t size = original.contents(path).size();
      for (std::size_t at = 0; at < size; ++at) {
        auto files = original.clone();
        files->flip(path, at);
        check(std::move(files), path + " flipped at " + std::to_string(at));
        if (HasFatalFailure()) return;
      }
    }
  }

  void cut_all(const SimulatedFiles& original) {
    for (const std::string& path : original.paths()) {
      if (path.ends_with(format::kLockName)) continue;
      const std::size_t size = original.contents(path).size();
      for (std::size_t at = 0; at < size; ++at) {
        auto files = original.clone();
        files->cut(path, at);
        check(std::move(files), path + " cut at " + std::to_string(at));
        if (HasFatalFailure()) return;
      }
    }
  }

  static Machine& compressing(Machine& machine, std::uint64_t above) {
    machine.options.compress_above = above;
    return machine;
  }

  Machine machine_;
  SampleDirectory sample_;
  std::unique_ptr<SimulatedFiles> running_;
  std::unique_ptr<SimulatedFiles> ended_;
  int opened_ = 0;
  int refused_ = 0;
};

TEST_F(DamageTest, AWholeDirectoryIsWhole) {
  check(running_->clone(), "while it runs");
  check(ended_->clone(), "at its end");
  EXPECT_EQ(opened_, 2);
}

TEST_F(DamageTest, EveryByteFlippedAfterAnOrderlyEnd) {
  flip_all(*ended_);
  EXPECT_GT(refused_, 1000);
}

TEST_F(DamageTest, EveryByteFlippedAfterACrash) {
  flip_all(*running_);
  EXPECT_GT(refused_, 1000);
  EXPECT_GT(opened_, 100);
}

class CompressedDamageTest : public DamageTest {
 protected:
  CompressedDamageTest() : DamageTest(kCompressAboveMin) {}
};

TEST_F(CompressedDamageTest, EveryByteFlippedAfterAnOrderlyEnd) {
  flip_all(*ended_);
  EXPECT_GT(refused_, 1000);
}

TEST_F(CompressedDamageTest, EveryByteFlippedAfterACrash) {
  flip_all(*running_);
  EXPECT_GT(refused_, 1000);
  EXPECT_GT(opened_, 100);
}

TEST_F(DamageTest, EveryFileCutAnywhere) {
  cut_all(*ended_);
  EXPECT_GT(refused_, 1000);
  EXPECT_GT(opened_, 10);
}

TEST_F(DamageTest, AFileOfAnotherNameOrDirectory) {
  for (const std::string& path : ended_->paths()) {
    if (path.ends_with(format::kLockName)) continue;
    for (const std::size_t at : {format::kSequenceAt, format::kDirectoryAt}) {
      auto files = ended_->clone();
      change_header(*files, path, at);
      check(std::move(files), path + " with another header at " + std::to_string(at));
    }
  }
  EXPECT_EQ(opened_, 0);
}

TEST_F(DamageTest, AFileThatIsMissing) {
  for (const std::string& path : ended_->paths()) {
    if (path.ends_with(format::kLockName)) continue;
    auto files = ended_->clone();
    ASSERT_TRUE(files->remove(path));
    const auto verified = verify(*files, Machine::kDirectory);
    ASSERT_TRUE(verified);
    Machine machine(std::move(files));
    const auto started = machine.start();
    EXPECT_EQ(verified->damage, started ? "" : started.error().message) << path;
  }
}

}  // namespace
}  // namespace appmem::storage::test
