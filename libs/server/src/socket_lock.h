#pragma once

#include <string>

#include "appmem/base/error.h"
#include "fd.h"

namespace appmem::server {

/// The file `SOCKET.lock` beside a socket: whoever holds it (flock) may create and remove the
/// socket. It contains the holder's process id. Ends with the process, however that ends.
class SocketLock {
 public:
  /// Errors: kBusy (held; names the holder), kInvalidRequest (the file is not ours), kInternal.
  static Result<SocketLock> acquire(const std::string& socket_path);
  SocketLock(SocketLock&& other) noexcept = default;
  SocketLock& operator=(SocketLock&& other) noexcept;
  SocketLock(const SocketLock&) = delete;
  SocketLock& operator=(const SocketLock&) = delete;
  /// Removes the file, then lets go.
  ~SocketLock() { release(); }

 private:
  SocketLock(std::string path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}
  void release();

  std::string path_;
  Fd file_;
};

}  // namespace appmem::server
