#include "appmem/base/units.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/random.h"

namespace appmem {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kUint64Max = std::numeric_limits<std::uint64_t>::max();

TEST(ByteSizeTest, ParsesEveryUnitInAnyCase) {
  const std::vector<std::pair<std::string, std::uint64_t>> cases = {
      {"0", 0},
      {"4096", 4096},
      {"7B", 7},
      {"7b", 7},
      {"1KiB", 1024},
      {"1kib", 1024},
      {"1k", 1024},
      {"1K", 1024},
      {"1kB", 1000},
      {"1KB", 1000},
      {"3MiB", 3_MiB},
      {"3m", 3_MiB},
      {"3MB", 3'000'000},
      {"2GiB", 2_GiB},
      {"2g", 2_GiB},
      {"2gb", 2'000'000'000},
      {"1TiB", 1024_GiB},
      {"1t", 1024_GiB},
      {"1tb", 1'000'000'000'000},
      {"512 MiB", 512_MiB},
      {"512 \t MiB", 512_MiB},
      {"007k", 7_KiB},
  };
  for (const auto& [text, bytes] : cases) {
    EXPECT_EQ(parse_byte_size(text).value_or(kUint64Max), bytes) << text;
  }
}

TEST(ByteSizeTest, FractionsAreExactAndRoundedDownToBytes) {
  EXPECT_EQ(parse_byte_size("1.5GiB").value(), 1_GiB + 512_MiB);
  EXPECT_EQ(parse_byte_size("0.5k").value(), 512U);
  EXPECT_EQ(parse_byte_size("1.3GiB").value(), 1'395'864'371U);
  EXPECT_EQ(parse_byte_size("0.0001k").value(), 0U);
  EXPECT_EQ(parse_byte_size("0.1kB").value(), 100U);
  EXPECT_EQ(parse_byte_size("0.999999999999999999999999999999TB").value(), 999'999'999'999U);
}

TEST(ByteSizeTest, TheLargestSizeFitsAndOneMoreDoesNot) {
  EXPECT_EQ(parse_byte_size("18446744073709551615").value(), kUint64Max);
  EXPECT_EQ(parse_byte_size("16777215TiB").value(), kUint64Max - 1024_GiB + 1);
  EXPECT_EQ(parse_byte_size("16777215.99999999999999999999TiB").value(), kUint64Max);
  for (const char* const text :
       {"18446744073709551616", "16777216TiB", "16777216.0TiB", "18014398509481984KiB",
        "99999999999999999999999999999999999", "184467440737095516150"}) {
    EXPECT_FALSE(parse_byte_size(text)) << text;
  }
}

TEST(ByteSizeTest, RefusesWhatIsNoSizeAndShowsIt) {
  for (const char* const text :
       {"",      " ",     "k",    "MiB",  "-1",   "+1",    "1.",  ".5",  "1.k",
        "1..5k", "1.5",   "1.5B", "1e3",  "0x10", "1 ",    " 1",  "1k ", "1ki",
        "1kibb", "1 k b", "1,5k", "1PiB", "1\n",  "1_000", "nan", "inf", "1\xc2\xa0k"}) {
    const Result<std::uint64_t> result = parse_byte_size(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidRequest);
    EXPECT_NE(result.error().message.find("512MiB"), std::string::npos) << "an example";
  }
  EXPECT_FALSE(parse_byte_size(std::string_view("1\0k", 3)));
  EXPECT_NE(parse_byte_size("12 parsecs").error().message.find("\"12 parsecs\""),
            std::string::npos);
}

TEST(ByteSizeTest, MessagesStayShortAndPrintable) {
  const std::string message = parse_byte_size(std::string(100'000, '\x1b')).error().message;
  EXPECT_LT(message.size(), 200U);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(parse_byte_size("1" + std::string(100'000, 'x')).error().message.size(), 250U);
}

TEST(ByteSizeTest, FormatsInTheLargestUnitThatIsExact) {
  EXPECT_EQ(format_byte_size(0), "0B");
  EXPECT_EQ(format_byte_size(1000), "1000B");
  EXPECT_EQ(format_byte_size(1_KiB), "1KiB");
  EXPECT_EQ(format_byte_size(1536_KiB), "1536KiB");
  EXPECT_EQ(format_byte_size(512_MiB), "512MiB");
  EXPECT_EQ(format_byte_size(3_GiB), "3GiB");
  EXPECT_EQ(format_byte_size(2048_GiB), "2TiB");
  EXPECT_EQ(format_byte_size(kUint64Max), "18446744073709551615B");
}

TEST(ByteSizeTest, WhatIsFormattedParsesBack) {
  test::Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t bytes = random() >> random.below(64) << random.below(64);
    ASSERT_EQ(parse_byte_size(format_byte_size(bytes)).value(), bytes);
  }
}

TEST(DurationTest, ParsesEveryUnit) {
  const std::vector<std::pair<std::string, milliseconds>> cases = {
      {"0", milliseconds{0}},
      {"0s", milliseconds{0}},
      {"250ms", milliseconds{250}},
      {"30s", std::chrono::seconds{30}},
      {"5m", std::chrono::minutes{5}},
      {"5min", std::chrono::minutes{5}},
      {"2h", std::chrono::hours{2}},
      {"3d", std::chrono::hours{72}},
      {"2w", std::chrono::hours{14 * 24}},
      {"1h30m", std::chrono::minutes{90}},
      {"1w2d3h4m5s6ms", milliseconds{788'645'006}},
      {"1.5s", milliseconds{1500}},
      {"0.001s", milliseconds{1}},
      {"1.50000s", milliseconds{1500}},
      {"0.5h30s", milliseconds{1'830'000}},
      {"9223372036854775807ms", milliseconds::max()},
  };
  for (const auto& [text, duration] : cases) {
    const Result<milliseconds> result = parse_duration(text);
    ASSERT_TRUE(result) << text;
    EXPECT_EQ(*result, duration) << text;
  }
}

TEST(DurationTest, RefusesWhatIsNoDuration) {
  for (const char* const text :
       {"",     "5",   "00",    "1.5",  "s",      "-1s",    "+1s",     "1 s",
        " 1s",  "1s ", "1S",    "5M",   "1y",     "1sec",   "1.s",     ".5s",
        "1e3s", "1s1", "1s30m", "1s2s", "1m2min", "1h 30m", "0.0001s", "0.5ms",
        "1,5s", "1us", "ms1",   "1hh",  "0x1s",   "1..5s",  "1h-30m",  "\xff"}) {
    const Result<milliseconds> result = parse_duration(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidRequest);
    EXPECT_NE(result.error().message.find("30s"), std::string::npos) << "an example";
  }
}

TEST(DurationTest, RefusesWhatDoesNotFit) {
  for (const char* const text :
       {"9223372036854775808ms", "18446744073709551616ms", "15250284453w", "9223372036854775807s",
        "15250284452w9223372036854775807ms", "99999999999999999999999999999d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(DurationTest, FormatsTheShortestExactForm) {
  EXPECT_EQ(format_duration(milliseconds{0}), "0s");
  EXPECT_EQ(format_duration(milliseconds{1500}), "1500ms");
  EXPECT_EQ(format_duration(std::chrono::seconds{90}), "90s");
  EXPECT_EQ(format_duration(std::chrono::minutes{5}), "5m");
  EXPECT_EQ(format_duration(std::chrono::hours{24}), "1d");
  EXPECT_EQ(format_duration(std::chrono::hours{24 * 7}), "1w");
  EXPECT_EQ(format_duration(milliseconds{-90'000}), "-90s");
  EXPECT_EQ(format_duration(milliseconds::max()), "9223372036854775807ms");
  EXPECT_EQ(format_duration(milliseconds::min()), "-9223372036854775808ms");
}

TEST(DurationTest, WhatIsFormattedParsesBack) {
  test::Random random(2);
  for (int i = 0; i < 100'000; ++i) {
    const auto count = static_cast<std::int64_t>(random() >> (1 + random.below(63)));
    const milliseconds duration{count / 1000 * (random.one_in(2) ? 1000 : 1)};
    ASSERT_EQ(parse_duration(format_duration(duration)).value(), duration);
  }
}

TEST(UnitsTest, AnyBytesAreAnsweredWithoutHarm) {
  test::Random random(3);
  constexpr std::string_view kAlphabet = "0123456789. kKmMgGtTiIbBsSdDhHwWnN-+e";
  for (int i = 0; i < 200'000; ++i) {
    std::string text = random.bytes(random.below(12));
    if (!random.one_in(4)) {
      for (char& c : text)
        c = kAlphabet[random.below(kAlphabet.size())];
    }
    const Result<std::uint64_t> size = parse_byte_size(text);
    if (!size) {
      EXPECT_LT(size.error().message.size(), 250U);
    }
    const Result<milliseconds> duration = parse_duration(text);
    if (duration) {
      EXPECT_GE(duration->count(), 0);
    }
  }
}

}  // namespace
}  // namespace appmem
