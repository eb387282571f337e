#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/limits.h"
#include "appmem/base/time.h"

namespace appmem::commands {

struct Session;

/// One connection, as `clients` shows it.
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
};

struct ServerInfo {
  std::string version;
  std::int32_t pid = 0;
  std::chrono::milliseconds uptime{0};
  std::size_t threads = 0;
  std::size_t connections = 0;
  std::vector<std::string> features;
};

/// What became of a token that a client has shown.
enum class TokenCheck : std::uint8_t {
  kAccepted,  // the session is an operator's now
  kWrong,
  kNotTaken,  // the session's listener takes none
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
  /// A snapshot, sorted by id.
  [[nodiscard]] virtual std::vector<ClientInfo> clients(const Instant& now) = 0;
  /// Closes a connection soon. False when there is none with this id.
  virtual bool kill_client(std::uint64_t id) = 0;
  /// The effective configuration: option names and values as `--print-config` shows them.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> config() const = 0;
  /// Compares `token` with that of the session's listener, in a time that says nothing of how much
  /// of it is right; where it is, gives the session's caller the rights of an operator.
  virtual TokenCheck authenticate(Session& session, std::string_view token) = 0;
  /// Begins an orderly end, as SIGTERM does.
  virtual void shutdown() = 0;
};

}  // namespace appmem::commands
