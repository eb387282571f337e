#include "service_manager.h"

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace appmem::daemon {
namespace {

/// The first descriptor that is handed over (SD_LISTEN_FDS_START).
constexpr int kListenFdsStart = 3;
constexpr int kListenFdsMax = 64;

// NOLINTBEGIN(concurrency-mt-unsafe): called before any thread is started, or read-only.
std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

void forget_listening_variables() {
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_FDNAMES");
}
// NOLINTEND(concurrency-mt-unsafe)

std::optional<int> whole_number(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

int socket_option(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

std::string path_of(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  std::string path(address.sun_path, size - offsetof(sockaddr_un, sun_path));
  if (path.starts_with('\0')) {
    path.front() = '@';
  } else {
    path.resize(std::strlen(path.c_str()));
  }
  return path;
}

}  // namespace

void notify_service_manager(std::string_view state) {
  const auto path = environment("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (!path || path->size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path->data(), path->size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path->size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  // A manager that does not listen is its own affair.
  (void)::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), size);
  ::close(fd);
}

Result<std::vector<HandedOver>> take_listening_sockets() {
  const auto pid = environment("LISTEN_PID");
  const auto count_text = environment("LISTEN_FDS");
  if (!pid || !count_text || whole_number(*pid) != ::getpid()) return std::vector<HandedOver>{};
  forget_listening_variables();
  const auto count = whole_number(*count_text);
  if (!count || *count < 0 || *count > kListenFdsMax) {
    return fail(ErrorCode::kInvalidRequest, "LISTEN_FDS is " + *count_text +
                                                ": expected a number from 0 to " +
                                                std::to_string(kListenFdsMax));
  }
  std::vector<HandedOver> sockets;
  for (int fd = kListenFdsStart; fd < kListenFdsStart + *count; ++fd) {
    if (socket_option(fd, SO_ACCEPTCONN) != 1 || socket_option(fd, SO_DOMAIN) != AF_UNIX ||
        socket_option(fd, SO_TYPE) != SOCK_STREAM) {
      return fail(ErrorCode::kInvalidRequest,
                  "descriptor " + std::to_string(fd) +
                      " from LISTEN_FDS is no listening Unix stream socket: use ListenStream= with "
                      "a path");
    }
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    sockets.push_back({fd, path_of(fd)});
  }
  return sockets;
}

}  // namespace appmem::daemon
