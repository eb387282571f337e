#include <chrono>
#include <optional>

#include <unistd.h>

#include "appmem/protocol/error_table.h"
#include "commands.h"
#include "line_reader.h"
#include "shell.h"

namespace appmem::ctl {

int run_repl(Context& context, const Invocation& invocation) {
  if (invocation.find_own(kEmbeddedFlag) != nullptr) {
    if (!context.options.addresses.empty()) {
      return report_usage("--embedded and --address exclude each other",
                          "leave --embedded out for the daemon at the address");
    }
    context.options.addresses = {"embedded:"};
  }
  const Result<client::Client*> client = context.client();
  if (!client) return report_client_error(client.error());
  const bool interactive = ::isatty(STDIN_FILENO) == 1 && context.out.is_terminal();
  std::optional<std::chrono::milliseconds> patience;  // for ever, unless it was said how long
  if (!context.timeout_given) patience.emplace(0);
  Shell shell(**client, context.out, context.options.ns, patience);
  const std::unique_ptr<LineReader> reader =
      interactive
          ? make_terminal_reader(context.out, default_history_path(),
                                 [&](std::string_view typed) { return shell.completions(typed); })
          : make_pipe_reader(context.out);
  shell.greet();
  std::string line;
  for (;;) {
    if (!reader->read(shell.prompt(), line)) {
      if (interactive) context.out.write("\n");  // behind the prompt and the terminal's own ^D
      break;
    }
    if (!shell.execute(line)) break;
  }
  shell.part();
  context.out.flush();
  return protocol::kExitDone;
}

}  // namespace appmem::ctl
