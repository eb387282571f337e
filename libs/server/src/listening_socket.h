#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

#include "appmem/base/error.h"
#include "appmem/server/server.h"
#include "fd.h"
#include "socket_directory.h"
#include "socket_lock.h"

namespace appmem::server {

/// A socket that listens. A Unix socket created here has its mode and group before anybody can
/// connect, holds a SocketLock, and is removed at the end; its directory, where it had to be
/// created, too, unless `keep_directory` was called. Thread safety: none.
class ListeningSocket {
 public:
  /// `index`: its place among the listeners. Errors: as Server::open. Nothing is left behind on
  /// failure.
  static Result<ListeningSocket> open(const ListenerSpec& spec, std::size_t index = 0);
  ListeningSocket(ListeningSocket&&) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&&) noexcept = delete;
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  ~ListeningSocket() { close(); }

  [[nodiscard]] int fd() const { return socket_.get(); }
  /// "unix:PATH", "tcp://127.0.0.1:PORT".
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] bool is_tcp() const { return is_tcp_; }
  /// Handed over: whoever did it goes on listening when we stop.
  [[nodiscard]] bool inherited() const { return inherited_; }
  /// A dead daemon's socket was in its place.
  [[nodiscard]] bool replaced_stale() const { return replaced_stale_; }

  /// Stops listening and removes the socket, if it is still the one created here. The lock stays
  /// until the end.
  void close();
  /// What was created for this socket stays: it serves.
  void keep_directory() { directory_.keep(); }

 private:
  ListeningSocket() = default;
  static Result<ListeningSocket> create(const ListenerSpec& spec);
  static Result<ListeningSocket> inherit(const ListenerSpec& spec);
  static Result<ListeningSocket> open_tcp(const TcpAddress& address);
  Result<void> bind_and_listen(const ListenerSpec& spec);

  // Before socket_: let go of last.
  SocketDirectory directory_;
  std::optional<SocketLock> lock_;
  Fd socket_;
  std::string path_;
  std::string address_;
  std::size_t index_ = 0;
  bool is_tcp_ = false;
  bool inherited_ = false;
  bool replaced_stale_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace appmem::server
