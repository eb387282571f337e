#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "appmem/base/error.h"

namespace appmem::server {

/// The directory of a Unix socket. One that was created here is removed again, if nothing is in it,
/// unless `keep` was called. Thread safety: none.
class SocketDirectory {
 public:
  /// Makes sure that nobody else can replace the socket, nor any directory on the way to it from
  /// the root: each belongs to us or to root, and is either not writable by others or sticky (as
  /// /tmp is). A link counts when we or root made it, and is followed under the same rules. A
  /// missing directory (only the last one of the path) is created so that just those whom
  /// `socket_mode` lets connect can reach the socket: 0700, 0750 with `socket_gid`, or 0755.
  /// Errors: kInvalidRequest with what to do, kInternal.
  static Result<SocketDirectory> prepare(const std::string& socket_path, std::uint32_t socket_mode,
                                         std::optional<std::uint32_t> socket_gid);
  /// None.
  SocketDirectory() = default;
  SocketDirectory(SocketDirectory&& other) noexcept : made_(std::exchange(other.made_, {})) {}
  SocketDirectory& operator=(SocketDirectory&& other) noexcept {
    std::swap(made_, other.made_);
    return *this;
  }
  SocketDirectory(const SocketDirectory&) = delete;
  SocketDirectory& operator=(const SocketDirectory&) = delete;
  ~SocketDirectory();

  /// It stays from here on.
  void keep() { made_.clear(); }

 private:
  std::string made_;  // empty: it was there
};

}  // namespace appmem::server
