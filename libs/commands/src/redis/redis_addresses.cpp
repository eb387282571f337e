#include "redis_addresses.h"

#include <algorithm>
#include <string_view>

namespace appmem::commands {
namespace {

void add_tcp(std::string_view address, RedisAddresses& addresses) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || !addresses.host.empty()) return;
  addresses.host = address.substr(0, colon);
  addresses.port = address.substr(colon + 1);
}

void add_socket(std::string_view path, RedisAddresses& addresses) {
  if (addresses.socket_path.empty()) addresses.socket_path = path;
}

/// Addresses with blanks between them, each perhaps with settings behind a question mark.
void add_listeners(std::string_view list, RedisAddresses& addresses) {
  constexpr std::string_view kTcp = "tcp://";
  constexpr std::string_view kUnix = "unix:";
  while (!list.empty()) {
    const std::string_view listener = list.substr(0, list.find(' '));
    list.remove_prefix(std::min(listener.size() + 1, list.size()));
    const std::string_view address = listener.substr(0, listener.find('?'));
    if (address.starts_with(kTcp)) add_tcp(address.substr(kTcp.size()), addresses);
    if (address.starts_with(kUnix)) add_socket(address.substr(kUnix.size()), addresses);
  }
}

}  // namespace

RedisAddresses redis_addresses(const ServerControl& control) {
  RedisAddresses addresses;
  for (const auto& [name, value] : control.config()) {
    if (name == "listen") add_listeners(value, addresses);
    if (name == "socket") add_socket(value, addresses);
    if (name == "tcp") add_tcp(value, addresses);
  }
  return addresses;
}

}  // namespace appmem::commands
