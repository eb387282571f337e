// What a snapshot takes beside a store that is written to as fast as it can be: at most 5 % of the
// store's memory, and it is of one moment all the same.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/units.h"
#include "appmem/core/store.h"
#include "log_files.h"
#include "log_reader.h"
#include "record_file.h"
#include "server/counted_allocations.h"
#include "snapshot_writer.h"
#include "support/manual_clock.h"
#include "support/random.h"
#include "support/temporary_directory.h"

namespace appmem::storage::test {
namespace {

using appmem::test::Random;

constexpr std::uint64_t kMemoryBytes = 32_MiB;
constexpr std::uint64_t kExtraBytesMax = kMemoryBytes / 20;
constexpr std::size_t kKeys = 100'000;
constexpr std::size_t kValueBytes = 200;

/// What comes between two slices, and while the disk is written to.
class Beside final : public CheckpointOwner {
 public:
  bool go_on(std::uint64_t /*bytes*/) override {
    while_writing();
    return true;
  }
  void rest() override { between_slices(); }
  void hurry() override { ++hurries; }
  Result<void> wait_synced(std::uint64_t /*sequence*/) override { return {}; }

  std::function<void()> between_slices = [] {
  };
  std::function<void()> while_writing = [] {
  };
  int hurries = 0;
};

class SnapshotMemoryTest : public testing::Test {
 protected:
  SnapshotMemoryTest() {
    const auto made = store_.create_namespace("s", {.eviction = core::Eviction::kNone}, now());
    EXPECT_TRUE(made);
    ns_ = made.value_or(core::kDefaultNamespace);
    for (std::size_t i = 0; i < kKeys; ++i)
      set(i);
    EXPECT_GT(store_.memory().used(), kMemoryBytes * 3 / 5);
  }

  [[nodiscard]] Instant now() { return clock_.now(); }
  static std::string key(std::size_t i) { return "key:" + std::to_string(100'000 + i); }

  /// Numbers tell which value of its key it is.
  void set(std::size_t i) {
    value_.assign(kValueBytes, 'v');
    const std::string number = std::to_string(++last_[i]);
    value_.replace(0, number.size(), number);
    ASSERT_TRUE(store_.set(ns_, key(i), ValueView::from_bytes(value_), {}, now()));
  }
  /// Changes so many, now and then by way of a removal, and sees what that takes.
  void change(int count) {
    for (int n = 0; n < count; ++n) {
      const std::size_t i = random_.below(kKeys);
      if (random_.one_in(10)) {
        ASSERT_TRUE(store_.remove(ns_, key(i), {}, now()));
        extra();
      }
      set(i);
      extra();
      ++changes_;
    }
  }

  [[nodiscard]] std::uint64_t all_bytes() {
    return server::test::live_bytes.load() + store_.memory().used();
  }
  void extra() {
    const std::uint64_t all = all_bytes();
    extra_max_ = std::max(extra_max_, all - std::min(all, before_));
  }

  Result<CheckpointFile> write(std::uint64_t share) {
    const CheckpointContext context{.files = *files_,
                                    .clock = clock_,
                                    .store = store_,
                                    .pending = pending_,
                                    .directory = directory_.path(),
                                    .directory_id = 1,
                                    .salt = 5};
    before_ = all_bytes();
    SnapshotWriter writing(context, beside_, store_.memory().limit() / share);
    auto made = writing.write(ns_, 1, UINT64_MAX);
    extra();
    return made;
  }

  /// Which value of each key a file has; 0: none.
  std::vector<std::uint32_t> numbers_in(const std::string& name) {
    std::vector<std::uint32_t> numbers(kKeys);
    auto file = RecordFile::open(*files_, directory_.file(name), format::kCheckpointMagic);
    EXPECT_TRUE(file);
    if (!file) return numbers;
    ContentReader reader(*file);
    for (;;) {
      const auto found = reader.next([&](const Operation& operation) -> Result<void> {
        if (operation.kind == format::Operation::kCreate) return {};
        std::uint32_t& number =
            numbers.at(std::stoull(std::string(operation.key.substr(4))) - 100'000);
        EXPECT_EQ(number, 0U) << operation.key;
        number = static_cast<std::uint32_t>(std::stoul(std::string(operation.value.bytes)));
        return {};
      });
      EXPECT_TRUE(found);
      if (!found || *found != ContentReader::Found::kRecord) {
        EXPECT_EQ(found.value_or(ContentReader::Found::kDamaged), ContentReader::Found::kEnd);
        return numbers;
      }
    }
  }

  appmem::test::ManualClock clock_;
  const appmem::test::TemporaryDirectory directory_;
  const std::unique_ptr<FileSystem> files_ = make_system_files();
  PendingLog pending_;
  core::Store store_{{.max_memory_bytes = kMemoryBytes, .shards = 4, .seed = 3}, clock_.now()};
  core::NamespaceId ns_{};
  Random random_{29};
  Beside beside_;
  std::string value_;
  std::vector<std::uint32_t> last_ = std::vector<std::uint32_t>(kKeys);
  std::uint64_t before_ = 0;
  std::uint64_t extra_max_ = 0;
  std::uint64_t changes_ = 0;
};

TEST_F(SnapshotMemoryTest, BesideFullWriteLoadItTakesLittleAndIsOfOneMoment) {
  // For each 256 entries that it reads and each 256 KiB that it writes.
  beside_.between_slices = [&] {
    change(200);
  };
  beside_.while_writing = [&] {
    change(600);
  };
  const std::vector<std::uint32_t> expected = last_;
  const auto made = write(kSnapshotMemoryShare);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_GT(changes_, kKeys / 2);
  EXPECT_EQ(numbers_in(made->name), expected);
  std::printf("%llu changes beside %zu entries: %.2f %% more memory\n",
              static_cast<unsigned long long>(changes_), kKeys,
              100.0 * static_cast<double>(extra_max_) / static_cast<double>(kMemoryBytes));
  EXPECT_LE(extra_max_, kExtraBytesMax);
}

/// More of them come in one slice than may be kept for writers, and each is more than that.
TEST_F(SnapshotMemoryTest, LargeValuesAreShownOneByOne) {
  const auto made = store_.create_namespace("large", {.eviction = core::Eviction::kNone}, now());
  ASSERT_TRUE(made);
  const std::string large(kMemoryBytes / 40 + 1, 'l');
  const std::string medium(200'000, 'm');
  for (int i = 0; i < 3; ++i) {
    const std::string name = std::to_string(i);
    ASSERT_TRUE(store_.set(*made, "l" + name, ValueView::from_bytes(large), {}, now()));
    ASSERT_TRUE(store_.set(*made, "m" + name, ValueView::from_bytes(medium), {}, now()));
  }
  ns_ = *made;
  beside_.between_slices = [&] {
    extra();
  };
  beside_.while_writing = [&] {
    extra();
  };
  const auto written = write(kSnapshotMemoryShare);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->entries, 6U);
  EXPECT_LE(extra_max_, kExtraBytesMax);
}

TEST_F(SnapshotMemoryTest, WhereTheDiskIsTooSlowItEndsBeforeItTakesMore) {
  beside_.while_writing = [&] {
    change(20'000);
  };
  const auto made = write(kSnapshotMemoryShare);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kOutOfMemory);
  EXPECT_GT(beside_.hurries, 0);
  EXPECT_LE(extra_max_, kExtraBytesMax);
  EXPECT_TRUE(files_->list(directory_.path())->empty());
}

}  // namespace
}  // namespace appmem::storage::test
