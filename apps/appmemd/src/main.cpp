#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "appmem/protocol/error_table.h"
#include "background.h"
#include "command_line.h"
#include "config_text.h"
#include "daemon.h"
#include "machine.h"
#include "repair_command.h"
#include "service_manager.h"

namespace {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): one thread yet
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

std::vector<std::string> variable_names() {
  std::vector<std::string> names;
  for (const char* const* variable = environ; variable != nullptr && *variable != nullptr;
       ++variable) {
    const std::string_view text(*variable);
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

/// A standard stream that is closed would be the number of the next socket, and the log would be
/// written to a client.
void hold_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) ::_exit(1);
  }
}

int complain(const std::string& message, int exit_code) {
  std::fprintf(stderr, "appmemd: %s\n", message.c_str());
  return exit_code;
}

int print(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && std::fflush(stdout) == 0) return 0;
  if (errno == EPIPE) return 0;  // whoever reads it has seen enough
  return complain("cannot write to standard output: " + std::system_category().message(errno), 1);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace appmem;  // NOLINT(google-build-using-namespace)
  hold_standard_streams();
  ::signal(SIGPIPE, SIG_IGN);  // whoever reads the log, or the help, may go away
  auto line = daemon::read_command_line(argc, argv, daemon::read_machine("/"), environment);
  if (!line) return complain(line.error().message, protocol::kExitUsage);
  switch (line->action) {
    case daemon::CommandLine::Action::kPrintText:
      return print(line->text);
    case daemon::CommandLine::Action::kPrintConfig:
      return print(daemon::config_as_toml(line->options));
    case daemon::CommandLine::Action::kRepair: {
      const auto report = daemon::repair_data_dir(line->options.data_dir);
      return report ? print(*report) : complain(report.error().message, 1);
    }
    case daemon::CommandLine::Action::kServe:
      break;
  }
  line->options.warnings = daemon::misspelt_variables(variable_names());
  // They are meant for this process, whose number a daemon in the background does not have.
  const auto handed_over = daemon::take_listening_sockets();
  if (!handed_over) return complain(handed_over.error().message, 1);
  daemon::Background background;
  if (line->options.background) {
    // Sockets that are handed over come first, in a row.
    const auto first_unused = STDERR_FILENO + 1 + static_cast<int>(handed_over->size());
    const auto entered = daemon::Background::enter(background, first_unused);
    if (!entered) return complain(entered.error().message, 1);
    if (*entered) return **entered;
  }
  return daemon::run_daemon(line->options, *handed_over, background);
}
