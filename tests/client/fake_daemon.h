#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace appmem::client {

/// The daemon's end of one connection, blocking.
class FakeConnection {
 public:
  FakeConnection(int fd, std::size_t number) : fd_(fd), number_(number) {}
  FakeConnection(const FakeConnection&) = delete;
  FakeConnection& operator=(const FakeConnection&) = delete;
  ~FakeConnection() { ::close(fd_); }

  /// Which connection of the daemon this is, from 1 on.
  [[nodiscard]] std::size_t number() const { return number_; }

  /// The next line without its end; false when the client has gone.
  bool read_line(std::string& line) {
    for (;;) {
      const std::size_t end = input_.find('\n');
      if (end != std::string::npos) {
        line = input_.substr(0, end);
        input_.erase(0, end + 1);
        return true;
      }
      char buffer[65'536];
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return false;
      input_.append(buffer, static_cast<std::size_t>(n));
    }
  }

  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

 private:
  int fd_;
  std::size_t number_;
  std::string input_;
};

/// Listens on a socket and runs `serve` for each connection, in a thread of its own; the connection
/// is closed when it returns. Ends all of them when it is destroyed.
class FakeDaemon {
 public:
  using Serve = std::function<void(FakeConnection&)>;

  FakeDaemon(const std::string& path, Serve serve) : serve_(std::move(serve)) {
    ::unlink(path.c_str());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 128) != 0) {
      throw std::runtime_error("cannot listen on " + path);
    }
    acceptor_ = std::thread([this] { accept_all(); });
  }
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  ~FakeDaemon() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    {
      const std::scoped_lock lock(mutex_);
      for (const int fd : open_)
        ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_)
      thread.join();
  }

  [[nodiscard]] std::size_t connections() const { return connections_; }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const std::size_t number = ++connections_;
      const std::scoped_lock lock(mutex_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd, number] {
        {
          FakeConnection connection(::dup(fd), number);
          serve_(connection);
        }
        const std::scoped_lock done(mutex_);
        std::erase(open_, fd);
        ::close(fd);
      });
    }
  }

  Serve serve_;
  int listener_ = -1;
  std::thread acceptor_;
  std::atomic<std::size_t> connections_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
};

}  // namespace appmem::client
