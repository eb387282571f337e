#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "redis/session_client.h"
#include "redis/session_document.h"
#include "support/line_socket.h"
#include "support/pattern.h"
#include "support/process.h"

/// Executes the examples of docs/protocol.md in RESP: its fenced blocks that are marked `redis`
/// (tests/redis/session_document.h). Each has a daemon of its own. Where a block's daemon listens
/// at a port, the session goes there.
namespace appmem::test {
namespace {

std::vector<SessionBlock> blocks() {
  std::vector<SessionBlock> all;
  for (const SessionSection& section : load_sessions("docs/protocol.md"))
    all.insert(all.end(), section.blocks.begin(), section.blocks.end());
  return all;
}

/// A daemon with the options of a block: `FILE` is a file with the token that its sessions show,
/// and the port any that is free.
class BlockDaemon {
 public:
  explicit BlockDaemon(const SessionBlock& block) : daemon_(options_of(block)) {
    if (block.options.empty()) return;
    constexpr std::string_view kBefore = "\"address\":\"tcp://127.0.0.1:";
    EXPECT_TRUE(daemon_.process().wait_for_error_text("\"started\""));
    const std::string& log = daemon_.process().errors();
    const std::size_t at = log.find(kBefore);
    if (at == std::string::npos) return;
    port_ = static_cast<std::uint16_t>(std::stoul(log.substr(at + kBefore.size())));
  }

  [[nodiscard]] std::string socket() const { return daemon_.socket(); }
  [[nodiscard]] std::unique_ptr<RespSocket> connect() const {
    if (port_ == 0) return std::make_unique<RespSocket>(daemon_.socket());
    return std::make_unique<RespSocket>(port_);
  }

 private:
  std::vector<std::string> options_of(const SessionBlock& block) {
    std::ofstream(token_file_) << "correct-horse-battery-staple\n";
    ::chmod(token_file_.c_str(), 0600);
    std::vector<std::string> options = block.options;
    for (std::string& option : options) {
      if (option == "FILE") option = token_file_;
      if (option.starts_with("127.0.0.1:")) option = "127.0.0.1:0";
    }
    return options;
  }

  TemporaryDirectory directory_;
  const std::string token_file_ = directory_.file("token");
  Daemon daemon_;
  std::uint16_t port_ = 0;
};

class RedisDocsTest : public testing::TestWithParam<std::size_t> {};

TEST_P(RedisDocsTest, TheProtocolsExamplesAreTrue) {
  const SessionBlock block = blocks().at(GetParam());
  const BlockDaemon daemon(block);
  SessionClient client([&] { return daemon.connect(); });
  LineSocket json(daemon.socket());
  for (const SessionStep& step : block.steps) {
    const std::string answer = step.kind == SessionStep::Kind::kJson
                                   ? json.ask(step.text)
                                   : client.say(step, step.reply).text;
    std::string expected = step.reply.value_or("");
    if (step.kind == SessionStep::Kind::kRaw) std::erase(expected, '\n');
    EXPECT_TRUE(fits(expected, answer))
        << "docs/protocol.md:" << step.line << "\n> " << step.text << "\n  documented\n"
        << expected << "\n  answered\n"
        << answer;
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, RedisDocsTest, testing::Range(std::size_t{0}, blocks().size()));

}  // namespace
}  // namespace appmem::test
