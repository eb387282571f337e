#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace appmem::test {

/// A plain client socket: what goes in and comes out, byte for byte. Waits at most a minute.
class LineSocket {
 public:
  explicit LineSocket(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(fd_);
      throw std::runtime_error("cannot connect to " + path);
    }
  }
  LineSocket(const LineSocket&) = delete;
  LineSocket& operator=(const LineSocket&) = delete;
  ~LineSocket() { ::close(fd_); }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw std::runtime_error("the connection was lost while sending");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  /// The next line without its end.
  std::string read_line() {
    for (;;) {
      const std::size_t end = input_.find('\n');
      if (end != std::string::npos) {
        std::string line = input_.substr(0, end);
        input_.erase(0, end + 1);
        return line;
      }
      if (!receive()) throw std::runtime_error("closed after: " + input_);
    }
  }

  std::string ask(std::string_view request) {
    send(std::string(request) + "\n");
    return read_line();
  }

  /// No more answers will come.
  void end_input() const { ::shutdown(fd_, SHUT_WR); }

  /// Whether the other side has closed and everything has been read. Waits for it.
  bool at_end() { return input_.empty() && !receive(); }

 private:
  bool receive() {
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, 60'000) != 1) throw std::runtime_error("no answer for a minute");
    char buffer[65'536];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    input_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  std::string input_;
};

}  // namespace appmem::test
