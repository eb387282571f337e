#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/units.h"
#include "appmem/base/value.h"

namespace appmem::client {

/// How to reach a store. Addresses are tried in order; the first that answers is used.
struct ClientOptions {
  /// "unix:PATH" or a plain path, "embedded:"; empty: default_addresses().
  std::vector<std::string> addresses;
  /// The namespace of this client's requests.
  std::string ns = "default";
  /// For connecting, and for each request.
  std::chrono::milliseconds timeout{5000};
  /// How often an idempotent request is sent again over a new connection when its answer was lost.
  int retries = 1;
  std::string client_name;
  /// Memory of an `embedded:` store.
  std::uint64_t embedded_max_memory_bytes = 256_MiB;
};

/// A value with its kind, owned.
struct Value {
  ValueKind kind = ValueKind::kBytes;
  /// The bytes, the document's text, or the digits of the integer.
  std::string bytes;
  std::uint64_t version = 0;
};

struct SetOptions {
  /// Nothing: the namespace's default; 0: never.
  std::optional<std::chrono::milliseconds> ttl;
  bool keep_ttl = false;
  bool if_absent = false;
  bool if_present = false;
  std::optional<std::uint64_t> if_version;
};

struct IncrementOptions {
  std::int64_t initial = 0;
  std::optional<std::chrono::milliseconds> ttl;
  std::optional<std::int64_t> min;
  std::optional<std::int64_t> max;
};

/// Where a client looks when nobody says where: APPMEM_SOCKET alone when it is set; otherwise the
/// user's default socket, then /run/appmem/appmem.sock when root or the user `appmem` owns it.
std::vector<std::string> default_addresses();

/// The socket path a daemon of this user listens on by default.
std::string default_socket_path();

/// A store, wherever it runs. One class for `embedded:`, `unix:` and `tcp:`.
/// Thread safety: all; connections are pooled. Values returned are owned by the caller.
/// Errors of all: kTimeout, kUnavailable (no connection: the message says which addresses were
/// tried and what to do), and those of the operation as docs/protocol.md lists them.
class Client {
 public:
  /// Connects, or starts the embedded store. Errors: kUnavailable, kInvalidRequest (an address).
  static Result<Client> open(ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// The address in use.
  [[nodiscard]] const std::string& address() const;

  Result<std::optional<Value>> get(std::string_view key);
  /// Returns the new version.
  Result<std::uint64_t> set(std::string_view key, std::string_view value,
                            const SetOptions& options = {});
  Result<bool> del(std::string_view key);
  Result<std::int64_t> incr(std::string_view key, std::int64_t by = 1,
                            const IncrementOptions& options = {});
  Result<bool> exists(std::string_view key);
  Result<std::vector<std::optional<Value>>> mget(std::span<const std::string_view> keys);
  Result<void> mset(std::span<const std::pair<std::string_view, std::string_view>> entries,
                    const SetOptions& options = {});
  Result<bool> expire(std::string_view key, std::chrono::milliseconds ttl);

  /// Sends one request of the NDJSON protocol (a JSON object without line end) and returns its
  /// answer's line. For everything that has no function of its own. An answer with "ok":false is a
  /// result here, not an error.
  Result<std::string> call(std::string_view request);

  /// Sends all requests before it waits for the first answer; answers in order.
  Result<std::vector<std::string>> pipeline(std::span<const std::string> requests);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace appmem::client
