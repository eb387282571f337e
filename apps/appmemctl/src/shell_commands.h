#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "appmem/client/answer.h"
#include "output.h"
#include "shell_line.h"

namespace appmem::ctl {

/// A command of the shell that is one request.
struct ShellCommand {
  std::string_view name;
  std::string_view usage;
  std::string_view summary;
  /// The request of a line; nothing when the line is wrong, so that the usage is shown.
  std::optional<std::string> (*compose)(ShellLine&) = nullptr;
  /// Shows an answer that is no error, as lines.
  void (*show)(Output&, const client::JsonView&) = nullptr;
};

/// In the order in which HELP lists them.
std::span<const ShellCommand> shell_commands();
/// `name` in upper case; nullptr when there is none.
const ShellCommand* find_shell_command(std::string_view name);

}  // namespace appmem::ctl
