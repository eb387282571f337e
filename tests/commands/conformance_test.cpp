#include <fstream>
#include <map>
#include <optional>
#include <set>

#include <nlohmann/json.hpp>

#include "commands/harness.h"
#include "support/environment.h"

/// Runs tests/conformance/ndjson.jsonl; see the README.md beside it for the form.
namespace appmem::test {
namespace {

using Json = nlohmann::json;

/// What a case kept under a name.
using Kept = std::map<std::string, Json>;

std::string decode_base64(std::string_view text) {
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0;
  unsigned have = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6U | static_cast<unsigned>(alphabet.find(c));
    have += 6;
    if (have >= 8) {
      have -= 8;
      bytes.push_back(static_cast<char>(bits >> have));
    }
  }
  return bytes;
}

/// Whether `actual` is what `expected` asks for; what it names is kept.
bool fits(const Json& expected, const Json& actual, Kept& kept) {
  if (expected.is_string() && expected.get_ref<const std::string&>().starts_with('$')) {
    const std::string name = expected.get<std::string>().substr(1);
    if (name == "any") return true;
    if (name == "text") return actual.is_string() && !actual.get_ref<const std::string&>().empty();
    if (name == "integer") return actual.is_number_unsigned();
    if (name == "version") return actual.is_number_unsigned() && actual != 0U;
    const auto [known, is_new] = kept.emplace(name, actual);
    return is_new || known->second == actual;
  }
  if (expected.type() != actual.type() && !(expected.is_number() && actual.is_number())) {
    return false;
  }
  if (expected.is_object()) {
    if (expected.size() != actual.size()) return false;
    for (const auto& [name, value] : expected.items()) {
      const auto found = actual.find(name);
      if (found == actual.end() || !fits(value, *found, kept)) return false;
    }
    return true;
  }
  if (expected.is_array()) {
    if (expected.size() != actual.size()) return false;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (!fits(expected[i], actual[i], kept)) return false;
    }
    return true;
  }
  return expected == actual;
}

/// Replaces ${NAME} and ${repeat TEXT COUNT}.
std::string expand(const std::string& text, const Kept& kept) {
  std::string result;
  std::size_t position = 0;
  for (;;) {
    const std::size_t begin = text.find("${", position);
    if (begin == std::string::npos) return result + text.substr(position);
    const std::size_t end = text.find('}', begin);
    result.append(text, position, begin - position);
    const std::string inner = text.substr(begin + 2, end - begin - 2);
    position = end + 1;
    if (inner.starts_with("repeat ")) {
      const std::size_t space = inner.rfind(' ');
      const std::string part = inner.substr(7, space - 7);
      const auto count = std::stoul(inner.substr(space + 1));
      for (std::size_t i = 0; i < count; ++i)
        result += part;
      continue;
    }
    const auto found = kept.find(inner);
    if (found == kept.end()) {
      ADD_FAILURE() << "nothing is kept as " << inner;
      return result;
    }
    const std::string json = found->second.dump();
    result += found->second.is_string() ? json.substr(1, json.size() - 2) : json;
  }
}

Role role_of(const Json& section) {
  const std::string caller = section.value("caller", "operator");
  if (caller == "member") return Role::kMember;
  return caller == "stranger" ? Role::kStranger : Role::kOperator;
}

class ConformanceRun {
 public:
  void line(const Json& line) {
    if (line.contains("section")) {
      section_ = line["section"].get<std::string>();
      peer_.reset();
      server_ = std::make_unique<TestServer>();
      peer_.emplace(*server_, role_of(line));
      kept_.clear();
      names_.clear();
    } else if (line.contains("advance_ms")) {
      server_->clock.advance(milliseconds{line["advance_ms"].get<std::int64_t>()});
    } else {
      run(line);
    }
  }
  [[nodiscard]] std::size_t cases() const { return cases_; }

 private:
  void run(const Json& line) {
    ++cases_;
    const std::string name = line.at("name").get<std::string>();
    const testing::ScopedTrace trace(__FILE__, __LINE__, section_ + ": " + name);
    EXPECT_TRUE(names_.insert(name).second) << "the name comes twice";
    ASSERT_NE(line.contains("send"), line.contains("send_b64"));
    const std::string request = line.contains("send")
                                    ? expand(line["send"].get<std::string>(), kept_)
                                    : decode_base64(line["send_b64"].get<std::string>());
    const std::string answer = peer_->ask(request);
    const std::string shown = request.substr(0, 500) + "\n" + answer.substr(0, 500);
    const Json actual = Json::parse(answer, nullptr, false);
    ASSERT_FALSE(actual.is_discarded()) << shown;
    EXPECT_TRUE(fits(line.at("expect"), actual, kept_)) << line["expect"] << "\n" << shown;
    if (line.contains("contains")) {
      EXPECT_THAT(answer, testing::HasSubstr(line["contains"].get<std::string>()));
    }
    EXPECT_EQ(peer_->close, line.value("closes", false)) << shown;
  }

  std::string section_;
  std::unique_ptr<TestServer> server_;
  std::optional<Peer> peer_;
  Kept kept_;
  std::set<std::string> names_;
  std::size_t cases_ = 0;
};

TEST(ConformanceTest, EveryCaseGetsTheAnswerItExpects) {
  std::ifstream file(source_dir() / "tests/conformance/ndjson.jsonl");
  ASSERT_TRUE(file.is_open());
  ConformanceRun run;
  std::string text;
  while (std::getline(file, text)) {
    if (text.empty()) continue;
    const Json line = Json::parse(text, nullptr, false);
    ASSERT_FALSE(line.is_discarded()) << text;
    run.line(line);
  }
  EXPECT_GT(run.cases(), 100U);
}

}  // namespace
}  // namespace appmem::test
