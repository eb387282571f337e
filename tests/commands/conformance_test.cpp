#include "support/conformance.h"

#include <optional>
#include <set>

#include "commands/harness.h"
#include "support/environment.h"

/// Runs tests/conformance/ndjson.jsonl; see the README.md beside it for the form.
namespace appmem::test {
namespace {

Role role_of(const std::string& caller) {
  if (caller == "member") return Role::kMember;
  return caller == "stranger" ? Role::kStranger : Role::kOperator;
}

class ConformanceRun {
 public:
  void step(const ConformanceStep& step) {
    switch (step.kind) {
      case ConformanceStep::Kind::kSection:
        section_ = step.name;
        peer_.reset();
        server_ = std::make_unique<TestServer>();
        peer_.emplace(*server_, role_of(step.caller));
        kept_ = {};
        names_.clear();
        break;
      case ConformanceStep::Kind::kAdvance:
        server_->clock.advance(milliseconds{step.advance_ms});
        break;
      case ConformanceStep::Kind::kCase:
        run(step);
        break;
    }
  }
  [[nodiscard]] std::size_t cases() const { return cases_; }

 private:
  void run(const ConformanceStep& step) {
    ++cases_;
    const testing::ScopedTrace trace(__FILE__, __LINE__, section_ + ": " + step.name);
    EXPECT_TRUE(names_.insert(step.name).second) << "the name comes twice";
    const std::string request = kept_.replaced(step.send);
    const std::string answer = peer_->ask(request);
    const std::string shown = request.substr(0, 500) + "\n" + answer.substr(0, 500);
    const auto actual = nlohmann::json::parse(answer, nullptr, false);
    ASSERT_FALSE(actual.is_discarded()) << shown;
    const auto mismatch = kept_.mismatch(step.expect, actual);
    EXPECT_FALSE(mismatch) << *mismatch << "\n" << shown;
    EXPECT_THAT(answer, testing::HasSubstr(step.contains));
    EXPECT_EQ(peer_->close, step.closes) << shown;
  }

  std::string section_;
  std::unique_ptr<TestServer> server_;
  std::optional<Peer> peer_;
  ConformanceNames kept_;
  std::set<std::string> names_;
  std::size_t cases_ = 0;
};

TEST(ConformanceTest, EveryCaseGetsTheAnswerItExpects) {
  ConformanceRun run;
  for (const auto& step : load_conformance(source_dir() / "tests/conformance/ndjson.jsonl")) {
    run.step(step);
  }
  EXPECT_GT(run.cases(), 100U);
}

}  // namespace
}  // namespace appmem::test
