#include "command_line.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "config_file.h"

namespace appmem::daemon {
namespace {

constexpr const char* kDescription =
    "appmemd keeps application memory for every process of this host: cached responses, counters,\n"
    "sessions and workflow state, over a Unix socket on which the kernel says who is calling.";

constexpr const char* kFooter =
    "Every option may also stand in the environment (--max-memory as APPMEM_MAX_MEMORY) and in "
    "the\n"
    "file named by --config (max-memory = \"512MiB\"); flags come before the environment, and "
    "that\n"
    "before the file.\n"
    "\n"
    "Examples:\n"
    "  appmemd                                    on your default socket\n"
    "  appmemd --max-memory 512MiB --background   with a limit, returning when it answers\n"
    "  appmemd --background 2>>appmemd.log        the same, with its log in a file\n"
    "  appmemd --socket /run/shop/cache.sock --socket-group shop\n"
    "  appmemd --tcp 127.0.0.1:6379 --tcp-token-file /etc/appmem/token\n"
    "  appmemd --config /etc/appmem/appmemd.toml --print-config\n"
    "  appmemd --data-dir /var/lib/appmem --repair";

constexpr const char* kConfigVariable = "APPMEM_CONFIG";
/// Where appmemctl has its token from; not ours.
constexpr std::string_view kClientsTokenFile = "APPMEM_TOKEN_FILE";

/// What was typed: the text of each option that was given.
struct Given {
  const OptionRow* row;
  std::string text;
  CLI::Option* flag = nullptr;

  [[nodiscard]] std::string value() const {
    return row->is_list ? join_items(flag->results()) : text;
  }
};

std::string help_of(const OptionRow& row, const Options& defaults) {
  std::string help(row.help);
  const std::string standard =
      row.default_text.empty() ? row.show(defaults) : std::string(row.default_text);
  if (!row.value_name.empty()) help += " Default: " + standard + ".";
  return help;
}

void add_flags(CLI::App& app, std::deque<Given>& given, const Options& defaults) {
  for (const OptionRow& row : option_rows()) {
    Given& one = given.emplace_back(Given{&row, {}, nullptr});
    const std::string flag = "--" + std::string(row.name);
    if (row.value_name.empty()) {
      one.flag = app.add_flag(flag, one.text, help_of(row, defaults));
    } else {
      one.flag = app.add_option(flag, one.text, help_of(row, defaults))
                     ->type_name(std::string(row.value_name));
      row.is_list ? one.flag->take_all() : one.flag->take_last();
    }
  }
}

constexpr std::string_view kList = "; `appmemd --help` lists the options";

/// Help whose lines fit a terminal; CLI11 indents what follows a line end.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kFlagColumns); }

  [[nodiscard]] std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description();
    std::size_t line = 0;
    while (text.size() - line > kHelpColumns) {
      const std::size_t space = text.rfind(' ', line + kHelpColumns);
      if (space == std::string::npos || space <= line) break;
      text[space] = '\n';
      line = space + 1;
    }
    return text;
  }

 private:
  static constexpr std::size_t kFlagColumns = 34;
  static constexpr std::size_t kHelpColumns = 64;
};

/// The option of a value that has another option in the place of its value, which CLI11 would take
/// for it.
std::optional<std::string> option_without_value(const CLI::App& app, int argc,
                                                const char* const* argv) {
  const auto known = [&app](std::string_view word) {
    return word.starts_with("--") ? app.get_option_no_throw(std::string(word)) : nullptr;
  };
  for (int i = 1; i + 1 < argc; ++i) {
    const CLI::Option* const option = known(argv[i]);
    if (option == nullptr || option->get_items_expected_min() == 0) continue;
    if (known(argv[i + 1]) != nullptr) {
      return std::string(argv[i]) + " needs a value: write " + argv[i] + ' ' +
             option->get_type_name();
    }
    ++i;  // its value
  }
  return std::nullopt;
}

/// What CLI11 refuses, as one line that says what to do.
std::string complaint(const CLI::App& app, const CLI::ParseError& error) {
  static constexpr std::string_view kRequired = "1 required ";
  static constexpr std::string_view kMissing = " missing";
  const std::string message = error.what();
  const std::vector<std::string> extras = app.remaining();
  if (!extras.empty()) {
    const std::string& extra = extras.front();
    if (!extra.starts_with('-')) {
      return '"' + extra + "\" is no option, and nothing else is taken" + std::string(kList);
    }
    const std::string name = extra.substr(std::min(extra.find_first_not_of('-'), extra.size()));
    const std::string_view similar = similar_option(name);
    return "unknown option " + extra +
           (similar.empty() ? "" : ": did you mean --" + std::string(similar) + '?') +
           std::string(kList);
  }
  // "--threads: 1 required N missing"
  const std::size_t begin = message.find(kRequired);
  if (begin != std::string::npos && message.ends_with(kMissing)) {
    const std::size_t value = begin + kRequired.size();
    const std::string flag = message.substr(0, message.find(':'));
    return flag + " needs a value: write " + flag + ' ' +
           message.substr(value, message.size() - kMissing.size() - value) + std::string(kList);
  }
  return message + std::string(kList);
}

}  // namespace

Result<CommandLine> read_command_line(int argc, const char* const* argv, const Machine& machine,
                                      const Environment& environment) {
  CommandLine result;
  result.options = default_options(machine);

  CLI::App app{kDescription, "appmemd"};
  app.footer(kFooter);
  app.formatter(std::make_shared<HelpFormatter>());
  std::deque<Given> given;
  add_flags(app, given, result.options);
  std::string config = environment(kConfigVariable).value_or("");
  bool print_config = false;
  bool repair = false;
  bool version = false;
  app.add_option("--config", config, "Read options from this TOML file.")
      ->type_name("FILE")
      ->take_last();
  app.add_flag("--print-config", print_config, "Print the effective options as TOML, and end.");
  app.add_flag(
      "--repair", repair,
      "Make a data directory that was found damaged whole again, with what is whole in it, "
      "and end.");
  app.add_flag("--version", version, "Print the version, and end.");
  if (auto missing = option_without_value(app, argc, argv)) {
    return fail(ErrorCode::kInvalidRequest, *missing + std::string(kList));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    result.action = CommandLine::Action::kPrintText;
    result.text = app.help();
    return result;
  } catch (const CLI::ParseError& error) {
    return fail(ErrorCode::kInvalidRequest, complaint(app, error));
  }
  if (version) {
    result.action = CommandLine::Action::kPrintText;
    result.text = "appmemd " APPMEM_VERSION "\n";
    return result;
  }

  std::set<std::string_view> set_by_user;
  const auto note = [&](std::string_view name) {
    set_by_user.insert(name);
  };
  if (!config.empty()) {
    if (auto read = read_config_file(config, result.options, note); !read) {
      return fail(std::move(read).error());
    }
  }
  for (const OptionRow& row : option_rows()) {
    const std::string name = environment_name(row);
    const auto value = environment(name);
    if (!value || (value->empty() && !row.is_list)) continue;
    if (row.is_list) {
      if (auto checked = check_items(row, {&*value, 1}, name); !checked) {
        return fail(std::move(checked).error());
      }
    }
    if (auto set = set_option(result.options, row, *value, name); !set) {
      return fail(std::move(set).error());
    }
    note(row.name);
  }
  for (const Given& one : given) {
    if (one.flag->count() == 0) continue;
    const std::string source = "--" + std::string(one.row->name);
    if (one.row->is_list) {
      if (auto checked = check_items(*one.row, one.flag->results(), source); !checked) {
        return fail(std::move(checked).error());
      }
    }
    if (auto set = set_option(result.options, *one.row, one.value(), source); !set) {
      return fail(std::move(set).error());
    }
    note(one.row->name);
  }
  if (auto absolute = make_socket_absolute(result.options, machine.working_directory); !absolute) {
    return fail(std::move(absolute).error());
  }
  if (auto settled = settle_options(result.options, set_by_user); !settled) {
    return fail(std::move(settled).error());
  }
  if (repair) result.action = CommandLine::Action::kRepair;
  if (print_config) result.action = CommandLine::Action::kPrintConfig;
  return result;
}

std::vector<std::string> misspelt_variables(std::span<const std::string> names) {
  static constexpr std::string_view kPrefix = "APPMEM_";
  std::vector<std::string> complaints;
  for (const std::string& name : names) {
    if (!name.starts_with(kPrefix) || name == kConfigVariable || name == kClientsTokenFile)
      continue;
    const std::string_view rest = std::string_view(name).substr(kPrefix.size());
    const std::string_view similar = similar_option(rest);
    if (similar.empty()) continue;
    const std::string known = environment_name(*find_option(similar));
    if (known == name) continue;
    complaints.emplace_back(name)
        .append(" is no option of appmemd: did you mean ")
        .append(known)
        .append("?");
  }
  return complaints;
}

}  // namespace appmem::daemon
