#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "appmem/storage/file_system.h"

namespace appmem::storage {

/// Where a user's daemon keeps what is durable, unless it is told otherwise: /var/lib/appmem for
/// root; for others, as the XDG base directory specification has it (a path that is not absolute is
/// ignored), $XDG_STATE_HOME/appmem or ~/.local/state/appmem. Empty, so nothing is durable, without
/// a home that they may enter. Thread safety: while nobody changes the environment.
std::string default_data_dir(std::uint32_t uid);

/// The seed of the store that wrote the newest checkpoint in `directory` (or a snapshot, where
/// there is none): one with the same seed gets its entries in the order of its tables, which makes
/// a start faster (decision 0022). Nothing where no seed is kept or can be read: the start itself
/// will tell.
std::optional<std::uint64_t> stored_hash_seed(FileSystem& files, const std::string& directory);

}  // namespace appmem::storage
