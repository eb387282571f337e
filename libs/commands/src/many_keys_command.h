#pragma once

#include <cstdint>

#include "appmem/core/store.h"
#include "appmem/protocol/outcome.h"
#include "call.h"

namespace appmem::commands {

enum class ManyKeys : std::uint8_t { kMget, kExists };

/// Executes a command whose `keys` are so many that it leaves a job (see reads_in_slices). Rights
/// are checked and the namespace is resolved.
protocol::Outcome read_in_slices(Call& call, core::NamespaceId ns, ManyKeys what);

}  // namespace appmem::commands
