#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "options.h"

namespace appmem::daemon {

/// What the command line asks for.
struct CommandLine {
  enum class Action { kServe, kPrintConfig, kPrintText, kRepair };
  Action action = Action::kServe;
  /// Of kPrintText: help or version, for standard output.
  std::string text;
  Options options;
};

/// The value of an environment variable, where it is set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Defaults, then the file named by --config or APPMEM_CONFIG, then the environment, then flags.
/// Errors: kInvalidRequest and kNotFound, with a message that names option and source.
Result<CommandLine> read_command_line(int argc, const char* const* argv, const Machine& machine,
                                      const Environment& environment);

/// What to say about variables whose names (those of the whole environment) are almost those of
/// options, and so have no effect. One that is like no option is somebody else's.
std::vector<std::string> misspelt_variables(std::span<const std::string> names);

}  // namespace appmem::daemon
