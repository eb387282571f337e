#include "line_reader.h"

#include <cstdlib>

#include <unistd.h>

#include "input.h"

namespace appmem::ctl {
namespace {

class PipeReader final : public LineReader {
 public:
  explicit PipeReader(Output& out) : out_(out) {}

  bool read(const std::string& prompt, std::string& line) override {
    out_.write(prompt);
    out_.flush();
    return input_.next(line);
  }

 private:
  Output& out_;
  LineInput input_{STDIN_FILENO};
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing writes it
  return value != nullptr ? value : "";
}

}  // namespace

std::unique_ptr<LineReader> make_pipe_reader(Output& out) {
  return std::make_unique<PipeReader>(out);
}

std::string default_history_path() {
  const std::string state = variable("XDG_STATE_HOME");
  if (state.starts_with('/')) return state + "/appmem/history";
  const std::string home = variable("HOME");
  return home.starts_with('/') ? home + "/.local/state/appmem/history" : "";
}

}  // namespace appmem::ctl
