#include "background.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace appmem::daemon {
namespace {

tl::unexpected<Error> system_error(const char* what) {
  return fail(ErrorCode::kInternal, std::string("cannot go to the background: ") + what + ": " +
                                        std::system_category().message(errno));
}

void point_at_nothing(int fd) {
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nothing < 0) return;
  ::dup2(nothing, fd);
  ::close(nothing);
}

bool is_regular_file(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/// Waits in the caller's process; returns its exit code.
int wait_for_daemon(int pipe, pid_t daemon) {
  char byte = 0;
  ssize_t n = -1;
  do {
    n = ::read(pipe, &byte, 1);
  } while (n < 0 && errno == EINTR);
  ::close(pipe);
  if (n == 1) return 0;
  int status = 0;
  while (::waitpid(daemon, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1;
}

}  // namespace

Result<std::optional<int>> Background::enter(Background& background, int first_unused) {
  // A lock or a pipe of the caller's would be held for as long as the daemon runs.
  ::close_range(static_cast<unsigned>(first_unused), ~0U, 0);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe");
  const pid_t daemon = ::fork();
  if (daemon < 0) return system_error("fork");
  if (daemon > 0) {
    ::close(ends[1]);
    return std::optional<int>(wait_for_daemon(ends[0], daemon));
  }
  ::close(ends[0]);
  background.ready_pipe_ = ends[1];
  ::setsid();
  point_at_nothing(STDIN_FILENO);
  point_at_nothing(STDOUT_FILENO);
  return std::optional<int>();
}

Background::~Background() {
  if (ready_pipe_ >= 0) ::close(ready_pipe_);
}

void Background::ready() {
  if (ready_pipe_ < 0) return;
  if (!is_regular_file(STDERR_FILENO)) point_at_nothing(STDERR_FILENO);
  const char byte = 'R';
  (void)!::write(ready_pipe_, &byte, 1);  // a caller that has gone does not mind
  ::close(std::exchange(ready_pipe_, -1));
}

}  // namespace appmem::daemon
