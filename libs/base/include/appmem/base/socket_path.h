#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace appmem {

/// Where a daemon run by root, or packaged as a system service, listens.
inline constexpr std::string_view kSystemSocketPath = "/run/appmem/appmem.sock";

/// What decides where a user's daemon listens.
struct SocketEnvironment {
  std::uint32_t uid = 0;
  /// XDG_RUNTIME_DIR; empty when unset. One that is not absolute is ignored, as the XDG base
  /// directory specification asks.
  std::string xdg_runtime_dir;
  /// Stands before "/run" and "/tmp": empty, or a test's own directory.
  std::string root;

  /// This process's user and environment. Reads the environment, which nobody may change
  /// meanwhile.
  static SocketEnvironment of_process();
};

/// The socket on which a daemon of this user listens, and at which a client of this user looks
/// first, when nobody names one: kSystemSocketPath for root, otherwise
/// `$XDG_RUNTIME_DIR/appmem/appmem.sock`, as the last resort `/tmp/appmem-UID/appmem.sock`.
/// The rule exists here alone. The directory of the last resort lies where anybody may create one,
/// so both ends must check it with `private_directory` before they trust it.
std::string default_socket_path(const SocketEnvironment& environment);

/// Whether the default path is that of the last resort, below /tmp.
bool default_socket_in_temp(const SocketEnvironment& environment);

/// Before a path, in an address.
inline constexpr std::string_view kUnixScheme = "unix:";

/// What stands before the first colon of an address, with the colon: "unix:", "tcp:"; empty where a
/// slash comes first, or there is no colon. One rule for what daemon and client are given: a socket
/// is "unix:PATH", or a path that has a slash and no scheme.
std::string_view address_scheme(std::string_view address);

/// Whether `path` is a directory (not a link to one) that belongs to `uid` and that nobody else
/// may enter or change (mode 0700).
bool private_directory(const std::string& path, std::uint32_t uid);

}  // namespace appmem
