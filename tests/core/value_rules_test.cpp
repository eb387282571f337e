#include "value_rules.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace appmem::core {
namespace {

TEST(ValueRulesTest, DecimalsGoThereAndBack) {
  for (const std::int64_t integer :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{10},
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    DecimalText text;
    EXPECT_EQ(decimal_of(integer, text), std::to_string(integer));
    EXPECT_EQ(integer_of(decimal_of(integer, text)), integer);
  }
}

TEST(ValueRulesTest, OnlyCanonicalDecimalsAreIntegers) {
  for (const char* text :
       {"", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1a", "0x1", "1.0",
        "9223372036854775808", "-9223372036854775809", "99999999999999999999999"}) {
    EXPECT_EQ(integer_of(text), std::nullopt) << text;
  }
  EXPECT_EQ(integer_of(std::string_view("1\0", 2)), std::nullopt);
}

TEST(ValueRulesTest, EachTypeTakesWhatItCanHold) {
  DecimalText text;
  const ValueView bytes = ValueView::from_bytes("x");
  const ValueView digits = ValueView::from_bytes("12");
  const ValueView integer = ValueView::from_integer(7);
  const ValueView json = ValueView::from_json("7");
  const auto kind = [&](ValueType type, const ValueView& value) -> std::optional<ValueKind> {
    const auto coerced = coerce_value(type, value, text);
    if (coerced) return coerced->kind;
    EXPECT_EQ(coerced.error().code, ErrorCode::kWrongType);
    return std::nullopt;
  };
  for (const ValueView& value : {bytes, digits, integer, json}) {
    EXPECT_EQ(kind(ValueType::kAny, value), value.kind);
  }
  EXPECT_EQ(kind(ValueType::kString, bytes), ValueKind::kBytes);
  EXPECT_EQ(kind(ValueType::kString, integer), ValueKind::kBytes);
  EXPECT_EQ(coerce_value(ValueType::kString, integer, text)->bytes, "7");
  EXPECT_EQ(kind(ValueType::kString, json), std::nullopt);
  EXPECT_EQ(kind(ValueType::kInt, bytes), std::nullopt);
  EXPECT_EQ(coerce_value(ValueType::kInt, digits, text)->integer, 12);
  EXPECT_EQ(kind(ValueType::kInt, integer), ValueKind::kInteger);
  EXPECT_EQ(kind(ValueType::kInt, json), std::nullopt);
  EXPECT_EQ(kind(ValueType::kJson, bytes), std::nullopt);
  EXPECT_EQ(kind(ValueType::kJson, digits), std::nullopt);
  EXPECT_EQ(coerce_value(ValueType::kJson, integer, text)->bytes, "7");
  EXPECT_EQ(kind(ValueType::kJson, integer), ValueKind::kJson);
  EXPECT_EQ(kind(ValueType::kJson, json), ValueKind::kJson);
}

TEST(ValueRulesTest, CountersAreIntegersOrDigits) {
  EXPECT_EQ(*counter_of(ValueView::from_integer(-3)), -3);
  EXPECT_EQ(*counter_of(ValueView::from_bytes("-3")), -3);
  EXPECT_EQ(counter_of(ValueView::from_bytes("x")).error().code, ErrorCode::kNotInteger);
  EXPECT_EQ(counter_of(ValueView::from_json("3")).error().code, ErrorCode::kWrongType);
}

}  // namespace
}  // namespace appmem::core
