#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/limits.h"
#include "appmem/base/memory_budget.h"
#include "appmem/base/observer.h"
#include "appmem/base/tcp_address.h"
#include "appmem/base/time.h"
#include "appmem/server/request_handler.h"

namespace appmem::server {

/// One place where clients may connect: a Unix socket, unless `tcp` or `inherited_fd` is set.
struct ListenerSpec {
  std::string socket_path;
  std::uint32_t socket_mode = 0600;
  /// Group that owns the socket file (its members may connect when the mode lets them).
  std::optional<std::uint32_t> socket_gid;
  /// A listening socket handed over by systemd (LISTEN_FDS); used as it is and never removed.
  std::optional<int> inherited_fd;
  /// Port 0 is any that is free; the event `listening` tells which.
  std::optional<TcpAddress> tcp;
};

/// The time of CLOCK_MONOTONIC.
std::chrono::nanoseconds monotonic_time();

struct ServerOptions {
  std::vector<ListenerSpec> listeners;
  std::size_t threads = 1;
  /// `connections_max` is lowered to what the system's limit of open files allows.
  Limits limits;
  /// What may pass between `stop` and the end of `run`. Connections that still wait are cut a
  /// little before, see stop_margin.
  std::chrono::milliseconds shutdown_timeout{5000};
  /// What measures how long requests take, which is less than a Clock can tell: the time since some
  /// moment. Called on all loops' threads.
  std::function<std::chrono::nanoseconds()> stopwatch = monotonic_time;
};

/// One connection, as an operator sees it.
struct ConnectionInfo {
  std::uint64_t id = 0;
  std::string client_name;
  std::string address;    // the listener's
  std::string peer;       // the client's, such as "127.0.0.1:50000"; empty over a Unix socket
  std::uint32_t uid = 0;  // protocol::kNobody over TCP
  std::int32_t pid = 0;
  std::chrono::milliseconds age{0};
  std::chrono::milliseconds idle{0};
  std::uint64_t requests = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t input_bytes = 0;   // received and not yet executed
  std::uint64_t output_bytes = 0;  // composed and not yet sent
};

/// Counted since `open`.
struct ServerCounts {
  std::uint64_t connections = 0;          // accepted
  std::uint64_t connections_refused = 0;  // because all were taken
  std::uint64_t requests = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t connections_evicted = 0;  // closed for what their buffers took
};

/// Listeners, event loops and sessions. Reports to the observer: `listening`, `started`,
/// `stopping`, `stopped`; clients refused or closed and the limit they hit; what the system
/// refuses. Thread safety: `open` and `run` from one thread, in this order and once; the rest from
/// any, once `open` has returned.
class Server {
 public:
  /// All borrowed; must outlive the server.
  Server(ServerOptions options, RequestHandler& handler, Clock& clock, MemoryBudget& memory,
         Observer& observer);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Takes the locks, creates the sockets, listens. From here on SIGTERM, SIGINT and SIGHUP do not
  /// end the process: they are handled by `run`. Errors: kInvalidRequest (path over
  /// kSocketPathBytesMax, directory not safe), kBusy (another daemon holds it; the message names
  /// its pid, or the port is taken), kInternal (the system's refusal), and whatever
  /// `before_listening` fails with, which is called when signals are handled and nobody can connect
  /// yet. Nothing is left behind on failure.
  Result<void> open(const std::function<Result<void>()>& before_listening = {});

  /// Serves until `stop`; returns when all connections have ended or the timeout has passed.
  /// Handles SIGTERM and SIGINT (stop; the second one stops at once) and reports SIGHUP.
  /// Returns the number of connections that had to be cut.
  std::size_t run();

  /// Stops accepting, answers what has been received, closes. Idempotent.
  void stop();

  /// A snapshot, in no order.
  [[nodiscard]] std::vector<ConnectionInfo> connections(const Instant& now) const;
  [[nodiscard]] std::size_t connection_count() const;
  [[nodiscard]] ServerCounts counts() const;
  /// Closes a connection soon; false when there is none with this id.
  bool kill_connection(std::uint64_t id);

  /// A request was refused for lack of memory. Where half-sent ones are what takes it, the largest
  /// of their connections are closed soon.
  void memory_was_refused();

  /// Commit tickets have advanced: parked answers may leave. `but_loop` knows it: it is at the end
  /// of a turn.
  void notify_committed(std::optional<std::size_t> but_loop = std::nullopt);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace appmem::server
