#include "peer_credentials.h"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "report.h"
#include "tcp_socket.h"

namespace appmem::server {
namespace {

// A user may be in 65,536 groups (NGROUPS_MAX); the kernel says how many there are.
constexpr std::size_t kGroupsGuess = 32;
constexpr int kAttemptsMax = 8;

Result<std::vector<std::uint32_t>> peer_groups(int socket) {
  std::vector<std::uint32_t> groups(kGroupsGuess);
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0) {
      groups.resize(bytes / sizeof(gid_t));
      groups.shrink_to_fit();
      return groups;
    }
    // A peer without credentials of its own, or a kernel without the option (before 4.13): nobody
    // gets a right from a group that nobody vouches for.
    if (errno == ENODATA || errno == ENOPROTOOPT) return std::vector<std::uint32_t>{};
    if (errno != ERANGE) return system_failure("cannot read the groups of a client", errno);
    groups.resize(bytes / sizeof(gid_t));
  }
  return system_failure("cannot read the groups of a client", ERANGE);
}

Result<Peer> peer_over_tcp(int socket) {
  const auto address = remote_address(socket);
  if (!address) return fail(address.error());
  Peer peer;
  peer.credentials.uid = protocol::kNobody;
  peer.credentials.gid = protocol::kNobody;
  peer.address = address->to_string().substr(kTcpScheme.size());
  return peer;
}

}  // namespace

Result<Peer> identify_peer(int socket, bool is_tcp) {
  if (is_tcp) return peer_over_tcp(socket);
  static_assert(sizeof(gid_t) == sizeof(std::uint32_t));
  ucred credentials{};
  socklen_t bytes = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) {
    return system_failure("cannot read the credentials of a client", errno);
  }
  auto groups = peer_groups(socket);
  if (!groups) return fail(std::move(groups).error());
  Peer peer;
  peer.credentials.uid = credentials.uid;
  peer.credentials.gid = credentials.gid;
  peer.credentials.pid = credentials.pid;
  peer.credentials.groups = *std::move(groups);
  return peer;
}

}  // namespace appmem::server
