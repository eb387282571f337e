#include <fcntl.h>
#include <unistd.h>

#include "command_line.h"

namespace {

/// A standard stream that is closed would be the number of the socket, and a value that is printed
/// would reach the daemon as a request. What stands in for one can be read or written by nobody.
void hold_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    const int access = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", access) < 0) ::_exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  hold_standard_streams();
  return appmem::ctl::run_command_line(argc, argv);
}
