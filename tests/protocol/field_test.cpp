#include "appmem/protocol/field.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace appmem::protocol {
namespace {

TEST(FieldTest, EveryFieldHasANameOfItsOwnThatIsFound) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    const auto field = static_cast<Field>(i);
    const std::string_view name = field_name(field);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(field_from_name(name), field) << name;
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << name;
    EXPECT_FALSE(name.ends_with("_b64")) << "is for twins";
  }
}

TEST(FieldTest, NamesAreInSnakeCase) {
  EXPECT_EQ(field_name(Field::kTtlMs), "ttl_ms");
  EXPECT_EQ(field_name(Field::kMaxValueBytes), "max_value_bytes");
  EXPECT_EQ(field_name(Field::kLarge), "large");
}

TEST(FieldTest, OtherNamesAreNotFound) {
  for (const std::string name : {"", "id", "op", "Key", "key ", "key_b64", "ttl"}) {
    EXPECT_EQ(field_from_name(name), std::nullopt) << name;
  }
  EXPECT_EQ(field_from_name(std::string(100'000, 'k')), std::nullopt);
}

}  // namespace
}  // namespace appmem::protocol
