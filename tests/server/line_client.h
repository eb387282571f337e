#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "appmem/base/tcp_address.h"

namespace appmem::server::test {

/// A client of a Unix socket, or of a TCP port of this host, that blocks, but not for ever.
class LineClient {
 public:
  static constexpr int kPatienceMs = 60'000;

  explicit LineClient(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      const int error = errno;
      ::close(fd_);
      throw std::runtime_error("connect: " + std::to_string(error));
    }
  }
  explicit LineClient(const TcpAddress& server)
      : fd_(::socket(server.is_ipv6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(server.port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(server.port);
    v6.sin6_addr = in6addr_loopback;
    const auto* const address = server.is_ipv6() ? reinterpret_cast<const sockaddr*>(&v6)
                                                 : reinterpret_cast<const sockaddr*>(&v4);
    const socklen_t bytes = server.is_ipv6() ? sizeof v6 : sizeof v4;
    if (::connect(fd_, address, bytes) != 0) {
      const int error = errno;
      ::close(fd_);
      throw std::runtime_error("connect: " + std::to_string(error));
    }
  }
  LineClient(LineClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), received_(std::move(other.received_)) {}
  LineClient& operator=(LineClient&&) = delete;
  LineClient(const LineClient&) = delete;
  LineClient& operator=(const LineClient&) = delete;
  ~LineClient() { close(); }

  /// Sends all of it; false when the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  /// Sends what the socket takes without waiting.
  std::size_t send_some(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n =
          ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    return sent;
  }
  /// The next line, without its end; "<end>" when the server has closed.
  std::string line() {
    for (;;) {
      const std::size_t end = received_.find('\n');
      if (end != std::string::npos) {
        std::string line = received_.substr(0, end);
        received_.erase(0, end + 1);
        return line;
      }
      if (!receive()) return "<end>";
    }
  }
  /// Everything up to the end of the connection.
  std::string rest() {
    while (receive()) {
    }
    return std::exchange(received_, "");
  }
  /// Whether something has arrived that was not read yet.
  bool has_input() {
    if (!received_.empty()) return true;
    pollfd wait{fd_, POLLIN, 0};
    return ::poll(&wait, 1, 0) == 1;
  }
  std::string ask(std::string_view request) {
    send(std::string(request) + "\n");
    return line();
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }
  void end_receiving() { ::shutdown(fd_, SHUT_RD); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  bool receive() {
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, kPatienceMs) != 1) throw std::runtime_error("the server is silent");
    char buffer[65'536];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    received_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  std::string received_;
};

}  // namespace appmem::server::test
