#include "socket_lock.h"

#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "report.h"

namespace appmem::server {
namespace {

// A holder that leaves removes the file: whoever had it open then holds a lock on nothing and takes
// the new file instead. Bounded, in case daemons start and stop faster than we can look.
constexpr int kAttemptsMax = 100;

std::string holder_of(int file) {
  char text[32];
  const ssize_t n = ::pread(file, text, sizeof text, 0);
  long pid = 0;
  if (n > 0 && std::from_chars(text, text + n, pid).ec == std::errc{} && pid > 0) {
    return "process " + std::to_string(pid);
  }
  return "another process";
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Result<void> write_holder(int file, const std::string& path) {
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return system_failure("cannot write " + path, errno);
  }
  return {};
}

}  // namespace

Result<SocketLock> SocketLock::acquire(const std::string& socket_path) {
  const std::string path = socket_path + ".lock";
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!file) {
      if (errno == ELOOP) {
        return fail(ErrorCode::kInvalidRequest,
                    path + " is a link; remove it or choose another --socket");
      }
      return system_failure("cannot open the lock file " + path, errno);
    }
    struct stat opened {};
    if (::fstat(file.get(), &opened) != 0) return system_failure("cannot look at " + path, errno);
    if (!S_ISREG(opened.st_mode) || (opened.st_uid != ::geteuid() && opened.st_uid != 0)) {
      return fail(ErrorCode::kInvalidRequest, path + " is not a lock file of ours (user " +
                                                  std::to_string(opened.st_uid) +
                                                  " made it); choose another --socket");
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return system_failure("cannot lock " + path, errno);
      return fail(ErrorCode::kBusy, holder_of(file.get()) + " already serves " + socket_path +
                                        "; stop it or choose another --socket");
    }
    struct stat named {};
    if (::lstat(path.c_str(), &named) != 0 || !same_file(opened, named)) continue;
    SocketLock lock(path, std::move(file));
    if (auto written = write_holder(lock.file_.get(), path); !written) {
      return fail(std::move(written).error());
    }
    return lock;
  }
  return fail(ErrorCode::kBusy, "others keep taking the lock " + path + "; try again");
}

SocketLock& SocketLock::operator=(SocketLock&& other) noexcept {
  release();
  path_ = std::move(other.path_);
  file_ = std::move(other.file_);
  return *this;
}

void SocketLock::release() {
  if (!file_) return;
  ::unlink(path_.c_str());
  file_.reset();
}

}  // namespace appmem::server
