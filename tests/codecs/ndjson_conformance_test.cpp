#include <span>
#include <string>

#include "codecs/ndjson_harness.h"
#include "ndjson_reference.h"
#include "support/conformance.h"
#include "support/environment.h"

/// The requests of tests/conformance, and the examples of the command table, as bytes.
namespace appmem::codecs {
namespace {

std::vector<std::string> lines() {
  std::vector<std::string> all;
  std::size_t longest = 2000;
  for (const auto& step :
       test::load_conformance(test::source_dir() / "tests/conformance/ndjson.jsonl")) {
    if (step.kind != test::ConformanceStep::Kind::kCase) continue;
    std::string line = step.send;
    // What was kept does not matter here.
    for (std::size_t at = line.find("${"); at != std::string::npos; at = line.find("${", at)) {
      const std::size_t end = line.find('}', at) + 1;
      const std::string expression = line.substr(at, end - at);
      line.replace(at, end - at,
                   expression.starts_with("${repeat ")
                       ? test::ConformanceNames().replaced(expression)
                       : "7");
    }
    if (line.size() <= longest) all.push_back(line);
  }
  for (const auto& row : protocol::command_table())
    all.emplace_back(row.example);
  EXPECT_GT(all.size(), 300U);
  return all;
}

class NdjsonConformanceTest : public NdjsonTest {
 protected:
  /// As the reference has it.
  reference::Decoded outcome(const Result<void>& result) {
    if (result) return reference::describe(request_);
    return {result.error().code, result.error().index, {}};
  }
};

TEST_F(NdjsonConformanceTest, EveryExampleOfTheTableIsDecoded) {
  for (const auto& row : protocol::command_table()) {
    ASSERT_TRUE(decode(row.example)) << row.example;
    EXPECT_EQ(&request_.command(), &row);
    EXPECT_EQ(reference::decode(row.example), reference::describe(request_));
  }
}

TEST_F(NdjsonConformanceTest, EveryMessageMeansWhatTheReferenceReads) {
  for (const std::string& line : lines()) {
    const auto result = decode(line);
    const reference::Decoded expected = reference::decode(line);
    if (!result && result.error().message.starts_with("field \"id\" is over")) continue;
    EXPECT_EQ(outcome(result).text, expected.text) << line;
    EXPECT_EQ(outcome(result), expected)
        << line << '\n'
        << (result ? "decoded" : result.error().message) << '\n'
        << (expected.error ? error_code_name(*expected.error) : expected.text);
  }
}

TEST_F(NdjsonConformanceTest, EverySplitOfEveryMessageIsTheSameMessage) {
  for (const std::string& line : lines()) {
    const auto whole = outcome(decode(line));
    const std::string input = line + "\n";
    for (std::size_t split = 0; split < input.size(); ++split) {
      const auto first = codec_->next_frame(std::string_view(input).substr(0, split));
      ASSERT_EQ(first.kind, Kind::kIncomplete) << line << " at " << split;
      const std::string rest = input.substr(first.consumed);
      const auto frame = codec_->next_frame(rest);
      ASSERT_EQ(frame.kind, Kind::kRequest) << line << " at " << split;
      ASSERT_EQ(frame.consumed, rest.size());
      if (split % 16 == 0) {
        EXPECT_EQ(outcome(decode(rest)), whole);
      }
    }
  }
}

TEST_F(NdjsonConformanceTest, NoBeginningOfAMessageIsAMessage) {
  for (const std::string& line : lines()) {
    const std::size_t end = line.find_last_of('}');
    if (!decode(line)) continue;
    for (std::size_t size = 0; size < end; size += 1 + size / 64) {
      const auto result = decode(std::string_view(line).substr(0, size));
      ASSERT_FALSE(result) << line.substr(0, size);
    }
  }
}

}  // namespace
}  // namespace appmem::codecs
