#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/limits.h"
#include "appmem/base/tcp_address.h"
#include "appmem/core/namespace.h"
#include "appmem/storage/storage.h"
#include "listen_address.h"

namespace appmem::daemon {

enum class LogFormat : std::uint8_t { kAuto, kText, kJson };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// The effective configuration of a daemon.
struct Options {
  std::vector<ListenAddress> listen;
  std::string socket;  // a path; empty: none besides `listen`
  std::uint32_t socket_mode = 0600;
  std::string socket_group;  // a name or number; empty: none
  std::optional<TcpAddress> tcp;
  std::string tcp_token_file;  // empty: none
  bool tcp_insecure = false;
  std::size_t threads = 1;
  std::uint64_t max_memory_bytes = 0;
  /// Of the namespace `default`, until ns.alter changes it.
  core::Eviction eviction = core::Eviction::kLru;
  storage::Sync sync = storage::Sync::kAlways;
  Limits limits;
  std::string data_dir;
  std::chrono::milliseconds sync_interval{1000};
  std::uint64_t segment_bytes = 64_MiB;
  std::chrono::milliseconds checkpoint_interval{300'000};
  /// 0: no limit.
  std::uint64_t compaction_rate = 0;
  std::uint64_t compress_above = storage::kCompressNever;
  std::chrono::milliseconds shutdown_timeout{5000};
  LogFormat log_format = LogFormat::kAuto;
  LogLevel log_level = LogLevel::kInfo;
  bool background = false;
  std::string pid_file;  // empty: none
  /// What the start has to say in the log about where all this comes from.
  std::vector<std::string> warnings;
};

/// What defaults depend on: the machine and the user.
struct Machine {
  std::size_t cores = 1;
  /// Of the machine or of the control group that the process runs in, whichever is less.
  std::uint64_t memory_bytes = 0;
  std::string default_socket;
  std::string default_data_dir;
  std::string working_directory = "/";
};

/// One option: all that is known about it. The flag `--NAME`, the variable `APPMEM_NAME`, the key
/// of the file, the help, `--print-config`, the op `config.get` and docs come from this row.
struct OptionRow {
  std::string_view name;        // "max-memory"
  std::string_view value_name;  // "SIZE"; empty: a switch
  std::string_view help;
  /// Shown in the help, where the default depends on the machine.
  std::string_view default_text;
  /// Takes the text of a value. The error says what is expected; the caller adds option and source.
  Result<void> (*set)(Options& options, std::string_view text);
  /// The value as `set` would take it.
  std::string (*show)(const Options& options);
  /// May be given several times, and is an array in the file; `set` takes all at once, with white
  /// space between them.
  bool is_list = false;
  /// Its digits are octal.
  bool is_octal = false;
};

/// All of them, in the order in which they are shown.
std::span<const OptionRow> option_rows();
/// The row of a name such as "max-memory", or nullptr.
const OptionRow* find_option(std::string_view name);
/// The name that somebody who wrote `name` most likely meant; empty when none is close.
std::string_view similar_option(std::string_view name);
/// "APPMEM_MAX_MEMORY".
std::string environment_name(const OptionRow& row);

Options default_options(const Machine& machine);

/// Sets an option from a text; an error names the option and `source` ("--max-memory",
/// "APPMEM_MAX_MEMORY", "appmemd.toml:3:1").
Result<void> set_option(Options& options, const OptionRow& row, std::string_view text,
                        const std::string& source);

/// Makes a relative socket one below `working_directory`, as clients elsewhere have to name it.
/// Errors: kInvalidRequest (too long by that).
Result<void> make_socket_absolute(Options& options, const std::string& working_directory);

/// Refuses an item of a list that is blank and so names nothing. Errors: kInvalidRequest, with
/// `source` in front.
Result<void> check_items(const OptionRow& row, std::span<const std::string> items,
                         const std::string& source);

/// One text for `set` of a row that is a list: white space within an item becomes %XX.
std::string join_items(std::span<const std::string> items);

/// Checks what concerns several options at once, and settles what depends on others: a group
/// without a mode means 0660; with `listen` there is no default socket. `given`: the names of those
/// that somebody has set. Errors: kInvalidRequest.
Result<void> settle_options(Options& options, const std::set<std::string_view>& given);

/// Names and values, as `--print-config` and `config.get` show them.
std::vector<std::pair<std::string, std::string>> shown_options(const Options& options);

}  // namespace appmem::daemon
