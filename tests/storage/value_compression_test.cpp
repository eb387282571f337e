#include "value_compression.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "appmem/base/limits.h"
#include "appmem/base/units.h"
#include "record.h"
#include "support/random.h"

namespace appmem::storage {
namespace {

using test::Random;
using testing::HasSubstr;

/// Text that can be compressed, more or less.
std::string some_text(Random& random, std::size_t bytes) {
  const std::uint64_t letters = random.between(1, 40);
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i)
    text += static_cast<char>('0' + random.below(letters));
  return text;
}

/// The frame in the text that a compressed value is.
std::string frame_of(std::string_view value) {
  ValueCompressor compressor;
  const CompressedValue made = compressor.compress(value);
  std::string_view rest = made.text;
  const auto bytes = take_varint(rest);
  EXPECT_EQ(bytes, rest.size());
  return std::string(rest);
}

/// What is wrong with it; empty when nothing is.
std::string complaint(std::string_view frame, std::uint64_t bytes) {
  // At the end of a block of its own, so that a sanitizer sees each byte that is read behind it.
  const auto exact = std::make_unique<char[]>(frame.size());
  std::copy(frame.begin(), frame.end(), exact.get());
  ValueDecompressor values;
  const auto made = values.decompress({exact.get(), frame.size()}, bytes);
  if (made) {
    EXPECT_EQ(made->size(), bytes);
    return {};
  }
  EXPECT_EQ(made.error().code, ErrorCode::kInvalidRequest);
  return made.error().message;
}

TEST(ValueCompressionTest, GivesTheValueBackAndIsAnEighthShorter) {
  Random random(1);
  ValueCompressor compressor;
  ValueDecompressor values;
  int compressed = 0;
  for (int i = 0; i < 300; ++i) {
    const std::size_t bytes = random.below(random.one_in(20) ? 3'000'000 : 3'000);
    const std::string value = some_text(random, bytes);
    const CompressedValue made = compressor.compress(value);
    if (made.text.empty()) continue;
    ++compressed;
    ASSERT_LE(made.text.size(), value.size() - value.size() / 8);
    std::string_view frame = made.text;
    const auto frame_bytes = take_varint(frame);
    ASSERT_EQ(frame_bytes, frame.size());
    const auto again = values.decompress(frame, value.size());
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_EQ(*again, value);
  }
  EXPECT_GT(compressed, 200);
}

TEST(ValueCompressionTest, WhatDoesNotBecomeShorterIsLeft) {
  Random random(1);
  ValueCompressor compressor;
  for (const std::size_t bytes : {0U, 1U, 5U, 6U, 64U, 1'000U, 100'000U, 5'000'000U})
    EXPECT_EQ(compressor.compress(random.bytes(bytes)).text, "") << bytes;
  EXPECT_NE(compressor.compress(std::string(64, 'x')).text, "");
}

TEST(ValueCompressionTest, AFrameHasWhatAnyZstdReads) {
  const std::string value(10'000, 'v');
  const std::string frame = frame_of(value);
  std::string made(value.size(), '\0');
  EXPECT_EQ(ZSTD_decompress(made.data(), made.size(), frame.data(), frame.size()), value.size());
  EXPECT_EQ(made, value);
}

TEST(ValueCompressionTest, AFrameThatIsNoneIsRefused) {
  const std::string value(1'000, 'v');
  const std::string frame = frame_of(value);
  EXPECT_EQ(complaint(frame, 1'000), "");
  EXPECT_EQ(complaint("", 0), "what should be a zstd frame is none");
  EXPECT_EQ(complaint("abc", 3), "what should be a zstd frame is none");
  const std::string skippable("\x50\x2A\x4D\x18\1\0\0\0x", 9);
  EXPECT_EQ(complaint(skippable, 0), "what should be a zstd frame is none");
  EXPECT_EQ(complaint(frame.substr(0, 4), 1'000),
            "a zstd frame does not say how long its content is");
  for (std::size_t bytes = 0; bytes < frame.size(); ++bytes)
    EXPECT_NE(complaint(frame.substr(0, bytes), 1'000), "") << bytes;
  EXPECT_EQ(complaint(frame + "x", 1'000), "a zstd frame of " + std::to_string(frame.size()) +
                                               " bytes in " + std::to_string(frame.size() + 1));
  EXPECT_THAT(complaint(frame + frame, 1'000), HasSubstr("a zstd frame of "));
}

TEST(ValueCompressionTest, AnotherLengthThanTheFrameSaysIsRefused) {
  const std::string frame = frame_of(std::string(1'000, 'v'));
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{999}, std::uint64_t{1'001},
                                    std::uint64_t{kValueBytesMaxCeiling}}) {
    EXPECT_EQ(complaint(frame, bytes),
              "a zstd frame with 1000 bytes for a value of " + std::to_string(bytes));
  }
}

/// A frame of one block of zeros (RLE), which says that its content has so many bytes.
std::string frame_saying(std::uint32_t bytes) {
  std::string frame("\x28\xB5\x2F\xFD", 4);
  frame += '\xA0';  // a single segment, 4 bytes of content size, no checksum
  for (int shift = 0; shift < 32; shift += 8)
    frame += static_cast<char>(bytes >> static_cast<unsigned>(shift));
  const std::uint32_t block = 1U | 1U << 1U | 1'000U << 3U;  // the last one, RLE, 1000 bytes
  for (int shift = 0; shift < 24; shift += 8)
    frame += static_cast<char>(block >> static_cast<unsigned>(shift));
  return frame + '\0';
}

TEST(ValueCompressionTest, AFrameThatSaysTooMuchTakesNoMemory) {
  EXPECT_EQ(complaint(frame_saying(1'000), 1'000), "");
  // 13 bytes: three blocks at most.
  constexpr std::uint32_t kThreeBlocks = 393'216;
  EXPECT_THAT(complaint(frame_saying(kThreeBlocks), kThreeBlocks), HasSubstr("a bad zstd frame: "));
  EXPECT_EQ(complaint(frame_saying(kThreeBlocks + 1), kThreeBlocks + 1),
            "a zstd frame of 13 bytes cannot hold 393217");
  EXPECT_EQ(complaint(frame_saying(kValueBytesMaxCeiling), kValueBytesMaxCeiling),
            "a zstd frame of 13 bytes cannot hold 536870912");
}

TEST(ValueCompressionTest, AFrameWithoutContentIsAnEmptyValue) {
  std::string frame(64, '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), nullptr, 0, 1));
  EXPECT_EQ(complaint(frame, 0), "");
  // And one that has some.
  EXPECT_THAT(complaint(frame_saying(0), 0), HasSubstr("a bad zstd frame: "));
}

TEST(ValueCompressionTest, WhatZstdItselfCompressesMostIsStillPlausible) {
  const std::string value(32_MiB, '\0');
  EXPECT_EQ(complaint(frame_of(value), value.size()), "");
}

TEST(ValueCompressionTest, EachFlippedByteGivesAValueOfTheSameLengthOrIsRefused) {
  Random random(1);
  std::string frame = frame_of(some_text(random, 700));
  for (std::size_t at = 0; at < frame.size(); ++at) {
    for (int i = 0; i < 8; ++i) {
      const char was = frame[at];
      frame[at] = static_cast<char>(random());
      complaint(frame, 700);
      frame[at] = was;
    }
  }
}

}  // namespace
}  // namespace appmem::storage
