#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/client/client.h"
#include "output.h"

namespace appmem::ctl {

class ShellLine;

/// The dialogue of the shell, without the terminal: what each line does and prints. Written against
/// client::Client alone, so that a daemon and an embedded store cannot be told apart.
class Shell {
 public:
  /// Both borrowed. `ns` is the namespace that the client is in. `patience`: for what takes long,
  /// in place of the client's timeout.
  Shell(client::Client& client, Output& out, std::string ns,
        std::optional<std::chrono::milliseconds> patience = std::nullopt);

  /// What stands before each line: "> ", after the namespace where that is not `default`.
  [[nodiscard]] std::string prompt() const;
  void greet();
  /// Executes a line and prints what comes of it. False when the line ends the shell.
  bool execute(std::string_view text);
  void part();

  /// What the last word of a line that is being typed may become: a command, in the case that was
  /// begun with, or a key, of those that one request finds. Sorted; empty where nothing is known.
  std::vector<std::string> completions(std::string_view typed);

 private:
  static std::vector<std::string_view> words();
  static std::vector<std::string> commands_like(std::string_view typed);
  std::vector<std::string> keys_like(std::string_view prefix);

  void run_list(ShellLine& line);
  void run_use(ShellLine& line);
  void run_clear(ShellLine& line);
  void run_help(ShellLine& line);
  void call(const std::string& request, void (*show)(Output&, const client::JsonView&),
            bool takes_long = false);
  void print_error(std::string_view message);
  void print_usage(std::string_view usage);

  client::Client& client_;
  Output& out_;
  std::string ns_;
  std::optional<std::chrono::milliseconds> patience_;
};

}  // namespace appmem::ctl
