#pragma once

#include <cerrno>
#include <csignal>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/environment.h"
#include "support/temporary_directory.h"

/// Real programs as children of a test: started, fed, waited for; never slept for.
namespace appmem::test {

struct ProcessOptions {
  std::vector<std::string> arguments;  // [0] is the program's path
  /// Set (or with nullopt removed) in the child's environment.
  std::map<std::string, std::optional<std::string>> environment;
  std::string input;
  /// Leave the child's standard input open behind `input`, until `wait`.
  bool keep_input_open = false;
  /// Runs in the child before exec; only async-signal-safe calls.
  void (*before_exec)() = nullptr;
};

/// How long a program may take before a test gives up on it; generous, because of sanitizers.
inline constexpr int kProcessPatienceMs = 60'000;

/// A running child whose standard streams are pipes. Ends it (SIGKILL) when it still runs at the
/// end.
class Process {
 public:
  explicit Process(const ProcessOptions& options) {
    int in[2];
    int out[2];
    int err[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0 ||
        ::pipe2(err, O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe2");
    }
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::dup2(err[1], 2);
      for (const auto& [name, value] : options.environment) {
        if (value) {
          ::setenv(name.c_str(), value->c_str(), 1);  // NOLINT(concurrency-mt-unsafe): own process
        } else {
          ::unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): own process
        }
      }
      std::vector<char*> arguments;
      for (const std::string& argument : options.arguments) {
        arguments.push_back(const_cast<char*>(argument.c_str()));
      }
      arguments.push_back(nullptr);
      if (options.before_exec != nullptr) options.before_exec();
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    ::close(err[1]);
    in_ = in[1];
    out_ = out[0];
    err_ = err[0];
    ::fcntl(in_, F_SETFL, O_NONBLOCK);
    pending_input_ = options.input;
    keep_input_open_ = options.keep_input_open;
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (!status_) {
      ::kill(pid_, SIGKILL);
      reap(0);
    }
    for (const int fd : {in_, out_, err_}) {
      if (fd >= 0) ::close(fd);
    }
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  /// More input, fed by the next call that waits. The input must have been kept open.
  void write(const std::string& text) { pending_input_ += text; }

  /// Feeds the input, collects both outputs until they end, and waits. Returns the exit code, or
  /// minus the signal's number.
  int wait() {
    keep_input_open_ = false;
    pump([] { return false; });
    reap(0);
    return *status_;
  }

  /// Collects output until `text` has been seen on standard error. False when the program ended
  /// first.
  bool wait_for_error_text(const std::string& text) {
    return pump([&] { return errors_.find(text) != std::string::npos; });
  }
  bool wait_for_output_text(const std::string& text) {
    return pump([&] { return output_.find(text) != std::string::npos; });
  }

  [[nodiscard]] const std::string& output() const { return output_; }
  [[nodiscard]] const std::string& errors() const { return errors_; }

 private:
  template <typename Seen>
  bool pump(Seen seen) {
    for (;;) {
      if (seen()) return true;
      if (pending_input_.empty() && in_ >= 0 && !keep_input_open_) ::close(std::exchange(in_, -1));
      if (out_ < 0 && err_ < 0) return false;
      pollfd fds[3] = {
          {out_, POLLIN, 0}, {err_, POLLIN, 0}, {pending_input_.empty() ? -1 : in_, POLLOUT, 0}};
      if (::poll(fds, 3, kProcessPatienceMs) == 0) {
        throw std::runtime_error("a program was silent for too long; it said: " + output_ +
                                 errors_);
      }
      if (fds[0].revents != 0) collect(out_, output_);
      if (fds[1].revents != 0) collect(err_, errors_);
      if (fds[2].revents != 0) feed();
    }
  }
  static void collect(int& fd, std::string& text) {
    char buffer[16'384];
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) {
      text.append(buffer, static_cast<std::size_t>(n));
    } else if (n == 0 || errno != EINTR) {
      ::close(std::exchange(fd, -1));
    }
  }
  void feed() {
    struct sigaction ignore {};
    struct sigaction before {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before);
    const ssize_t n = ::write(in_, pending_input_.data(), pending_input_.size());
    ::sigaction(SIGPIPE, &before, nullptr);
    if (n > 0) {
      pending_input_.erase(0, static_cast<std::size_t>(n));
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
      pending_input_.clear();
    }
  }
  void reap(int flags) {
    int status = 0;
    while (::waitpid(pid_, &status, flags) < 0 && errno == EINTR) {
    }
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string pending_input_;
  bool keep_input_open_ = false;
  std::string output_;
  std::string errors_;
  std::optional<int> status_;
};

struct Ran {
  int exit_code = 0;
  std::string output;
  std::string errors;
};

/// Runs a program to its end.
inline Ran run(const ProcessOptions& options) {
  Process process(options);
  const int code = process.wait();
  return {code, process.output(), process.errors()};
}

/// An appmemd of the test's own, on a socket in a fresh folder (or at `socket`), ready when
/// constructed (it says so over NOTIFY_SOCKET) and stopped with SIGTERM at the end. The test fails
/// where a sanitizer has spoken in it, or it has not ended well unasked.
class Daemon {
 public:
  explicit Daemon(const std::vector<std::string>& options = {},
                  std::map<std::string, std::optional<std::string>> environment = {},
                  const std::string& socket = "")
      : socket_(socket.empty() ? directory_.file("s") : socket) {
    const int ready = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_.file("notify");
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(ready, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("bind " + path);
    }
    ProcessOptions start;
    start.arguments = {binary_dir() / "appmemd", "--socket", socket_, "--data-dir",
                       directory_.file("data")};
    start.arguments.insert(start.arguments.end(), options.begin(), options.end());
    start.environment = std::move(environment);
    start.environment["NOTIFY_SOCKET"] = path;
    process_.emplace(start);
    pollfd wait{ready, POLLIN, 0};
    char message[256];
    const bool notified =
        ::poll(&wait, 1, kProcessPatienceMs) == 1 && ::recv(ready, message, sizeof message, 0) > 0;
    ::close(ready);
    if (!notified) {
      process_->signal(SIGKILL);
      process_->wait();
      throw std::runtime_error("appmemd did not start: " + process_->errors());
    }
  }
  ~Daemon() {
    if (exit_code_) return;
    EXPECT_EQ(stop(), 0) << process_->errors();
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Ends it in good order. Returns its exit code.
  int stop() {
    if (!exit_code_) {
      process_->signal(SIGTERM);
      exit_code_ = process_->wait();
      EXPECT_EQ(process_->errors().find("Sanitizer"), std::string::npos) << process_->errors();
      EXPECT_EQ(process_->errors().find("runtime error:"), std::string::npos) << process_->errors();
    }
    return *exit_code_;
  }

  /// Ends it as a crash would.
  void kill() {
    process_->signal(SIGKILL);
    exit_code_ = process_->wait();
  }

  [[nodiscard]] std::string socket() const { return socket_; }
  [[nodiscard]] Process& process() { return *process_; }

 private:
  TemporaryDirectory directory_;
  const std::string socket_;
  std::optional<Process> process_;
  std::optional<int> exit_code_;
};

/// Runs appmemctl against `socket`.
inline Ran appmemctl(const std::string& socket, std::vector<std::string> arguments,
                     const std::string& input = "") {
  ProcessOptions options;
  options.arguments = {binary_dir() / "appmemctl"};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.environment["APPMEM_SOCKET"] = socket;
  options.input = input;
  return run(options);
}

}  // namespace appmem::test
