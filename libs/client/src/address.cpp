#include "appmem/client/address.h"

#include <array>
#include <cstdlib>

#include <pwd.h>
#include <sys/stat.h>

#include "appmem/base/limits.h"
#include "connection.h"

namespace appmem::client {
namespace {

constexpr std::string_view kEmbedded = "embedded:";

/// The uid of the user that packages run the daemon as.
std::optional<std::uint32_t> uid_of_appmem() {
  struct passwd entry {};
  struct passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwnam_r("appmem", &entry, buffer.data(), buffer.size(), &found) != 0)
    return std::nullopt;
  return found != nullptr ? std::optional<std::uint32_t>(found->pw_uid) : std::nullopt;
}

/// Whether the socket at `path` is the system's: root's or the user appmem's.
bool system_socket(const std::string& path, const AddressEnvironment& environment) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  return status.st_uid == 0 ||
         (environment.appmem_uid && environment.appmem_uid() == std::optional(status.st_uid));
}

}  // namespace

std::string Address::to_string() const {
  if (kind == Kind::kTcp) return tcp.to_string();
  return kind == Kind::kEmbedded ? std::string(kEmbedded) : std::string(kUnixScheme) + path;
}

Result<Address> parse_address(std::string_view text) {
  if (text == kEmbedded) return Address{Address::Kind::kEmbedded, {}, {}};
  if (text.starts_with(kTcpScheme)) {
    auto tcp = parse_tcp_address(text);
    if (tcp && tcp->port != 0) return Address{Address::Kind::kTcp, {}, *std::move(tcp)};
    const std::string why = tcp ? "expected a port from 1 to 65535" : tcp.error().message;
    return fail(ErrorCode::kInvalidRequest,
                "the address \"" + std::string(text) + "\" is of no use: " + why);
  }
  std::string_view path = text;
  const std::string_view scheme = address_scheme(text);
  if (scheme == kUnixScheme) {
    path.remove_prefix(kUnixScheme.size());
  } else if (!scheme.empty() || text.find('/') == std::string_view::npos) {
    std::string message = '"' + std::string(text) + "\" is no address";
    if (!scheme.empty()) message.append(" (").append(scheme).append(" is not known here)");
    return fail(
        ErrorCode::kInvalidRequest,
        message + ": write unix:PATH, a path with a slash, tcp://127.0.0.1:PORT, or embedded:");
  }
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::kInvalidRequest,
                "the address \"" + std::string(text) + "\" names no socket: write unix:PATH");
  }
  if (path.size() > kSocketPathBytesMax) {
    return fail(ErrorCode::kInvalidRequest,
                "the socket path is " + std::to_string(path.size()) + " bytes long, and at most " +
                    std::to_string(kSocketPathBytesMax) + " are possible: " + std::string(path));
  }
  return Address{Address::Kind::kUnix, std::string(path), {}};
}

AddressEnvironment AddressEnvironment::of_process() {
  AddressEnvironment environment;
  environment.socket = SocketEnvironment::of_process();
  const char* socket = std::getenv("APPMEM_SOCKET");  // NOLINT(concurrency-mt-unsafe)
  if (socket != nullptr) environment.appmem_socket = socket;
  environment.appmem_uid = uid_of_appmem;
  return environment;
}

std::vector<std::string> default_addresses(const AddressEnvironment& environment) {
  if (!environment.appmem_socket.empty()) return {environment.appmem_socket};
  std::vector<std::string> addresses;
  const std::string own = default_socket_path(environment.socket);
  const std::string own_directory = own.substr(0, own.rfind('/'));
  if (!default_socket_in_temp(environment.socket) ||
      private_directory(own_directory, environment.socket.uid)) {
    addresses.push_back(std::string(kUnixScheme) + own);
  }
  const std::string system = environment.socket.root + std::string(kSystemSocketPath);
  if (system != own && system_socket(system, environment)) {
    addresses.push_back(std::string(kUnixScheme) + system);
  }
  return addresses;
}

std::vector<std::string> default_addresses() {
  return default_addresses(AddressEnvironment::of_process());
}

std::string default_socket_path() {
  return default_socket_path(SocketEnvironment::of_process());
}

}  // namespace appmem::client
