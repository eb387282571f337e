#include "entry.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/limits.h"

namespace appmem::core {
namespace {

/// A block of just the right length; an access beyond it is found by AddressSanitizer.
class Block {
 public:
  explicit Block(std::size_t bytes) : words_((bytes + 7) / 8) {}
  char* data() { return reinterpret_cast<char*>(words_.data()); }

 private:
  std::vector<std::uint64_t> words_;
};

struct Written {
  EntryShape shape;
  std::string key;
  std::string bytes;
  std::int64_t integer = 0;
};

void expect_contents(const Entry& entry, const Written& written) {
  EXPECT_EQ(entry.key(), written.key);
  EXPECT_EQ(entry.kind(), written.shape.kind);
  const ValueView value = entry.value();
  EXPECT_EQ(value.kind, written.shape.kind);
  EXPECT_EQ(value.shared, nullptr);
  if (written.shape.kind == ValueKind::kInteger) {
    EXPECT_EQ(value.integer, written.integer);
    EXPECT_EQ(entry.value_bytes(), 8U);
  } else {
    EXPECT_EQ(value.bytes, written.bytes);
    EXPECT_EQ(entry.value_bytes(), written.bytes.size());
  }
}

TEST(EntryTest, EveryShapeKeepsItsFieldsApart) {
  for (const std::size_t key_bytes : {0UL, 1UL, 16UL, 254UL, 255UL, 256UL, kKeyBytesMax}) {
    for (const std::size_t value_bytes : {0UL, 1UL, 7UL, 32UL, kInlineValueBytesMax}) {
      for (unsigned flags = 0; flags < 12; ++flags) {
        Written written;
        written.key = std::string(key_bytes, 'k');
        written.bytes = std::string(value_bytes, 'v');
        written.integer = INT64_MIN + static_cast<std::int64_t>(value_bytes);
        written.shape = {.key_bytes = key_bytes,
                         .value_bytes = value_bytes,
                         .kind = static_cast<ValueKind>(flags / 4),
                         .deadline = (flags & 1U) != 0,
                         .log_position = (flags & 2U) != 0};
        Block block(written.shape.bytes());
        Entry entry = Entry::create(block.data(), written.shape, 2047, written.key);
        EXPECT_EQ(entry.deadline(), Entry::kNever);
        EXPECT_EQ(entry.log_position(), 0U);
        if (written.shape.kind == ValueKind::kInteger) {
          entry.set_integer(written.integer);
        } else {
          entry.set_bytes(written.bytes);
        }
        entry.set_tick(UINT32_MAX);
        entry.set_version(Entry::kVersionMax);
        if (written.shape.deadline) {
          entry.set_deadline(Entry::kNever - 1);
          entry.set_bucket(0xabcd);
        }
        entry.set_log_position(UINT64_MAX);
        expect_contents(entry, written);
        EXPECT_EQ(entry.tick(), UINT32_MAX);
        EXPECT_EQ(entry.version(), Entry::kVersionMax);
        EXPECT_EQ(entry.table_id(), 2047);
        EXPECT_EQ(entry.durable(), written.shape.log_position);
        EXPECT_EQ(entry.log_position(), written.shape.log_position ? UINT64_MAX : 0U);
        EXPECT_EQ(entry.has_deadline_field(), written.shape.deadline);
        if (written.shape.deadline) {
          EXPECT_EQ(entry.deadline(), Entry::kNever - 1);
          EXPECT_EQ(entry.bucket(), 0xabcd);
        }
        EXPECT_FALSE(entry.in_main());
        EXPECT_EQ(entry.standing().uses, 0);
        entry.set_standing({.main = true, .uses = 1});
        expect_contents(entry, written);
        EXPECT_EQ(entry.version(), Entry::kVersionMax);
        entry.set_version(1);
        entry.set_table_id(0);
        EXPECT_TRUE(entry.in_main());
        EXPECT_EQ(entry.standing().uses, 1);
        EXPECT_EQ(entry.version(), 1U);
        EXPECT_EQ(entry.table_id(), 0);
        expect_contents(entry, written);
        EXPECT_EQ(entry.shape().bytes(), written.shape.bytes());
      }
    }
  }
}

TEST(EntryTest, ASmallEntryIsShort) {
  EXPECT_EQ((EntryShape{.key_bytes = 16, .value_bytes = 32}).bytes(), 64U);
  EXPECT_EQ((EntryShape{.key_bytes = 16, .value_bytes = 32, .deadline = true}).bytes(), 72U);
  EXPECT_EQ((EntryShape{.key_bytes = 8, .kind = ValueKind::kInteger}).bytes(), 32U);
}

TEST(EntryTest, UsesAreCountedUpToThree) {
  Block block(200);
  Entry entry = Entry::create(block.data(), {.key_bytes = 3, .value_bytes = 2}, 5, "key");
  for (const int uses : {1, 2, 3, 3, 3}) {
    entry.count_use();
    EXPECT_EQ(entry.standing().uses, uses);
    EXPECT_FALSE(entry.in_main());
  }
  entry.set_standing({.main = true, .uses = 0});
  entry.count_use();
  EXPECT_EQ(entry.standing().uses, 1);
  EXPECT_TRUE(entry.in_main());
}

TEST(EntryTest, BytesAreWrittenInPlace) {
  Block block(200);
  Entry entry = Entry::create(block.data(), {.key_bytes = 3, .value_bytes = 2}, 5, "key");
  entry.set_bytes("ab");
  entry.patch_bytes(2, 2, "cde");
  entry.patch_bytes(5, 5, "");
  EXPECT_EQ(entry.value().bytes, "abcde");
  entry.patch_bytes(5, 1, "BC");
  EXPECT_EQ(entry.value().bytes, "aBCde");
  entry.patch_bytes(5, 7, "h");
  EXPECT_EQ(entry.value().bytes, std::string_view("aBCde\0\0h", 8));
  EXPECT_EQ(entry.key(), "key");
}

TEST(EntryTest, ALargeValueIsShared) {
  MemoryBudget budget(16_MiB);
  BlobPool pool(budget);
  SharedBytes blob = pool.try_allocate(1_MiB);
  ASSERT_TRUE(blob);
  for (std::size_t key_bytes = 0; key_bytes < 20; ++key_bytes) {
    const EntryShape shape{.key_bytes = key_bytes, .deadline = true, .large = true};
    Block block(shape.bytes());
    const std::string key(key_bytes, 'k');
    Entry entry = Entry::create(block.data(), shape, 1, key);
    entry.set_shared(blob);
    EXPECT_EQ(entry.value().bytes.data(), blob.view().data());
    EXPECT_EQ(entry.value_bytes(), 1_MiB);
    EXPECT_EQ(entry.value().shared->view().size(), 1_MiB);
    EXPECT_EQ(entry.key(), key);
    entry.destroy();
  }
}

}  // namespace
}  // namespace appmem::core
