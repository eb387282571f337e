#include "appmem/base/namespace_name.h"

#include <string>

#include <gtest/gtest.h>

#include "appmem/base/limits.h"

namespace appmem::test {
namespace {

TEST(NamespaceName, IsOfAFewCharactersAndNoNumber) {
  for (const char* const name : {"a", "Z9", "a.b_c:d-e", "9a", "-", "db1"})
    EXPECT_EQ(namespace_name_complaint(name), "") << name;
  EXPECT_EQ(namespace_name_complaint(std::string(kNamespaceNameBytesMax, 'a')), "");
  for (const std::string& name :
       {std::string(), std::string(kNamespaceNameBytesMax + 1, 'a'), std::string("a b"),
        std::string("a/b"), std::string("a\0", 2), std::string("\xC3\xA4")}) {
    EXPECT_NE(namespace_name_complaint(name).find("A-Z a-z 0-9"), std::string_view::npos) << name;
  }
  EXPECT_EQ(namespace_name_complaint("0"), "a namespace name may not be a number");
  EXPECT_EQ(namespace_name_complaint("0123"), "a namespace name may not be a number");
}

}  // namespace
}  // namespace appmem::test
