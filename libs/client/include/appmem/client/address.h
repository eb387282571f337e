#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/socket_path.h"
#include "appmem/base/tcp_address.h"

namespace appmem::client {

/// Where a store is.
struct Address {
  enum class Kind : std::uint8_t {
    kEmbedded,  // inside this process
    kUnix,
    kTcp,
  };
  Kind kind = Kind::kUnix;
  std::string path;  // kUnix
  TcpAddress tcp;    // kTcp

  /// As a user would write it: "embedded:", "unix:/path" or "tcp://127.0.0.1:6379".
  [[nodiscard]] std::string to_string() const;
  /// The same in a message, where a path speaks for itself.
  [[nodiscard]] std::string place() const { return kind == Kind::kUnix ? path : to_string(); }
};

/// Reads "embedded:", "unix:PATH", a plain path (anything with a '/' and no scheme before it) or
/// "tcp://HOST:PORT".
/// Errors: kInvalidRequest (none of these; another scheme, which the message names; a path that is
/// empty, holds a NUL byte or is longer than kSocketPathBytesMax; a host that is not this one; port
/// 0).
Result<Address> parse_address(std::string_view text);

/// What default_addresses looks at; tests give their own.
struct AddressEnvironment {
  SocketEnvironment socket;
  /// APPMEM_SOCKET; empty when unset.
  std::string appmem_socket;
  /// The uid of the user `appmem`, asked for only where it matters; nothing when there is none.
  std::function<std::optional<std::uint32_t>()> appmem_uid;

  static AddressEnvironment of_process();
};

/// Where a client looks when nobody says where, in this order: APPMEM_SOCKET alone when it is set;
/// otherwise the user's default socket (default_socket_path), then /run/appmem/appmem.sock when
/// root or the user `appmem` owns it, so that nobody else can pose as the system's daemon. A
/// default below /tmp is left out unless its directory is the user's own and private.
std::vector<std::string> default_addresses(const AddressEnvironment& environment);
std::vector<std::string> default_addresses();

/// The socket path a daemon of this user listens on by default.
std::string default_socket_path();

/// A connected, blocking stream socket (close-on-exec) to the first of `addresses` that answers;
/// the caller closes it. Empty: default_addresses(). `token`: as ClientOptions::token. For programs
/// that speak the protocol themselves; Client is for all others.
/// Errors: as Client::open; kInvalidRequest for "embedded:".
Result<int> connect_socket(const std::vector<std::string>& addresses,
                           std::chrono::milliseconds timeout, const std::string& token = {});

}  // namespace appmem::client
