#pragma once

#include <string>

#include "appmem/base/error.h"
#include "appmem/protocol/caller.h"

namespace appmem::server {

/// Who is at the other end of a connection.
struct Peer {
  protocol::PeerCredentials credentials;
  std::string address;  // over TCP: "127.0.0.1:50000"; otherwise empty
};

/// Over a Unix socket who it is as the kernel recorded it when they connected (SO_PEERCRED,
/// SO_PEERGROUPS); over TCP nobody, at an address. Errors: kInternal.
Result<Peer> identify_peer(int socket, bool is_tcp);

}  // namespace appmem::server
