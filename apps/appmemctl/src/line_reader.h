#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "output.h"

namespace appmem::ctl {

/// Where the shell's lines come from.
class LineReader {
 public:
  LineReader() = default;
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  virtual ~LineReader() = default;

  /// Shows `prompt` and reads a line, without its end. False at the end of the input.
  virtual bool read(const std::string& prompt, std::string& line) = 0;
};

/// Prints the prompt and does not echo: for pipes. `out` is borrowed.
std::unique_ptr<LineReader> make_pipe_reader(Output& out);

/// What the last word of `typed` may become, sorted.
using Completions = std::function<std::vector<std::string>(std::string_view typed)>;

/// Edits lines on a terminal, with a history in `history_path` (empty: none is kept), which only
/// its user can read, and completion with TAB. `out` is borrowed.
std::unique_ptr<LineReader> make_terminal_reader(Output& out, const std::string& history_path,
                                                 Completions completions);

/// $XDG_STATE_HOME/appmem/history, by default below ~/.local/state; empty when there is no home.
std::string default_history_path();

}  // namespace appmem::ctl
