#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "redis/command_generator.h"
#include "redis/differences.h"
#include "redis/server_pair.h"
#include "support/random.h"

/// The same random commands to appmemd and to redis-server, every reply compared. The clocks of
/// both stand still but for what the test moves them. `APPMEM_TEST_SCALE=20` sends two million.
namespace appmem::test {
namespace {

constexpr std::uint64_t kCommands = 100'000;
constexpr std::size_t kCommandsAtOnce = 40;

bool is_command(const Words& command, std::string_view name) {
  return std::equal(
      command[0].begin(), command[0].end(), name.begin(), name.end(),
      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

const Difference* difference_in(const Words& command, const RespReply& redis,
                                const RespReply& appmem) {
  for (const Difference& difference : differences()) {
    if (difference.covers(command, redis, appmem)) return &difference;
  }
  return nullptr;
}

/// Sends a connection's commands to both servers and compares, following the transaction that they
/// are in, so that the replies of an EXEC are compared one by one.
class Conversation {
 public:
  explicit Conversation(const ServerPair& servers)
      : redis_(servers.redis_socket()), appmem_(servers.appmem_socket()) {}

  /// False when the servers hold other data from here on, as they are meant to.
  bool hold(const std::vector<Words>& commands) {
    const auto redis = redis_.ask(commands);
    const auto appmem = appmem_.ask(commands);
    parted_ = false;
    for (std::size_t i = 0; i < commands.size() && !parted_; ++i)
      compare(commands[i], redis[i], appmem[i]);
    return !parted_;
  }
  /// Begins again, with empty servers.
  void begin_again() {
    queue_.clear();
    ask_both({"DISCARD"});
    ask_both({"UNWATCH"});
    ask_both({"SELECT", "0"});  // the transaction of one of them may have gone elsewhere
    ask_both({"FLUSHALL"});
  }
  /// Moves the clock on until no key is at its deadline: there it is gone, and in Redis it lives
  /// for that millisecond.
  void leave_deadlines(ServerPair& servers) {
    if (clock_ == nullptr) clock_ = std::make_unique<RespSocket>(servers.redis_socket());
    const auto at_a_deadline = [](const RespReply& reply) {
      return reply.text == "0";
    };
    for (int database = 0; database < 16; ++database) {
      clock_->ask(Words{"SELECT", std::to_string(database)});
      std::vector<Words> questions{{"DBSIZE"}};
      for (const RespReply& key : clock_->ask(Words{"KEYS", "*"}).items)
        questions.push_back({"PTTL", key.text});
      const auto replies = clock_->ask(questions);
      if (std::any_of(replies.begin() + 1, replies.end(), at_a_deadline)) {
        servers.pass(1);
        database = -1;  // from the beginning
      }
    }
  }
  void ask_both(const Words& command) {
    redis_.ask(command);
    appmem_.ask(command);
  }

 private:
  void compare(const Words& command, const RespReply& redis, const RespReply& appmem) {
    history_.push_back(to_text(command) + "\n    redis:  " + to_text(redis) +
                       "\n    appmem: " + to_text(appmem));
    if (history_.size() > 12) history_.erase(history_.begin());
    if (redis.text == "QUEUED") {
      queue_.push_back(command);
    } else if (is_command(command, "exec") && redis.items.size() == queue_.size() &&
               appmem.items.size() == queue_.size()) {
      for (std::size_t i = 0; i < queue_.size(); ++i)
        expect_agreement(queue_[i], redis.items[i], appmem.items[i]);
      queue_.clear();
      return;
    }
    if (is_command(command, "exec") || is_command(command, "discard")) queue_.clear();
    expect_agreement(command, redis, appmem);
  }

  void expect_agreement(const Words& command, const RespReply& redis, const RespReply& appmem) {
    if (agree(command, redis, appmem)) return;
    if (const Difference* difference = difference_in(command, redis, appmem)) {
      parted_ = parted_ || difference->parts_ways;
      return;
    }
    std::string before;
    for (const std::string& line : history_)
      before += line + '\n';
    ADD_FAILURE() << to_text(command) << "\n  redis:  " << to_text(redis)
                  << "\n  appmem: " << to_text(appmem) << "\nafter\n"
                  << before;
  }

  RespSocket redis_;
  RespSocket appmem_;
  std::unique_ptr<RespSocket> clock_;  // to look at deadlines
  bool parted_ = false;
  std::vector<Words> queue_;
  std::vector<std::string> history_;
};

void hold_conversations(int version, std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  ServerPair servers;
  CommandGenerator generator(seed);
  Conversation one(servers);
  Conversation other(servers);
  for (Conversation* conversation : {&one, &other})
    conversation->ask_both({"HELLO", std::to_string(version)});
  std::vector<Words> commands;
  for (std::uint64_t sent = 0; sent < kCommands / 2 * test_scale(); sent += commands.size()) {
    commands.clear();
    while (commands.size() < kCommandsAtOnce)
      commands.push_back(generator.next(servers.now_ms()));
    if (!(sent / kCommandsAtOnce % 4 == 3 ? other : one).hold(commands)) {
      one.begin_again();
      other.begin_again();
    }
    if (testing::Test::HasFailure()) return;
    servers.pass(generator.step_ms());
    one.leave_deadlines(servers);
  }
}

TEST(RedisAgreementTest, RandomCommandsInVersion2) {
  hold_conversations(2, random_seed(1));
}

TEST(RedisAgreementTest, RandomCommandsInVersion3) {
  hold_conversations(3, random_seed(2));
}

}  // namespace
}  // namespace appmem::test
