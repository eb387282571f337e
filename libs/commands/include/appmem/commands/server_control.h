#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/limits.h"
#include "appmem/base/process_usage.h"
#include "appmem/base/time.h"
#include "appmem/core/namespace.h"
#include "appmem/protocol/redis_error_counts.h"
#include "appmem/protocol/redis_table.h"

namespace appmem::commands {

struct Session;

/// What is known of a connection that speaks RESP.
struct RedisClientInfo {
  int version = 0;                // of RESP; 0: it speaks something else
  int unmade_database = 0;        // the one selected, when that does not exist yet
  std::int64_t queued = -1;       // commands that wait for EXEC; -1 outside of a transaction
  std::uint64_t queue_bytes = 0;  // with the keys that are watched
  const protocol::RedisSpec* command = nullptr;  // the last one
  bool no_evict = false;
  std::string library_name;
  std::string library_version;
};

/// One connection, as `clients` and CLIENT LIST show it.
struct ClientInfo {
  std::uint64_t id = 0;
  std::string name;
  std::string address;    // the listener's
  std::string peer;       // the client's: "127.0.0.1:50000"; empty over a Unix socket
  std::uint32_t uid = 0;  // protocol::kNobody where the kernel does not say
  std::int32_t pid = 0;
  std::chrono::milliseconds age{0};
  std::chrono::milliseconds idle{0};
  std::uint64_t requests = 0;
  std::uint64_t memory_bytes = 0;  // its buffers
  std::uint64_t input_bytes = 0;   // received and not yet executed
  std::uint64_t output_bytes = 0;  // composed and not yet sent
  core::NamespaceId ns = core::kDefaultNamespace;
  RedisClientInfo redis = {};
};

struct ServerInfo {
  std::string version;
  std::int32_t pid = 0;
  std::chrono::milliseconds uptime{0};
  std::size_t threads = 0;
  std::size_t connections = 0;
  std::vector<std::string> features;
};

/// Counted since the start.
struct ServerCounts {
  std::uint64_t connections = 0;          // accepted
  std::uint64_t connections_refused = 0;  // because all were taken
  std::uint64_t requests = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t clients_evicted = 0;  // closed for what their buffers took
  /// A second, over the last one and a half.
  double requests_rate = 0;
  double bytes_received_rate = 0;
  double bytes_sent_rate = 0;
  /// The most that has been used of the memory budget, as looked at ten times a second.
  std::uint64_t memory_peak_bytes = 0;
};

/// What became of a token that a client has shown.
enum class TokenCheck : std::uint8_t {
  kAccepted,  // the session is an operator's now
  kWrong,
  kNotTaken,  // the session's listener takes none
};

/// What a verification of the data directory has found.
struct StorageVerification {
  std::uint64_t files = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  /// Why a start would refuse the directory; empty: it would not.
  std::string damage;
};

/// What handlers may ask of storage. Thread safety: all functions, from any event loop; none but
/// `prepare` blocks, and that not for long.
class StorageControl {
 public:
  StorageControl() = default;
  StorageControl(const StorageControl&) = delete;
  StorageControl& operator=(const StorageControl&) = delete;
  virtual ~StorageControl() = default;

  /// To be called before a namespace becomes durable. Errors: kUnavailable, kBusy: its directory
  /// cannot be had.
  virtual Result<void> prepare() = 0;

  /// Begins a checkpoint, or (`request_resume`) writes again what a failed log may have lost.
  /// Returns what `state` is asked about. Errors: kUnavailable.
  virtual Result<std::uint64_t> request_checkpoint() = 0;
  virtual Result<std::uint64_t> request_resume() = 0;
  /// Nothing while it is not done. When it is, Server::notify_committed has been called.
  [[nodiscard]] virtual std::optional<Result<void>> state(std::uint64_t request) = 0;

  /// Begins to read and check all files. As request_checkpoint and `state`.
  virtual Result<std::uint64_t> request_verify() = 0;
  [[nodiscard]] virtual std::optional<Result<StorageVerification>> verified(
      std::uint64_t request) = 0;

  /// Why namespaces with a log are read-only; empty when they are not.
  [[nodiscard]] virtual std::string failure() = 0;
  /// When the last checkpoint was written.
  [[nodiscard]] virtual std::optional<WallTime> checkpoint_at() = 0;
  /// Names and numbers, as `stats` shows them. Empty when there is no directory yet.
  [[nodiscard]] virtual std::vector<std::pair<std::string_view, std::int64_t>> stats() = 0;
};

/// What handlers may ask of the process they run in. The daemon implements it; an embedded store
/// has a small one of its own. Thread safety: all functions, from any event loop, none blocks.
class ServerControl {
 public:
  ServerControl() = default;
  ServerControl(const ServerControl&) = delete;
  ServerControl& operator=(const ServerControl&) = delete;
  virtual ~ServerControl() = default;

  [[nodiscard]] virtual ServerInfo info(const Instant& now) = 0;
  [[nodiscard]] virtual const Limits& limits() const = 0;
  /// Without connections there is nothing to count.
  [[nodiscard]] virtual ServerCounts counts() { return {}; }
  /// Null where nobody counts errors. Lifetime: this object's.
  [[nodiscard]] virtual protocol::RedisErrorCounts* redis_errors() { return nullptr; }
  [[nodiscard]] virtual ProcessUsage usage() { return process_usage(); }
  /// A snapshot, sorted by id.
  [[nodiscard]] virtual std::vector<ClientInfo> clients(const Instant& now) = 0;
  /// Closes a connection soon. False when there is none with this id.
  virtual bool kill_client(std::uint64_t id) = 0;
  /// The effective configuration: option names and values as `--print-config` shows them.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> config() const = 0;
  /// Compares `token` with that of the session's listener, in a time that says nothing of how much
  /// of it is right; where it is, gives the session's caller the rights of an operator.
  virtual TokenCheck authenticate(Session& session, std::string_view token) = 0;
  /// Null where nothing can be durable.
  [[nodiscard]] virtual StorageControl* storage() { return nullptr; }
  /// Begins an orderly end, as SIGTERM does.
  virtual void shutdown() = 0;
  /// Told of a request that was refused for lack of memory: its connection's id, its op, and the
  /// answer. May come with every request. Does nothing unless overridden.
  virtual void out_of_memory(std::uint64_t client, std::string_view op, const Error& error) {
    static_cast<void>(client);
    static_cast<void>(op);
    static_cast<void>(error);
  }
};

}  // namespace appmem::commands
