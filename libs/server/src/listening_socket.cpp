#include "listening_socket.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "appmem/base/limits.h"
#include "appmem/server/server_limits.h"
#include "report.h"
#include "tcp_socket.h"

namespace appmem::server {
namespace {

static_assert(sizeof(sockaddr_un::sun_path) == kSocketPathBytesMax + 1);

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Fd new_socket() {
  return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Removes a socket at `path` on which nobody listens. Returns whether there was one. We hold the
/// lock, so whoever listens there is no appmemd that knows of locks.
Result<bool> remove_stale(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return system_failure("cannot look at " + path, errno);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail(ErrorCode::kInvalidRequest,
                path + " exists and is not a socket; remove it or choose another --socket");
  }
  const Fd probe = new_socket();
  if (!probe) return system_failure("cannot create a socket", errno);
  const sockaddr_un address = address_of(path);
  // EAGAIN: somebody listens and is too busy to take us.
  if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno == EAGAIN) {
    return fail(ErrorCode::kBusy, "another program already listens on " + path +
                                      "; stop it or choose another --socket");
  }
  if (errno == ENOENT) return false;
  if (errno != ECONNREFUSED) {
    return system_failure("cannot tell whether somebody listens on " + path, errno);
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return system_failure("cannot remove the stale socket " + path, errno);
  }
  return true;
}

int integer_option(int socket, int option) {
  int value = -1;
  socklen_t bytes = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &bytes) == 0 ? value : -1;
}

}  // namespace

Result<ListeningSocket> ListeningSocket::open(const ListenerSpec& spec, std::size_t index) {
  auto opened = spec.inherited_fd ? inherit(spec) : spec.tcp ? open_tcp(*spec.tcp) : create(spec);
  if (opened) opened->index_ = index;
  return opened;
}

Result<ListeningSocket> ListeningSocket::open_tcp(const TcpAddress& address) {
  auto socket = listen_on_tcp(address);
  if (!socket) return fail(std::move(socket).error());
  const auto bound = local_address(socket->get());
  if (!bound) return fail(bound.error());
  ListeningSocket listening;
  listening.socket_ = *std::move(socket);
  listening.address_ = bound->to_string();
  listening.is_tcp_ = true;
  return listening;
}

Result<ListeningSocket> ListeningSocket::create(const ListenerSpec& spec) {
  const std::string& path = spec.socket_path;
  if (path.empty() || path.find('\0') != std::string::npos) {
    return fail(ErrorCode::kInvalidRequest, "a socket needs a path (--socket PATH)");
  }
  if (path.size() > kSocketPathBytesMax) {
    return fail(ErrorCode::kInvalidRequest,
                "the socket path " + path + " has " + std::to_string(path.size()) +
                    " bytes; the system allows " + std::to_string(kSocketPathBytesMax) +
                    ": choose a shorter --socket");
  }
  auto directory = SocketDirectory::prepare(path, spec.socket_mode, spec.socket_gid);
  if (!directory) return fail(std::move(directory).error());
  auto lock = SocketLock::acquire(path);
  if (!lock) return fail(std::move(lock).error());
  auto replaced = remove_stale(path);
  if (!replaced) return fail(std::move(replaced).error());

  ListeningSocket listening;
  listening.directory_ = *std::move(directory);
  listening.lock_.emplace(*std::move(lock));
  listening.path_ = path;
  listening.address_ = "unix:" + path;
  listening.replaced_stale_ = *replaced;
  if (auto listens = listening.bind_and_listen(spec); !listens) {
    return fail(std::move(listens).error());
  }
  return listening;
}

Result<void> ListeningSocket::bind_and_listen(const ListenerSpec& spec) {
  socket_ = new_socket();
  if (!socket_) return system_failure("cannot create a socket", errno);
  // Linux gives the file the mode of the descriptor, less the umask. Group and final mode follow;
  // nobody can connect before listen(), so there is no moment at which the wrong ones could.
  if (::fchmod(socket_.get(), spec.socket_mode & 0600U) != 0) {
    return system_failure("cannot set the mode of a socket", errno);
  }
  const sockaddr_un address = address_of(path_);
  if (::bind(socket_.get(), generic(address), sizeof address) != 0) {
    return system_failure("cannot create the socket " + path_, errno);
  }
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0) return system_failure("cannot look at " + path_, errno);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  if (spec.socket_gid &&
      ::lchown(path_.c_str(), static_cast<uid_t>(-1), static_cast<gid_t>(*spec.socket_gid)) != 0) {
    return system_failure("cannot give the socket " + path_ + " to group " +
                              std::to_string(*spec.socket_gid) + " (are you a member of it?)",
                          errno);
  }
  if (::chmod(path_.c_str(), spec.socket_mode) != 0) {
    return system_failure("cannot set the mode of " + path_, errno);
  }
  if (::listen(socket_.get(), kListenBacklog) != 0) {
    return system_failure("cannot listen on " + path_, errno);
  }
  return {};
}

Result<ListeningSocket> ListeningSocket::inherit(const ListenerSpec& spec) {
  const int fd = *spec.inherited_fd;
  const std::string name = "descriptor " + std::to_string(fd);
  if (integer_option(fd, SO_DOMAIN) != AF_UNIX || integer_option(fd, SO_TYPE) != SOCK_STREAM ||
      integer_option(fd, SO_ACCEPTCONN) != 1) {
    return fail(ErrorCode::kInvalidRequest,
                name +
                    ", which was handed over, is not a Unix stream socket that listens "
                    "(use ListenStream= with a path)");
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return system_failure("cannot prepare " + name, errno);
  }
  sockaddr_un address{};
  socklen_t bytes = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &bytes) != 0) {
    return system_failure("cannot read the address of " + name, errno);
  }
  ListeningSocket listening;
  listening.socket_ = Fd(fd);
  listening.inherited_ = true;
  std::string path(address.sun_path, bytes - offsetof(sockaddr_un, sun_path));
  if (!path.empty() && path.front() == '\0') {
    path.front() = '@';  // an abstract name
  } else {
    path.resize(std::strlen(path.c_str()));
  }
  listening.address_ = "unix:" + path;
  return listening;
}

void ListeningSocket::close() {
  if (!socket_) return;
  socket_.reset();
  if (inode_ == 0) return;
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

}  // namespace appmem::server
