#include "tcp_socket.h"

#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "appmem/server/server_limits.h"
#include "report.h"

namespace appmem::server {
namespace {

bool switch_on(int socket, int level, int option) {
  const int on = 1;
  return ::setsockopt(socket, level, option, &on, sizeof on) == 0;
}

Result<TcpAddress> address_of(int socket, decltype(::getsockname) ask) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof storage;
  if (ask(socket, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0) {
    return system_failure("cannot read the address of a socket", errno);
  }
  return read_back(storage);
}

}  // namespace

Result<Fd> listen_on_tcp(const TcpAddress& address) {
  const std::string shown = address.to_string();
  sockaddr_storage storage{};
  const socklen_t bytes = fill_in(address, storage);
  Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Connections of an earlier daemon that the system still remembers do not keep the port. What is
  // accepted from a socket without delay has none either.
  if (!socket || !switch_on(socket.get(), SOL_SOCKET, SO_REUSEADDR) ||
      !switch_on(socket.get(), IPPROTO_TCP, TCP_NODELAY)) {
    return system_failure("cannot create a socket for " + shown, errno);
  }
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), bytes) != 0 ||
      ::listen(socket.get(), kListenBacklog) != 0) {
    if (errno == EADDRINUSE) {
      return fail(ErrorCode::kBusy, "another program already listens on " + shown +
                                        "; stop it or choose another port");
    }
    return system_failure("cannot listen on " + shown, errno);
  }
  return socket;
}

Result<TcpAddress> local_address(int socket) {
  return address_of(socket, ::getsockname);
}

Result<TcpAddress> remote_address(int socket) {
  return address_of(socket, ::getpeername);
}

}  // namespace appmem::server
