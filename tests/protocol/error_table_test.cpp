#include "appmem/protocol/error_table.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "support/environment.h"

namespace appmem::protocol {
namespace {

TEST(ErrorTableTest, EveryCodeHasARow) {
  for (std::size_t i = 0; i < kErrorCodeCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const ErrorRow& row = error_row(code);
    EXPECT_EQ(row.code, code);
    EXPECT_GE(row.http_status, 400);
    EXPECT_LT(row.http_status, 600);
    EXPECT_FALSE(row.resp_prefix.empty());
    EXPECT_NE(row.exit_code, kExitDone);
    EXPECT_NE(row.exit_code, kExitUsage);
    EXPECT_NE(row.exit_code, kExitNoConnection);
  }
}

TEST(ErrorTableTest, ExitCodesAreThoseOfTheDocs) {
  std::ifstream file(test::source_dir() / "docs/protocol.md");
  ASSERT_TRUE(file.is_open());
  std::size_t found = 0;
  bool in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) in_table = line == "## Errors";
    if (!in_table || !line.starts_with('|')) continue;
    // | `code`, `code` | exit code | when |
    std::istringstream cells(line);
    std::string codes;
    std::string exit_code;
    std::getline(cells, codes, '|');
    std::getline(cells, codes, '|');
    std::getline(cells, exit_code, '|');
    for (std::size_t begin = codes.find('`'); begin != std::string::npos;) {
      const std::size_t end = codes.find('`', begin + 1);
      if (end == std::string::npos) break;
      if (const auto code = error_code_from_name(codes.substr(begin + 1, end - begin - 1))) {
        ++found;
        EXPECT_EQ(exit_code, ' ' + std::to_string(error_row(*code).exit_code) + ' ') << line;
      }
      begin = codes.find('`', end + 1);
    }
  }
  EXPECT_EQ(found, kErrorCodeCount);
}

TEST(ErrorTableTest, PrefixesOfRespAreThoseOfTheDocs) {
  std::ifstream file(test::source_dir() / "docs/protocol.md");
  ASSERT_TRUE(file.is_open());
  std::size_t found = 0;
  bool in_section = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("##")) in_section = line == "### Errors in RESP";
    if (!in_section || !line.starts_with("| `")) continue;
    // | `PREFIX` | `code` `code`; more |
    const std::string prefix = line.substr(3, line.find('`', 3) - 3);
    for (std::size_t i = 0; i < kErrorCodeCount; ++i) {
      const auto code = static_cast<ErrorCode>(i);
      if (line.find('`' + std::string(error_code_name(code)) + '`') == std::string::npos) continue;
      ++found;
      EXPECT_EQ(error_row(code).resp_prefix, prefix) << line;
    }
  }
  EXPECT_EQ(found, kErrorCodeCount);
}

}  // namespace
}  // namespace appmem::protocol
