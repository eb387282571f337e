#include "socket_directory.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

namespace appmem::server {
namespace {

constexpr std::size_t kLinksMax = 40;  // as the kernel follows in one path

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool ours(const struct stat& status) {
  return status.st_uid == ::geteuid() || status.st_uid == 0;
}

tl::unexpected<Error> refused(const std::string& why) {
  return fail(ErrorCode::kInvalidRequest, why + "; choose another --socket");
}

tl::unexpected<Error> cannot_look_at(const std::string& path) {
  return system_failure("cannot look at " + path + ", on the way to the socket", errno);
}

/// Nobody else can put another thing in the place of what we or root have in this directory.
Result<void> check_directory(const std::string& directory, const struct stat& status) {
  if (!S_ISDIR(status.st_mode)) return refused(directory + " is not a directory");
  if (!ours(status)) {
    return refused("the directory " + directory + ", above the socket, belongs to user " +
                   std::to_string(status.st_uid) + ", who could replace what is in it");
  }
  if ((status.st_mode & 0022U) != 0 && (status.st_mode & S_ISVTX) == 0) {
    return fail(ErrorCode::kInvalidRequest,
                "others may write to " + directory +
                    ", above the socket, and could replace what is in it; run `chmod go-w " +
                    directory + "` or choose another --socket");
  }
  return {};
}

Result<std::string> read_link(const std::string& link) {
  char target[PATH_MAX];
  const ssize_t n = ::readlink(link.c_str(), target, sizeof target);
  if (n < 0) return cannot_look_at(link);
  if (n == 0 || n == static_cast<ssize_t>(sizeof target)) {
    return refused("the link " + link + " leads nowhere");
  }
  return std::string(target, static_cast<std::size_t>(n));
}

Result<std::string> working_directory() {
  char path[PATH_MAX];
  if (::getcwd(path, sizeof path) == nullptr) return cannot_look_at(".");
  return std::string(path);
}

/// Checks each directory from the root down to `directory`, along the links that stand in the way.
Result<void> check_way(const std::string& directory) {
  std::string rest = directory;  // what is still to be walked, from `here` on
  if (!rest.starts_with('/')) {
    auto working = working_directory();
    if (!working) return fail(std::move(working).error());
    rest.insert(0, *working + '/');
  }
  std::string here = "/";
  struct stat status {};
  if (::lstat("/", &status) != 0) return cannot_look_at("/");
  if (auto checked = check_directory("/", status); !checked) return checked;
  for (std::size_t links = 0; !rest.empty();) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string name = rest.substr(0, slash);
    rest.erase(0, slash + 1);
    if (name.empty() || name == ".") continue;
    std::string next = here;
    if (next != "/") next += '/';
    next += name;
    if (::lstat(next.c_str(), &status) != 0) return cannot_look_at(next);
    if (!S_ISLNK(status.st_mode)) {
      if (auto checked = check_directory(next, status); !checked) return checked;
      here = next;
      continue;
    }
    if (!ours(status)) {
      return refused(next + ", on the way to the socket, is a link that user " +
                     std::to_string(status.st_uid) + " made");
    }
    if (++links > kLinksMax) return refused(directory + " leads through too many links");
    auto target = read_link(next);
    if (!target) return fail(std::move(target).error());
    if (target->starts_with('/')) here = "/";
    rest.insert(0, *target + '/');
  }
  return {};
}

/// False when it is there by now.
Result<bool> create(const std::string& directory, std::uint32_t socket_mode,
                    std::optional<std::uint32_t> socket_gid) {
  const bool for_all = (socket_mode & 0007U) != 0;
  const bool for_group = (socket_mode & 0070U) != 0 && socket_gid.has_value();
  const mode_t mode = for_all ? 0755U : for_group ? 0750U : 0700U;
  // Nobody but us may enter before the group is right.
  if (::mkdir(directory.c_str(), 0700) != 0) {
    if (errno == EEXIST) return false;
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
  return true;
}

}  // namespace

Result<SocketDirectory> SocketDirectory::prepare(const std::string& socket_path,
                                                 std::uint32_t socket_mode,
                                                 std::optional<std::uint32_t> socket_gid) {
  const std::string directory = directory_of(socket_path);
  SocketDirectory prepared;
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) {
    if (errno != ENOENT) return cannot_look_at(directory);
    const std::string parent = directory_of(directory);
    if (::lstat(parent.c_str(), &status) != 0) {
      return system_failure("cannot create the socket's directory " + directory, errno);
    }
    if (auto checked = check_way(parent); !checked) return fail(std::move(checked).error());
    const auto created = create(directory, socket_mode, socket_gid);
    if (!created) return fail(created.error());
    if (*created) prepared.made_ = directory;
  }
  if (auto checked = check_way(directory); !checked) return fail(std::move(checked).error());
  return prepared;
}

SocketDirectory::~SocketDirectory() {
  // Nobody else could have put another one in its place: see prepare().
  if (!made_.empty()) ::rmdir(made_.c_str());
}

}  // namespace appmem::server
