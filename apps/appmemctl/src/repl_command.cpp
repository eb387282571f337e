#include <unistd.h>

#include "appmem/protocol/error_table.h"
#include "commands.h"
#include "line_reader.h"
#include "shell.h"

namespace appmem::ctl {

int run_repl(Context& context, const Invocation& invocation) {
  if (invocation.find_own(kEmbeddedFlag) != nullptr) context.options.addresses = {"embedded:"};
  const Result<client::Client*> client = context.client();
  if (!client) return report_client_error(client.error());
  const bool interactive = ::isatty(STDIN_FILENO) == 1 && context.out.is_terminal();
  Shell shell(**client, context.out, context.options.ns);
  const std::unique_ptr<LineReader> reader =
      interactive
          ? make_terminal_reader(context.out, default_history_path(),
                                 [&](std::string_view typed) { return shell.completions(typed); })
          : make_pipe_reader(context.out);
  shell.greet();
  std::string line;
  while (reader->read(shell.prompt(), line) && shell.execute(line)) {
  }
  shell.part();
  context.out.flush();
  return protocol::kExitDone;
}

}  // namespace appmem::ctl
