#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "appmem/protocol/command_table.h"

namespace appmem::protocol {

/// The uid and gid of a peer of whom the kernel knows neither, as over TCP: (uid_t)-1, which the
/// system gives to nobody.
inline constexpr std::uint32_t kNobody = UINT32_MAX;

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
    kOperator,         // the daemon's own user, and root: everything
    kMember,           // a member of the socket's group: reads and writes `default`
    kStranger,         // anybody else: nothing
    kUnauthenticated,  // has to show a token: nothing until then, not even what needs no right
  };
  PeerCredentials credentials;
  Role role = Role::kStranger;

  /// Whether this caller has `right` on the namespace (or, for kServer, on the daemon).
  [[nodiscard]] bool may(Right right, bool is_default_namespace) const {
    if (right == Right::kNone || role == Role::kOperator) return true;
    if (role != Role::kMember) return false;
    return is_default_namespace && (right == Right::kRead || right == Right::kWrite);
  }
};

/// The rules until there are access rules: see Caller::Role.
struct AccessPolicy {
  std::uint32_t daemon_uid = 0;
  std::optional<std::uint32_t> member_gid;
  /// Whether the listener takes a token: who has no right from the kernel may show it.
  bool token = false;
  /// Whoever connects counts as the daemon's user.
  bool open = false;
  [[nodiscard]] Caller resolve(PeerCredentials peer) const;
};

}  // namespace appmem::protocol
