#include "appmem/protocol/caller.h"

#include <algorithm>
#include <utility>

namespace appmem::protocol {

Caller AccessPolicy::resolve(PeerCredentials peer) const {
  Caller caller;
  if (open || peer.uid == 0 || peer.uid == daemon_uid) {
    caller.role = Caller::Role::kOperator;
  } else if (member_gid &&
             (peer.gid == *member_gid || std::find(peer.groups.begin(), peer.groups.end(),
                                                   *member_gid) != peer.groups.end())) {
    caller.role = Caller::Role::kMember;
  } else if (token) {
    caller.role = Caller::Role::kUnauthenticated;
  }
  caller.credentials = std::move(peer);
  return caller;
}

}  // namespace appmem::protocol
