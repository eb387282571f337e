#include "commands/harness.h"

#include <algorithm>
#include <charconv>

#include "appmem/codecs/resp_codec.h"

namespace appmem::test {
namespace {

constexpr std::uint32_t kDaemonUid = 1000;
constexpr std::uint32_t kMemberGid = 2000;

protocol::Caller caller_of(Role role) {
  const protocol::AccessPolicy policy{kDaemonUid, kMemberGid};
  protocol::PeerCredentials peer;
  peer.pid = 4711;
  switch (role) {
    case Role::kOperator:
      peer.uid = kDaemonUid;
      peer.gid = kDaemonUid;
      break;
    case Role::kMember:
      peer.uid = 1001;
      peer.gid = 1001;
      peer.groups = {24, kMemberGid};
      break;
    case Role::kStranger:
      peer.uid = 1002;
      peer.gid = 1002;
      break;
    case Role::kUnauthenticated:
      peer.uid = protocol::kNobody;
      peer.gid = protocol::kNobody;
      peer.pid = 0;
      return protocol::AccessPolicy{kDaemonUid, std::nullopt, true, false}.resolve(std::move(peer));
  }
  return policy.resolve(std::move(peer));
}

core::StoreOptions store_options(const ServerOptions& options, core::MutationSink& sink) {
  core::StoreOptions result;
  result.max_memory_bytes = options.max_memory_bytes;
  result.shards = options.shards;
  result.seed = 7;
  result.sink = options.sink != nullptr ? options.sink : &sink;
  return result;
}

}  // namespace

commands::ServerInfo FakeControl::info(const Instant& /*now*/) {
  commands::ServerInfo info;
  info.version = "0.1.0";
  info.pid = 99;
  info.uptime = std::chrono::seconds{5};
  info.threads = 2;
  info.connections = 3;
  info.features = {"ndjson", "unix"};
  return info;
}

commands::ClientInfo FakeControl::billing() {
  commands::ClientInfo client;
  client.id = 17;
  client.name = "billing";
  client.address = "unix:/run/x.sock";
  client.uid = 1000;
  client.pid = 4711;
  client.age = milliseconds{30};
  client.idle = milliseconds{20};
  client.requests = 10;
  client.memory_bytes = 4096;
  return client;
}

bool FakeControl::kill_client(std::uint64_t id) {
  const bool known = std::any_of(clients_value.begin(), clients_value.end(),
                                 [id](const auto& client) { return client.id == id; });
  if (known) killed.push_back(id);
  return known;
}

commands::TokenCheck FakeControl::authenticate(commands::Session& session, std::string_view shown) {
  if (token.empty()) return commands::TokenCheck::kNotTaken;
  if (shown != token) return commands::TokenCheck::kWrong;
  session.caller.role = protocol::Caller::Role::kOperator;
  return commands::TokenCheck::kAccepted;
}

void FakeControl::out_of_memory(std::uint64_t client, std::string_view op, const Error& error) {
  refused_for_memory.push_back(std::to_string(client) + " " + std::string(op) + ": " +
                               error.message);
}

Result<void> FakeSink::admit() {
  if (failed) return fail(ErrorCode::kReadOnly, "the log has failed");
  return {};
}

Result<void> FakeSink::readable(core::CommitTicket ticket) const {
  if (failed && ticket > safe) return fail(ErrorCode::kUnavailable, "it may not last");
  return {};
}

core::CommitTicket FakeSink::append(std::span<const core::Mutation> /*mutations*/,
                                    const Instant& /*now*/) {
  ++records;
  return ++last;
}

TestServer::TestServer(ServerOptions server_options)
    : validator(codecs::make_json_validator()),
      store(store_options(server_options, sink), clock.now()),
      dispatcher(store, control, *validator),
      options(server_options) {
}

Connection::Connection(TestServer& server, Role role, std::unique_ptr<protocol::Codec> codec)
    : server_(server), codec_(std::move(codec)), output_(&server.store.memory()) {
  session.id = server.next_client++;
  session.caller = caller_of(role);
  session.role_at_start = session.caller.role;
}

bool Connection::send(std::string input) {
  const std::size_t size = input.size();
  input.resize(size + protocol::kInputPadding);
  progress = protocol::Outcome::Progress::kDone;
  ticket = 0;
  close = false;
  turns = 0;
  answer_.clear();
  using Kind = protocol::Codec::Frame::Kind;
  std::size_t position = 0;
  while (position < size && job_ == nullptr) {
    const std::string_view rest = std::string_view(input).substr(position, size - position);
    const auto frame = codec_->next_frame(rest);
    EXPECT_LE(frame.consumed, rest.size());
    if (frame.kind == Kind::kIncomplete) {
      EXPECT_EQ(frame.consumed, rest.size()) << "a whole request was sent";
      break;
    }
    if (frame.kind == Kind::kRequest) {
      execute(std::span(input).subspan(position, frame.consumed));
    } else {
      request_.clear();
      reply_ = &codec_->begin_reply(request_, output_);
      reply_->error(frame.refusal->error);
      codec_->end_reply();
      close = frame.kind == Kind::kFatal;
      if (close) break;
    }
    position += frame.consumed;
  }
  // A job must not need the request any more.
  std::fill(input.begin(), input.end(), '!');
  request_.clear();
  drain();
  return job_ == nullptr;
}

void Connection::execute(std::span<char> frame) {
  request_.clear();
  const auto decoded = codec_->decode(frame, request_);
  reply_ = &codec_->begin_reply(request_, output_);
  if (!decoded) {
    reply_->error(decoded.error());
  } else {
    auto outcome = server_.dispatcher.execute(session, request_, *reply_, server_.clock.now());
    progress = outcome.progress;
    ticket = outcome.ticket;
    close = outcome.close;
    job_ = std::move(outcome.job);
    EXPECT_EQ(job_ != nullptr, progress == protocol::Outcome::Progress::kContinue);
    // As the server does: a small one ends at once.
    protocol::TurnBudget budget;
    if (job_ != nullptr && job_->run(*reply_, server_.clock.now(), budget)) job_.reset();
  }
  if (job_ == nullptr) codec_->end_reply();
}

bool Connection::run(std::size_t steps) {
  ++turns;
  protocol::TurnBudget budget{steps};
  const bool done = job_->run(*reply_, server_.clock.now(), budget);
  if (done) {
    job_.reset();
    codec_->end_reply();
  }
  drain();
  return done;
}

void Connection::drain() {
  waiting_bytes_max = std::max(waiting_bytes_max, output_.size());
  // As the server does: an answer that is not complete leaves only when it is congested.
  if (job_ != nullptr && !reply_->congested()) return;
  std::vector<std::string_view> pieces;
  while (!output_.empty()) {
    output_.gather(output_.end_position(), 16, pieces);
    std::size_t bytes = 0;
    for (const std::string_view piece : pieces) {
      answer_ += piece;
      bytes += piece.size();
    }
    output_.consume(bytes);
  }
}

std::string Connection::take_output() {
  return std::exchange(answer_, {});
}

namespace {

auto large_values_of(TestServer& server) {
  return [&server](std::size_t bytes) {
    return server.store.allocate_large(bytes, server.clock.now());
  };
}

}  // namespace

Peer::Peer(TestServer& server, Role role)
    : Connection(
          server, role,
          codecs::make_ndjson_codec(
              {.request_bytes_max = server.control.limits_value.effective_request_bytes_max(),
               .output_bytes_congested = server.options.output_bytes_congested,
               .memory = &server.store.memory(),
               .allocate_large = large_values_of(server)})) {
}

std::string Peer::ask(std::string_view line, std::size_t steps) {
  bool done = begin(line);
  while (!done)
    done = run(steps);
  return take_answer();
}

bool Peer::begin(std::string_view line) {
  return send(std::string(line) + '\n');
}

RedisPeer::RedisPeer(TestServer& server, Role role)
    : Connection(
          server, role,
          codecs::make_resp_codec(
              {.request_bytes_max = server.control.limits_value.effective_request_bytes_max(),
               .output_bytes_congested = server.options.output_bytes_congested,
               .allocate_large = large_values_of(server),
               .errors = &server.control.errors_value})) {
}

std::string RedisPeer::ask(const std::vector<std::string>& words, std::size_t steps) {
  std::string input = '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words)
    input += '$' + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  bool done = send(std::move(input));
  while (!done)
    done = run(steps);
  return take_output();
}

std::string RedisPeer::ask(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return ask(words);
}

std::string Peer::take_answer() {
  std::string answer = take_output();
  EXPECT_TRUE(answer.ends_with('\n')) << answer;
  if (!answer.empty()) answer.pop_back();
  EXPECT_EQ(answer.find('\n'), std::string::npos) << "one answer is one line";
  return answer;
}

void CommandsTest::must(std::string_view line) {
  const std::string answer = ask(line);
  ASSERT_THAT(answer, testing::HasSubstr("\"ok\":true")) << line;
}

std::uint64_t CommandsTest::number_in(std::string_view answer, std::string_view name) {
  const std::string label = '"' + std::string(name) + "\":";
  const std::size_t found = answer.rfind(label);
  std::uint64_t number = 0;
  if (found == std::string_view::npos) {
    ADD_FAILURE() << "no " << name << " in " << answer;
    return number;
  }
  const std::string_view digits = answer.substr(found + label.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  EXPECT_EQ(error, std::errc{}) << answer;
  return number;
}

bool is_like(std::string_view text, std::string_view pattern) {
  const auto is_digit = [](char c) {
    return c >= '0' && c <= '9';
  };
  std::size_t at = 0;
  for (const char expected : pattern) {
    if (at == text.size()) return false;
    if (expected != '#') {
      if (text[at++] != expected) return false;
      continue;
    }
    if (!is_digit(text[at])) return false;
    while (at < text.size() && is_digit(text[at]))
      ++at;
  }
  return at == text.size();
}

}  // namespace appmem::test
