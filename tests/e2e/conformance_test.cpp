#include "support/conformance.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "appmem/protocol/command_table.h"
#include "support/line_socket.h"
#include "support/process.h"

/// The conformance file through the real daemon's socket. Sections in which time passes or which
/// belong to another user need a clock or a user of their own; tests/commands runs them.
namespace appmem {
namespace {

using Step = test::ConformanceStep;

std::vector<std::vector<Step>> sections_for_a_socket() {
  std::vector<std::vector<Step>> sections;
  for (Step& step : test::load_conformance(test::source_dir() / "tests/conformance/ndjson.jsonl")) {
    if (step.kind == Step::Kind::kSection) sections.emplace_back();
    if (sections.empty()) throw std::runtime_error("the file does not begin with a section");
    sections.back().push_back(std::move(step));
  }
  std::erase_if(sections, [](const std::vector<Step>& section) {
    return section.front().caller != "operator" ||
           std::any_of(section.begin(), section.end(),
                       [](const Step& step) { return step.kind == Step::Kind::kAdvance; });
  });
  return sections;
}

void run_section(const std::vector<Step>& section, std::set<std::string>& ops) {
  SCOPED_TRACE("section " + section.front().name);
  const test::Daemon daemon;
  test::LineSocket socket(daemon.socket());
  test::ConformanceNames names;
  for (std::size_t i = 1; i < section.size(); ++i) {
    const Step& step = section[i];
    SCOPED_TRACE(step.name);
    const std::string sent = names.replaced(step.send);
    socket.send(sent + "\n");
    const std::string line = socket.read_line();
    const auto mismatch = names.mismatch(step.expect, nlohmann::json::parse(line));
    EXPECT_FALSE(mismatch) << *mismatch << "\nsent " << sent.substr(0, 300);
    EXPECT_NE(line.find(step.contains), std::string::npos) << line.substr(0, 300);
    EXPECT_TRUE(!step.closes || socket.at_end());
    const auto request = nlohmann::json::parse(sent, nullptr, false);
    if (request.is_object() && request.contains("op") && request["op"].is_string()) {
      ops.insert(request["op"].get<std::string>());
    }
  }
}

TEST(ConformanceTest, EveryOpAnswersAsSpecifiedOverTheSocket) {
  std::set<std::string> ops;
  for (const auto& section : sections_for_a_socket())
    run_section(section, ops);
  for (const protocol::CommandSpec& command : protocol::command_table()) {
    EXPECT_TRUE(ops.contains(std::string(command.name))) << command.name << " was not asked";
  }
}

}  // namespace
}  // namespace appmem
