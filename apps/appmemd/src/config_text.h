#pragma once

#include <string>

#include "options.h"

namespace appmem::daemon {

/// The effective options as TOML with their help, as --config would read it again.
std::string config_as_toml(const Options& options);

/// packaging/config/appmemd.toml: every option with its default, commented out.
std::string example_config();

/// The table of options in docs/configuration.md.
std::string options_as_markdown();

}  // namespace appmem::daemon
