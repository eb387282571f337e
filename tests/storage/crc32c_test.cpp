#include "crc32c.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support/random.h"

namespace appmem::storage {
namespace {

using test::Random;

struct Vector {
  std::string bytes;
  std::uint32_t crc;
};

/// RFC 3720, B.4, and the catalogue's check value.
std::vector<Vector> vectors() {
  std::string rising;
  for (char c = 0; c < 32; ++c)
    rising += c;
  const std::string falling(rising.rbegin(), rising.rend());
  std::string read_command(48, '\0');
  read_command[0] = '\x01';
  read_command[1] = '\xC0';
  read_command[16] = '\x14';
  read_command[22] = '\x04';
  read_command[27] = '\x14';
  read_command[31] = '\x18';
  read_command[32] = '\x28';
  read_command[40] = '\x02';
  return {
      {std::string(32, '\0'), 0x8A9136AA},
      {std::string(32, '\xFF'), 0x62A8AB43},
      {rising, 0x46DD794E},
      {falling, 0x113FDB5C},
      {read_command, 0xD9963A56},
      {"123456789", 0xE3069283},
      {"", 0},
  };
}

TEST(Crc32cTest, HasThePublishedValues) {
  for (const Vector& vector : vectors()) {
    EXPECT_EQ(crc32c(vector.bytes), vector.crc);
    EXPECT_EQ(crc32c_by_tables(vector.bytes), vector.crc);
  }
}

TEST(Crc32cTest, TheInstructionAndTheTablesAgreeForEachLengthAndAlignment) {
  Random random(1);
  const std::string bytes = random.bytes(400);
  for (std::size_t length = 0; length <= 300; ++length) {
    for (std::size_t from = 0; from < 16; ++from) {
      const std::string_view part = std::string_view(bytes).substr(from, length);
      ASSERT_EQ(crc32c(part, 7), crc32c_by_tables(part, 7)) << length << " bytes from " << from;
    }
  }
}

TEST(Crc32cTest, LongInputsTakenInStripesAgreeWithTheTables) {
  Random random(1);
  const std::string bytes = random.bytes(60'000);
  for (int i = 0; i < 300; ++i) {
    const std::size_t from = random.below(64);
    const std::string_view part = std::string_view(bytes).substr(from, random.below(59'000));
    const auto salt = static_cast<std::uint32_t>(random());
    ASSERT_EQ(crc32c(part, salt), crc32c_by_tables(part, salt)) << part.size();
  }
}

TEST(Crc32cTest, GoesOnWhereItStopped) {
  Random random(1);
  const std::string bytes = random.bytes(2'000);
  const std::string_view whole = bytes;
  for (const std::size_t at : {0U, 1U, 7U, 8U, 767U, 768U, 1'999U, 2'000U}) {
    EXPECT_EQ(crc32c(whole.substr(at), crc32c(whole.substr(0, at))), crc32c(whole)) << at;
  }
}

}  // namespace
}  // namespace appmem::storage
