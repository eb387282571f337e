#include <fstream>
#include <sstream>

#include "ctl_fixture.h"
#include "field_flags.h"
#include "subcommand.h"

namespace appmem::test {
namespace {

using testing::HasSubstr;

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  return {std::istream_iterator<std::string>(stream), {}};
}

Ran help(std::vector<std::string> words) {
  words.emplace_back("--help");
  return appmemctl("/nowhere", words);
}

TEST(Help, ListsEverySubcommand) {
  const Ran ran = help({});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(ran.errors, "");
  for (const ctl::Subcommand& subcommand : ctl::subcommands()) {
    EXPECT_THAT(ran.output, HasSubstr("\n  " + words_of(subcommand.name).front() + " "));
  }
  EXPECT_EQ(appmemctl("/nowhere", {"help"}).output, ran.output);
}

TEST(Help, OfEachSubcommandHasItsFlagsAndAnExample) {
  for (const ctl::Subcommand& subcommand : ctl::subcommands()) {
    const Ran ran = help(words_of(subcommand.name));
    EXPECT_EQ(ran.exit_code, 0) << subcommand.name;
    EXPECT_THAT(ran.output, HasSubstr("Usage: appmemctl " + std::string(subcommand.name)));
    EXPECT_THAT(ran.output, HasSubstr("Example:\n  " + std::string(subcommand.example)));
    for (const protocol::FieldSpec* field : subcommand.flag_fields())
      EXPECT_THAT(ran.output, HasSubstr("\n  " + ctl::flag_of(*field) + " "));
    for (const ctl::OwnFlag& flag : subcommand.own_flags)
      EXPECT_THAT(ran.output, HasSubstr("\n  --" + std::string(flag.name) + " "));
  }
}

TEST(Help, OfAFolderListsWhatIsInIt) {
  const Ran ran = help({"ns"});
  for (const char* word : {"create", "alter", "drop", "clear", "list", "info"})
    EXPECT_THAT(ran.output, HasSubstr("\n  " + std::string(word) + " "));
}

TEST(Help, TheVersionIsPrinted) {
  EXPECT_THAT(appmemctl("/nowhere", {"--version"}), Prints("appmemctl " APPMEM_VERSION "\n"));
}

/// The manual page knows all that the program knows.
TEST(ManualPage, HasEverySubcommandAndOption) {
  std::ifstream file(source_dir() / "docs/man/appmemctl.1");
  std::stringstream page;
  page << file.rdbuf();
  for (const ctl::Subcommand& subcommand : ctl::subcommands()) {
    EXPECT_THAT(page.str(), HasSubstr(".It Ic " + std::string(subcommand.name)));
    for (const ctl::OwnFlag& flag : subcommand.own_flags)
      EXPECT_THAT(page.str(), HasSubstr("Fl -" + std::string(flag.name)));
    for (const protocol::FieldSpec* field : subcommand.flag_fields()) {
      if (field->unavailable) continue;
      EXPECT_THAT(page.str(), HasSubstr("Fl -" + ctl::flag_of(*field).substr(2)))
          << subcommand.name;
    }
  }
  for (const char* option : {"address", "namespace", "timeout", "json", "raw", "help", "version"})
    EXPECT_THAT(page.str(), HasSubstr("Fl -" + std::string(option)));
}

/// What bash would offer for the last of `words`, sorted.
std::vector<std::string> completions(const std::vector<std::string>& words) {
  std::string script = "source <(\"$CTL\" completion bash); COMP_WORDS=(appmemctl";
  for (const std::string& word : words)
    script += " '" + word + "'";
  script += "); COMP_CWORD=" + std::to_string(words.size()) +
            "; _appmemctl; printf '%s\\n' \"${COMPREPLY[@]}\" | sort";
  ProcessOptions options;
  options.arguments = {"bash", "-euc", script};
  options.environment["CTL"] = (binary_dir() / "appmemctl").string();
  options.environment["LC_ALL"] = "C";
  const Ran ran = run(options);
  EXPECT_EQ(ran.errors, "");
  return words_of(ran.output);
}

TEST(Completion, OffersSubcommandsAndFlags) {
  EXPECT_THAT(completions({"ex"}), testing::ElementsAre("exists", "expire"));
  EXPECT_THAT(completions({"ns", "c"}), testing::ElementsAre("clear", "create"));
  EXPECT_THAT(completions({"-n", "x", "--json", "set", "k", "--if-"}),
              testing::ElementsAre("--if-absent", "--if-present", "--if-version"));
  EXPECT_THAT(completions({"ns", "create", "x", "--max-k"}), testing::ElementsAre("--max-keys"));
  EXPECT_THAT(completions({"get", "k", "--js"}), testing::ElementsAre("--json"));
}

}  // namespace
}  // namespace appmem::test
