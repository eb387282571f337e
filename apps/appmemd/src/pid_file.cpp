#include "pid_file.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace appmem::daemon {

PidFile::~PidFile() {
  if (path_.empty()) return;
  std::ifstream stream(path_);
  pid_t pid = 0;
  if (stream >> pid && pid == ::getpid()) ::unlink(path_.c_str());
}

Result<void> PidFile::write(const std::string& path) {
  const std::string temporary = path + "." + std::to_string(::getpid());
  const auto failed = [&](const char* what) {
    const std::string reason = std::system_category().message(errno);
    ::unlink(temporary.c_str());
    return fail(ErrorCode::kInternal,
                std::string("cannot ") + what + " the pid file " + path + ": " + reason);
  };
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return failed("create");
  ::fchmod(fd, 0644);  // for whoever watches the daemon, whatever the umask
  const std::string text = std::to_string(::getpid()) + "\n";
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (::close(fd) != 0 || !written) return failed("write");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("place");
  path_ = path;
  return {};
}

}  // namespace appmem::daemon
