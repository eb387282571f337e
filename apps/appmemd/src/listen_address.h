#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/tcp_address.h"

namespace appmem::daemon {

/// Which wire formats a listener accepts; kAuto finds out for each connection.
enum class ListenerProtocol : std::uint8_t { kAuto, kJson, kResp };

inline constexpr std::size_t kListenersMax = 64;

/// One place to listen, as `--listen` names it:
/// ADDRESS[?protocol=auto|json|resp&mode=0600&group=G&token-file=F&insecure=true], where ADDRESS is
/// unix:PATH or tcp://HOST:PORT. Whatever has a meaning of its own in this text, blanks among it,
/// is written as %XX in a path.
struct ListenAddress {
  std::string socket;             // a path, unless `tcp` is set
  std::optional<TcpAddress> tcp;  // port 0: any that is free
  ListenerProtocol protocol = ListenerProtocol::kAuto;
  std::optional<std::uint32_t> mode;  // of a socket
  std::string group;                  // of a socket: a name or number; empty: none
  std::string token_file;             // empty: no token is taken
  bool insecure = false;              // over TCP: whoever connects counts as the daemon's user

  /// As it is read again.
  [[nodiscard]] std::string to_string() const;
};

/// Errors: kInvalidRequest, beginning with "expected". Over TCP either a token or `insecure` is
/// needed, so that nobody opens a store to all users of the host without saying so.
Result<ListenAddress> parse_listen_address(std::string_view text);

/// Several of them, with white space between them; at most kListenersMax.
Result<std::vector<ListenAddress>> parse_listen_addresses(std::string_view text);
std::string show_listen_addresses(const std::vector<ListenAddress>& addresses);

/// Permissions in octal digits. Errors: kInvalidRequest.
Result<std::uint32_t> parse_mode(std::string_view text);
std::string show_mode(std::uint32_t mode);

/// The path of a Unix socket, with or without "unix:". Errors: kInvalidRequest (empty, or longer
/// than kSocketPathBytesMax).
Result<std::string> parse_socket_path(std::string_view text);

}  // namespace appmem::daemon
