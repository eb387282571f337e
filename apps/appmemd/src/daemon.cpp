#include "daemon.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>
#include <optional>
#include <vector>

#include <grp.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access.h"
#include "appmem/base/check.h"
#include "appmem/base/socket_path.h"
#include "appmem/base/units.h"
#include "appmem/core/store.h"
#include "appmem/server/server.h"
#include "log.h"
#include "pid_file.h"
#include "service.h"

namespace appmem::daemon {
namespace {

Result<std::uint32_t> group_id(const std::string& group) {
  std::uint32_t gid = 0;
  const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), gid);
  if (error == std::errc{} && end == group.data() + group.size()) return gid;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread is started
  const struct group* found = ::getgrnam(group.c_str());
  if (found == nullptr) {
    return fail(ErrorCode::kInvalidRequest, "there is no group \"" + group +
                                                "\": create it, or name another one with "
                                                "--socket-group");
  }
  return found->gr_gid;
}

/// The last resort lies where anybody may make a folder: it has to be ours alone, or clients, who
/// look the same way, would not trust it.
Result<void> check_default_directory(const Options& options) {
  const SocketEnvironment environment = SocketEnvironment::of_process();
  if (!default_socket_in_temp(environment) || options.socket != default_socket_path(environment)) {
    return {};
  }
  const std::string directory = options.socket.substr(0, options.socket.rfind('/'));
  struct stat status {};
  const bool missing = ::lstat(directory.c_str(), &status) != 0 && errno == ENOENT;
  if (missing || private_directory(directory, environment.uid)) return {};
  return fail(ErrorCode::kInvalidRequest,
              directory +
                  " is not a directory that only you may enter (mode 0700); remove it, or "
                  "choose another --socket");
}

/// Where to listen: on the sockets that were handed over, else on our own.
Result<std::vector<server::ListenerSpec>> listeners(const Options& options,
                                                    std::optional<std::uint32_t> gid,
                                                    const std::vector<HandedOver>& handed_over) {
  std::vector<server::ListenerSpec> specs;
  for (const HandedOver& socket : handed_over) {
    server::ListenerSpec spec;
    spec.inherited_fd = socket.fd;
    specs.push_back(spec);
  }
  if (specs.empty()) {
    if (auto checked = check_default_directory(options); !checked) {
      return fail(std::move(checked).error());
    }
    server::ListenerSpec spec;
    spec.socket_path = options.socket;
    spec.socket_mode = options.socket_mode;
    spec.socket_gid = gid;
    specs.push_back(spec);
  }
  return specs;
}

/// The options as they are in effect: a socket that was handed over stands instead of ours.
Options effective(Options options, const std::vector<HandedOver>& handed_over) {
  if (handed_over.empty()) return options;
  options.socket.clear();
  for (const HandedOver& socket : handed_over) {
    options.socket += (options.socket.empty() ? "" : ", ") + socket.path;
  }
  struct stat status {};
  if (::stat(handed_over.front().path.c_str(), &status) == 0) {
    options.socket_mode = status.st_mode & 0777U;
  }
  return options;
}

/// What keeps whom out of a socket that was handed over is its maker's affair.
Reach reach_of(const Options& options, const std::vector<HandedOver>& handed_over) {
  if (!handed_over.empty() || (options.socket_mode & S_IWOTH) != 0) return Reach::kAll;
  return (options.socket_mode & S_IWGRP) != 0 ? Reach::kGroup : Reach::kOwner;
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  APPMEM_CHECK(::getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed));
  return seed;
}

/// Above every version of an earlier run: microseconds since 1970 are ahead of a store's writes.
core::Version version_floor(const Instant& now) {
  const auto since = now.wall.time_since_epoch();
  const std::int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(since).count();
  return micros > 0 ? static_cast<core::Version>(micros) : 0;
}

Result<void> serve(const Options& options, const std::vector<HandedOver>& handed_over,
                   Background& background, Clock& clock, Log& log) {
  std::optional<std::uint32_t> gid;
  if (!options.socket_group.empty()) {
    const auto found = group_id(options.socket_group);
    if (!found) return fail(found.error());
    gid = *found;
  }
  auto access =
      access_policy(::geteuid(), gid, reach_of(options, handed_over), read_overflow_ids("/"));
  if (!access) return fail(std::move(access).error());
  auto specs = listeners(options, gid, handed_over);
  if (!specs) return fail(std::move(specs).error());

  const Instant start = clock.now();
  core::Store store({.max_memory_bytes = options.max_memory_bytes,
                     .value_bytes_max = options.limits.value_bytes_max,
                     .threads = options.threads,
                     .seed = random_seed(),
                     .version_floor = version_floor(start)},
                    start);
  Service service({.limits = options.limits,
                   .threads = options.threads,
                   .access = *access,
                   .config = shown_options(effective(options, handed_over)),
                   .serving =
                       [&] {
                         log.stop_waiting();
                         background.ready();
                       },
                   .observer = &log},
                  store, clock);
  server::Server server({.listeners = *std::move(specs),
                         .threads = options.threads,
                         .limits = options.limits,
                         .shutdown_timeout = options.shutdown_timeout},
                        service, clock, store.memory(), log);
  service.attach(server);
  if (auto opened = server.open(); !opened) return opened;
  PidFile pid_file;
  if (!options.pid_file.empty()) {
    if (auto written = pid_file.write(options.pid_file); !written) return written;
  }
  server.run();
  return {};
}

}  // namespace

int run_daemon(const Options& options, const std::vector<HandedOver>& handed_over,
               Background& background) {
  ::umask(0077);
  // Whoever reads the log may go away.
  ::signal(SIGPIPE, SIG_IGN);
  SystemClock clock;
  const std::unique_ptr<Log> log = make_log(options.log_format, options.log_level, clock);
  const auto served = serve(options, handed_over, background, clock, *log);
  if (served) return 0;
  log->event(Severity::kError, "start_failed", served.error().message, nullptr, 0);
  return 1;
}

}  // namespace appmem::daemon
