#include "daemon.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <grp.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access.h"
#include "appmem/base/check.h"
#include "appmem/base/socket_path.h"
#include "appmem/base/token.h"
#include "appmem/base/units.h"
#include "appmem/core/store.h"
#include "appmem/server/server.h"
#include "appmem/storage/data_directory.h"
#include "appmem/storage/file_system.h"
#include "appmem/storage/storage.h"
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
    return fail(ErrorCode::kInvalidRequest,
                "there is no group \"" + group + "\": create it, or name another one");
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

/// Where to listen, and what holds there; both in the same order.
struct Listeners {
  std::vector<server::ListenerSpec> specs;
  std::vector<ListenerRules> rules;
};

/// `group` may be empty. Errors: kInvalidRequest.
Result<std::optional<std::uint32_t>> gid_of(const std::string& group) {
  if (group.empty()) return std::optional<std::uint32_t>();
  const auto found = group_id(group);
  if (!found) return fail(found.error());
  return std::optional(*found);
}

/// Whom a socket with this mode lets connect.
Reach reach_of(std::uint32_t mode) {
  if ((mode & S_IWOTH) != 0) return Reach::kAll;
  return (mode & S_IWGRP) != 0 ? Reach::kGroup : Reach::kOwner;
}

Result<void> add_listener(const ListenAddress& address, Listeners& listeners) {
  const auto gid = gid_of(address.group);
  if (!gid) return fail(gid.error());
  server::ListenerSpec spec;
  spec.socket_path = address.socket;
  spec.socket_mode = address.mode.value_or(gid->has_value() ? 0660 : 0600);
  spec.socket_gid = *gid;
  spec.tcp = address.tcp;
  // Over TCP nobody is told apart by a number.
  const Reach reach = spec.tcp ? Reach::kOwner : reach_of(spec.socket_mode);
  auto access = access_policy(::geteuid(), *gid, reach, read_overflow_ids("/"));
  if (!access) return fail(std::move(access).error());
  ListenerRules rules;
  rules.protocol = address.protocol;
  rules.tcp = address.tcp.has_value();
  rules.access = *std::move(access);
  rules.access.open = address.insecure;
  if (!address.token_file.empty()) {
    auto token = read_token_file(address.token_file, ::geteuid());
    if (!token) return fail(std::move(token).error());
    rules.access.token = true;
    rules.token = *std::move(token);
  }
  listeners.specs.push_back(std::move(spec));
  listeners.rules.push_back(std::move(rules));
  return {};
}

/// What systemd has handed over, in place of --socket.
Result<void> add_inherited(const Options& options, const std::vector<HandedOver>& handed_over,
                           Listeners& listeners) {
  const auto gid = gid_of(options.socket_group);
  if (!gid) return fail(gid.error());
  for (const HandedOver& socket : handed_over) {
    // What keeps whom out of it is its maker's affair.
    auto access = access_policy(::geteuid(), *gid, Reach::kAll, read_overflow_ids("/"));
    if (!access) return fail(std::move(access).error());
    listeners.specs.emplace_back().inherited_fd = socket.fd;
    listeners.rules.emplace_back().access = *std::move(access);
  }
  return {};
}

/// Errors: kInvalidRequest where two of them are the same place.
Result<void> check_for_repetition(const std::vector<ListenAddress>& addresses) {
  std::set<std::string> places;
  for (const ListenAddress& address : addresses) {
    if (address.tcp && address.tcp->port == 0) continue;  // each gets one of its own
    const std::string place =
        address.tcp ? address.tcp->to_string()
                    : "unix:" + std::filesystem::path(address.socket).lexically_normal().string();
    if (!places.insert(place).second) {
      return fail(ErrorCode::kInvalidRequest,
                  place +
                      " is given twice as a place to listen (--listen, --socket and --tcp add "
                      "up)");
    }
  }
  return {};
}

Result<Listeners> all_listeners(const Options& options,
                                const std::vector<HandedOver>& handed_over) {
  Listeners listeners;
  if (auto added = add_inherited(options, handed_over, listeners); !added) {
    return fail(std::move(added).error());
  }
  std::vector<ListenAddress> addresses = options.listen;
  if (handed_over.empty() && !options.socket.empty()) {
    if (auto checked = check_default_directory(options); !checked) {
      return fail(std::move(checked).error());
    }
    ListenAddress& socket = addresses.emplace_back();
    socket.socket = options.socket;
    socket.mode = options.socket_mode;
    socket.group = options.socket_group;
  }
  if (options.tcp) {
    ListenAddress& tcp = addresses.emplace_back();
    tcp.tcp = options.tcp;
    tcp.token_file = options.tcp_token_file;
    tcp.insecure = options.tcp_insecure;
  }
  if (auto checked = check_for_repetition(addresses); !checked) {
    return fail(std::move(checked).error());
  }
  for (const ListenAddress& address : addresses) {
    if (auto added = add_listener(address, listeners); !added) {
      return fail(std::move(added).error());
    }
  }
  return listeners;
}

/// Whoever runs a daemon that lets everybody in reads it in the log at each start.
void warn_of_open_listeners(const Listeners& listeners, Observer& log) {
  for (std::size_t i = 0; i < listeners.specs.size(); ++i) {
    if (!listeners.rules[i].access.open) continue;
    const std::string shown = listeners.specs[i].tcp->to_string();
    const EventField address = EventField::of("address", shown);
    log.event(Severity::kWarning, "listener_insecure",
              "every user of this host may do everything here, without a token", &address, 1);
  }
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

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  APPMEM_CHECK(::getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed));
  return seed;
}

/// In microseconds, four years: what was written longer ago gets a new version.
constexpr core::Version kVersionReach = core::Version{1} << 47U;

/// Above every version of an earlier run: microseconds since 1970 are ahead of a store's writes.
core::Version version_floor(const Instant& now) {
  const auto since = now.wall.time_since_epoch();
  const std::int64_t micros = std::chrono::duration_cast<std::chrono::microseconds>(since).count();
  return micros > 0 ? static_cast<core::Version>(micros) : 0;
}

Result<void> serve(const Options& options, const std::vector<HandedOver>& handed_over,
                   Background& background, Clock& clock, Log& log) {
  auto listeners = all_listeners(options, handed_over);
  if (!listeners) return fail(std::move(listeners).error());
  warn_of_open_listeners(*listeners, log);
  for (const std::string& warning : options.warnings)
    log.event(Severity::kWarning, "variable_misspelt", warning, nullptr, 0);

  const Instant start = clock.now();
  const auto files = storage::make_system_files();
  storage::Storage storage({.directory = options.data_dir,
                            .sync = options.sync,
                            .sync_interval = options.sync_interval,
                            .segment_bytes = options.segment_bytes,
                            .checkpoint_interval = options.checkpoint_interval,
                            .background_bytes_per_second = options.compaction_rate,
                            .compress_above = options.compress_above,
                            .seed = random_seed()},
                           *files, clock, log);
  const core::Version floor = version_floor(start);
  const auto stored_seed = storage::stored_hash_seed(*files, options.data_dir);
  core::Store store({.max_memory_bytes = options.max_memory_bytes,
                     .value_bytes_max = options.limits.value_bytes_max,
                     .threads = options.threads,
                     .seed = stored_seed ? *stored_seed : random_seed(),
                     .version_floor = floor,
                     .version_reach = std::min(floor, kVersionReach),
                     .sink = &storage},
                    start);
  if (auto altered =
          store.alter_namespace(core::kDefaultNamespace, {.eviction = options.eviction}, start);
      !altered) {
    return altered;
  }
  if (auto recovered = storage.recover(store); !recovered) return recovered;
  Service service({.limits = options.limits,
                   .threads = options.threads,
                   .listeners = std::move(listeners->rules),
                   .config = shown_options(effective(options, handed_over)),
                   .serving =
                       [&] {
                         log.stop_waiting();
                         background.ready();
                       },
                   .observer = &log},
                  store, storage, clock);
  server::Server server({.listeners = std::move(listeners->specs),
                         .threads = options.threads,
                         .limits = options.limits,
                         .shutdown_timeout = options.shutdown_timeout},
                        service, clock, store.memory(), log);
  service.attach(server);
  PidFile pid_file;
  // First of all: a daemon that is refused for it never listens.
  const auto take_pid_file = [&] {
    return options.pid_file.empty() ? Result<void>() : pid_file.write(options.pid_file);
  };
  if (auto opened = server.open(take_pid_file); !opened) return opened;
  storage.start([&server] { server.notify_committed(); });
  server.run();
  return storage.close();
}

}  // namespace

int run_daemon(const Options& options, const std::vector<HandedOver>& handed_over,
               Background& background) {
  ::umask(0077);
  SystemClock clock;
  const std::unique_ptr<Log> log = make_log(options.log_format, options.log_level, clock);
  const auto served = serve(options, handed_over, background, clock, *log);
  if (served) return 0;
  log->event(Severity::kError, "start_failed", served.error().message, nullptr, 0);
  return 1;
}

}  // namespace appmem::daemon
