#include "appmem/base/tcp_address.h"

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "appmem/base/check.h"

namespace appmem {
namespace {

constexpr std::uint32_t kLoopbackNet = 127;

std::optional<std::uint16_t> read_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

/// Digits of a loopback address as inet_ntop writes them; nothing for any other host.
std::optional<std::string> loopback_host(const std::string& host) {
  if (host == "localhost") return "127.0.0.1";
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    if (ntohl(v4.s_addr) >> 24U != kLoopbackNet) return std::nullopt;
    return host;
  }
  in6_addr v6{};
  if (host.size() < 2 || host.front() != '[' || host.back() != ']') return std::nullopt;
  if (::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &v6) != 1) return std::nullopt;
  if (!IN6_IS_ADDR_LOOPBACK(&v6)) return std::nullopt;
  return "::1";
}

}  // namespace

std::string TcpAddress::to_string() const {
  const std::string shown = is_ipv6() ? '[' + host + ']' : host;
  return std::string(kTcpScheme) + shown + ':' + std::to_string(port);
}

Result<TcpAddress> parse_tcp_address(std::string_view text) {
  if (text.starts_with(kTcpScheme)) text.remove_prefix(kTcpScheme.size());
  const std::size_t colon = text.rfind(':');
  const auto port =
      colon == std::string_view::npos ? std::nullopt : read_port(text.substr(colon + 1));
  if (!port || colon == 0) {
    return fail(ErrorCode::kInvalidRequest,
                "expected HOST:PORT, such as 127.0.0.1:6379 or [::1]:6379");
  }
  auto host = loopback_host(std::string(text.substr(0, colon)));
  if (!host) {
    return fail(ErrorCode::kInvalidRequest,
                "expected an address of this host itself (127.0.0.1 or [::1]), since neither "
                "requests nor tokens are encrypted on their way");
  }
  return TcpAddress{*std::move(host), *port};
}

socklen_t fill_in(const TcpAddress& address, sockaddr_storage& storage) {
  int known = 0;
  socklen_t bytes = 0;
  if (address.is_ipv6()) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    known = ::inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr);
    bytes = sizeof v6;
    std::memcpy(&storage, &v6, sizeof v6);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    known = ::inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr);
    bytes = sizeof v4;
    std::memcpy(&storage, &v4, sizeof v4);
  }
  APPMEM_CHECK(known == 1);
  return bytes;
}

TcpAddress read_back(const sockaddr_storage& storage) {
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, host.data(), host.size());
    return {host.data(), ntohs(v6.sin6_port)};
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &storage, sizeof v4);
  ::inet_ntop(AF_INET, &v4.sin_addr, host.data(), host.size());
  return {host.data(), ntohs(v4.sin_port)};
}

}  // namespace appmem
