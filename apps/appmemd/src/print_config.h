#pragma once

#include <string>

#include "options.h"

namespace appmem::daemon {

/// The effective options as a file for --config: every option, its help as a comment above it.
std::string config_as_toml(const Options& options);

}  // namespace appmem::daemon
