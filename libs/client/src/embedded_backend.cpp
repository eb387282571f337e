#include "embedded_backend.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <random>
#include <utility>

#include <unistd.h>

#include "appmem/protocol/output_buffer.h"

namespace appmem::client {
namespace {

/// How often background work is looked for when none is waiting; see Store::maintain.
constexpr std::chrono::milliseconds kMaintenancePause{100};
/// Pieces of an answer that are gathered at once.
constexpr std::size_t kAnswerPieces = 64;
/// What an idle session keeps of its input.
constexpr std::size_t kIdleInputBytesMax = 256_KiB;
/// Finer than a millisecond, so that versions of a later run begin above those of this one.
constexpr std::int64_t kVersionsPerMillisecond = 1000;

std::uint64_t random_seed() {
  std::random_device source;
  return (std::uint64_t{source()} << 32U) | source();
}

core::StoreOptions store_options(const ClientOptions& options, const Instant& now) {
  core::StoreOptions store;
  store.max_memory_bytes = std::max<std::uint64_t>(options.embedded_max_memory_bytes, 1);
  store.value_bytes_max = Limits{}.value_bytes_max;
  store.threads = std::max(1U, std::thread::hardware_concurrency());
  store.seed = random_seed();
  store.version_floor = static_cast<core::Version>(
      std::max<std::int64_t>(now.wall.time_since_epoch().count(), 0) * kVersionsPerMillisecond);
  return store;
}

/// The caller of everything: this process, which owns the store.
protocol::Caller own_caller() {
  protocol::Caller caller;
  caller.credentials.uid = ::geteuid();
  caller.credentials.gid = ::getegid();
  caller.credentials.pid = ::getpid();
  caller.role = protocol::Caller::Role::kOperator;
  return caller;
}

/// Moves everything that waits in `output` to the end of `answer`.
void drain(protocol::OutputBuffer& output, std::string& answer) {
  std::vector<std::string_view> pieces;
  while (!output.empty()) {
    pieces.clear();
    output.gather(output.end_position(), kAnswerPieces, pieces);
    std::size_t bytes = 0;
    for (const std::string_view piece : pieces) {
      answer.append(piece);
      bytes += piece.size();
    }
    output.consume(bytes);
  }
}

/// A time to live as the store takes it; nothing for one that it would have to refuse, so that the
/// protocol's own words are used for that.
std::optional<core::Expiry> expiry_of(const std::optional<std::chrono::milliseconds>& ttl,
                                      const Instant& now) {
  if (!ttl) return core::Expiry{};
  if (ttl->count() == 0) return core::Expiry{core::Expiry::Mode::kNever, {}};
  if (ttl->count() < 0 || *ttl > kTtlMax) return std::nullopt;
  return core::Expiry{core::Expiry::Mode::kAt, now.mono + *ttl};
}

}  // namespace

struct EmbeddedBackend::Session {
  std::unique_ptr<protocol::Codec> codec = codecs::make_ndjson_codec({});
  commands::Session state;
  protocol::Request request;
  protocol::OutputBuffer output;
  std::string input;
};

EmbeddedBackend::EmbeddedBackend(const ClientOptions& options)
    : address_("embedded:"),
      clock_(options.embedded_clock != nullptr ? *options.embedded_clock : system_clock_),
      store_(store_options(options, clock_.now()), clock_.now()),
      control_(options.embedded_max_memory_bytes, clock_.now()),
      validator_(codecs::make_json_validator()),
      dispatcher_(store_, control_, *validator_),
      maintenance_([this] { maintain(); }) {
}

EmbeddedBackend::~EmbeddedBackend() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  maintenance_.join();
}

void EmbeddedBackend::maintain() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool more = store_.maintain(0, 1, clock_.now(), core::WorkBudget{});
    lock.lock();
    if (!more) stop_.wait_for(lock, kMaintenancePause, [this] { return stopping_; });
  }
}

std::unique_ptr<EmbeddedBackend::Session> EmbeddedBackend::borrow_session() {
  std::unique_ptr<Session> session;
  {
    const std::scoped_lock lock(mutex_);
    if (!idle_.empty()) {
      session = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!session) {
    session = std::make_unique<Session>();
    session->state.caller = own_caller();
  }
  session->state.ns = ns_.load(std::memory_order_relaxed);
  return session;
}

void EmbeddedBackend::give_back(std::unique_ptr<Session> session) {
  if (session->input.capacity() > kIdleInputBytesMax) std::string().swap(session->input);
  const std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(session));
}

std::optional<core::NamespaceId> EmbeddedBackend::plain_namespace() {
  const core::NamespaceId ns = ns_.load(std::memory_order_relaxed);
  const Result<core::NamespaceSettings> settings = store_.namespace_settings(ns);
  if (!settings || settings->type == core::ValueType::kJson) return std::nullopt;
  return ns;
}

std::string EmbeddedBackend::execute(Session& session, std::string_view request) {
  std::string answer;
  session.input.assign(request);
  session.input.push_back('\n');
  const std::size_t size = session.input.size();
  session.input.append(protocol::kInputPadding, '\0');
  protocol::Codec& codec = *session.codec;
  session.request.clear();
  Instant now = clock_.now();

  const protocol::Codec::Frame frame =
      codec.next_frame(std::string_view(session.input).substr(0, size));
  Result<void> decoded;
  if (frame.refusal != nullptr) {
    decoded = fail(frame.refusal->error);
  } else if (frame.kind == protocol::Codec::Frame::Kind::kIncomplete) {
    decoded = fail(ErrorCode::kInvalidRequest, "an empty request");
  } else {
    decoded = codec.decode(std::span<char>(session.input.data(), frame.consumed), session.request);
  }
  protocol::Reply& reply = codec.begin_reply(session.request, session.output);
  if (decoded) {
    protocol::Outcome outcome = dispatcher_.execute(session.state, session.request, reply, now);
    while (outcome.progress == protocol::Outcome::Progress::kContinue) {
      // Until then the job may still turn its answer into an error.
      if (reply.congested()) drain(session.output, answer);
      now = clock_.now();
      protocol::TurnBudget budget;
      if (outcome.job->run(reply, now, budget)) break;
    }
  } else {
    reply.error(decoded.error());
  }
  codec.end_reply();
  drain(session.output, answer);
  if (answer.ends_with('\n')) answer.pop_back();
  return answer;
}

Result<std::vector<std::string>> EmbeddedBackend::pipeline(
    std::span<const std::string_view> requests,
    std::optional<std::chrono::milliseconds> /*timeout*/) {
  std::unique_ptr<Session> session = borrow_session();
  std::vector<std::string> answers;
  answers.reserve(requests.size());
  for (const std::string_view request : requests) {
    answers.push_back(execute(*session, request));
  }
  give_back(std::move(session));
  return answers;
}

Result<std::string> EmbeddedBackend::use(std::string_view request, std::string_view /*ns*/) {
  std::unique_ptr<Session> session = borrow_session();
  std::string answer = execute(*session, request);
  ns_.store(session->state.ns, std::memory_order_relaxed);
  give_back(std::move(session));
  return answer;
}

std::optional<Result<std::optional<Value>>> EmbeddedBackend::get(std::string_view key) {
  Value value;
  const auto copy = [&](const core::EntryView& entry) {
    value.kind = entry.value.kind;
    value.version = entry.version;
    if (entry.value.kind == ValueKind::kInteger) {
      value.bytes = std::to_string(entry.value.integer);
    } else {
      value.bytes.assign(entry.value.bytes);
    }
  };
  const Result<core::GetOutcome> outcome =
      store_.get(ns_.load(std::memory_order_relaxed), key, core::GetOptions{}, clock_.now(), copy);
  if (!outcome) return fail(outcome.error());
  if (!outcome->found) return std::optional<Value>{};
  if (value.kind == ValueKind::kJson) {
    // A document that is a string or an integer looks like one to a client, wherever it runs.
    const Result<JsonView> parsed = JsonView::parse(value.bytes);
    if (parsed && parsed->kind() == JsonView::Kind::kString) {
      value.kind = ValueKind::kBytes;
      value.bytes = parsed->as_text();
    } else if (parsed && parsed->as_integer()) {
      value.kind = ValueKind::kInteger;
      value.bytes = std::string(parsed->text());
    }
  }
  return std::optional<Value>{std::move(value)};
}

std::optional<Result<std::uint64_t>> EmbeddedBackend::set(std::string_view key,
                                                          std::string_view value,
                                                          const SetOptions& options) {
  const Instant now = clock_.now();
  const auto ns = plain_namespace();
  const auto expiry = expiry_of(options.ttl, now);
  const int conditions = static_cast<int>(options.if_absent) +
                         static_cast<int>(options.if_present) +
                         static_cast<int>(options.if_version.has_value());
  if (!ns || !expiry || conditions > 1 || (options.keep_ttl && options.ttl)) return std::nullopt;
  core::SetOptions set;
  set.expiry = options.keep_ttl ? core::Expiry{core::Expiry::Mode::kKeep, {}} : *expiry;
  set.conditions = {options.if_absent, options.if_present, options.if_version};
  const Result<core::SetOutcome> outcome =
      store_.set(*ns, key, ValueView::from_bytes(value), set, now);
  if (!outcome) return fail(outcome.error());
  return outcome->version;
}

std::optional<Result<bool>> EmbeddedBackend::del(std::string_view key) {
  const Result<core::RemoveOutcome> outcome =
      store_.remove(ns_.load(std::memory_order_relaxed), key, core::RemoveOptions{}, clock_.now());
  if (!outcome) return fail(outcome.error());
  return outcome->removed;
}

std::optional<Result<std::int64_t>> EmbeddedBackend::incr(std::string_view key, std::int64_t by,
                                                          const IncrementOptions& options) {
  const Instant now = clock_.now();
  const auto expiry = expiry_of(options.ttl, now);
  if (!expiry) return std::nullopt;
  core::IncrementOptions increment;
  increment.by = by;
  increment.initial = options.initial;
  increment.min = options.min;
  increment.max = options.max;
  increment.expiry = *expiry;
  const Result<core::IncrementOutcome> outcome =
      store_.increment(ns_.load(std::memory_order_relaxed), key, increment, now);
  if (!outcome) return fail(outcome.error());
  return outcome->value;
}

}  // namespace appmem::client
