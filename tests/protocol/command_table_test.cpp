#include "appmem/protocol/command_table.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/conformance.h"
#include "support/environment.h"

/// What each row of the command table must have, in itself and around it.
namespace appmem::protocol {
namespace {

std::string content(const std::filesystem::path& file) {
  std::ifstream stream(test::source_dir() / file, std::ios::binary);
  EXPECT_TRUE(stream.is_open()) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The row of a table in docs/protocol.md whose first cell names `word`.
std::string docs_row(const std::string& docs, const std::string& word) {
  std::istringstream lines(docs);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string cell = line.substr(0, line.find('|', 1));
    if (cell.find('`' + word + '`') != std::string::npos) return line;
  }
  return {};
}

bool flagged(const CommandSpec& row, std::uint16_t flag) {
  return (row.flags & flag) != 0;
}

TEST(CommandTableTest, EveryCommandHasARowInOrder) {
  ASSERT_EQ(command_table().size(), kCommandCount);
  for (std::size_t i = 0; i < kCommandCount; ++i) {
    const CommandSpec& row = command_table()[i];
    EXPECT_EQ(static_cast<std::size_t>(row.id), i) << row.name;
    EXPECT_EQ(&command_spec(row.id), &row);
  }
}

TEST(CommandTableTest, NamesAreFoundAndNothingElseIs) {
  std::set<std::string_view> names;
  for (const CommandSpec& row : command_table()) {
    EXPECT_EQ(find_command(row.name), &row);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    for (const std::string_view alias : row.aliases) {
      EXPECT_EQ(find_command(alias), &row);
      EXPECT_TRUE(names.insert(alias).second) << alias;
    }
    EXPECT_EQ(find_command(std::string(row.name) + "x"), nullptr);
    EXPECT_EQ(find_command(row.name.substr(0, row.name.size() - 1)), nullptr) << row.name;
  }
  EXPECT_EQ(find_command(""), nullptr);
  EXPECT_EQ(find_command("GET"), nullptr);
  EXPECT_EQ(find_command(std::string(100'000, 'g')), nullptr);
}

TEST(CommandTableTest, EveryRowSaysWhatItDoesAndWhoMay) {
  const std::set<CommandId> for_all{CommandId::kPing,   CommandId::kHello,  CommandId::kAuth,
                                    CommandId::kWhoami, CommandId::kHealth, CommandId::kBatch,
                                    CommandId::kUnwatch};
  for (const CommandSpec& row : command_table()) {
    EXPECT_TRUE(flagged(row, kReads | kWrites)) << row.name;
    EXPECT_EQ(row.right == Right::kNone, for_all.count(row.id) != 0)
        << row.name << ": anybody may call what has no right";
    if (row.right == Right::kWrite || row.right == Right::kAdmin) {
      EXPECT_TRUE(flagged(row, kWrites)) << row.name;
    }
    if (row.right == Right::kRead) {
      EXPECT_FALSE(flagged(row, kWrites)) << row.name;
    }
    if (flagged(row, kBatchable)) {
      EXPECT_TRUE(row.takes_ns) << row.name;
    }
    EXPECT_GT(row.summary.size(), 5U) << row.name;
    EXPECT_TRUE(row.summary.ends_with('.')) << row.name;
    EXPECT_EQ(row.summary.find('\n'), std::string_view::npos) << row.name;
  }
}

TEST(CommandTableTest, EveryFieldIsListedOnceAndExplained) {
  for (const CommandSpec& row : command_table()) {
    std::set<Field> fields;
    std::map<char, std::size_t> groups;
    for (const FieldSpec& field : row.fields) {
      EXPECT_TRUE(fields.insert(field.field).second) << row.name << ' ' << field_name(field.field);
      EXPECT_NE(field.field, Field::kNs) << row.name << ": takes_ns says it";
      EXPECT_FALSE(field.help.empty()) << row.name << ' ' << field_name(field.field);
      EXPECT_FALSE(field.required && field.unavailable) << row.name;
      EXPECT_TRUE(field.choices.empty() || field.type == FieldType::kText) << row.name;
      if (field.one_of != '\0') ++groups[static_cast<char>(std::tolower(field.one_of))];
    }
    for (const auto& [letter, size] : groups)
      EXPECT_GT(size, 1U) << row.name << ' ' << letter;
    const std::set<Field> reply(row.reply.begin(), row.reply.end());
    EXPECT_EQ(reply.size(), row.reply.size()) << row.name;
  }
}

TEST(CommandTableTest, EveryExampleNamesItsOpAndOnlyItsFields) {
  for (const CommandSpec& row : command_table()) {
    const auto example = nlohmann::json::parse(row.example);
    EXPECT_EQ(example.at("op"), row.name);
    for (const FieldSpec& field : row.fields) {
      if (field.required && field.one_of == '\0') {
        EXPECT_TRUE(example.contains(std::string(field_name(field.field)))) << row.example;
      }
    }
    for (const auto& [name, value] : example.items()) {
      const auto field = field_from_name(name);
      EXPECT_TRUE(name == "op" || (field && std::any_of(row.fields.begin(), row.fields.end(),
                                                        [&](const FieldSpec& spec) {
                                                          return spec.field == *field;
                                                        })))
          << row.name << " has no field " << name;
    }
  }
}

TEST(CommandTableTest, EveryRowHasALineInTheDocs) {
  const std::string docs = content("docs/protocol.md");
  for (const CommandSpec& row : command_table()) {
    const std::string line = docs_row(docs, std::string(row.name));
    ASSERT_FALSE(line.empty()) << "docs/protocol.md has no row for " << row.name;
    for (const FieldSpec& field : row.fields) {
      const std::string name = '`' + std::string(field_name(field.field));
      EXPECT_TRUE(line.find(name + '`') != std::string::npos ||
                  line.find(name + "?`") != std::string::npos)
          << "docs/protocol.md: the row of " << row.name << " lacks " << name;
    }
    const bool as_another = line.find("as `ns.info`") != std::string::npos;
    for (const Field field : row.reply) {
      EXPECT_TRUE(as_another || line.find(field_name(field)) != std::string::npos)
          << "docs/protocol.md: the row of " << row.name << " lacks " << field_name(field);
    }
  }
}

TEST(CommandTableTest, EveryRowHasWordsForTheFuzzer) {
  const std::string words = content("fuzz/dict/ndjson.dict");
  const auto has = [&](const std::string& word) {
    EXPECT_NE(words.find('"' + word + '"'), std::string::npos)
        << "fuzz/dict/ndjson.dict lacks the line \"" << word << '"';
  };
  for (const CommandSpec& row : command_table()) {
    has(R"(\"op\":\")" + std::string(row.name) + R"(\")");
    for (const FieldSpec& field : row.fields)
      has(R"(\")" + std::string(field_name(field.field)) + R"(\":)");
  }
}

/// The ops and the error codes of the cases in tests/conformance.
struct Conformance {
  std::set<std::string> answered;
  std::set<std::string> unavailable;
  std::set<std::string> codes;

  Conformance() {
    const auto steps =
        test::load_conformance(test::source_dir() / "tests/conformance/ndjson.jsonl");
    for (const test::ConformanceStep& step : steps) {
      if (step.kind != test::ConformanceStep::Kind::kCase) continue;
      std::string code;
      if (step.expect.contains("error")) code = step.expect["error"]["code"];
      codes.insert(code);
      std::string send = step.send;
      while (send.find("${") != std::string::npos) {
        const std::size_t begin = send.find("${");
        send.replace(begin, send.find('}', begin) + 1 - begin, "1");
      }
      const auto request = nlohmann::json::parse(send, nullptr, false);
      if (!request.is_object() || !request.contains("op") || !request["op"].is_string()) continue;
      if (code.empty()) answered.insert(request["op"].get<std::string>());
      if (code == "unavailable") unavailable.insert(request["op"].get<std::string>());
    }
  }
};

TEST(CommandTableTest, EveryRowHasAConformanceCase) {
  const Conformance cases;
  for (const CommandSpec& row : command_table()) {
    const std::string name(row.name);
    const bool is_there = !flagged(row, kUnavailable) && row.id != CommandId::kAuth;
    EXPECT_EQ((is_there ? cases.answered : cases.unavailable).count(name), 1U)
        << "tests/conformance/ndjson.jsonl has no case of " << name;
  }
}

TEST(CommandTableTest, EveryErrorAClientCanBringAboutHasAConformanceCase) {
  // What needs a token, an overloaded server, a slow network, a broken disk or a bug.
  const std::set<ErrorCode> out_of_reach{ErrorCode::kUnauthenticated, ErrorCode::kBusy,
                                         ErrorCode::kTimeout, ErrorCode::kReadOnly,
                                         ErrorCode::kInternal};
  const Conformance cases;
  for (std::size_t i = 0; i < kErrorCodeCount; ++i) {
    const auto code = static_cast<ErrorCode>(i);
    const std::string name(error_code_name(code));
    EXPECT_EQ(cases.codes.count(name), out_of_reach.count(code) == 0 ? 1U : 0U) << name;
  }
}

}  // namespace
}  // namespace appmem::protocol
