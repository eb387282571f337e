// Values that are compressed in records: the same operations, in fewer bytes.

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appmem/base/limits.h"
#include "appmem/base/units.h"
#include "log_format.h"
#include "record.h"
#include "support/operation_text.h"
#include "support/random.h"

namespace appmem::storage {
namespace {

using format::RecordKind;
using test::operation_text;
using test::Random;
using test::sealed_text;

constexpr std::uint32_t kSalt = 0x5A17C0DE;

struct ReadSet {
  std::string text;
  std::uint64_t value_bytes = 0;
  std::optional<std::uint64_t> compressed_bytes;
};

/// The operations of all records, which have to be whole.
std::vector<ReadSet> read_all(std::string_view text) {
  std::vector<ReadSet> found;
  ValueDecompressor values;
  while (!text.empty()) {
    const auto header = decode_record_header(text);
    EXPECT_TRUE(header);
    if (!header || text.size() < format::kRecordHeaderBytes + header->length) break;
    const std::string_view record = text.substr(0, format::kRecordHeaderBytes + header->length);
    EXPECT_TRUE(record_is_whole(record, kSalt)) << "record " << header->sequence;
    const auto read =
        read_operations(record.substr(format::kRecordHeaderBytes), values,
                        [&](const Operation& operation) -> Result<void> {
                          found.push_back({operation_text(operation), operation.value.bytes.size(),
                                           operation.compressed_bytes});
                          return {};
                        });
    EXPECT_TRUE(read) << read.error().message;
    text.remove_prefix(record.size());
  }
  EXPECT_EQ(text, "");
  return found;
}

class RecordCompressionTest : public testing::Test {
 protected:
  SharedBytes make(std::string_view bytes) {
    SharedBytes value = pool_.try_allocate(bytes.size());
    std::copy(bytes.begin(), bytes.end(), value.writable().begin());
    return value;
  }

  MemoryBudget budget_{64_MiB};
  BlobPool pool_{budget_};
  ValueCompressor compressor_;
};

TEST_F(RecordCompressionTest, TheSameOperationsAreInFewerBytes) {
  Random random(1);
  int compressed_values = 0;
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t above = random.between(kCompressAboveMin, 2'000);
    RecordBuffer plain;
    RecordBuffer packed(above);
    std::deque<SharedBytes> shared;
    const auto both = [&](auto call) {
      call(plain);
      call(packed);
    };
    for (std::uint64_t records = random.below(5); records != 0; --records) {
      both([&](RecordBuffer& buffer) { buffer.begin(RecordKind::kChanges, records); });
      for (std::uint64_t operations = random.below(5); operations != 0; --operations) {
        if (random.one_in(3)) both([](RecordBuffer& buffer) { buffer.remove(1, "gone"); });
        const std::size_t bytes = random.below(4'000);
        const std::string text =
            random.one_in(4) ? random.bytes(bytes)
                             : std::string(bytes, static_cast<char>('a' + random.below(26)));
        RecordBuffer::SetFields fields{.key = "key", .value = ValueView::from_bytes(text)};
        if (random.one_in(2)) fields.value.kind = ValueKind::kJson;
        if (random.one_in(2)) fields.position = random() >> random.below(64);
        if (bytes != 0 && random.one_in(2)) {
          fields.value.shared = &shared.emplace_back(make(text));
          fields.value.bytes = shared.back().view();
        }
        both([&](RecordBuffer& buffer) { buffer.set(7, fields); });
      }
      both([](RecordBuffer& buffer) { buffer.end(); });
    }
    const std::uint64_t plain_bytes = plain.bytes();
    ASSERT_EQ(packed.bytes(), plain_bytes) << "before it is compressed";
    packed.compress(compressor_);
    ASSERT_FALSE(packed.has_uncompressed());
    const std::string text = sealed_text(packed, kSalt);
    ASSERT_EQ(text.size(), packed.bytes());
    ASSERT_EQ(sealed_text(packed, kSalt), text) << "sealed again";
    const std::vector<ReadSet> expected = read_all(sealed_text(plain, kSalt));
    const std::vector<ReadSet> found = read_all(text);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
      ASSERT_EQ(found[k].text, expected[k].text);
      if (!found[k].compressed_bytes) continue;
      ++compressed_values;
      ASSERT_GT(found[k].value_bytes, above);
      ASSERT_LT(*found[k].compressed_bytes, found[k].value_bytes);
    }
  }
  EXPECT_GT(compressed_values, 300);
}

TEST_F(RecordCompressionTest, AValueAtTheThresholdIsLeftAndOneByteMoreIsNot) {
  for (const std::uint64_t above : {kCompressAboveMin, std::uint64_t{1'000}}) {
    RecordBuffer buffer(above);
    buffer.begin(RecordKind::kChanges, 1);
    const std::string at(above, 'v');
    const std::string past(above + 1, 'v');
    buffer.set(1, {.key = "at", .value = ValueView::from_bytes(at)});
    EXPECT_FALSE(buffer.has_uncompressed());
    buffer.set(1, {.key = "past", .value = ValueView::from_bytes(past)});
    EXPECT_TRUE(buffer.has_uncompressed());
    buffer.end();
    buffer.compress(compressor_);
    const std::vector<ReadSet> found = read_all(sealed_text(buffer, kSalt));
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].compressed_bytes, std::nullopt);
    EXPECT_NE(found[1].compressed_bytes, std::nullopt);
  }
}

TEST_F(RecordCompressionTest, ALargeValueIsLetGoWhenItIsCompressed) {
  const SharedBytes value = make(std::string(300'000, 'v'));
  ValueView view = ValueView::from_bytes(value.view());
  view.shared = &value;
  RecordBuffer buffer(1'000);
  buffer.begin(RecordKind::kChanges, 1);
  buffer.set(1, {.key = "k", .value = view});
  buffer.end();
  EXPECT_FALSE(value.sole());
  buffer.compress(compressor_);
  EXPECT_TRUE(value.sole());
  EXPECT_EQ(read_all(sealed_text(buffer, kSalt)).size(), 1U);
}

TEST_F(RecordCompressionTest, ABufferIsUsedAgain) {
  RecordBuffer buffer(100);
  const auto fill = [&] {
    buffer.begin(RecordKind::kChanges, 1);
    buffer.set(1, {.key = "k", .value = ValueView::from_bytes(std::string(500, 'v'))});
    buffer.end();
    buffer.compress(compressor_);
    return sealed_text(buffer, kSalt);
  };
  const std::string first = fill();
  for (const std::size_t keep_bytes : {std::size_t{0}, std::size_t{1'000'000}}) {
    buffer.clear_all(keep_bytes);
    EXPECT_FALSE(buffer.has_uncompressed());
    EXPECT_EQ(buffer.bytes(), 0U);
    EXPECT_EQ(fill(), first);
  }
}

/// A kSet of the key "k" with a compressed value: its length as it is said, and its text.
std::string payload_with(std::uint64_t bytes, std::string_view text, char flags = '\x10') {
  RecordBuffer buffer;
  buffer.begin(RecordKind::kChanges, 1);
  const std::string head = std::string("\1\1") + flags + "\1k\7";
  buffer.put_payload(head);
  buffer.put_varint(bytes);
  buffer.put_payload(text);
  buffer.end();
  return sealed_text(buffer, kSalt).substr(format::kRecordHeaderBytes);
}

std::string complaint(std::string_view payload) {
  const auto read = read_operations(payload, [](const Operation&) { return Result<void>(); });
  return read ? "" : read.error().message;
}

TEST_F(RecordCompressionTest, WhatIsWrongIsNamedWithItsByte) {
  const CompressedValue made = compressor_.compress(std::string(1'000, 'v'));
  const std::string text(made.text);
  EXPECT_EQ(complaint(payload_with(1'000, text)), "");
  EXPECT_EQ(complaint(payload_with(1'000, text, '\x11')),
            "byte 2 of the payload: an integer cannot be compressed");
  EXPECT_EQ(complaint(payload_with(kValueBytesMaxCeiling + 1, text)),
            "byte 6 of the payload: the length of the value is 536870913, over 536870912");
  EXPECT_EQ(complaint(payload_with(1'000, "")),
            "byte 8 of the payload: compressed value is cut off or over 64 bits");
  EXPECT_EQ(complaint(payload_with(1'000, text.substr(0, 9))),
            "byte 8 of the payload: a compressed value of " + std::to_string(text.size() - 1) +
                " bytes goes past the end");
  EXPECT_EQ(complaint(payload_with(999, text)),
            "byte 8 of the payload: a zstd frame with 1000 bytes for a value of 999");
  EXPECT_EQ(complaint(payload_with(kValueBytesMaxCeiling, text)),
            "byte 11 of the payload: a zstd frame with 1000 bytes for a value of 536870912");
  EXPECT_EQ(complaint(payload_with(1'000, "\3abc")),
            "byte 8 of the payload: what should be a zstd frame is none");
}

}  // namespace
}  // namespace appmem::storage
