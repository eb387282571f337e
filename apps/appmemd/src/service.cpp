#include "service.h"

#include <algorithm>
#include <array>
#include <optional>

#include <unistd.h>

#include "appmem/base/check.h"
#include "appmem/codecs/auto_codec.h"
#include "appmem/codecs/resp_codec.h"
#include "service_manager.h"

namespace appmem::daemon {
namespace {

/// Entries that one call of maintain() looks at in each shard: some tens of microseconds.
constexpr core::WorkBudget kMaintenanceBudget{500};

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
  Connection(Service& service, std::size_t loop, std::uint64_t id, protocol::PeerCredentials peer,
             server::ListenerProtocol protocol)
      : service_(service) {
    const codecs::NdjsonLimits limits{
        .request_bytes_max = service.options_.limits.effective_request_bytes_max(),
        .memory = &service.store_.memory()};
    codecs::NdjsonScratch& scratch = *service.scratch_[loop];
    switch (protocol) {
      case server::ListenerProtocol::kAuto: {
        auto codec = std::make_unique<codecs::AutoCodec>(limits, scratch);
        choosing_ = codec.get();
        codec_ = std::move(codec);
        break;
      }
      case server::ListenerProtocol::kJson:
        codec_ = codecs::make_ndjson_codec(limits, scratch);
        break;
      case server::ListenerProtocol::kResp:
        codec_ = codecs::make_resp_codec({.request_bytes_max = limits.request_bytes_max});
        break;
    }
    session_.id = id;
    session_.caller = service.options_.access.resolve(std::move(peer));
    session_.role_at_start = session_.caller.role;
    if (session_.caller.role == protocol::Caller::Role::kStranger)
      service.report_stranger(session_);
  }

  protocol::Codec& codec() override { return *codec_; }
  protocol::Outcome execute(const protocol::Request& request, protocol::Reply& reply,
                            const Instant& now) override {
    if (is_from_web_page(request)) {
      service_.report_web_page(session_, request.words().front());
      protocol::Outcome outcome;
      outcome.close = true;
      return outcome;
    }
    return service_.dispatcher_.execute(session_, request, reply, now);
  }
  [[nodiscard]] std::string_view client_name() const override { return session_.client_name; }
  [[nodiscard]] bool protocol_chosen() const override {
    return choosing_ == nullptr || choosing_->chosen();
  }

 private:
  Service& service_;
  std::unique_ptr<protocol::Codec> codec_;
  const codecs::AutoCodec* choosing_ = nullptr;  // codec_, where it has to find out
  commands::Session session_;
};

Service::Service(ServiceOptions options, core::Store& store, const Instant& start)
    : options_(std::move(options)),
      store_(store),
      start_(start.mono),
      validator_(codecs::make_json_validator()),
      dispatcher_(store, *this, *validator_) {
  for (std::size_t loop = 0; loop < options_.threads; ++loop) {
    scratch_.push_back(std::make_unique<codecs::NdjsonScratch>());
  }
}

Service::~Service() = default;

std::unique_ptr<server::ConnectionHandler> Service::connect(std::size_t loop,
                                                            std::uint64_t connection_id,
                                                            protocol::PeerCredentials peer,
                                                            server::ListenerProtocol protocol) {
  return std::make_unique<Connection>(*this, loop, connection_id, std::move(peer), protocol);
}

void Service::report_stranger(const commands::Session& session) const {
  if (options_.observer == nullptr) return;
  const protocol::PeerCredentials& peer = session.caller.credentials;
  const std::array fields{EventField::of("client", static_cast<std::int64_t>(session.id)),
                          EventField::of("uid", peer.uid), EventField::of("pid", peer.pid)};
  options_.observer->event(Severity::kWarning, "client_without_rights",
                           "a client connected that may do nothing: its user is neither the "
                           "daemon's nor in the socket's group",
                           fields.data(), fields.size());
}

void Service::report_web_page(const commands::Session& session, std::string_view word) const {
  if (options_.observer == nullptr) return;
  const protocol::PeerCredentials& peer = session.caller.credentials;
  const std::array fields{EventField::of("client", static_cast<std::int64_t>(session.id)),
                          EventField::of("uid", peer.uid), EventField::of("pid", peer.pid),
                          EventField::of("word", word)};
  options_.observer->event(Severity::kWarning, "client_speaks_http",
                           "closed a client that sent a line of HTTP to a listener for RESP, as a "
                           "web page in a browser might",
                           fields.data(), fields.size());
}

bool Service::maintain(std::size_t loop, std::size_t loops, const Instant& now) {
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
                       .peer = {},
                       .uid = connection.uid,
                       .pid = connection.pid,
                       .age = connection.age,
                       .idle = connection.idle,
                       .requests = connection.requests,
                       .memory_bytes = connection.memory_bytes});
  }
  std::sort(clients.begin(), clients.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return clients;
}

bool Service::kill_client(std::uint64_t id) {
  return server_->kill_connection(id);
}

commands::TokenCheck Service::authenticate(commands::Session& /*session*/,
                                           std::string_view /*token*/) {
  return commands::TokenCheck::kNotTaken;
}

void Service::shutdown() {
  server_->stop();
}

}  // namespace appmem::daemon
