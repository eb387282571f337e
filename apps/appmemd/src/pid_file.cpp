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

/// The attempts to replace a file that others replace, too.
constexpr int kAttemptsMax = 100;

enum class Placed { kYes, kHeld, kFailed };

/// Gives the file at `temporary` the name `path`, in place of whatever has it but a file that a
/// process holds. The file that is replaced is held meanwhile, so that of two who find the same one
/// left over one is refused. `kFailed` has errno.
Placed place(const std::string& temporary, const std::string& path) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    if (::link(temporary.c_str(), path.c_str()) == 0) {
      ::unlink(temporary.c_str());
      return Placed::kYes;
    }
    // A file system without links, or what refuses us: rename() says.
    int old = -1;
    struct stat opened {};
    struct stat named {};
    if (errno == EEXIST) {
      old = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
      if (old < 0 && errno == ENOENT && ::lstat(path.c_str(), &named) != 0) continue;
    }
    if (old >= 0 && ::flock(old, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(old);
      return Placed::kHeld;
    }
    if (old >= 0 && (::fstat(old, &opened) != 0 || ::stat(path.c_str(), &named) != 0 ||
                     opened.st_dev != named.st_dev || opened.st_ino != named.st_ino)) {
      ::close(old);
      continue;
    }
    const bool renamed = ::rename(temporary.c_str(), path.c_str()) == 0;
    const int error = errno;
    if (old >= 0) ::close(old);
    errno = error;
    return renamed ? Placed::kYes : Placed::kFailed;
  }
  errno = EAGAIN;
  return Placed::kFailed;
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
  if (!written || ::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    auto failure = failed("write");
    ::close(fd);
    return failure;
  }
  const Placed placed = place(temporary, path);
  if (placed != Placed::kYes) {
    auto failure = failed("place");
    ::close(fd);
    if (placed == Placed::kFailed) return failure;
    return fail(ErrorCode::kBusy, "process " + std::to_string(pid_in(path)) +
                                      " lives and holds the pid file " + path +
                                      "; choose another --pid-file");
  }
  path_ = path;
  fd_ = fd;
  return {};
}

}  // namespace appmem::daemon
