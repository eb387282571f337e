#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "appmem/base/error.h"

namespace appmem {

inline constexpr std::string_view kTcpScheme = "tcp://";

/// An address of this host itself and a port.
struct TcpAddress {
  std::string host = "127.0.0.1";  // in digits: 127.x.x.x or ::1
  std::uint16_t port = 0;

  [[nodiscard]] bool is_ipv6() const { return host.find(':') != std::string::npos; }
  /// "tcp://127.0.0.1:6379" or "tcp://[::1]:6379", which parse_tcp_address reads again.
  [[nodiscard]] std::string to_string() const;
};

/// Reads HOST:PORT, with or without kTcpScheme, where HOST is 127.x.x.x, [::1] or localhost (which
/// is 127.0.0.1, whatever a resolver says). Errors: kInvalidRequest, with what is expected; any
/// other host is refused with the reason: nothing that is sent is encrypted.
Result<TcpAddress> parse_tcp_address(std::string_view text);

/// The same as the system wants it; returns its size.
socklen_t fill_in(const TcpAddress& address, sockaddr_storage& storage);
/// Precondition: of the family AF_INET or AF_INET6.
TcpAddress read_back(const sockaddr_storage& storage);

}  // namespace appmem
