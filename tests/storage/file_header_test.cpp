#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crc32c.h"
#include "little_endian.h"
#include "log_format.h"
#include "record.h"
#include "support/random.h"

namespace appmem::storage {
namespace {

using test::Random;
using testing::HasSubstr;

const FileHeader kHeader{.directory = 0x0123456789ABCDEF,
                         .sequence = 0xFEDCBA9876543210,
                         .created_ms = 1'704'067'200'000,
                         .salt = 0xDEADBEEF,
                         .hash_seed = 0x1122334455667788};

std::string encoded() {
  return encode_file_header(format::kSegmentMagic, kHeader);
}

/// With the checksum that fits what it holds now.
std::string resealed(std::string bytes) {
  store_u32(bytes.data() + format::kHeaderCrcAt, 0);
  store_u32(bytes.data() + format::kHeaderCrcAt, crc32c(bytes));
  return bytes;
}

void expect_refused(std::string_view bytes, std::string_view why) {
  const Result<FileHeader> header = decode_file_header(format::kSegmentMagic, bytes);
  ASSERT_FALSE(header.has_value()) << why;
  EXPECT_EQ(header.error().code, ErrorCode::kInvalidRequest);
  EXPECT_THAT(header.error().message, HasSubstr(why));
}

TEST(FileHeaderTest, IsReadAsItWasWritten) {
  const std::string bytes = encoded();
  ASSERT_EQ(bytes.size(), format::kFileHeaderBytes);
  const Result<FileHeader> header = decode_file_header(format::kSegmentMagic, bytes + "more");
  ASSERT_TRUE(header.has_value()) << header.error().message;
  EXPECT_EQ(header->directory, kHeader.directory);
  EXPECT_EQ(header->sequence, kHeader.sequence);
  EXPECT_EQ(header->created_ms, kHeader.created_ms);
  EXPECT_EQ(header->salt, kHeader.salt);
  EXPECT_EQ(header->hash_seed, kHeader.hash_seed);
}

TEST(FileHeaderTest, ItsChecksumIsThatOfTheHeaderWithTheFieldZero) {
  EXPECT_EQ(encoded(), resealed(encoded()));
}

TEST(FileHeaderTest, OneThatIsCutOffIsRefused) {
  const std::string bytes = encoded();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    expect_refused(std::string_view(bytes).substr(0, size), "cut off");
}

TEST(FileHeaderTest, AnotherKindOfFileIsRefused) {
  expect_refused(encode_file_header(format::kCheckpointMagic, kHeader),
                 "does not begin with \"APPMEMLG\"");
}

TEST(FileHeaderTest, EachFlippedBitIsFound) {
  for (std::size_t bit = 0; bit < format::kFileHeaderBytes * 8; ++bit) {
    std::string bytes = encoded();
    bytes[bit / 8] = static_cast<char>(static_cast<unsigned char>(bytes[bit / 8]) ^ 1U << bit % 8);
    expect_refused(bytes, bit < format::kVersionAt * 8 ? "does not begin" : "damaged");
  }
}

TEST(FileHeaderTest, AnotherVersionIsNamedTogetherWithTheOneThatIsKnown) {
  std::string bytes = encoded();
  store_u32(bytes.data() + format::kVersionAt, 2);
  expect_refused(resealed(bytes), "has format version 2, this program knows version 1");
}

TEST(FileHeaderTest, AFieldThatIsNotKnownIsRefused) {
  std::string bytes = encoded();
  bytes[format::kHashSeedAt + 8] = 1;
  expect_refused(resealed(bytes), "fields that this program does not know");
}

TEST(FileHeaderTest, AnyBytesAreReadOrRefused) {
  Random random(1);
  for (int i = 0; i < 1'000; ++i) {
    const std::string bytes = random.bytes(random.below(80));
    EXPECT_FALSE(decode_file_header(format::kSegmentMagic, bytes).has_value());
  }
}

}  // namespace
}  // namespace appmem::storage
