#pragma once

#include <functional>
#include <optional>
#include <string>

#include "options.h"

namespace appmem::daemon {

/// What the command line asks for.
struct CommandLine {
  enum class Action { kServe, kPrintConfig, kPrintText };
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

}  // namespace appmem::daemon
