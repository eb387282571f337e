#include "appmem/base/socket_path.h"

#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

namespace appmem {
namespace {

constexpr std::string_view kSocketBelowRuntimeDir = "/appmem/appmem.sock";
constexpr mode_t kOthersBits = 077;

}  // namespace

SocketEnvironment SocketEnvironment::of_process() {
  SocketEnvironment environment;
  environment.uid = ::geteuid();
  const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");  // NOLINT(concurrency-mt-unsafe)
  if (runtime_dir != nullptr) environment.xdg_runtime_dir = runtime_dir;
  return environment;
}

bool default_socket_in_temp(const SocketEnvironment& environment) {
  return environment.uid != 0 && !environment.xdg_runtime_dir.starts_with('/');
}

std::string default_socket_path(const SocketEnvironment& environment) {
  if (environment.uid == 0) return environment.root + std::string(kSystemSocketPath);
  if (default_socket_in_temp(environment)) {
    return environment.root + "/tmp/appmem-" + std::to_string(environment.uid) + "/appmem.sock";
  }
  return environment.xdg_runtime_dir + std::string(kSocketBelowRuntimeDir);
}

std::string_view address_scheme(std::string_view address) {
  const std::size_t end = address.find_first_of(":/");
  if (end == std::string_view::npos || address[end] == '/') return {};
  return address.substr(0, end + 1);
}

bool private_directory(const std::string& path, std::uint32_t uid) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == uid &&
         (status.st_mode & kOthersBits) == 0;
}

}  // namespace appmem
