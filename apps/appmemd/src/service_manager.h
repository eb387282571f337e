#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/error.h"

/// The two conversations with a service manager (systemd), as sd_notify(3) and
/// sd_listen_fds(3) describe them. Plain descriptors and datagrams: no library is needed.
namespace appmem::daemon {

/// Sends a state such as "READY=1" to the socket named in NOTIFY_SOCKET (a path, or an abstract
/// name behind '@'). Nothing happens where the variable is unset or nobody listens.
void notify_service_manager(std::string_view state);

/// A listening Unix stream socket from the manager.
struct HandedOver {
  int fd = -1;
  /// A path, or an abstract name behind '@'.
  std::string path;
};

/// The sockets that were handed over in LISTEN_FDS, if LISTEN_PID is this process: set
/// close-on-exec, and the variables taken out of the environment. Empty when there are none.
/// Errors: kInvalidRequest (a descriptor that is no listening Unix stream socket, or a bad number).
Result<std::vector<HandedOver>> take_listening_sockets();

}  // namespace appmem::daemon
