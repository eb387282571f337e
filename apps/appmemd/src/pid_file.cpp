#include "pid_file.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace appmem::daemon {

namespace {

/// The process named in a pid file.
pid_t pid_in(const std::string& path) {
  std::ifstream stream(path);
  pid_t pid = 0;
  return stream >> pid ? pid : 0;
}

/// Whether a process that lives holds the lock on the file at `path`.
bool is_held(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return held;
}

}  // namespace

PidFile::~PidFile() {
  if (fd_ < 0) return;
  struct stat ours {};
  struct stat named {};
  if (::fstat(fd_, &ours) == 0 && ::lstat(path_.c_str(), &named) == 0 &&
      ours.st_dev == named.st_dev && ours.st_ino == named.st_ino && pid_in(path_) == ::getpid()) {
    ::unlink(path_.c_str());
  }
  ::close(fd_);
}

Result<void> PidFile::write(const std::string& path) {
  if (is_held(path)) {
    return fail(ErrorCode::kBusy, "process " + std::to_string(pid_in(path)) +
                                      " lives and holds the pid file " + path +
                                      "; choose another --pid-file");
  }
  const std::string temporary = path + "." + std::to_string(::getpid());
  ::unlink(temporary.c_str());  // of a process that had our number and died on the way
  const auto failed = [&](const char* what) {
    const std::string reason = std::system_category().message(errno);
    ::unlink(temporary.c_str());
    return fail(ErrorCode::kInternal,
                std::string("cannot ") + what + " the pid file " + path + ": " + reason);
  };
  const int fd =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0) return failed("create");
  ::fchmod(fd, 0644);  // for whoever watches the daemon, whatever the umask
  const std::string text = std::to_string(::getpid()) + "\n";
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  // Held for as long as this process lives, also under the file's final name.
  const bool placed = written && ::flock(fd, LOCK_EX | LOCK_NB) == 0 &&
                      ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!placed) {
    auto failure = failed(written ? "place" : "write");
    ::close(fd);
    return failure;
  }
  path_ = path;
  fd_ = fd;
  return {};
}

}  // namespace appmem::daemon
