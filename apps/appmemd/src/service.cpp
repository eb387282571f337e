#include "service.h"

#include <algorithm>
#include <array>
#include <optional>

#include <unistd.h>

#include "appmem/base/check.h"
#include "appmem/base/token.h"
#include "appmem/codecs/auto_codec.h"
#include "appmem/codecs/resp_codec.h"
#include "appmem/core/prefetch.h"
#include "service_manager.h"

namespace appmem::daemon {
namespace {

/// Entries that one call of maintain() looks at in each shard: some tens of microseconds.
constexpr core::WorkBudget kMaintenanceBudget{250};

/// Whether a request in RESP is a line of HTTP: a browser sends such lines for any web page that
/// names our address, and the body behind them could hold commands.
bool is_from_web_page(const protocol::Request& request) {
  if (request.words().empty()) return false;
  const std::string_view word = request.words().front();
  const auto is = [word](std::string_view capitals) {
    return std::equal(word.begin(), word.end(), capitals.begin(), capitals.end(),
                      [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 32 : a) == b; });
  };
  return is("POST") || is("HOST:");
}

}  // namespace

/// One connection: its wire format, and what it remembers between requests.
class Service::Connection final : public server::ConnectionHandler {
 public:
  Connection(Service& service, const server::ConnectionOrigin& origin,
             protocol::PeerCredentials peer)
      : service_(service) {
    const ListenerRules& rules = service.options_.listeners[origin.listener];
    const codecs::NdjsonLimits limits{
        .request_bytes_max = service.options_.limits.effective_request_bytes_max(),
        .value_bytes_max = service.options_.limits.value_bytes_max,
        .only_objects = rules.tcp,
        .memory = &service.store_.memory(),
        .allocate_large = [&service](std::size_t bytes) {
          return service.store_.allocate_large(bytes, service.clock_.now());
        }};
    switch (rules.protocol) {
      case ListenerProtocol::kAuto: {
        auto codec = std::make_unique<codecs::AutoCodec>(limits, &service.redis_errors_);
        choosing_ = codec.get();
        codec_ = std::move(codec);
        break;
      }
      case ListenerProtocol::kJson:
        codec_ = codecs::make_ndjson_codec(limits);
        break;
      case ListenerProtocol::kResp:
        codec_ = codecs::make_resp_codec({.request_bytes_max = limits.request_bytes_max,
                                          .allocate_large = limits.allocate_large,
                                          .errors = &service.redis_errors_});
        break;
    }
    session_.id = origin.id;
    session_.listener = origin.listener;
    session_.caller = rules.access.resolve(std::move(peer));
    session_.role_at_start = session_.caller.role;
    if (session_.caller.role == protocol::Caller::Role::kStranger) {
      service.report_client(session_, "client_without_rights",
                            "a client connected that may do nothing: its user is neither the "
                            "daemon's nor in the socket's group");
    }
    note_role();
    view_.publish(session_);
    const std::lock_guard lock(service.views_mutex_);
    service.views_.emplace(session_.id, &view_);
  }
  ~Connection() override {
    const std::lock_guard lock(service_.views_mutex_);
    service_.views_.erase(session_.id);
  }

  protocol::Codec& codec() override {
    return choosing_ == nullptr ? *codec_ : choosing_->settled();
  }
  protocol::Outcome execute(const protocol::Request& request, protocol::Reply& reply,
                            const Instant& now) override {
    if (is_from_web_page(request)) {
      service_.report_client(session_, "client_speaks_http",
                             "closed a client that sent a line of HTTP where RESP is spoken, as a "
                             "web page in a browser might");
      protocol::Outcome outcome;
      outcome.close = true;
      return outcome;
    }
    protocol::Outcome outcome = service_.dispatcher_.execute(session_, request, reply, now);
    note_role();
    view_.publish(session_);
    return outcome;
  }
  void refused_unread() override { commands::Dispatcher::refused_unread(session_); }
  [[nodiscard]] const commands::Session& session() const { return session_; }
  [[nodiscard]] std::string_view client_name() const override { return session_.client_name; }
  [[nodiscard]] bool protocol_chosen() const override {
    return choosing_ == nullptr || choosing_->chosen();
  }
  [[nodiscard]] bool unauthenticated() const override {
    return session_.caller.role == protocol::Caller::Role::kUnauthenticated;
  }
  [[nodiscard]] std::uint64_t memory_bytes() const override { return view_.queue_bytes(); }
  void close() override { session_.redis.reset(); }
  [[nodiscard]] bool no_evict() const override { return view_.no_evict(); }

 private:
  /// The role may have changed: with the token (or, in RESP, RESET).
  void note_role() {
    if (unauthenticated() == limited_) return;
    limited_ = !limited_;
    codec_->set_unauthenticated(limited_);
  }

  Service& service_;
  std::unique_ptr<protocol::Codec> codec_;
  codecs::AutoCodec* choosing_ = nullptr;  // codec_, where it has to find out
  bool limited_ = false;                   // what codec_ knows of unauthenticated()
  commands::Session session_;
  commands::SessionView view_;
};

Service::Service(ServiceOptions options, core::Store& store, storage::Storage& storage,
                 Clock& clock)
    : options_(std::move(options)),
      store_(store),
      storage_(storage),
      durability_(storage),
      clock_(clock),
      start_(clock.now().mono),
      validator_(codecs::make_json_validator()),
      dispatcher_(store, *this, *validator_) {
}

Service::~Service() = default;

std::unique_ptr<server::ConnectionHandler> Service::connect(std::size_t /*loop*/,
                                                            const server::ConnectionOrigin& origin,
                                                            protocol::PeerCredentials peer) {
  return std::make_unique<Connection>(*this, origin, std::move(peer));
}

void Service::report_client(const commands::Session& session, std::string_view event,
                            std::string_view message) const {
  if (options_.observer == nullptr) return;
  const protocol::PeerCredentials& peer = session.caller.credentials;
  const bool known = peer.uid != protocol::kNobody;
  const std::array fields{EventField::of("client", static_cast<std::int64_t>(session.id)),
                          EventField::of("uid", known ? std::int64_t{peer.uid} : -1),
                          EventField::of("pid", peer.pid)};
  options_.observer->event(Severity::kWarning, event, message, fields.data(), fields.size());
}

/// Fetches the keys that requests will most likely look at.
class Service::KeyForesight final : public server::Foresight {
 public:
  explicit KeyForesight(const Service& service)
      : dispatcher_(service.dispatcher_), prefetch_(service.store_) {}

  void add(const server::ConnectionHandler& connection, const protocol::Request& request) override {
    const auto& session = static_cast<const Connection&>(connection).session();
    if (const auto key = dispatcher_.likely_key(session, request)) prefetch_.add(key->ns, key->key);
  }
  void finish() override { prefetch_.finish(); }

 private:
  const commands::Dispatcher& dispatcher_;
  core::Prefetch prefetch_;
};

std::unique_ptr<server::Foresight> Service::make_foresight() {
  return std::make_unique<KeyForesight>(*this);
}

bool Service::maintain(std::size_t loop, std::size_t loops, const Instant& now) {
  if (loop == 0 && rates_.is_due(now.mono)) {
    const server::ServerCounts counts = server_->counts();
    rates_.sample({counts.requests, counts.bytes_received, counts.bytes_sent}, now.mono);
    const std::uint64_t used = store_.memory().used();
    const std::uint64_t peak = memory_peak_bytes_.load(std::memory_order_relaxed);
    memory_peak_bytes_.store(std::max(peak, used), std::memory_order_relaxed);
  }
  return store_.maintain(loop, loops, now, kMaintenanceBudget);
}

void Service::serving() {
  notify_service_manager("READY=1");
  if (options_.serving) options_.serving();
}

void Service::stopping() {
  notify_service_manager("STOPPING=1");
}

commands::ServerInfo Service::info(const Instant& now) {
  commands::ServerInfo info;
  info.version = APPMEM_VERSION;
  info.pid = ::getpid();
  info.uptime = now.mono - start_;
  info.threads = options_.threads;
  info.connections = server_->connection_count();
  info.features = {"ndjson", "resp"};
  return info;
}

std::vector<commands::ClientInfo> Service::clients(const Instant& now) {
  std::vector<commands::ClientInfo> clients;
  for (server::ConnectionInfo& connection : server_->connections(now)) {
    clients.push_back({.id = connection.id,
                       .name = std::move(connection.client_name),
                       .address = std::move(connection.address),
                       .peer = std::move(connection.peer),
                       .uid = connection.uid,
                       .pid = connection.pid,
                       .age = connection.age,
                       .idle = connection.idle,
                       .requests = connection.requests,
                       .memory_bytes = connection.memory_bytes,
                       .input_bytes = connection.input_bytes,
                       .output_bytes = connection.output_bytes});
  }
  std::sort(clients.begin(), clients.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  const std::lock_guard lock(views_mutex_);
  for (commands::ClientInfo& client : clients) {
    const auto view = views_.find(client.id);
    if (view != views_.end()) view->second->read(client);
  }
  return clients;
}

commands::ServerCounts Service::counts() {
  const server::ServerCounts counts = server_->counts();
  const RateMeter::Rates rates = rates_.rates();
  return {.connections = counts.connections,
          .connections_refused = counts.connections_refused,
          .requests = counts.requests,
          .bytes_received = counts.bytes_received,
          .bytes_sent = counts.bytes_sent,
          .clients_evicted = counts.connections_evicted,
          .requests_rate = rates.requests,
          .bytes_received_rate = rates.bytes_received,
          .bytes_sent_rate = rates.bytes_sent,
          .memory_peak_bytes = memory_peak_bytes_.load(std::memory_order_relaxed)};
}

bool Service::kill_client(std::uint64_t id) {
  return server_->kill_connection(id);
}

commands::TokenCheck Service::authenticate(commands::Session& session, std::string_view token) {
  const ListenerRules& rules = options_.listeners[session.listener];
  if (!rules.access.token) return commands::TokenCheck::kNotTaken;
  if (!is_same_token(rules.token, token)) {
    report_client(session, "authentication_failed", "a client showed a token that is not ours");
    return commands::TokenCheck::kWrong;
  }
  session.caller.role = protocol::Caller::Role::kOperator;
  return commands::TokenCheck::kAccepted;
}

void Service::shutdown() {
  server_->stop();
}

void Service::out_of_memory(std::uint64_t client, std::string_view op, const Error& error) {
  server_->memory_was_refused();
  if (options_.observer == nullptr) return;
  const std::array fields{EventField::of("client", static_cast<std::int64_t>(client)),
                          EventField::of("op", op), EventField::of("reason", error.message)};
  options_.observer->event(Severity::kWarning, "out_of_memory",
                           "a request was refused for lack of memory", fields.data(),
                           fields.size());
}

}  // namespace appmem::daemon
