#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "appmem/client/answer.h"
#include "output.h"
#include "shell_line.h"

namespace appmem::ctl {

/// Shows an answer that is no error, as lines.
using ShowLines = void (*)(Output&, const client::JsonView&);

/// A command of the shell that is one request.
struct ShellCommand {
  std::string_view name;
  std::string_view usage;
  std::string_view summary;
  /// The request of a line; nothing when the line is wrong, so that the usage is shown.
  std::optional<std::string> (*compose)(ShellLine&) = nullptr;
  ShowLines show = nullptr;
  /// Where it is another for a request with `keys` than for one with `key`.
  ShowLines show_several = nullptr;
  /// However long it takes, it is waited for.
  bool takes_long = false;

  /// How the answer to a request of this command is shown.
  [[nodiscard]] ShowLines show_of(const client::JsonView& request) const;
};

/// In the order in which HELP lists them.
std::span<const ShellCommand> shell_commands();
/// `name` in upper case; nullptr when there is none.
const ShellCommand* find_shell_command(std::string_view name);

}  // namespace appmem::ctl
