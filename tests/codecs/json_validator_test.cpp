#include <gtest/gtest.h>

#include "appmem/codecs/ndjson_codec.h"

namespace appmem::codecs {
namespace {

ErrorCode code_of(std::string_view text) {
  const auto result = make_json_validator()->validate(text);
  EXPECT_FALSE(result) << text;
  return result ? ErrorCode::kInternal : result.error().code;
}

TEST(JsonValidatorTest, TakesAnyDocument) {
  const auto validator = make_json_validator();
  for (const char* text : {"1", "\"é\"", " {\"a\":\n[1e400, 99999999999999999999]} "}) {
    EXPECT_TRUE(validator->validate(text)) << text;
  }
  EXPECT_TRUE(validator->validate(std::string(64, '[') + std::string(64, ']')));
}

TEST(JsonValidatorTest, SaysWhatIsWrong) {
  EXPECT_EQ(code_of(""), ErrorCode::kInvalidJson);
  EXPECT_EQ(code_of("[1,"), ErrorCode::kInvalidJson);
  EXPECT_EQ(code_of("\"\xff\""), ErrorCode::kInvalidJson);
  EXPECT_EQ(code_of("\"\xed\xa0\x80\""), ErrorCode::kInvalidJson) << "a surrogate in UTF-8";
  EXPECT_EQ(code_of(std::string(65, '[') + std::string(65, ']')), ErrorCode::kTooLarge);
  EXPECT_EQ(make_json_validator()->validate("[1 2]").error().message,
            "expected a comma or ] at byte 3 of the document");
}

}  // namespace
}  // namespace appmem::codecs
