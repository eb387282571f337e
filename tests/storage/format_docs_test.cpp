// docs/formats/log.md shows a segment: it must be the bytes that the program writes.

#include <cctype>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "log_format.h"
#include "record.h"
#include "support/operation_text.h"

namespace appmem::storage {
namespace {

using format::RecordKind;
using test::sealed_text;

constexpr std::string_view kPage = "docs/formats/log.md";
constexpr std::uint32_t kSalt = 0x5AA5C33C;
constexpr milliseconds kMade{1'704'067'200'000};

std::string example() {
  core::NamespaceSettings settings;
  settings.persist = core::Persistence::kWal;
  settings.max_keys = 1'000;

  RecordBuffer records;
  records.begin(RecordKind::kGroup, 1);
  records.put_u64(0);
  records.end();
  records.begin(RecordKind::kChanges, 1);
  records.describe(format::Operation::kCreate, 1, "sessions", settings, false);
  records.end();
  records.begin(RecordKind::kChanges, 2);
  records.set(1, {.key = "user:1",
                  .value = ValueView::from_bytes("hello"),
                  .version = 7,
                  .deadline = WallTime{kMade + std::chrono::hours{1}}});
  records.set(1, {.key = "count", .value = ValueView::from_integer(-3), .version = 300});
  records.end();
  records.begin(RecordKind::kGroup, 3);
  records.put_u64(2);
  records.end();
  records.begin(RecordKind::kChanges, 3);
  records.remove(1, "user:1");
  records.end();

  const FileHeader header{.directory = 0x1122334455667788,
                          .sequence = 1,
                          .created_ms = static_cast<std::uint64_t>(kMade.count()),
                          .salt = kSalt};
  return encode_file_header(format::kSegmentMagic, header) + sealed_text(records, kSalt);
}

std::string hex(std::uint64_t value, int digits) {
  std::string text;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    text += "0123456789abcdef"[(value >> static_cast<unsigned>(shift)) & 0xFU];
  return text;
}

/// The line of a dump: where it begins, and its bytes.
std::string dump_line(std::size_t at, std::string_view bytes) {
  std::string line = hex(at, 4) + " ";
  for (const char byte : bytes)
    line += " " + hex(static_cast<unsigned char>(byte), 2);
  return line;
}

/// How many bytes a line of a dump shows: "0040  6e 13 d4 46     explanation".
std::size_t bytes_shown(std::string_view line) {
  std::size_t count = 0;
  for (std::size_t at = 5; at + 3 <= line.size() && line[at] == ' '; at += 3) {
    const auto is_digit = [&](std::size_t i) {
      return std::isxdigit(static_cast<unsigned char>(line[i])) != 0;
    };
    if (!is_digit(at + 1) || !is_digit(at + 2)) break;
    ++count;
  }
  return count;
}

std::vector<std::string> lines_of_example() {
  std::ifstream file{std::string(kPage)};
  std::vector<std::string> lines;
  std::string line;
  while (std::getline(file, line) && line != "## A small segment") {
  }
  while (std::getline(file, line) && line != "```text") {
  }
  while (std::getline(file, line) && line != "```")
    lines.push_back(line);
  return lines;
}

TEST(FormatDocsTest, TheExampleIsWhatTheProgramWrites) {
  const std::string bytes = example();
  std::size_t at = 0;
  for (const std::string& line : lines_of_example()) {
    const std::size_t count = bytes_shown(line);
    ASSERT_NE(count, 0U) << line;
    ASSERT_LE(at + count, bytes.size()) << line;
    const std::string expected = dump_line(at, std::string_view(bytes).substr(at, count));
    EXPECT_EQ(line.substr(0, expected.size()), expected);
    at += count;
  }
  EXPECT_EQ(at, bytes.size()) << "the example in " << kPage << " ends too early";
}

TEST(FormatDocsTest, TheExampleIsReadByTheProgram) {
  const std::string bytes = example();
  ASSERT_TRUE(decode_file_header(format::kSegmentMagic, bytes).has_value());
  std::string_view rest = std::string_view(bytes).substr(format::kFileHeaderBytes);
  std::vector<std::uint64_t> sequences;
  std::size_t operations = 0;
  while (!rest.empty()) {
    const std::optional<RecordHeader> header = decode_record_header(rest);
    ASSERT_TRUE(header.has_value());
    const std::string_view record = rest.substr(0, format::kRecordHeaderBytes + header->length);
    ASSERT_TRUE(record_is_whole(record, kSalt));
    sequences.push_back(header->sequence);
    if (header->kind == RecordKind::kChanges) {
      const auto count = [&](const Operation&) -> Result<void> {
        ++operations;
        return {};
      };
      EXPECT_TRUE(read_operations(record.substr(format::kRecordHeaderBytes), count).has_value());
    }
    rest.remove_prefix(record.size());
  }
  EXPECT_EQ(sequences, (std::vector<std::uint64_t>{1, 1, 2, 3, 3}));
  EXPECT_EQ(operations, 4U);
}

}  // namespace
}  // namespace appmem::storage
