#include "appmem/base/error.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace appmem {
namespace {

TEST(ErrorTest, EveryCodeHasAWireNameOfItsOwnThatLeadsBack) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kErrorCodeCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const std::string_view name = error_code_name(code);
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(error_code_from_name(name), code);
  }
}

TEST(ErrorTest, CodesCarryTheNamesOfTheProtocol) {
  EXPECT_EQ(error_code_name(ErrorCode::kInvalidJson), "invalid_json");
  EXPECT_EQ(error_code_name(ErrorCode::kInvalidRequest), "invalid_request");
  EXPECT_EQ(error_code_name(ErrorCode::kUnknownOp), "unknown_op");
  EXPECT_EQ(error_code_name(ErrorCode::kUnauthenticated), "unauthenticated");
  EXPECT_EQ(error_code_name(ErrorCode::kForbidden), "forbidden");
  EXPECT_EQ(error_code_name(ErrorCode::kNotFound), "not_found");
  EXPECT_EQ(error_code_name(ErrorCode::kExists), "exists");
  EXPECT_EQ(error_code_name(ErrorCode::kConflict), "conflict");
  EXPECT_EQ(error_code_name(ErrorCode::kTooLarge), "too_large");
  EXPECT_EQ(error_code_name(ErrorCode::kWrongType), "wrong_type");
  EXPECT_EQ(error_code_name(ErrorCode::kNotInteger), "not_integer");
  EXPECT_EQ(error_code_name(ErrorCode::kOverflow), "overflow");
  EXPECT_EQ(error_code_name(ErrorCode::kOutOfRange), "out_of_range");
  EXPECT_EQ(error_code_name(ErrorCode::kBusy), "busy");
  EXPECT_EQ(error_code_name(ErrorCode::kTimeout), "timeout");
  EXPECT_EQ(error_code_name(ErrorCode::kOutOfMemory), "out_of_memory");
  EXPECT_EQ(error_code_name(ErrorCode::kReadOnly), "read_only");
  EXPECT_EQ(error_code_name(ErrorCode::kUnavailable), "unavailable");
  EXPECT_EQ(error_code_name(ErrorCode::kInternal), "internal");
}

TEST(ErrorTest, AnUnknownNameOrCodeIsNoSurprise) {
  EXPECT_EQ(error_code_from_name(""), std::nullopt);
  EXPECT_EQ(error_code_from_name("not_foun"), std::nullopt);
  EXPECT_EQ(error_code_from_name("NOT_FOUND"), std::nullopt);
  EXPECT_EQ(error_code_name(static_cast<ErrorCode>(200)), "internal");
}

TEST(ErrorTest, FailMakesAResultWithoutAnIndex) {
  const Result<int> result = fail(ErrorCode::kConflict, "version is 3");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kConflict);
  EXPECT_EQ(result.error().message, "version is 3");
  EXPECT_EQ(result.error().index, std::nullopt);
}

TEST(ErrorTest, FailHandsAnErrorOnUnchanged) {
  Result<int> first = fail(Error{ErrorCode::kExists, "element", 7});
  const Result<std::string> second = fail(std::move(first).error());
  EXPECT_EQ(second.error().code, ErrorCode::kExists);
  EXPECT_EQ(second.error().message, "element");
  EXPECT_EQ(second.error().index, 7U);
}

}  // namespace
}  // namespace appmem
