#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "appmem/base/error.h"

namespace appmem::server {

/// Makes sure that nobody else can replace the socket, nor any directory on the way to it from the
/// root: each belongs to us or to root, and is either not writable by others or sticky (as /tmp
/// is). A link counts when we or root made it, and is followed under the same rules. A missing
/// directory (only the last one of the path) is created so that just those whom `socket_mode` lets
/// connect can reach the socket: 0700, 0750 with `socket_gid`, or 0755. Errors: kInvalidRequest
/// with what to do, kInternal.
Result<void> prepare_socket_directory(const std::string& socket_path, std::uint32_t socket_mode,
                                      std::optional<std::uint32_t> socket_gid);

}  // namespace appmem::server
