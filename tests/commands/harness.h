#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appmem/codecs/ndjson_codec.h"
#include "appmem/commands/dispatcher.h"
#include "appmem/core/store.h"
#include "support/manual_clock.h"

/// A store behind the dispatcher and the real NDJSON codec, without sockets: a line in, a line out.
namespace appmem::test {

/// A daemon that only remembers what it was asked to do.
/// Storage that has done at once whatever it is asked for.
class FakeStorage final : public commands::StorageControl {
 public:
  Result<void> prepare() override { return result; }
  Result<std::uint64_t> request_checkpoint() override { return ++requests; }
  Result<std::uint64_t> request_resume() override { return ++requests; }
  [[nodiscard]] std::optional<Result<void>> state(std::uint64_t /*request*/) override {
    if (!done) return std::nullopt;
    return result;
  }
  Result<std::uint64_t> request_verify() override { return ++requests; }
  [[nodiscard]] std::optional<Result<commands::StorageVerification>> verified(
      std::uint64_t /*request*/) override {
    if (!done) return std::nullopt;
    if (!result) return fail(result.error());
    return verification;
  }
  [[nodiscard]] std::string failure() override { return failure_value; }
  [[nodiscard]] std::optional<WallTime> checkpoint_at() override { return at; }
  [[nodiscard]] std::vector<std::pair<std::string_view, std::int64_t>> stats() override {
    return stats_value;
  }

  std::uint64_t requests = 0;
  bool done = true;
  Result<void> result;
  commands::StorageVerification verification{
      .files = 3, .records = 21, .bytes = 4096, .damage = {}};
  std::string failure_value;
  std::optional<WallTime> at;
  std::vector<std::pair<std::string_view, std::int64_t>> stats_value;
};

class FakeControl final : public commands::ServerControl {
 public:
  commands::ServerInfo info(const Instant& now) override;
  [[nodiscard]] const Limits& limits() const override { return limits_value; }
  std::vector<commands::ClientInfo> clients(const Instant& /*now*/) override {
    return clients_value;
  }
  bool kill_client(std::uint64_t id) override;
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> config() const override {
    return config_value;
  }
  [[nodiscard]] commands::ServerCounts counts() override { return counts_value; }
  [[nodiscard]] protocol::RedisErrorCounts* redis_errors() override { return &errors_value; }
  [[nodiscard]] ProcessUsage usage() override { return usage_value; }
  [[nodiscard]] commands::StorageControl* storage() override { return &storage_value; }
  commands::TokenCheck authenticate(commands::Session& session, std::string_view shown) override;
  void shutdown() override { ++shutdowns; }
  void out_of_memory(std::uint64_t client, std::string_view op, const Error& error) override;

  Limits limits_value;
  FakeStorage storage_value;
  /// Who is connected; `billing` with the number 17 when it is not set.
  std::vector<commands::ClientInfo> clients_value = {billing()};
  std::vector<std::pair<std::string, std::string>> config_value = {{"max-memory", "64MiB"},
                                                                   {"threads", "2"}};
  commands::ServerCounts counts_value;
  protocol::RedisErrorCounts errors_value;
  ProcessUsage usage_value;
  std::string token;  // empty: none is taken
  std::vector<std::uint64_t> killed;
  int shutdowns = 0;
  /// "client op: message" of each.
  std::vector<std::string> refused_for_memory;

 private:
  static commands::ClientInfo billing();
};

/// A log that gives each record the next ticket.
class FakeSink final : public core::MutationSink {
 public:
  Result<void> admit() override;
  core::CommitTicket append(std::span<const core::Mutation> mutations, const Instant& now) override;
  [[nodiscard]] core::CommitTicket latest() const override { return last; }
  [[nodiscard]] Result<void> readable(core::CommitTicket ticket) const override;

  core::CommitTicket last = 0;
  std::size_t records = 0;
  bool failed = false;
  /// What is above it cannot be read once the log has failed.
  core::CommitTicket safe = 0;
};

enum class Role : std::uint8_t { kOperator, kMember, kStranger, kUnauthenticated };

struct ServerOptions {
  std::uint64_t max_memory_bytes = 64_MiB;
  std::size_t shards = 4;
  core::MutationSink* sink = nullptr;
  std::size_t output_bytes_congested = 256_KiB;
};

class TestServer {
 public:
  explicit TestServer(ServerOptions options = {});

  ManualClock clock;
  FakeControl control;
  std::unique_ptr<protocol::JsonValidator> validator;
  /// Where there is no other.
  FakeSink sink;
  core::Store store;
  commands::Dispatcher dispatcher;
  const ServerOptions options;
  std::atomic<std::uint64_t> next_client{1};
};

/// One connection of any format. Used by one thread at a time; different ones by different threads
/// at once.
class Connection {
 public:
  Connection(TestServer& server, Role role, std::unique_ptr<protocol::Codec> codec);

  /// Sends whole requests; true when all answers are complete, otherwise run() goes on with the
  /// one that is not, and what stands behind it is lost.
  bool send(std::string input);
  bool run(std::size_t steps);
  /// What has come in since it was asked last.
  std::string take_output();

  /// Of the last request: what the handler returned (its job aside), and how many turns a job ran.
  protocol::Outcome::Progress progress{};
  std::uint64_t ticket = 0;
  bool close = false;
  std::size_t turns = 0;
  /// The most that waited in the output at the end of a turn, since it was set.
  std::size_t waiting_bytes_max = 0;

  commands::Session session;

 protected:
  [[nodiscard]] TestServer& server() { return server_; }

 private:
  void execute(std::span<char> frame);
  void drain();

  TestServer& server_;
  std::unique_ptr<protocol::Codec> codec_;
  protocol::OutputBuffer output_;
  protocol::Request request_;
  std::unique_ptr<protocol::Job> job_;
  protocol::Reply* reply_ = nullptr;
  std::string answer_;
};

/// A connection that speaks NDJSON.
class Peer : public Connection {
 public:
  explicit Peer(TestServer& server, Role role = Role::kOperator);

  /// Sends one line (without its end) and returns the whole answer without its line end; runs a job
  /// to its end, with `steps` a turn.
  std::string ask(std::string_view line, std::size_t steps = 2'000);

  /// Sends a line; true when its answer is complete, otherwise run() goes on with it.
  bool begin(std::string_view line);
  /// What has come in so far of the answer that was begun last.
  std::string take_answer();
};

/// A connection that speaks RESP.
class RedisPeer : public Connection {
 public:
  explicit RedisPeer(TestServer& server, Role role = Role::kOperator);

  /// Sends a command and returns the reply as it stands on the wire; runs a job to its end, with
  /// `steps` a turn.
  std::string ask(const std::vector<std::string>& words, std::size_t steps = 2'000);
  /// The same with the words of a line, separated by single blanks.
  std::string ask(std::string_view line);
};

/// A fixture with one server and an operator whose client speaks RESP; and one that speaks NDJSON.
class RedisTest : public testing::Test {
 protected:
  explicit RedisTest(ServerOptions options = {}) : server_(options) {}

  std::string ask(std::string_view line) { return redis_.ask(line); }
  std::string ask(const std::vector<std::string>& words) { return redis_.ask(words); }
  void pass(milliseconds time) { server_.clock.advance(time); }

  TestServer server_;
  RedisPeer redis_{server_};
  Peer json_{server_};
};

/// A fixture with one server and an operator who asks.
class CommandsTest : public testing::Test {
 protected:
  explicit CommandsTest(ServerOptions options = {}) : server_(options), peer_(server_) {}

  std::string ask(std::string_view line) { return peer_.ask(line); }
  /// For requests of which only the effect is wanted: fails the test when the answer is an error.
  void must(std::string_view line);
  void pass(milliseconds time) { server_.clock.advance(time); }
  /// The number behind `"name":` in the last answer that has it; fails the test where none is.
  static std::uint64_t number_in(std::string_view answer, std::string_view name);

  TestServer server_;
  Peer peer_;
};

/// Whether `text` is `pattern`, in which each `#` stands for the digits of a number.
bool is_like(std::string_view text, std::string_view pattern);

/// Like(R"({"ok":true,"version":#})") matches any version.
MATCHER_P(Like, pattern, "") {
  return is_like(arg, pattern);
}

/// Fails(R"(not_found)") matches an answer with this error code, whatever the message.
MATCHER_P(Fails, code, "") {
  return std::string_view(arg).find("\"ok\":false,\"error\":{\"code\":\"" + std::string(code) +
                                    "\"") != std::string_view::npos;
}

}  // namespace appmem::test
