#include "progress.h"

#include <cstdio>
#include <string>

#include <unistd.h>

namespace appmem::ctl {
namespace {

constexpr std::chrono::milliseconds kPatience{1000};
constexpr std::chrono::milliseconds kInterval{100};
constexpr std::string_view kClearLine = "\r\x1b[K";

void write_error(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

Progress::Progress(std::string_view what, bool wanted)
    : what_(what),
      wanted_(wanted && ::isatty(STDERR_FILENO) == 1),
      next_(std::chrono::steady_clock::now() + kPatience) {
}

Progress::~Progress() {
  if (shown_) write_error(std::string(kClearLine));
}

void Progress::show(std::uint64_t done) {
  if (!wanted_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + kInterval;
  shown_ = true;
  write_error(std::string(kClearLine) + std::to_string(done) + ' ' + std::string(what_));
}

}  // namespace appmem::ctl
