#include "json_scan.h"

#include <limits>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "ndjson_reference.h"
#include "support/random.h"

namespace appmem::codecs {
namespace {

bool accepts(std::string_view text) {
  return static_cast<bool>(scan_json_text(text, 64));
}

std::optional<std::string> unescaped(std::string_view raw) {
  std::string out(raw.size(), '\0');
  const std::size_t size = unescape_json(raw, out.data());
  if (size == kBadEscape) return std::nullopt;
  out.resize(size);
  return out;
}

TEST(JsonScanTest, AcceptsWhatIsJson) {
  for (const char* text : {"null",
                           "true",
                           "false",
                           "0",
                           "-0",
                           "12",
                           "-1.5",
                           "1e400",
                           "1E+5",
                           "1.0e-5",
                           "\"\"",
                           "[]",
                           "{}",
                           " [ 1 , 2 ] ",
                           "{\"a\":{\"b\":[{}]},\"a\":1}",
                           "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\"",
                           "\"\\ud83d\\ude08\"",
                           "\"\xc3\xa9\"",
                           "9223372036854775808",
                           "[[],[[]]]",
                           "\t\r\n1"}) {
    EXPECT_TRUE(accepts(text)) << text;
    EXPECT_TRUE(reference::is_json(text)) << text;
  }
}

TEST(JsonScanTest, RefusesWhatIsNot) {
  for (const char* text : {"",
                           " ",
                           "nul",
                           "nulll",
                           "TRUE",
                           "01",
                           "-",
                           "+1",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "0x1",
                           "[1,,2]",
                           "[1,]",
                           "[,1]",
                           "[",
                           "]",
                           "[1",
                           "[1}",
                           "{",
                           "}",
                           "{]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{\"a\" 1}",
                           "{1:2}",
                           "\"",
                           "\"a",
                           "\"\\\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12G4\"",
                           "\"\\ud800\"",
                           "\"\\ude00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\ud800x\"",
                           "\"a\nb\"",
                           "\"\x01\"",
                           "1 2",
                           "[]]",
                           "{}{}",
                           "nan",
                           "'a'"}) {
    EXPECT_FALSE(accepts(text)) << text;
    EXPECT_FALSE(reference::is_json(text)) << text;
  }
}

TEST(JsonScanTest, SaysWhereAndWhat) {
  const std::string text = "[1, 2, x]";
  const JsonScan scan = scan_json_text(text, 64);
  EXPECT_STREQ(scan.problem, "expected a value");
  EXPECT_EQ(scan.end - text.data(), 7);
  EXPECT_FALSE(scan.too_deep);
}

TEST(JsonScanTest, StopsBehindTheValue) {
  const std::string text = "{\"a\":[1]} , more";
  const JsonScan scan = scan_json_value(text.data(), text.data() + text.size(), 64);
  EXPECT_TRUE(scan);
  EXPECT_EQ(scan.end - text.data(), 9);
}

TEST(JsonScanTest, NestingHasALimit) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  for (const std::size_t limit : {std::size_t{1}, std::size_t{64}, kJsonScanDepthMax}) {
    EXPECT_TRUE(scan_json_text(nested(limit), limit));
    const JsonScan scan = scan_json_text(nested(limit + 1), limit);
    EXPECT_FALSE(scan);
    EXPECT_TRUE(scan.too_deep);
  }
  EXPECT_TRUE(scan_json_text("1", 0));
}

TEST(JsonScanTest, EveryPrefixIsRefusedWithoutReadingBeyondIt) {
  const std::string text = R"({"a":[1.5e3,"x\u00e9\ud83d\ude08",true,null],"b":{"c":{}}})";
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::string prefix = text.substr(0, size);  // its end is its own, for ASan
    EXPECT_FALSE(accepts(prefix)) << prefix;
  }
  EXPECT_TRUE(accepts(text));
}

TEST(JsonScanTest, AgreesWithTheReferenceOnDamagedText) {
  test::Random random(1);
  const std::string whole =
      R"({"a":[1.5e3,"x\u00e9",true,null,-0,"\\"],"b":{"c":{}},"d":[[],[{}]]})";
  constexpr std::string_view kBytes = "{}[],:\"\\0123.eE+-tfnu ax\x01\xff";
  for (int i = 0; i < 20'000; ++i) {
    std::string text = whole;
    for (std::uint64_t changes = random.between(1, 3); changes > 0; --changes) {
      const std::size_t at = random.below(text.size());
      const char byte = kBytes[random.below(kBytes.size())];
      switch (random.below(3)) {
        case 0:
          text[at] = byte;
          break;
        case 1:
          text.insert(at, 1, byte);
          break;
        default:
          text.erase(at, 1);
          break;
      }
    }
    // UTF-8 is not the scanner's to check.
    if (text.find('\xff') != std::string::npos) continue;
    EXPECT_EQ(accepts(text), reference::is_json(text)) << text;
  }
}

TEST(JsonScanTest, SpecialBytesAreFoundAtEveryPlace) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string plain(size, '\x7f');
    EXPECT_TRUE(is_plain_json(plain));
    EXPECT_EQ(find_json_special(plain.data(), plain.data() + size), plain.data() + size);
    for (std::size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string text = plain;
        text[at] = static_cast<char>(c);
        const bool special = c < 0x20 || c == '"' || c == '\\';
        const char* const found = find_json_special(text.data(), text.data() + size);
        EXPECT_EQ(found, text.data() + (special ? at : size)) << c << " at " << at;
        EXPECT_EQ(is_plain_json(text), !special && c < 0x80) << c << " at " << at;
      }
    }
  }
}

TEST(JsonScanTest, EscapesBecomeBytes) {
  EXPECT_EQ(unescaped("plain"), "plain");
  EXPECT_EQ(unescaped(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(unescaped(R"(a\u0000b)"), std::string("a\0b", 3));
  EXPECT_EQ(unescaped(R"(\u007f\u0080\u07ff\u0800\uffff)"),
            "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf");
  EXPECT_EQ(unescaped(R"(\ud800\udc00\uDBFF\uDFFF)"), "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf");
  for (const char* raw :
       {"\\", "\\x", "\\u", "\\u123", "\\ud800", "\\udc00", "\\ud800\\n", "\\ud800\\u0041"}) {
    EXPECT_EQ(unescaped(raw), std::nullopt) << raw;
  }
}

TEST(JsonScanTest, IntegersAreReadExactly) {
  using Kind = JsonInteger::Kind;
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  const std::pair<const char*, std::int64_t> fitting[] = {{"0", 0},
                                                          {"-0", 0},
                                                          {"7", 7},
                                                          {"-12", -12},
                                                          {"9223372036854775807", kMax},
                                                          {"-9223372036854775808", kMin}};
  for (const auto& [text, value] : fitting) {
    EXPECT_EQ(read_json_integer(text).kind, Kind::kFits) << text;
    EXPECT_EQ(read_json_integer(text).value, value) << text;
  }
  for (const char* text :
       {"9223372036854775808", "-9223372036854775809", "100000000000000000000"}) {
    EXPECT_EQ(read_json_integer(text).kind, Kind::kTooLarge) << text;
  }
  for (const char* text : {"", "-", "01", "-01", "+1", "1.0", "1e2", "x", "1x", " 1", "1 "}) {
    EXPECT_EQ(read_json_integer(text).kind, Kind::kNoInteger) << text;
  }
}

}  // namespace
}  // namespace appmem::codecs
