#include "socket_directory.h"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

namespace appmem::server {
namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool ours(const struct stat& status) {
  return status.st_uid == ::geteuid() || status.st_uid == 0;
}

Result<void> create(const std::string& directory, std::uint32_t socket_mode,
                    std::optional<std::uint32_t> socket_gid) {
  const bool for_all = (socket_mode & 0007U) != 0;
  const bool for_group = (socket_mode & 0070U) != 0 && socket_gid.has_value();
  const mode_t mode = for_all ? 0755U : for_group ? 0750U : 0700U;
  // Nobody but us may enter before the group is right.
  if (::mkdir(directory.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return system_failure("cannot create the socket's directory " + directory, errno);
  }
  if (!for_all && for_group &&
      ::chown(directory.c_str(), static_cast<uid_t>(-1), *socket_gid) != 0) {
    const int error = errno;
    ::rmdir(directory.c_str());
    return system_failure("cannot give " + directory + " to group " + std::to_string(*socket_gid) +
                              " (are you a member of it?)",
                          error);
  }
  if (::chmod(directory.c_str(), mode) != 0) {
    const int error = errno;
    ::rmdir(directory.c_str());
    return system_failure("cannot set the mode of " + directory, error);
  }
  return {};
}

}  // namespace

Result<void> prepare_socket_directory(const std::string& socket_path, std::uint32_t socket_mode,
                                      std::optional<std::uint32_t> socket_gid) {
  const std::string directory = directory_of(socket_path);
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) {
    if (errno != ENOENT) {
      return system_failure("cannot look at the socket's directory " + directory, errno);
    }
    if (auto created = create(directory, socket_mode, socket_gid); !created) return created;
    if (::lstat(directory.c_str(), &status) != 0) {
      return system_failure("cannot look at the socket's directory " + directory, errno);
    }
  }
  if (S_ISLNK(status.st_mode)) {
    if (!ours(status)) {
      return fail(ErrorCode::kInvalidRequest,
                  "the socket's directory " + directory + " is a link that user " +
                      std::to_string(status.st_uid) + " made; choose another --socket");
    }
    if (::stat(directory.c_str(), &status) != 0) {
      return system_failure("cannot look at the socket's directory " + directory, errno);
    }
  }
  if (!S_ISDIR(status.st_mode)) {
    return fail(ErrorCode::kInvalidRequest,
                directory + " is not a directory; choose another --socket");
  }
  if (!ours(status)) {
    return fail(ErrorCode::kInvalidRequest,
                "the socket's directory " + directory + " belongs to user " +
                    std::to_string(status.st_uid) +
                    ", who could replace the socket; choose another --socket");
  }
  if ((status.st_mode & 0022U) != 0 && (status.st_mode & S_ISVTX) == 0) {
    return fail(ErrorCode::kInvalidRequest, "others may write to the socket's directory " +
                                                directory +
                                                " and could replace the socket; run `chmod go-w " +
                                                directory + "` or choose another --socket");
  }
  return {};
}

}  // namespace appmem::server
