#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "appmem/protocol/reply_writer.h"
#include "appmem/server/request_handler.h"
#include "support/manual_clock.h"

/// A wire format and a handler that know nothing of the store, so that a test of the server tests
/// the server. A request is a line: a verb, and what it is about.
///   echo TEXT     TEXT
///   big N         N times x
///   defer BYTES   items without end, while so many bytes are not composed
///   park TICKET   "parked", not before the ticket is committed
///   later N       N items, written by a job; `later-error N` fails after N of them
///   hold          "held", after the test has let the loop go (Gate)
///   work MS       "worked", and the clock shows so much more
///   name NAME     names the connection
///   token right   the client has shown who it is; anything else: it has to again
///   close         "bye", and the end
///   bad           does not decode;  refuse: is refused;  fatal: is refused, and the end
///   anything over kFrameBytesInlineMax: its length
namespace appmem::server::test {

inline constexpr std::size_t kLineBytesMax = 8'000'000;
inline constexpr std::size_t kCongestedBytes = 256'000;

/// Holds whoever passes until it is opened.
class Gate {
 public:
  /// Called by the one that is held.
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
  }
  /// Waits until somebody is held.
  void wait_for_one() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

/// What the handlers of a server have seen. Thread safety: all.
class Journal {
 public:
  void executed(std::uint64_t connection) {
    const std::lock_guard lock(mutex_);
    order_.push_back(connection);
  }
  void ran_job(std::uint64_t connection) { executed(connection); }
  void decoded_large() {
    const std::lock_guard lock(mutex_);
    large_decoders_.insert(std::this_thread::get_id());
    ++large_decodes_;
  }
  void found_large() {
    const std::lock_guard lock(mutex_);
    ++large_found_;
    changed_.notify_all();
  }
  /// Waits until so many large frames have been received.
  void wait_for_large(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return large_found_ >= count; });
  }
  void looked_up() {
    const std::lock_guard lock(mutex_);
    ++look_ups_;
    changed_.notify_all();
  }
  /// Waits until so many look-ups have come to their end.
  void wait_for_look_ups(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return look_ups_ >= count; });
  }
  void foreseen(std::string_view line) {
    const std::lock_guard lock(mutex_);
    foresight_.emplace_back(line);
  }
  void foresight_ended() {
    const std::lock_guard lock(mutex_);
    foresight_.push_back(std::to_string(order_.size()) + " executed before");
  }
  /// The requests that were foreseen, in order, and behind them how many had been executed then.
  std::vector<std::string> foresight() {
    const std::lock_guard lock(mutex_);
    return foresight_;
  }
  void connected(std::size_t loop) {
    const std::lock_guard lock(mutex_);
    ++connections_of_loop_[loop];
    loop_threads_.insert(std::this_thread::get_id());
  }
  void job_created() { change_jobs(1); }
  void job_destroyed() { change_jobs(-1); }
  void wait_for_jobs(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return jobs_ == count; });
  }
  /// Ids of connections in the order in which their requests (and slices of jobs) were executed.
  std::vector<std::uint64_t> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }
  std::set<std::thread::id> large_decoders() {
    const std::lock_guard lock(mutex_);
    return large_decoders_;
  }
  int large_decodes() {
    const std::lock_guard lock(mutex_);
    return large_decodes_;
  }
  std::set<std::thread::id> loop_threads() {
    const std::lock_guard lock(mutex_);
    return loop_threads_;
  }
  std::map<std::size_t, int> connections_of_loop() {
    const std::lock_guard lock(mutex_);
    return connections_of_loop_;
  }

 private:
  void change_jobs(int by) {
    const std::lock_guard lock(mutex_);
    jobs_ += by;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::vector<std::string> foresight_;
  std::condition_variable changed_;
  std::vector<std::uint64_t> order_;
  std::set<std::thread::id> large_decoders_;
  std::set<std::thread::id> loop_threads_;
  std::map<std::size_t, int> connections_of_loop_;
  int jobs_ = 0;
  int look_ups_ = 0;
  int large_found_ = 0;
  int large_decodes_ = 0;
};

class LineWriter final : public protocol::ReplyWriter {
 public:
  void begin(protocol::OutputBuffer& output) {
    output_ = &output;
    deferred_bytes_ = 0;
    start_ = output.end_position();
  }
  void end() { output_->append('\n'); }

  void text(protocol::Field /*field*/, std::string_view text) override { output_->append(text); }
  void error(const Error& error) override {
    output_->truncate(start_);
    output_->append("ERROR ");
    output_->append(error_code_name(error.code));
    output_->append(" ");
    output_->append(error.message);
  }
  [[nodiscard]] bool congested() const override { return output_->size() > kCongestedBytes; }
  [[nodiscard]] std::uint64_t answer_bytes() const override {
    return output_->end_position() - start_;
  }
  [[nodiscard]] std::uint64_t deferred_bytes() const override { return deferred_bytes_; }

  void boolean(protocol::Field /*field*/, bool /*value*/) override {}
  void integer(protocol::Field /*field*/, std::int64_t /*value*/) override {}
  void unsigned_integer(protocol::Field /*field*/, std::uint64_t /*value*/) override {}
  void null(protocol::Field /*field*/) override {}
  void bytes(protocol::Field /*field*/, std::string_view /*bytes*/) override {}
  /// A number of bytes that are not composed, for as long as the answer is.
  void value(protocol::Field /*field*/, const ValueView& value) override {
    deferred_bytes_ = static_cast<std::uint64_t>(value.integer);
  }
  void begin_list(protocol::Field /*field*/) override {}
  void end_list() override {}
  void item_integer(std::int64_t /*value*/) override {}
  void item_unsigned(std::uint64_t /*value*/) override {}
  void item_text(std::string_view /*text*/) override {}
  void item_bytes(std::string_view /*bytes*/) override {}
  void begin_item_object() override {}
  void end_item_object() override {}
  void begin_object(protocol::Field /*field*/) override {}
  void end_object() override {}
  void named_text(std::string_view /*name*/, std::string_view /*text*/) override {}
  void named_integer(std::string_view /*name*/, std::int64_t /*value*/) override {}
  void named_boolean(std::string_view /*name*/, bool /*value*/) override {}

 private:
  protocol::OutputBuffer* output_ = nullptr;
  std::uint64_t start_ = 0;
  std::uint64_t deferred_bytes_ = 0;
};

/// What the tests set, and the handlers use.
struct LineWorld {
  Journal journal;
  Gate loop_gate;    // `hold`
  Gate decode_gate;  // large lines that begin with "slow"
  std::atomic<std::uint64_t> committed{0};
  std::atomic<bool> protocol_chosen{true};
  std::atomic<bool> asks_for_token{false};
  MemoryBudget* memory = nullptr;  // of `hoard`; set before the server starts
  appmem::test::ManualClock clock;
};

class LineCodec final : public protocol::Codec {
 public:
  explicit LineCodec(LineWorld& world) : world_(world) {}

  Frame next_frame(std::string_view input) override {
    const std::size_t end = input.find('\n', looked_at_);
    if (end == std::string_view::npos) {
      looked_at_ = input.size();
      if (input.size() <= kLineBytesMax) return {};
      looked_at_ = 0;
      return Frame::fatal(input.size(), {ErrorCode::kTooLarge, "line"});
    }
    looked_at_ = 0;
    const std::string_view line = input.substr(0, end);
    if (line == "refuse") return Frame::refused(end + 1, {ErrorCode::kTooLarge, "no"}, {});
    if (line == "fatal") return Frame::fatal(end + 1, {ErrorCode::kInvalidRequest, "no"});
    if (end >= protocol::kFrameBytesInlineMax) world_.journal.found_large();
    return Frame::request(end + 1);
  }
  Result<void> decode(std::span<char> frame, protocol::Request& request) override {
    const std::string_view line(frame.data(), frame.size() - 1);
    if (frame.size() > protocol::kFrameBytesInlineMax) {
      world_.journal.decoded_large();
      if (line.starts_with("slow")) world_.decode_gate.pass();
    }
    request.set_id(line);
    if (line == "bad") return fail(ErrorCode::kInvalidRequest, "bad");
    return {};
  }
  protocol::Reply& begin_reply(const protocol::Request& /*request*/,
                               protocol::OutputBuffer& output) override {
    writer_.begin(output);
    return writer_;
  }
  void end_reply() override { writer_.end(); }
  void set_unauthenticated(bool /*unauthenticated*/) override {}
  [[nodiscard]] bool between_requests(std::string_view input) const override {
    return input.empty();
  }

 private:
  LineWorld& world_;
  LineWriter writer_;
  std::size_t looked_at_ = 0;
};

class ItemsJob final : public protocol::Job {
 public:
  ItemsJob(LineWorld& world, std::uint64_t connection, std::size_t items, bool fails)
      : world_(world), connection_(connection), items_(items), fails_(fails) {
    world_.journal.job_created();
  }
  ~ItemsJob() override { world_.journal.job_destroyed(); }
  bool run(protocol::Reply& reply, const Instant& /*now*/, protocol::TurnBudget& budget) override {
    world_.journal.ran_job(connection_);
    for (; budget.steps > 0 && written_ < items_; --budget.steps) {
      if (reply.congested()) return false;
      reply.fields().text(protocol::Field::kValue, "item" + std::to_string(written_++) + ";");
    }
    if (written_ < items_) return false;
    if (fails_) reply.error({ErrorCode::kNotFound, "gone"});
    return true;
  }

 private:
  LineWorld& world_;
  const std::uint64_t connection_;
  const std::size_t items_;
  const bool fails_;
  std::size_t written_ = 0;
};

/// Looks something up for some turns, and then answers with an error.
class LookUpJob final : public protocol::Job {
 public:
  LookUpJob(LineWorld& world, std::uint64_t connection, std::size_t turns)
      : world_(world), connection_(connection), turns_left_(turns) {}
  bool run(protocol::Reply& reply, const Instant& /*now*/, protocol::TurnBudget& budget) override {
    world_.journal.ran_job(connection_);
    budget.steps = 0;
    if (turns_left_-- > 0) return false;
    world_.journal.looked_up();
    reply.error({ErrorCode::kNotFound, "gone"});
    return true;
  }
  [[nodiscard]] bool answering() const override { return false; }

 private:
  LineWorld& world_;
  const std::uint64_t connection_;
  std::size_t turns_left_;
};

class LineConnection final : public ConnectionHandler {
 public:
  LineConnection(LineWorld& world, std::uint64_t id, protocol::PeerCredentials peer)
      : world_(world),
        id_(id),
        peer_(std::move(peer)),
        codec_(world),
        unauthenticated_(world.asks_for_token) {}

  protocol::Codec& codec() override { return codec_; }
  protocol::Outcome execute(const protocol::Request& request, protocol::Reply& reply,
                            const Instant& /*now*/) override {
    using protocol::Outcome;
    const std::string line(request.id());
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string verb = line.substr(0, space);
    const std::string rest = space < line.size() ? line.substr(space + 1) : "";
    const auto say = [&](std::string_view text) {
      reply.fields().text(protocol::Field::kValue, text);
    };
    world_.journal.executed(id_);
    if (line.size() >= protocol::kFrameBytesInlineMax) {
      say(std::to_string(line.size()));
    } else if (verb == "echo") {
      say(rest);
    } else if (verb == "big") {
      say(std::string(std::stoul(rest), 'x'));
    } else if (verb == "park") {
      say("parked");
      return Outcome::parked(std::stoul(rest));
    } else if (verb == "later" || verb == "later-error") {
      return Outcome::later(
          std::make_unique<ItemsJob>(world_, id_, std::stoul(rest), verb == "later-error"));
    } else if (verb == "look-up") {
      reply.fields().text(protocol::Field::kValue, "begun");
      return Outcome::later(std::make_unique<LookUpJob>(world_, id_, std::stoul(rest)));
    } else if (verb == "defer") {
      reply.fields().value(protocol::Field::kValue, ValueView::from_integer(std::stol(rest)));
      return Outcome::later(std::make_unique<ItemsJob>(world_, id_, 10'000'000, false));
    } else if (verb == "hold") {
      world_.loop_gate.pass();
      say("held");
    } else if (verb == "work") {
      world_.clock.advance(milliseconds{std::stoi(rest)});
      say("worked");
    } else if (verb == "name") {
      name_ = rest;
      say("ok");
    } else if (verb == "hoard") {
      hoard_ = std::stoul(rest);
      world_.memory->charge(hoard_);
      say("ok");
    } else if (verb == "keep-me") {
      no_evict_ = true;
      say("ok");
    } else if (verb == "whoami") {
      std::vector<std::uint32_t> groups = peer_.groups;
      std::sort(groups.begin(), groups.end());
      say(std::to_string(peer_.uid) + " " + std::to_string(peer_.gid) + " " +
          std::to_string(peer_.pid));
      for (const std::uint32_t group : groups)
        say(" " + std::to_string(group));
    } else if (verb == "token") {
      unauthenticated_ = rest != "right";
      say("ok");
    } else if (verb == "close") {
      say("bye");
      Outcome outcome;
      outcome.close = true;
      return outcome;
    } else {
      reply.error({ErrorCode::kUnknownOp, verb});
    }
    return Outcome::done();
  }
  [[nodiscard]] std::string_view client_name() const override { return name_; }
  [[nodiscard]] bool protocol_chosen() const override { return world_.protocol_chosen; }
  [[nodiscard]] bool unauthenticated() const override { return unauthenticated_; }
  [[nodiscard]] bool no_evict() const override { return no_evict_; }
  [[nodiscard]] std::uint64_t memory_bytes() const override { return hoard_; }
  void close() override {
    if (hoard_ != 0) world_.memory->release(std::exchange(hoard_, 0));
  }

 private:
  LineWorld& world_;
  const std::uint64_t id_;
  const protocol::PeerCredentials peer_;
  LineCodec codec_;
  bool unauthenticated_;
  bool no_evict_ = false;
  std::uint64_t hoard_ = 0;
  std::string name_;
};

class LineForesight final : public Foresight {
 public:
  explicit LineForesight(Journal& journal) : journal_(journal) {}
  void add(const ConnectionHandler& /*connection*/, const protocol::Request& request) override {
    journal_.foreseen(request.id());
  }
  void finish() override { journal_.foresight_ended(); }

 private:
  Journal& journal_;
};

class LineHandler final : public RequestHandler {
 public:
  explicit LineHandler(LineWorld& world) : world_(world) {}
  std::unique_ptr<ConnectionHandler> connect(std::size_t loop, const ConnectionOrigin& origin,
                                             protocol::PeerCredentials peer) override {
    world_.journal.connected(loop);
    return std::make_unique<LineConnection>(world_, origin.id, std::move(peer));
  }
  std::unique_ptr<Foresight> make_foresight() override {
    return std::make_unique<LineForesight>(world_.journal);
  }
  bool maintain(std::size_t /*loop*/, std::size_t /*loops*/, const Instant& /*now*/) override {
    return ++maintained % 3 != 0;
  }
  [[nodiscard]] std::uint64_t committed() const override { return world_.committed; }
  void serving() override { ++served; }
  void stopping() override { ++stopped; }

  std::atomic<int> maintained{0};
  std::atomic<int> served{0};
  std::atomic<int> stopped{0};

 private:
  LineWorld& world_;
};

}  // namespace appmem::server::test
