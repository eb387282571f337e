#pragma once

#include <string>

#include "appmem/base/error.h"

namespace appmem::daemon {

/// `--repair`: see storage::repair. Returns what was kept and lost, for standard output.
/// Errors: as storage::repair; kNotFound: there is no such directory.
Result<std::string> repair_data_dir(const std::string& directory);

}  // namespace appmem::daemon
