#include <fstream>
#include <optional>
#include <set>

#include "commands/harness.h"
#include "support/environment.h"
#include "support/pattern.h"

/// Executes the examples of docs/protocol.md in NDJSON: in its unmarked fenced blocks (those marked
/// `redis` are for tests/redis/docs_test.cpp), a line that begins with `> ` is
/// sent and one that begins with `< ` is the answer. Each block has a fresh server. Numbers that
/// differ from run to run (versions, memory, times) stand for any number; `…` stands for anything.
namespace appmem::test {
namespace {

struct Exchange {
  std::string request;
  std::string answer;
  std::size_t line = 0;
};
using Block = std::vector<Exchange>;

std::vector<Block> examples() {
  std::ifstream file(source_dir() / "docs/protocol.md");
  EXPECT_TRUE(file.is_open());
  std::vector<Block> blocks;
  std::string text;
  std::optional<std::string> mark;  // of the block that has begun
  for (std::size_t line = 1; std::getline(file, text); ++line) {
    if (text.starts_with("```")) {
      mark = mark ? std::nullopt : std::optional(text.substr(3));
      if (mark == "") blocks.emplace_back();
    } else if (mark == "" && text.starts_with("> ")) {
      blocks.back().push_back({text.substr(2), {}, line});
    } else if (mark == "" && text.starts_with("< ")) {
      if (blocks.back().empty() || !blocks.back().back().answer.empty()) {
        ADD_FAILURE() << "an answer without its request in line " << line;
        continue;
      }
      blocks.back().back().answer = text.substr(2);
    }
  }
  return blocks;
}

constexpr std::string_view kVariable[] = {
    "version",   "memory", "memory_used", "memory_limit", "live",       "tables", "uptime_ms",
    "owner_uid", "pid",    "uid",         "gid",          "age_ms",     "bytes",  "connections",
    "threads",   "shards", "requests",    "client",       "old_version"};

/// Replaces the digits of variable numbers by `#`.
std::string normal(std::string text) {
  const auto replace_digits = [&](std::size_t at) {
    std::size_t end = at;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9')
      ++end;
    if (end > at) text.replace(at, end - at, "#");
  };
  for (const std::string_view name : kVariable) {
    const std::string label = '"' + std::string(name) + "\":";
    for (std::size_t at = text.find(label); at != std::string::npos; at = text.find(label, at)) {
      at += label.size();
      replace_digits(at);
    }
  }
  const std::string versions = "\"versions\":[";
  std::size_t at = text.find(versions);
  if (at != std::string::npos) {
    for (at += versions.size(); at < text.size() && text[at] != ']'; ++at)
      replace_digits(at);
  }
  return text;
}

TEST(DocsTest, TheProtocolsExamplesAreTrue) {
  std::size_t exchanges = 0;
  for (const Block& block : examples()) {
    TestServer server;
    Peer peer(server);
    for (const Exchange& exchange : block) {
      ++exchanges;
      const std::string answer = peer.ask(exchange.request);
      EXPECT_TRUE(fits(normal(exchange.answer), normal(answer)))
          << "docs/protocol.md:" << exchange.line << "\n> " << exchange.request << "\n  documented "
          << exchange.answer << "\n  answered   " << answer;
    }
  }
  EXPECT_GE(exchanges, 30U);
}

TEST(DocsTest, TheProtocolNamesEveryOpAndField) {
  std::ifstream file(source_dir() / "docs/protocol.md");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (const protocol::CommandSpec& spec : protocol::command_table()) {
    EXPECT_NE(text.find('`' + std::string(spec.name) + '`'), std::string::npos) << spec.name;
    for (const protocol::FieldSpec& field : spec.fields) {
      EXPECT_NE(text.find('`' + std::string(protocol::field_name(field.field))), std::string::npos)
          << spec.name << " has a field " << protocol::field_name(field.field);
    }
    for (const protocol::Field field : spec.reply) {
      EXPECT_NE(text.find('`' + std::string(protocol::field_name(field))), std::string::npos)
          << spec.name << " answers with " << protocol::field_name(field);
    }
  }
}

TEST(DocsTest, TheProtocolNamesEveryLimitOfHello) {
  std::ifstream file(source_dir() / "docs/protocol.md");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  TestServer server;
  Peer peer(server);
  const std::string answer = peer.ask(R"({"op":"hello"})");
  std::size_t limits = 0;
  std::size_t at = answer.find(R"("limits":{)") + 9;
  while ((at = answer.find('"', at)) != std::string::npos) {
    const std::size_t end = answer.find('"', at + 1);
    const std::string name = answer.substr(at + 1, end - at - 1);
    EXPECT_NE(text.find("| `" + name + "` |"), std::string::npos) << name;
    ++limits;
    at = end + 1;
  }
  EXPECT_EQ(limits, 14U);
}

TEST(DocsTest, TheProtocolNamesEveryErrorCode) {
  std::ifstream file(source_dir() / "docs/protocol.md");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (std::size_t code = 0; code < kErrorCodeCount; ++code) {
    const std::string name(error_code_name(static_cast<ErrorCode>(code)));
    EXPECT_NE(text.find('`' + name + '`'), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace appmem::test
