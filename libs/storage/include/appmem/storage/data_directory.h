#pragma once

#include <cstdint>
#include <string>

namespace appmem::storage {

/// Where a user's daemon keeps what is durable, unless it is told otherwise: /var/lib/appmem for
/// root; for others, as the XDG base directory specification has it (a path that is not absolute is
/// ignored), $XDG_STATE_HOME/appmem or ~/.local/state/appmem. Empty, so nothing is durable, without
/// a home that they may enter. Thread safety: while nobody changes the environment.
std::string default_data_dir(std::uint32_t uid);

}  // namespace appmem::storage
