#pragma once

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace appmem::test {

/// A connection, one of many in one thread, to a daemon that may be killed at any moment. Requests
/// are pipelined; those that have not been sent as a whole cannot have been executed.
class KilledConnection {
 public:
  KilledConnection() = default;
  KilledConnection(const KilledConnection&) = delete;
  KilledConnection& operator=(const KilledConnection&) = delete;
  virtual ~KilledConnection() { disconnect(); }

  void connect(const std::string& socket) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot connect to " + socket);
    }
    ::fcntl(fd_, F_SETFL, O_NONBLOCK);
    input_.clear();
    output_.clear();
    issued_bytes_ = 0;
    sent_bytes_ = 0;
    connected();
    write_on();
  }
  /// -1 for the descriptor when the connection has ended.
  [[nodiscard]] pollfd interest() const {
    return {fd_, static_cast<short>(output_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
  }
  /// Reads the answers that are there, and issues new requests. What was answered before the
  /// daemon's end is still read after it.
  void turn() {
    read_answers();
    if (fd_ >= 0) write_on();
  }
  /// An answer that should not have been.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 protected:
  /// There is a new connection, which nothing has been sent over.
  virtual void connected() {}
  /// Puts as many requests as are to be on their way.
  virtual void issue_more() = 0;
  virtual void take_answer(const std::string& answer) = 0;

  /// Returns where the request ends in what is sent.
  std::uint64_t put(const std::string& request) {
    output_ += request + "\n";
    issued_bytes_ += request.size() + 1;
    return issued_bytes_;
  }
  [[nodiscard]] bool was_sent(std::uint64_t end) const { return end <= sent_bytes_; }
  /// The first one counts.
  void complain(std::string text) {
    if (complaint_.empty()) complaint_ = std::move(text);
  }
  void disconnect() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  void write_on() {
    issue_more();
    const ssize_t n = ::send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL);
    if (n > 0) {
      sent_bytes_ += static_cast<std::uint64_t>(n);
      output_.erase(0, static_cast<std::size_t>(n));
    }
    // An error is seen when reading: answers may still be there.
  }
  void read_answers() {
    char buffer[65'536];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      disconnect();
      return;
    }
    input_.append(buffer, static_cast<std::size_t>(n));
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = input_.find('\n', begin)) != std::string::npos;
         begin = end + 1)
      take_answer(input_.substr(begin, end - begin));
    input_.erase(0, begin);
  }

  int fd_ = -1;
  std::string input_;
  std::string output_;
  std::uint64_t issued_bytes_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::string complaint_;
};

}  // namespace appmem::test
