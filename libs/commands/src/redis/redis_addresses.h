#pragma once

#include <string>

#include "appmem/commands/server_control.h"

namespace appmem::commands {

/// Where the server listens, in Redis's words: the first address over TCP, the first socket.
struct RedisAddresses {
  std::string host;         // empty: none
  std::string port = "0";   // "0": none
  std::string socket_path;  // empty: none
};

/// Taken from the options listen, socket and tcp.
RedisAddresses redis_addresses(const ServerControl& control);

}  // namespace appmem::commands
