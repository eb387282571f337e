#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "appmem/base/limits.h"
#include "appmem/base/observer.h"
#include "appmem/base/time.h"
#include "appmem/codecs/ndjson_codec.h"
#include "appmem/commands/dispatcher.h"
#include "appmem/commands/server_control.h"
#include "appmem/commands/session_view.h"
#include "appmem/core/store.h"
#include "appmem/protocol/caller.h"
#include "appmem/server/request_handler.h"
#include "appmem/server/server.h"
#include "appmem/storage/storage.h"
#include "durability.h"
#include "listen_address.h"
#include "rate_meter.h"

namespace appmem::daemon {

/// What holds for the connections of one listener.
struct ListenerRules {
  ListenerProtocol protocol = ListenerProtocol::kAuto;
  /// Whoever is on this host may connect, a web page in a browser too.
  bool tcp = false;
  protocol::AccessPolicy access;
  /// What makes an operator of whoever shows it, where `access` says that one is taken.
  std::string token;
};

/// What the service is told about the process.
struct ServiceOptions {
  Limits limits;
  std::size_t threads = 1;
  /// One for each of the server's, in its order.
  std::vector<ListenerRules> listeners;
  /// As `--print-config` shows it.
  std::vector<std::pair<std::string, std::string>> config;
  /// Called once, when whoever connects is answered. May be empty.
  std::function<void()> serving;
  /// Told of clients that may do nothing, and of lack of memory. May be null. Borrowed.
  Observer* observer = nullptr;
};

/// Joins store, commands and codecs to the server: what a connection's bytes mean, and what
/// handlers may ask of the process. Thread safety: as the two interfaces.
class Service final : public server::RequestHandler, public commands::ServerControl {
 public:
  /// `store`, `storage` and `clock` are borrowed.
  Service(ServiceOptions options, core::Store& store, storage::Storage& storage, Clock& clock);
  ~Service() override;

  /// The server that this service is the handler of; before it opens. Borrowed.
  void attach(server::Server& server) { server_ = &server; }

  // --- server::RequestHandler ---
  std::unique_ptr<server::ConnectionHandler> connect(std::size_t loop,
                                                     const server::ConnectionOrigin& origin,
                                                     protocol::PeerCredentials peer) override;
  std::unique_ptr<server::Foresight> make_foresight() override;
  bool maintain(std::size_t loop, std::size_t loops, const Instant& now) override;
  [[nodiscard]] std::uint64_t committed() const override { return storage_.committed(); }
  [[nodiscard]] bool commit_failed() const override { return storage_.failed(); }
  [[nodiscard]] bool commit_congested() const override { return storage_.congested(); }
  void turn_ended(std::size_t loop) override {
    if (storage_.turn_ended()) server_->notify_committed(loop);
  }
  void serving() override;
  void stopping() override;

  // --- commands::ServerControl ---
  [[nodiscard]] commands::ServerInfo info(const Instant& now) override;
  [[nodiscard]] const Limits& limits() const override { return options_.limits; }
  [[nodiscard]] commands::ServerCounts counts() override;
  [[nodiscard]] protocol::RedisErrorCounts* redis_errors() override { return &redis_errors_; }
  [[nodiscard]] std::vector<commands::ClientInfo> clients(const Instant& now) override;
  bool kill_client(std::uint64_t id) override;
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> config() const override {
    return options_.config;
  }
  [[nodiscard]] commands::StorageControl* storage() override { return &durability_; }
  commands::TokenCheck authenticate(commands::Session& session, std::string_view token) override;
  void shutdown() override;
  void out_of_memory(std::uint64_t client, std::string_view op, const Error& error) override;

 private:
  class Connection;
  class KeyForesight;

  void report_client(const commands::Session& session, std::string_view event,
                     std::string_view message) const;

  const ServiceOptions options_;
  core::Store& store_;
  storage::Storage& storage_;
  Durability durability_;
  Clock& clock_;
  const TimePoint start_;
  std::unique_ptr<protocol::JsonValidator> validator_;
  commands::Dispatcher dispatcher_;
  server::Server* server_ = nullptr;
  protocol::RedisErrorCounts redis_errors_;
  /// Both are brought up to date by the first loop.
  RateMeter rates_;
  std::atomic<std::uint64_t> memory_peak_bytes_{0};
  std::mutex views_mutex_;
  /// What each connection shows of its session; guarded by views_mutex_.
  std::unordered_map<std::uint64_t, const commands::SessionView*> views_;
};

}  // namespace appmem::daemon
