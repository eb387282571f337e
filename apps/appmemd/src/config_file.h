#pragma once

#include <functional>
#include <string>

#include "options.h"

namespace appmem::daemon {

/// Reads a TOML file whose keys are option names and sets each through `set_option`. Numbers and
/// booleans may stand without quotes. Errors: kNotFound (cannot be read), kInvalidRequest (no TOML,
/// an unknown key, a table, a bad value), each with file, line and column.
/// `given` is told the name of each option set.
Result<void> read_config_file(const std::string& path, Options& options,
                              const std::function<void(std::string_view)>& given);

}  // namespace appmem::daemon
