#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "appmem/base/time.h"
#include "appmem/commands/server_control.h"
#include "appmem/core/store.h"
#include "appmem/protocol/caller.h"
#include "appmem/protocol/codec.h"
#include "appmem/protocol/outcome.h"
#include "appmem/protocol/request.h"

namespace appmem::commands {

class RedisStatistics;
class TransactionMemory;
struct RedisState;

/// What a connection remembers between its requests. Owned by whoever owns the connection.
struct Session {
  std::uint64_t id = 0;      // as in `clients`
  std::size_t listener = 0;  // which accepted it; the ServerControl's business
  protocol::Caller caller;
  /// The caller's role before any token, to which RESET goes back.
  protocol::Caller::Role role_at_start = protocol::Caller::Role::kStranger;
  core::NamespaceId ns = core::kDefaultNamespace;  // chosen with `use`
  std::string client_name;                         // given with `hello`
  /// Of a connection that speaks RESP, from its first request on.
  std::shared_ptr<RedisState> redis = nullptr;
};

/// Executes requests: resolves the namespace, checks rights, runs the handler of the command's row.
/// Thread safety: `execute` from any thread, for different sessions at once.
class Dispatcher {
 public:
  /// All borrowed; must outlive the dispatcher and the jobs that it returns.
  Dispatcher(core::Store& store, ServerControl& control, const protocol::JsonValidator& validator);
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  /// The key that a request of the session will most likely look at first, for core::Prefetch.
  /// Nothing where it names none. Lifetime: the request's.
  [[nodiscard]] std::optional<core::KeyRef> likely_key(const Session& session,
                                                       const protocol::Request& request) const;

  /// A request of the session was refused before it could be decoded: a transaction that it was to
  /// be queued in will not be executed.
  static void refused_unread(Session& session);

  /// Executes one request and writes its answer (or an error) to `reply`, which has been begun.
  /// Never fails otherwise: every failure is an answer.
  protocol::Outcome execute(Session& session, const protocol::Request& request,
                            protocol::Reply& reply, const Instant& now);

 private:
  core::Store& store_;
  ServerControl& control_;
  const protocol::JsonValidator& validator_;
  /// Keeps two changes of a namespace's settings from undoing each other.
  std::mutex settings_mutex_;
  const std::unique_ptr<RedisStatistics> statistics_;
  const std::unique_ptr<TransactionMemory> transactions_;
};

}  // namespace appmem::commands
