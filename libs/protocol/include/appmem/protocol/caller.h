#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "appmem/protocol/command_table.h"

namespace appmem::protocol {

/// Who is at the other end, as the kernel says (SO_PEERCRED, SO_PEERGROUPS).
struct PeerCredentials {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int32_t pid = 0;
  std::vector<std::uint32_t> groups;  // supplementary, gid not included necessarily
};

/// Who asks, and what they may do: resolved once when a connection is accepted, handed to every
/// handler.
struct Caller {
  enum class Role : std::uint8_t {
    kOperator,  // the daemon's own user, and root: everything
    kMember,    // a member of the socket's group: reads and writes `default`
    kStranger,  // anybody else: nothing
  };
  PeerCredentials credentials;
  Role role = Role::kStranger;

  /// Whether this caller has `right` on the namespace (or, for kServer, on the daemon).
  [[nodiscard]] bool may(Right right, bool is_default_namespace) const;
};

/// The rules until there are access rules: see Caller::Role.
struct AccessPolicy {
  std::uint32_t daemon_uid = 0;
  std::optional<std::uint32_t> member_gid;
  [[nodiscard]] Caller resolve(PeerCredentials peer) const;
};

}  // namespace appmem::protocol
