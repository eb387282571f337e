#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "support/process.h"

namespace appmem::test {

/// A program on a terminal of its own.
class Terminal {
 public:
  Terminal(const std::vector<std::string>& arguments,
           const std::map<std::string, std::string>& environment) {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = 80;
    pid_ = ::forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ < 0) throw std::runtime_error("forkpty");
    if (pid_ == 0) {
      for (const auto& [name, value] : environment) {
        ::setenv(name.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): own process
      }
      std::vector<char*> argv;
      argv.reserve(arguments.size() + 1);
      for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str()));
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(fd_);
  }

  void type(const std::string& text) const {
    if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      throw std::runtime_error("the terminal takes no input");
    }
  }

  /// Reads until `text` has appeared since the last call. Throws when it does not.
  void expect(const std::string& text) {
    while (screen_.find(text, seen_) == std::string::npos) {
      if (!read_some())
        throw std::runtime_error("no \"" + text + "\" in: " + screen_.substr(seen_));
    }
    seen_ = screen_.find(text, seen_) + text.size();
  }

  /// Reads to the end and returns the exit code.
  int wait() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  /// All that was shown, with line ends as '\n' and without control sequences.
  [[nodiscard]] const std::string& screen() const { return screen_; }

 private:
  bool read_some() {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, kProcessPatienceMs) <= 0) {
      throw std::runtime_error("a program on a terminal was silent for too long; it said: " +
                               screen_);
    }
    char buffer[4096];
    const ssize_t n = ::read(fd_, buffer, sizeof buffer);
    if (n <= 0) return false;
    for (ssize_t i = 0; i < n; ++i)
      show(buffer[i]);
    return true;
  }

  void show(char c) {
    if (escape_) {
      // "ESC [ … letter" and "ESC letter".
      if (c != '[' && c != '?' && c != ';' && (c < '0' || c > '9')) escape_ = false;
    } else if (c == '\x1b') {
      escape_ = true;
    } else if (c != '\r' && c != '\a') {
      screen_.push_back(c);
    }
  }

  int fd_ = -1;
  pid_t pid_ = -1;
  bool escape_ = false;
  std::string screen_;
  std::size_t seen_ = 0;
};

}  // namespace appmem::test
