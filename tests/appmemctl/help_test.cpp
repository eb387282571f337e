#include <fstream>
#include <iterator>
#include <set>
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

TEST(Help, SpeaksOfFlagsRatherThanOfTheWire) {
  for (const ctl::Subcommand& subcommand : ctl::subcommands()) {
    const std::string text = help(words_of(subcommand.name)).output;
    for (const char* const wire : {"_ms", "_bytes", "if_", "out_of_range", "ns.info", "`key`",
                                   "`by`", "`initial`", "null", "answer with"}) {
      EXPECT_THAT(text, testing::Not(HasSubstr(wire))) << subcommand.name;
    }
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      EXPECT_LE(line.size(), 120U) << line;
  }
  EXPECT_THAT(help({"incr"}).output, HasSubstr("by how much; default 1\n"));
  EXPECT_THAT(help({"ns", "create"}).output, HasSubstr("; default `lru` (lru, s3fifo, none)"));
  EXPECT_THAT(help({"ns", "alter"}).output, testing::Not(HasSubstr("default `")));
}

TEST(Help, OfAFolderListsWhatIsInIt) {
  const Ran ran = help({"ns"});
  for (const char* word : {"create", "alter", "drop", "clear", "list", "info"})
    EXPECT_THAT(ran.output, HasSubstr("\n  " + std::string(word) + " "));
}

TEST(Help, OfAFolderHasAnExample) {
  EXPECT_THAT(help({"ns"}).output,
              HasSubstr("Example:\n  appmemctl ns create sessions --type json"));
  EXPECT_THAT(help({"client"}).output, HasSubstr("Example:\n  appmemctl client kill 17"));
}

TEST(Help, SaysWhereOptionsOfABatchGo) {
  EXPECT_THAT(help({"batch"}).output, HasSubstr("JSON, which alone takes options"));
}

TEST(Help, NamesBothWordsForNoLimit) {
  const std::string text = help({"ns", "alter"}).output;
  EXPECT_THAT(text, HasSubstr("`none` or `never` for no limit"));
  EXPECT_THAT(text, HasSubstr("`never` or `none` for no"));
  EXPECT_THAT(help({"set"}).output, HasSubstr("`never` or `none` for no"));
}

TEST(Help, TheVersionIsPrinted) {
  EXPECT_THAT(appmemctl("/nowhere", {"--version"}), Prints("appmemctl " APPMEM_VERSION "\n"));
}

/// Flags in a text in which each stands behind `before`: "--ttl", ...
std::set<std::string> flags_in(const std::string& text, const std::string& before) {
  std::set<std::string> flags;
  for (std::size_t at = 0; (at = text.find(before, at)) != std::string::npos;) {
    at += before.size();
    const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", at);
    flags.insert("--" + text.substr(at, end - at));
  }
  return flags;
}

/// The options that a help lists.
std::set<std::string> options_in(const std::string& help) {
  const std::size_t begin = help.find("\nOptions:\n");
  std::set<std::string> flags;
  std::istringstream lines(help.substr(begin == std::string::npos ? help.size() : begin + 1));
  for (std::string line; std::getline(lines, line) && !line.empty();) {
    if (!line.starts_with("  -")) continue;  // a description goes on
    flags.merge(flags_in(line.substr(0, line.find(' ', 2)), "--"));
  }
  return flags;
}

/// A place of the manual page that is about one subcommand, or several together.
struct ManualEntry {
  std::set<std::string> names;
  std::string text;
};

std::vector<ManualEntry> manual_entries(const std::string& page) {
  std::vector<ManualEntry> entries;
  bool open = false;  // nothing but names yet
  bool ended = true;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    const bool is_name = line.starts_with(".It Ic ");
    if (line.starts_with(".Sh ")) ended = true;
    if (is_name && (!open || ended)) entries.emplace_back();
    open = is_name;
    if (is_name) {
      ended = false;
      const std::vector<std::string> words = words_of(line);
      std::string name = words[2];
      for (const auto& [group, about] : ctl::subcommand_groups()) {
        if (name == group) name += ' ' + words[3];
      }
      entries.back().names.insert(name);
    }
    if (!ended) entries.back().text += line + '\n';
  }
  return entries;
}

/// The manual page knows what the program's own help lists, at its place, and nothing else.
TEST(ManualPage, HasEverySubcommandWithJustItsFlags) {
  std::ifstream file(source_dir() / "docs/man/appmemctl.1");
  std::stringstream page;
  page << file.rdbuf();
  const std::set<std::string> global = options_in(help({}).output);
  EXPECT_TRUE(global.contains("--token-file"));
  for (const std::string& flag : global)
    EXPECT_THAT(page.str(), HasSubstr("Fl -" + flag.substr(2)));
  std::set<std::string> described;
  for (const ManualEntry& entry : manual_entries(page.str())) {
    const std::set<std::string> in_page = flags_in(entry.text, "Fl -");
    std::set<std::string> in_help;
    for (const std::string& name : entry.names) {
      described.insert(name);
      for (const std::string& flag : options_in(help(words_of(name)).output)) {
        if (flag == "--help") continue;
        in_help.insert(flag);
        EXPECT_TRUE(in_page.contains(flag)) << name << " has " << flag << "; the page does not";
      }
    }
    for (const std::string& flag : in_page) {
      EXPECT_TRUE(in_help.contains(flag) || global.contains(flag))
          << "the page has " << flag << " at " << *entry.names.begin();
    }
  }
  for (const ctl::Subcommand& subcommand : ctl::subcommands())
    EXPECT_TRUE(described.erase(std::string(subcommand.name)) == 1) << subcommand.name;
  EXPECT_THAT(described, testing::IsEmpty());
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
