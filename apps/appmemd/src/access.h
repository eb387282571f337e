#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "appmem/base/error.h"
#include "appmem/protocol/caller.h"

namespace appmem::daemon {

/// In a user namespace that leaves users or groups of the machine out, the kernel shows all of
/// those under one number, which need not be theirs. Nothing where there is no such user or group.
struct OverflowIds {
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
};

/// Of this process. `root` stands before /proc: "/", or a test's own folder.
OverflowIds read_overflow_ids(const std::filesystem::path& root);

/// Whom a socket lets connect.
enum class Reach : std::uint8_t { kOwner, kGroup, kAll };

/// Who may do what: the user `daemon_uid` and root everything, the members of `member_gid` what
/// protocol::Caller says. Errors: kInvalidRequest where the one or the other could be mistaken for
/// users or groups without a number, and `reach` lets those connect.
Result<protocol::AccessPolicy> access_policy(std::uint32_t daemon_uid,
                                             std::optional<std::uint32_t> member_gid, Reach reach,
                                             const OverflowIds& overflow);

}  // namespace appmem::daemon
