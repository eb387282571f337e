#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config_file.h"
#include "config_text.h"
#include "options.h"
#include "support/environment.h"
#include "support/temporary_directory.h"

/// What the documents say about options is what the program says. With APPMEM_UPDATE_DOCUMENTS=1 in
/// the environment the documents are written instead.
namespace appmem::daemon::test {
namespace {

using appmem::test::source_dir;

constexpr std::string_view kBegin =
    "<!-- options: begin (written by the test appmemd_documents_test) -->\n";
constexpr std::string_view kEnd = "<!-- options: end -->\n";

std::string read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream) << path;
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Compares, or writes.
void expect_content(const std::filesystem::path& path, const std::string& expected) {
  if (appmem::test::environment("APPMEM_UPDATE_DOCUMENTS", "") == "1") {
    std::ofstream(path, std::ios::binary) << expected;
  }
  EXPECT_EQ(read(path), expected) << "run this test with APPMEM_UPDATE_DOCUMENTS=1 to bring "
                                  << path << " up to date";
}

TEST(DocumentsTest, TheExampleFileHasEveryOptionWithItsDefault) {
  expect_content(source_dir() / "packaging/config/appmemd.toml", example_config());
}

TEST(DocumentsTest, TheExampleFileIsValidWhenItsOptionsAreTakenOutOfTheirComments) {
  std::istringstream example(example_config());
  const appmem::test::TemporaryDirectory directory;
  const std::string path = directory.file("appmemd.toml");
  {
    std::ofstream file(path);
    for (std::string line; std::getline(example, line);) {
      const bool option = line.starts_with("#") && !line.starts_with("# ") && line != "#" &&
                          !line.starts_with("#  ");
      file << (option ? line.substr(1) : line) << "\n";
    }
  }
  Options options;
  std::size_t given = 0;
  const auto result = read_config_file(path, options, [&](std::string_view) { ++given; });
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(given, option_rows().size());
}

TEST(DocumentsTest, TheTableOfOptionsIsTheProgram) {
  const std::filesystem::path path = source_dir() / "docs/configuration.md";
  const std::string text = read(path);
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  expect_content(path,
                 text.substr(0, begin + kBegin.size()) + options_as_markdown() + text.substr(end));
}

TEST(DocumentsTest, TheManualPageHasEveryOption) {
  const std::string page = read(source_dir() / "docs/man/appmemd.1");
  for (const OptionRow& row : option_rows()) {
    EXPECT_THAT(page, testing::HasSubstr(".It Fl -" + std::string(row.name)));
  }
}

TEST(DocumentsTest, TheUnitUsesOptionsThatExist) {
  std::istringstream unit(read(source_dir() / "packaging/systemd/appmemd.service"));
  std::size_t seen = 0;
  for (std::string word; unit >> word;) {
    if (!word.starts_with("--")) continue;
    EXPECT_NE(find_option(word.substr(2)), nullptr) << word;
    ++seen;
  }
  EXPECT_GT(seen, 0U);
}

}  // namespace
}  // namespace appmem::daemon::test
