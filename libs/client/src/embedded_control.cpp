#include "embedded_control.h"

#include <unistd.h>

#include "appmem/base/units.h"

namespace appmem::client {

EmbeddedControl::EmbeddedControl(std::uint64_t max_memory_bytes, const Instant& start)
    : max_memory_bytes_(max_memory_bytes), start_(start.mono) {
}

commands::ServerInfo EmbeddedControl::info(const Instant& now) {
  commands::ServerInfo info;
  info.version = APPMEM_VERSION;
  info.pid = ::getpid();
  info.uptime = now.mono - start_;
  info.threads = 1;
  info.features = {"embedded"};
  return info;
}

std::vector<commands::ClientInfo> EmbeddedControl::clients(const Instant& /*now*/) {
  return {};
}

bool EmbeddedControl::kill_client(std::uint64_t /*id*/) {
  return false;
}

std::vector<std::pair<std::string, std::string>> EmbeddedControl::config() const {
  return {{"max-memory", format_byte_size(max_memory_bytes_)}};
}

}  // namespace appmem::client
