#pragma once

#include "appmem/base/error.h"
#include "appmem/protocol/caller.h"

namespace appmem::server {

/// Who is at the other end of a connected Unix socket, as the kernel recorded it when they
/// connected (SO_PEERCRED, SO_PEERGROUPS). Errors: kInternal.
Result<protocol::PeerCredentials> peer_credentials(int socket);

}  // namespace appmem::server
