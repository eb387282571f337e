#include "options.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "appmem/base/similar_name.h"
#include "appmem/base/socket_path.h"
#include "appmem/base/units.h"
#include "option_values.h"

namespace appmem::daemon {
namespace {

constexpr std::size_t kThreadsMax = 256;
constexpr std::size_t kDefaultThreadsMax = 4;
constexpr std::uint64_t kMemoryBytesMin = 512_KiB;
constexpr std::uint64_t kMemoryShareOfMachine = 4;
constexpr std::size_t kRequestBytesMin = 64_KiB;
constexpr std::size_t kRequestBytesMaxCeiling = 1_GiB;
constexpr std::size_t kConnectionsMaxCeiling = 1'000'000;
constexpr std::uint64_t kSegmentBytesMin = 64_KiB;
constexpr std::uint64_t kSegmentBytesMax = 4_GiB;

constexpr std::pair<std::string_view, LogFormat> kLogFormats[] = {
    {"auto", LogFormat::kAuto}, {"text", LogFormat::kText}, {"json", LogFormat::kJson}};
constexpr std::pair<std::string_view, LogLevel> kLogLevels[] = {{"debug", LogLevel::kDebug},
                                                                {"info", LogLevel::kInfo},
                                                                {"warning", LogLevel::kWarning},
                                                                {"error", LogLevel::kError},
                                                                {"warn", LogLevel::kWarning}};

constexpr std::pair<std::string_view, core::Eviction> kEvictions[] = {
    {"lru", core::Eviction::kLru},
    {"s3fifo", core::Eviction::kS3Fifo},
    {"none", core::Eviction::kNone}};
constexpr std::pair<std::string_view, storage::Sync> kSyncs[] = {
    {"always", storage::Sync::kAlways},
    {"interval", storage::Sync::kInterval},
    {"os", storage::Sync::kOs}};
/// As people write it in an environment, too; the first of each is what is shown.
constexpr std::pair<std::string_view, bool> kSwitch[] = {
    {"false", false}, {"true", true}, {"0", false},   {"1", true},
    {"no", false},    {"yes", true},  {"off", false}, {"on", true}};

Result<void> set_switch(std::string_view text, bool& target) {
  if (set_word<bool>(text, kSwitch, target)) return {};
  return expected("true or false");
}

Result<void> set_listen(Options& options, std::string_view text) {
  auto addresses = parse_listen_addresses(text);
  if (!addresses) return fail(std::move(addresses).error());
  options.listen = *std::move(addresses);
  return {};
}

Result<void> set_socket(Options& options, std::string_view text) {
  if (text.empty()) {
    options.socket.clear();
    return {};
  }
  auto path = parse_socket_path(text);
  if (!path) return fail(std::move(path).error());
  options.socket = *std::move(path);
  return {};
}

Result<void> set_data_dir(Options& options, std::string_view text) {
  if (!text.empty() && text.front() != '/') return expected("an absolute path, or nothing");
  options.data_dir = text;
  return {};
}

constexpr std::string_view kNever = "never";

Result<void> set_compress_above(Options& options, std::string_view text) {
  if (text == kNever || text == "none") {
    options.compress_above = storage::kCompressNever;
    return {};
  }
  constexpr std::uint64_t kMin = storage::kCompressAboveMin;
  if (set_size(text, kMin, kValueBytesMaxCeiling, options.compress_above)) return {};
  return expected(size_between(kMin, kValueBytesMaxCeiling) + "; or never");
}

Result<void> set_socket_mode(Options& options, std::string_view text) {
  const auto mode = parse_mode(text);
  if (!mode) return fail(mode.error());
  options.socket_mode = *mode;
  return {};
}

Result<void> set_tcp(Options& options, std::string_view text) {
  options.tcp.reset();
  if (text.empty()) return {};
  auto address = parse_tcp_address(text);
  if (!address) return fail(std::move(address).error());
  options.tcp = *std::move(address);
  return {};
}

std::string show_tcp(const Options& options) {
  return options.tcp ? options.tcp->to_string().substr(kTcpScheme.size()) : std::string();
}

/// What is wrong with the three options of --tcp; empty when nothing is.
std::string complaint_about_tcp(const Options& options) {
  const bool token = !options.tcp_token_file.empty();
  if (!options.tcp && (token || options.tcp_insecure)) {
    return std::string(token ? "tcp-token-file" : "tcp-insecure") +
           " is of no use without tcp (--tcp 127.0.0.1:6379)";
  }
  if (token && options.tcp_insecure) return "tcp-token-file and tcp-insecure exclude each other";
  if (options.tcp && !token && !options.tcp_insecure) {
    return "tcp needs tcp-token-file (or tcp-insecure, which lets every user of this host in): "
           "over "
           "TCP nobody can tell which user connects";
  }
  return {};
}

using Text = std::string_view;
constexpr std::string_view kNone;
constexpr std::chrono::milliseconds kForEver{0};
constexpr std::chrono::milliseconds kMomentMin{1};

constexpr OptionRow kRows[] = {
    {"listen", "ADDRESS",
     "Listen at this address: `unix:PATH` or `tcp://127.0.0.1:PORT`, with settings behind it: "
     "`?protocol=auto|json|resp&mode=0600&group=G&token-file=F`. May be given several times.",
     "none: the socket below", set_listen,
     [](const Options& o) { return show_listen_addresses(o.listen); }, true},
    {"socket", "PATH", "Listen on this Unix socket.",
     "/run/appmem/appmem.sock for root, $XDG_RUNTIME_DIR/appmem/appmem.sock otherwise, "
     "/tmp/appmem-UID/appmem.sock as the last resort; none where --listen is given",
     set_socket,
     [](const Options& o) {
       return o.socket;
     }},
    {"socket-mode", "MODE", "Permissions of the socket, in octal digits.",
     "0600, and 0660 with --socket-group", set_socket_mode,
     [](const Options& o) { return show_mode(o.socket_mode); }, false, true},
    {"socket-group", "GROUP",
     "Group of the socket, by name or number. Its members may read and write the namespace "
     "`default`.",
     "none",
     [](Options& o, Text text) -> Result<void> {
       o.socket_group = text;
       return {};
     },
     [](const Options& o) {
       return o.socket_group;
     }},
    {"tcp", "HOST:PORT",
     "Listen at this address of this host too, such as 127.0.0.1:6379; port 0: any that is free.",
     "none", set_tcp, show_tcp},
    {"tcp-token-file", "FILE",
     "The file with the token that a client of --tcp has to show; nobody else may read it.", "none",
     [](Options& o, Text text) -> Result<void> {
       o.tcp_token_file = text;
       return {};
     },
     [](const Options& o) {
       return o.tcp_token_file;
     }},
    {"tcp-insecure", "", "Let every user of this host do everything over --tcp, without a token.",
     "false", [](Options& o, Text text) { return set_switch(text, o.tcp_insecure); },
     [](const Options& o) {
       return show_word<bool>(kSwitch, o.tcp_insecure);
     }},
    {"threads", "N", "Event loops, each on a thread of its own.", "the number of cores, at most 4",
     [](Options& o, Text text) { return set_number(text, 1, kThreadsMax, o.threads); },
     [](const Options& o) {
       return std::to_string(o.threads);
     }},
    {"max-memory", "SIZE",
     "Memory for everything the daemon keeps: entries, tables, buffers. When it is full, entries "
     "make room, see --eviction.",
     "a quarter of the memory of the machine or control group",
     [](Options& o, Text text) {
       return set_size(text, kMemoryBytesMin, std::uint64_t{1} << 50U, o.max_memory_bytes);
     },
     [](const Options& o) {
       return format_byte_size(o.max_memory_bytes);
     }},
    {"eviction", "POLICY",
     "Who goes in the namespace `default` when memory is full: `lru`, the least recently used; "
     "`s3fifo`, what was not used again soon; `none`, nobody.",
     kNone,
     [](Options& o, Text text) { return set_word<core::Eviction>(text, kEvictions, o.eviction); },
     [](const Options& o) {
       return show_word<core::Eviction>(kEvictions, o.eviction);
     }},
    {"data-dir", "DIR", "Where durable namespaces are kept; made when there is the first one.",
     "/var/lib/appmem for root, $XDG_STATE_HOME/appmem otherwise, ~/.local/state/appmem where that "
     "is not set",
     set_data_dir,
     [](const Options& o) {
       return o.data_dir;
     }},
    {"sync", "WHEN",
     "When a durable write is on the disk: `always`, before it is answered; `interval`, within "
     "--sync-interval; `os`, when the system likes. A crash of the daemon alone loses nothing in "
     "any case.",
     kNone, [](Options& o, Text text) { return set_word<storage::Sync>(text, kSyncs, o.sync); },
     [](const Options& o) {
       return show_word<storage::Sync>(kSyncs, o.sync);
     }},
    {"sync-interval", "DURATION", "The longest that `--sync interval` leaves writes in memory.",
     kNone, [](Options& o, Text text) { return set_duration(text, kMomentMin, o.sync_interval); },
     [](const Options& o) {
       return format_duration(o.sync_interval);
     }},
    {"segment-size", "SIZE", "Size of the files of the log, the segments.", kNone,
     [](Options& o, Text text) {
       return set_size(text, kSegmentBytesMin, kSegmentBytesMax, o.segment_bytes);
     },
     [](const Options& o) {
       return format_byte_size(o.segment_bytes);
     }},
    {"checkpoint-interval", "DURATION",
     "How often namespaces with `persist` `snapshot` are written to the disk.", kNone,
     [](Options& o, Text text) { return set_duration(text, kMomentMin, o.checkpoint_interval); },
     [](const Options& o) {
       return format_duration(o.checkpoint_interval);
     }},
    {"compaction-rate", "SIZE",
     "What checkpoints and compaction write in a second at most; 0: as much as they can.", kNone,
     [](Options& o, Text text) {
       return set_size(text, 0, std::uint64_t{1} << 40U, o.compaction_rate);
     },
     [](const Options& o) {
       return o.compaction_rate == 0 ? std::string("0") : format_byte_size(o.compaction_rate);
     }},
    {"compress-above", "SIZE",
     "Values longer than this are compressed in the log, checkpoints and snapshots; `never`: none.",
     kNone, set_compress_above,
     [](const Options& o) {
       return o.compress_above == storage::kCompressNever ? std::string(kNever)
                                                          : format_byte_size(o.compress_above);
     }},
    {"max-value-bytes", "SIZE", "The largest value.", kNone,
     [](Options& o, Text text) {
       return set_size(text, 1, kValueBytesMaxCeiling, o.limits.value_bytes_max);
     },
     [](const Options& o) {
       return format_byte_size(o.limits.value_bytes_max);
     }},
    {"max-request-bytes", "SIZE",
     "The largest request; raised so that a value of the largest size fits into one.", kNone,
     [](Options& o, Text text) {
       return set_size(text, kRequestBytesMin, kRequestBytesMaxCeiling, o.limits.request_bytes_max);
     },
     [](const Options& o) {
       return format_byte_size(o.limits.request_bytes_max);
     }},
    {"max-connections", "N", "Connections at the same time; further ones are answered `busy`.",
     kNone,
     [](Options& o, Text text) {
       return set_number(text, 1, kConnectionsMaxCeiling, o.limits.connections_max);
     },
     [](const Options& o) {
       return std::to_string(o.limits.connections_max);
     }},
    {"max-output-stalled", "SIZE",
     "Answers that may wait for a slow reader for --output-stall-timeout.", kNone,
     [](Options& o, Text text) {
       return set_size(text, 1_MiB, 1_GiB, o.limits.output_bytes_soft_max);
     },
     [](const Options& o) {
       return format_byte_size(o.limits.output_bytes_soft_max);
     }},
    {"output-stall-timeout", "DURATION",
     "How long a reader may leave more than --max-output-stalled waiting before it is closed.",
     kNone,
     [](Options& o, Text text) {
       return set_duration(text, kMomentMin, o.limits.output_stall_max);
     },
     [](const Options& o) {
       return format_duration(o.limits.output_stall_max);
     }},
    {"max-output", "SIZE", "Answers that may wait for a slow reader at no time.", kNone,
     [](Options& o, Text text) {
       return set_size(text, 1_MiB, 4_GiB, o.limits.output_bytes_hard_max);
     },
     [](const Options& o) {
       return format_byte_size(o.limits.output_bytes_hard_max);
     }},
    {"request-timeout", "DURATION", "How long a request may stay half-sent; 0: no limit.", kNone,
     [](Options& o, Text text) { return set_duration(text, kForEver, o.limits.request_timeout); },
     [](const Options& o) {
       return show_patience(o.limits.request_timeout);
     }},
    {"idle-timeout", "DURATION", "How long a connection may be silent; 0: no limit.", kNone,
     [](Options& o, Text text) { return set_duration(text, kForEver, o.limits.idle_timeout); },
     [](const Options& o) {
       return show_patience(o.limits.idle_timeout);
     }},
    {"shutdown-timeout", "DURATION",
     "How long the end may take; connections that still wait are cut shortly before.", kNone,
     [](Options& o, Text text) { return set_duration(text, kMomentMin, o.shutdown_timeout); },
     [](const Options& o) {
       return format_duration(o.shutdown_timeout);
     }},
    {"log-format", "FORMAT",
     "`text` for people, `json` for programs, `auto`: text on a terminal, JSON elsewhere.", kNone,
     [](Options& o, Text text) { return set_word<LogFormat>(text, kLogFormats, o.log_format); },
     [](const Options& o) {
       return show_word<LogFormat>(kLogFormats, o.log_format);
     }},
    {"log-level", "LEVEL", "What is logged: `debug`, `info`, `warning` or `error` and above.",
     kNone, [](Options& o, Text text) { return set_word<LogLevel>(text, kLogLevels, o.log_level); },
     [](const Options& o) {
       return show_word<LogLevel>(kLogLevels, o.log_level);
     }},
    {"pid-file", "FILE", "Write the process id to this file, and remove it at the end.", "none",
     [](Options& o, Text text) -> Result<void> {
       o.pid_file = text;
       return {};
     },
     [](const Options& o) {
       return o.pid_file;
     }},
    {"background", "",
     "Go to the background, and return when the socket answers. To keep the log, send standard "
     "error to a file (2>>appmemd.log): on a terminal or a pipe it ends there.",
     "false", [](Options& o, Text text) { return set_switch(text, o.background); },
     [](const Options& o) {
       return show_word<bool>(kSwitch, o.background);
     }},
};

}  // namespace

std::span<const OptionRow> option_rows() {
  return kRows;
}

const OptionRow* find_option(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kRows), std::end(kRows),
                                         [name](const OptionRow& row) { return row.name == name; });
  return found == std::end(kRows) ? nullptr : found;
}

std::string_view similar_option(std::string_view name) {
  SimilarName meant(name);
  for (const OptionRow& row : kRows)
    meant.consider(row.name);
  return meant.best();
}

std::string environment_name(const OptionRow& row) {
  std::string name = "APPMEM_";
  for (const char c : row.name) {
    name += c == '-' ? '_' : static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

Options default_options(const Machine& machine) {
  Options options;
  options.socket = machine.default_socket;
  options.data_dir = machine.default_data_dir;
  options.threads = std::clamp<std::size_t>(machine.cores, 1, kDefaultThreadsMax);
  // Whole MiB, so that it reads well.
  options.max_memory_bytes =
      std::max(kMemoryBytesMin, machine.memory_bytes / kMemoryShareOfMachine / 1_MiB * 1_MiB);
  return options;
}

Result<void> set_option(Options& options, const OptionRow& row, std::string_view text,
                        const std::string& source) {
  auto set = row.set(options, text);
  if (set) return {};
  Error error = std::move(set).error();
  error.message =
      source + ": " + error.message + ", not \"" + std::string(text.substr(0, 200)) + "\"";
  return fail(std::move(error));
}

Result<void> make_socket_absolute(Options& options, const std::string& working_directory) {
  if (options.socket.empty() || options.socket.starts_with('/')) return {};
  const std::filesystem::path path = std::filesystem::path(working_directory) / options.socket;
  return set_option(options, *find_option("socket"), path.lexically_normal().string(), "socket");
}

Result<void> check_items(const OptionRow& row, std::span<const std::string> items,
                         const std::string& source) {
  for (const std::string& item : items) {
    if (item.find_first_not_of(" \t\r\n") != std::string::npos) continue;
    std::string message = source;
    message.append(": expected ").append(row.value_name).append(", not \"").append(item);
    message.append("\"; leave the option out for its default");
    return fail(ErrorCode::kInvalidRequest, std::move(message));
  }
  return {};
}

std::string join_items(std::span<const std::string> items) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += ' ';
    for (const char c : item)
      c == ' ' ? text += "%20" : text += c;
  }
  return text;
}

Result<void> settle_options(Options& options, const std::set<std::string_view>& given) {
  if (!options.socket_group.empty() && !given.contains("socket-mode")) options.socket_mode = 0660;
  if (!options.listen.empty() && !given.contains("socket")) options.socket.clear();
  if (std::string why = complaint_about_tcp(options); !why.empty()) {
    return fail(ErrorCode::kInvalidRequest, std::move(why));
  }
  if (options.listen.empty() && options.socket.empty() && !options.tcp) {
    return fail(ErrorCode::kInvalidRequest,
                "there is nowhere to listen: socket is empty, and neither listen nor tcp is given");
  }
  if (options.limits.value_bytes_max > options.max_memory_bytes) {
    options.limits.value_bytes_max = static_cast<std::size_t>(options.max_memory_bytes);
  }
  if (options.limits.output_bytes_hard_max < options.limits.output_bytes_soft_max) {
    return fail(ErrorCode::kInvalidRequest,
                "max-output (" + format_byte_size(options.limits.output_bytes_hard_max) +
                    ") is less than max-output-stalled (" +
                    format_byte_size(options.limits.output_bytes_soft_max) + ")");
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> shown_options(const Options& options) {
  std::vector<std::pair<std::string, std::string>> shown;
  for (const OptionRow& row : kRows)
    shown.emplace_back(row.name, row.show(options));
  return shown;
}

}  // namespace appmem::daemon
