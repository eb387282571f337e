#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace appmem::ctl {

/// A line of the shell, cut into words. A word may be quoted: "…" with \" \\ \n \r \t \xNN, or '…'
/// exactly as it stands.
class ShellLine {
 public:
  explicit ShellLine(std::string_view line);

  /// The command in upper case; empty for a line of white space.
  [[nodiscard]] const std::string& command() const { return command_; }
  /// The next word; nothing at the end of the line or where a quote is not closed.
  std::optional<std::string> word();
  /// All that is left, without white space around it; where that is one quoted text as a whole, its
  /// content. Nothing when nothing is left.
  std::optional<std::string> rest();
  /// Whether all has been taken.
  [[nodiscard]] bool at_end() const { return text_.empty(); }

 private:
  void skip_space();
  std::string_view text_;
  std::string command_;
};

}  // namespace appmem::ctl
