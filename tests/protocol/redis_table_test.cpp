#include "appmem/protocol/redis_table.h"

#include <cctype>
#include <cstddef>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/environment.h"

/// The rows of the table beside the tables of docs/protocol.md: `NAME word [word ...]` in a first
/// cell, below a heading that names the group.
namespace appmem::protocol {
namespace {

struct Syntax {
  std::string text;
  std::string group;
};

/// What stands between backquotes.
std::vector<std::string> in_backquotes(const std::string& text) {
  std::vector<std::string> found;
  std::istringstream parts(text);
  std::string part;
  for (bool inside = false; std::getline(parts, part, '`'); inside = !inside) {
    if (inside) found.push_back(part);
  }
  return found;
}

std::vector<Syntax> documented() {
  std::ifstream file(test::source_dir() / "docs/protocol.md");
  EXPECT_TRUE(file.is_open());
  std::vector<Syntax> all;
  std::string group;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) {
      const auto names = in_backquotes(line);
      group = line.starts_with("#### ") && names.size() == 1 ? names[0] : "";
    } else if (!group.empty() && line.starts_with("| `")) {
      for (const std::string& text : in_backquotes(line.substr(0, line.find(" | ", 2))))
        all.push_back({text, group});
    }
  }
  return all;
}

/// The arity that a syntax shows: what stands in brackets need not be there.
int arity_of(const std::string& text) {
  int words = 0;
  int depth = 0;
  bool in_word = false;
  for (const char c : text) {
    if (c == '[') ++depth;
    const bool is_part = depth == 0 && c != ' ';
    if (is_part && !in_word) ++words;
    in_word = is_part;
    if (c == ']') --depth;
  }
  return text.find('[') == std::string::npos ? words : -words;
}

std::string in_small_letters(std::string text) {
  for (char& c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// The name that the row of a command or subcommand would have.
std::string row_name(const std::string& text) {
  std::istringstream words(text);
  std::string name;
  std::string second;
  words >> name >> second;
  const RedisSpec* const command = find_redis_command(name);
  const bool is_subcommand = command != nullptr && !redis_subcommands(command->id).empty() &&
                             !second.empty() && std::isupper(second[0]) != 0;
  return in_small_letters(is_subcommand ? name + '|' + second : name);
}

TEST(RedisTableTest, TheDocsNameEveryCommandAndNoOther) {
  std::map<std::string, Syntax> docs;
  for (const Syntax& syntax : documented()) {
    const std::string name = row_name(syntax.text);
    EXPECT_TRUE(docs.emplace(name, syntax).second) << name << " is there twice";
  }
  const auto expect_row = [&](const RedisSpec& row) {
    const auto found = docs.find(std::string(row.name));
    ASSERT_NE(found, docs.end()) << "docs/protocol.md has no row for " << row.name;
    EXPECT_EQ(found->second.group, redis_spec(row.id).group) << row.name;
    EXPECT_EQ(arity_of(found->second.text), row.arity) << found->second.text;
    docs.erase(found);
  };
  for (const RedisSpec& row : redis_table()) {
    expect_row(row);
    for (const RedisSpec& subcommand : redis_subcommands(row.id))
      expect_row(subcommand);
  }
  for (const auto& [name, syntax] : docs)
    ADD_FAILURE() << "docs/protocol.md has a row for what is no command: " << syntax.text;
}

TEST(RedisTableTest, NamesAreFoundInLettersOfAnyCase) {
  for (const RedisSpec& row : redis_table()) {
    EXPECT_EQ(find_redis_command(row.name), &row);
    std::string capitals(row.name);
    for (char& c : capitals)
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_EQ(find_redis_command(capitals), &row);
    EXPECT_EQ(find_redis_command(std::string(row.name) + "x"), nullptr);
  }
  EXPECT_EQ(find_redis_command(""), nullptr);
  EXPECT_EQ(find_redis_command(std::string(100'000, 'g')), nullptr);
}

}  // namespace
}  // namespace appmem::protocol
