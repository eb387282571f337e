#include "redis/differences.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "redis/resp_conformance.h"
#include "redis/server_pair.h"
#include "redis/session_client.h"
#include "redis/session_document.h"
#include "support/line_socket.h"
#include "support/pattern.h"

/// docs/redis-differences.md is the one list of what is meant to differ from Redis. Its sessions
/// are held with both servers: each must reply as is written there, and not as the other one does.
namespace appmem::test {
namespace {

constexpr const char* kDocument = "docs/redis-differences.md";

/// All but what stands above the headings.
std::vector<SessionSection> sections() {
  std::vector<SessionSection> all = load_sessions(kDocument);
  std::erase_if(all, [](const SessionSection& section) { return section.name.empty(); });
  return all;
}

/// One block of the list, with servers of its own.
class Comparison {
 public:
  explicit Comparison(const SessionBlock& block)
      : block_(block),
        servers_(block.options),
        redis_([this] { return std::make_unique<RespSocket>(servers_.redis_socket()); }),
        appmem_([this] { return std::make_unique<RespSocket>(servers_.appmem_socket()); }) {}

  void run() {
    for (const SessionStep& step : block_.steps) {
      SCOPED_TRACE(std::string(kDocument) + ':' + std::to_string(step.line) + ": " + step.text);
      take(step);
    }
    EXPECT_TRUE(shown_of_redis_ && shown_of_appmem_)
        << kDocument << ':' << block_.line << " shows no difference";
  }
  /// Which of the matchers of the section cover a difference that has been shown.
  [[nodiscard]] const std::vector<const Difference*>& covered() const { return covered_; }

 private:
  void take(const SessionStep& step) {
    if (step.kind == SessionStep::Kind::kWait) {
      servers_.pass(step.wait_ms);
      return;
    }
    if (step.kind == SessionStep::Kind::kJson) {
      const std::string answer = LineSocket(servers_.appmem_socket()).ask(step.text);
      EXPECT_TRUE(answer.starts_with(R"({"ok":true)")) << answer;
      return;
    }
    EXPECT_FALSE(step.reply) << "whose reply?";
    std::optional<Said> redis;
    std::optional<Said> appmem;
    if (step.to_redis) redis = redis_.say(step, step.reply_of_redis);
    if (step.to_appmem) appmem = appmem_.say(step, step.reply_of_appmem);
    expect_reply(step, "redis-server", redis, step.reply_of_redis);
    expect_reply(step, "appmemd", appmem, step.reply_of_appmem);
    shown_of_redis_ = shown_of_redis_ || step.reply_of_redis;
    shown_of_appmem_ = shown_of_appmem_ || step.reply_of_appmem;
    if (step.reply_of_redis && step.reply_of_appmem) {
      expect_difference(step, *redis, *appmem);
    } else if (redis && appmem && redis->reply && appmem->reply) {
      EXPECT_TRUE(same(step, *redis, *appmem))
          << "a difference that is not shown\n  redis:  " << redis->text
          << "\n  appmem: " << appmem->text;
    }
  }

  static void expect_reply(const SessionStep& step, const char* server,
                           const std::optional<Said>& said,
                           const std::optional<std::string>& expected) {
    if (!said) return;
    if (!expected) {
      EXPECT_TRUE(!said->reply || said->reply->type != '-') << server << ": " << said->text;
      return;
    }
    std::string pattern = *expected;
    if (step.kind == SessionStep::Kind::kRaw) std::erase(pattern, '\n');
    EXPECT_TRUE(fits(pattern, said->text)) << server << " replies\n"
                                           << said->text << "\nand should\n"
                                           << pattern;
  }

  void expect_difference(const SessionStep& step, const Said& redis, const Said& appmem) {
    EXPECT_FALSE(same(step, redis, appmem)) << "no difference any more: both reply " << redis.text;
    if (!redis.reply || !appmem.reply) return;
    const Words words = session_words(step.text);
    for (const Difference& difference : differences()) {
      if (difference.section == block_.section &&
          difference.covers(words, *redis.reply, *appmem.reply)) {
        covered_.push_back(&difference);
      }
    }
  }

  static bool same(const SessionStep& step, const Said& redis, const Said& appmem) {
    if (!redis.reply || !appmem.reply) return redis == appmem;
    return agree(session_words(step.text), *redis.reply, *appmem.reply);
  }

  const SessionBlock block_;
  ServerPair servers_;
  SessionClient redis_;
  SessionClient appmem_;
  bool shown_of_redis_ = false;
  bool shown_of_appmem_ = false;
  std::vector<const Difference*> covered_;
};

class RedisDifferencesTest : public testing::TestWithParam<std::size_t> {};

TEST_P(RedisDifferencesTest, EveryIntendedDifferenceIsAsTheListSays) {
  const SessionSection section = sections().at(GetParam());
  SCOPED_TRACE(section.name);
  EXPECT_NE(section.text.find("\nWhy: "), std::string::npos) << "no reason";
  EXPECT_EQ(section.blocks.empty(), section.text.find("\nNot executed: ") != std::string::npos);
  std::vector<const Difference*> covered;
  for (const SessionBlock& block : section.blocks) {
    Comparison comparison(block);
    comparison.run();
    covered.insert(covered.end(), comparison.covered().begin(), comparison.covered().end());
  }
  for (const Difference& difference : differences()) {
    EXPECT_TRUE(difference.section != section.name ||
                std::find(covered.begin(), covered.end(), &difference) != covered.end())
        << "what the comparison of random commands lets pass is not shown";
  }
}

INSTANTIATE_TEST_SUITE_P(Sections, RedisDifferencesTest,
                         testing::Range(std::size_t{0}, sections().size()));

TEST(RedisDifferencesListTest, EveryOtherPlaceNamesASection) {
  const std::vector<SessionSection> listed = sections();
  const auto expect_section = [&](std::string_view name) {
    EXPECT_EQ(std::count_if(listed.begin(), listed.end(),
                            [&](const SessionSection& each) { return each.name == name; }),
              1)
        << name;
  };
  for (const SessionSection& section : listed)
    expect_section(section.name);
  for (const Difference& difference : differences())
    expect_section(difference.section);
  for (const RespSection& section : load_resp_conformance()) {
    for (const RespCase& each : section.cases) {
      EXPECT_EQ(each.redis.empty(), each.differs.empty()) << each.name;
      if (!each.differs.empty()) expect_section(each.differs);
    }
  }
}

}  // namespace
}  // namespace appmem::test
