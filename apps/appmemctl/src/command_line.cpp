#include "command_line.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <unistd.h>

#include "appmem/base/limits.h"
#include "appmem/base/namespace_name.h"
#include "appmem/base/similar_name.h"
#include "appmem/base/token.h"
#include "appmem/base/units.h"
#include "appmem/protocol/error_table.h"
#include "arguments.h"
#include "commands.h"
#include "field_flags.h"
#include "refusal.h"

namespace appmem::ctl {
namespace {

constexpr std::string_view kDescription = "Memory that outlives the application: talks to appmemd.";
constexpr std::string_view kFooter =
    "Without --address the socket is $APPMEM_SOCKET, else your own default, else\n"
    "/run/appmem/appmem.sock. `appmemctl COMMAND --help` shows a command's flags and an example.\n"
    "\n"
    "Exit codes: 0 done, 1 less found than asked for or a condition not met, 2 usage,\n"
    "3 no connection, 4 refused, 5 no permission, 6 timeout, 7 a local file (damaged, too),\n"
    "130 interrupted.";

void exit_interrupted(int /*signal*/) {
  ::_exit(protocol::kExitInterrupted);
}

/// An empty address is refused: it is rather a variable that is not set than a wish for the
/// default.
Result<std::vector<std::string>> split_addresses(const std::string& text) {
  std::vector<std::string> items;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end == begin) {
      return fail(
          ErrorCode::kInvalidRequest,
          (text.empty() ? "--address is empty" : "--address: one of \"" + text + "\" is empty") +
              ": write unix:PATH, a path with a slash, or embedded:");
    }
    items.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

/// What no namespace can be called is a mistake in the command line.
Result<void> check_namespace(const std::string& name) {
  if (name.empty()) {
    return fail(ErrorCode::kInvalidRequest,
                "--namespace is empty: name one, or leave it out for `default`");
  }
  const std::string_view complaint = namespace_name_complaint(name);
  if (complaint.empty()) return {};
  return fail(ErrorCode::kInvalidRequest, "--namespace \"" +
                                              name.substr(0, 2 * kNamespaceNameBytesMax) +
                                              "\": " + std::string(complaint));
}

/// The options that every subcommand has.
struct GlobalOptions {
  std::string address;
  std::string ns;
  std::string timeout;
  std::string token_file;
  bool json = false;
  bool raw = false;

  void add_to(CLI::App& app) {
    app.add_option(
           "-a,--address", address,
           "Where the store is: unix:PATH, a path, tcp://127.0.0.1:PORT, or embedded:; several "
           "with commas, of which the first that answers is used")
        ->type_name("A[,B...]");
    app.add_option("-n,--namespace", ns, "The namespace; default `default`")->type_name("NAME");
    app.add_option("--timeout", timeout, "How long to wait for the store; default 5s")
        ->type_name("DURATION");
    app.add_option("--token-file", token_file,
                   "The file with the token that a daemon over TCP asks for; $APPMEM_TOKEN_FILE")
        ->type_name("FILE");
    app.add_flag("--json", json, "Print the answer's line, for programs");
    app.add_flag("--raw", raw, "Print bytes and nothing else");
  }

  Result<void> apply(Context& context) const {
    if (json && raw) {
      return fail(ErrorCode::kInvalidRequest, "--json and --raw exclude each other");
    }
    context.json = json;
    context.raw = raw;
    // Only what is not given is empty here: what is has its mark.
    if (!address.empty()) {
      Result<std::vector<std::string>> addresses = split_addresses(unprotected(address));
      if (!addresses) return fail(std::move(addresses).error());
      context.options.addresses = *std::move(addresses);
    }
    if (!ns.empty()) {
      context.options.ns = unprotected(ns);
      if (auto checked = check_namespace(context.options.ns); !checked) return checked;
    }
    if (timeout.empty()) return {};
    const auto duration = parse_duration(unprotected(timeout));
    if (!duration) {
      return fail(ErrorCode::kInvalidRequest, "--timeout: " + duration.error().message);
    }
    context.options.timeout = *duration;
    context.timeout_given = true;
    return {};
  }
};

/// The token of --token-file, or else of APPMEM_TOKEN_FILE; empty where neither is given.
Result<std::string> read_token(const std::string& flag) {
  std::string file = unprotected(flag);
  if (file.empty()) {
    const char* named = std::getenv("APPMEM_TOKEN_FILE");  // NOLINT(concurrency-mt-unsafe)
    if (named != nullptr) file = named;
  }
  if (file.empty()) return std::string();
  return read_token_file(file, ::geteuid());
}

/// Help in the project's own words: arguments as the table has them.
class HelpFormatter final : public CLI::Formatter {
 public:
  explicit HelpFormatter(std::string_view arguments) : arguments_(arguments) { column_width(28); }

  [[nodiscard]] std::string make_usage(const CLI::App* /*app*/, std::string name) const override {
    return "Usage: " + name + " [OPTIONS]" + (arguments_.empty() ? "" : " ") + arguments_ + "\n";
  }

  /// Within the columns of a terminal; CLI11 indents what follows a line end.
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
  static constexpr std::size_t kHelpColumns = 68;
  std::string arguments_;
};

/// CLI11 leaves two empty lines where a section has nothing in it.
std::string help_of(const CLI::App& app) {
  std::string help = app.help();
  for (std::size_t at = 0; (at = help.find("\n\n\n", at)) != std::string::npos;)
    help.erase(at, 1);
  return help;
}

/// What is not named to `ns alter` stays, whatever a new namespace would have.
std::string help_of_flag(const Subcommand& subcommand, const protocol::FieldSpec& field) {
  std::string help = flag_help(field);
  if (subcommand.op != protocol::CommandId::kNsAlter) return help;
  const std::size_t begin = help.find("; default ");
  if (begin == std::string::npos) return help;
  return help.erase(begin, std::min(help.find(" (", begin), help.size()) - begin);
}

/// CLI11's view of one subcommand, and what it found.
class SubcommandParser {
 public:
  SubcommandParser(CLI::App& parent, const Subcommand& subcommand) : subcommand_(subcommand) {
    const std::size_t space = subcommand.name.find(' ');
    CLI::App* folder = &parent;
    if (space != std::string_view::npos) {
      folder = parent.add_subcommand(std::string(subcommand.name.substr(0, space)));
      folder->fallthrough();
    }
    const std::string name(subcommand.name.substr(space == std::string_view::npos ? 0 : space + 1));
    app_ = folder->add_subcommand(name, std::string(subcommand.help()));
    app_->fallthrough();
    app_->footer(
        "Options that every command has (--address, --namespace, --json, --raw, --timeout, "
        "--token-file): "
        "`appmemctl --help`.\n\nExample:\n  " +
        std::string(subcommand.example));
    app_->formatter(std::make_shared<HelpFormatter>(subcommand.arguments));
    arguments_ = app_->add_option("arguments", arguments_storage_)->expected(-1)->group("");
    for (const protocol::FieldSpec* field : subcommand.flag_fields()) {
      fields_.emplace_back(
          field, add(flag_of(*field), flag_value_name(*field), help_of_flag(subcommand, *field)));
    }
    for (const OwnFlag& flag : subcommand.own_flags) {
      own_flags_.emplace_back(
          flag.name, add("--" + std::string(flag.name), flag.value_name, std::string(flag.help)));
    }
  }

  /// With the marks that they still have.
  [[nodiscard]] std::vector<std::string> arguments() const { return arguments_->results(); }

  [[nodiscard]] Invocation invocation() const {
    Invocation result;
    result.subcommand = &subcommand_;
    for (const std::string& argument : arguments_->results())
      result.arguments.push_back(unprotected(argument));
    for (const auto& [field, option] : fields_) {
      if (option->count() > 0) result.fields.emplace_back(field, text_of(*option));
    }
    for (const auto& [name, option] : own_flags_) {
      if (option->count() > 0) result.own_flags.emplace_back(name, text_of(*option));
    }
    return result;
  }

 private:
  CLI::Option* add(const std::string& flag, std::string_view value_name, const std::string& help) {
    if (value_name.empty()) return app_->add_flag(flag, help);
    return app_->add_option(flag, help)->expected(1)->type_name(std::string(value_name));
  }

  static std::string text_of(const CLI::Option& option) {
    return unprotected(option.results().front());
  }

  const Subcommand& subcommand_;
  CLI::App* app_ = nullptr;
  std::vector<std::string> arguments_storage_;
  CLI::Option* arguments_ = nullptr;
  std::vector<std::pair<const protocol::FieldSpec*, CLI::Option*>> fields_;
  std::vector<std::pair<std::string_view, CLI::Option*>> own_flags_;
};

CLI::App* add_group(CLI::App& app, std::string_view name) {
  const auto about = std::find_if(subcommand_groups().begin(), subcommand_groups().end(),
                                  [name](const auto& group) { return group.first == name; });
  CLI::App* group = app.add_subcommand(std::string(name), std::string(about->second));
  group->formatter(std::make_shared<HelpFormatter>("COMMAND"));
  const auto first =
      std::find_if(subcommands().begin(), subcommands().end(), [name](const auto& subcommand) {
        return subcommand.name.starts_with(std::string(name) + ' ');
      });
  group->footer("`appmemctl " + std::string(name) +
                " COMMAND --help` shows a command's flags.\n\nExample:\n  " +
                std::string(first->example));
  group->allow_extras();
  group->fallthrough();
  return group;
}

/// The list of subcommands, for help. Those of a group stand together in the table.
void add_summaries(CLI::App& app) {
  CLI::App* group = nullptr;
  for (const Subcommand& subcommand : subcommands()) {
    const std::size_t space = subcommand.name.find(' ');
    const bool grouped = space != std::string_view::npos;
    const std::string name(subcommand.name.substr(grouped ? space + 1 : 0));
    if (grouped) {
      const std::string_view folder = subcommand.name.substr(0, space);
      if (group == nullptr || group->get_name() != folder) group = add_group(app, folder);
    }
    (grouped ? group : &app)->add_subcommand(name, std::string(subcommand.help()));
  }
  app.allow_extras();
}

/// The commands of a group: "create, alter, drop".
std::string commands_of(std::string_view group) {
  std::string list;
  for (const Subcommand& subcommand : subcommands()) {
    if (!subcommand.name.starts_with(std::string(group) + ' ')) continue;
    if (!list.empty()) list += ", ";
    list += subcommand.name.substr(group.size() + 1);
  }
  return list;
}

/// CLI11's words without our marks.
std::string cleaned(std::string message) {
  for (const char mark : {kDataMark, kEqualsMark})
    message.erase(std::remove(message.begin(), message.end(), mark), message.end());
  return message;
}

/// A switch that was given a value, such as --json=yes; nothing where none was. `extra` is what
/// nobody took.
std::optional<std::string> switch_with_value(const std::vector<std::string>& tokens,
                                             const std::string& extra) {
  if (!extra.starts_with(kEqualsMark)) return std::nullopt;
  const auto value = std::find(tokens.begin(), tokens.end(), extra);
  if (value == tokens.begin() || value == tokens.end()) return std::nullopt;
  return *std::prev(value);
}

int report_switch_with_value(const std::string& flag) {
  return report_usage(flag + " takes no value", "write " + flag + " alone, or leave it out");
}

/// What to do instead of an option that a subcommand does not have.
std::string instead_of_option(const std::string& option, const std::string& command,
                              const std::string& help) {
  // What `set` has as a flag is an argument here.
  if (command == "expire" && option == "--ttl") return "write `appmemctl expire KEY 5m`";
  return help + "; put -- before what is no option";
}

/// What CLI11 refuses, in one line that says what to do. `tokens` are what it was given, and
/// `command` the words that name the subcommand.
int report_parse_error(const CLI::App& app, const CLI::Error& error,
                       const std::vector<std::string>& tokens, const std::string& command) {
  const std::string help =
      "`appmemctl " + command + (command.empty() ? "" : " ") + "--help` lists all";
  const std::string message = cleaned(error.what());
  for (const std::string& extra : app.remaining(true)) {
    if (const auto flag = switch_with_value(tokens, extra)) return report_switch_with_value(*flag);
    if (!extra.starts_with('-')) continue;
    return report_usage("unknown option " + extra, instead_of_option(extra, command, help));
  }
  // "--ttl: 1 required DURATION missing", "--ttl: At Most 1 required but received 2"
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    constexpr std::string_view kRequired = "1 required ";
    constexpr std::string_view kMissing = " missing";
    const std::string flag = message.substr(0, message.find(':'));
    const std::size_t begin = message.find(kRequired);
    if (begin != std::string::npos && message.ends_with(kMissing)) {
      const std::size_t value = begin + kRequired.size();
      return report_usage(
          flag + " needs a value",
          "write " + flag + ' ' + message.substr(value, message.size() - kMissing.size() - value));
    }
    if (message.find("received") != std::string::npos) {
      return report_usage(flag + " is given more than once", "write it once");
    }
  }
  return report_usage(message, help);
}

bool is_group(std::string_view words) {
  return std::any_of(subcommand_groups().begin(), subcommand_groups().end(),
                     [&](const auto& group) { return group.first == words; });
}

/// "did you mean `get`? ", or nothing where no command's name is near.
std::string did_you_mean(std::string_view words) {
  SimilarName meant(words);
  for (const Subcommand& subcommand : subcommands())
    meant.consider(subcommand.name);
  for (const auto& [name, about] : subcommand_groups())
    meant.consider(name);
  return meant.best().empty() ? "" : "did you mean `" + std::string(meant.best()) + "`? ";
}

/// Why a command line that names no subcommand does nothing.
int report_no_subcommand(const CLI::App& app, const std::vector<std::string>& tokens,
                         const std::string& words) {
  for (const std::string& extra : app.remaining(true)) {
    if (const auto flag = switch_with_value(tokens, extra)) return report_switch_with_value(*flag);
    if (extra.starts_with('-')) {
      return report_usage("unknown option " + extra, "`appmemctl --help` lists all");
    }
  }
  if (words.empty()) {
    return report_usage("a command is needed",
                        ::isatty(STDIN_FILENO) == 1
                            ? "`appmemctl --help` lists all"
                            : "`appmemctl --help` lists all, and `appmemctl repl` reads commands "
                              "from standard input");
  }
  for (const auto& [name, summary] : subcommand_groups()) {
    if (words == name) {
      return report_usage(words + " needs a command",
                          "`appmemctl " + words + " --help` lists " + commands_of(name));
    }
    if (words.starts_with(std::string(name) + ' ')) {
      return report_usage('"' + words + "\" is no command", did_you_mean(words) + "`appmemctl " +
                                                                std::string(name) +
                                                                " --help` lists those there are");
    }
  }
  return report_usage("unknown command \"" + words + '"',
                      did_you_mean(words) + "`appmemctl --help` lists all");
}

int check_arguments(const Invocation& invocation) {
  const Subcommand& subcommand = *invocation.subcommand;
  const std::size_t count = invocation.arguments.size();
  if (count >= subcommand.arguments_min && count <= subcommand.arguments_max) {
    return protocol::kExitDone;
  }
  const std::string name(subcommand.name);
  if (subcommand.arguments_max == 0) {
    return report_usage(name + " takes no arguments", "write `appmemctl " + name + '`');
  }
  return report_usage(
      name + (count < subcommand.arguments_min ? " needs more" : " takes fewer") + " arguments",
      "`appmemctl " + name + (subcommand.arguments.empty() ? "" : " ") +
          std::string(subcommand.arguments) + "`, for example `" + std::string(subcommand.example) +
          '`');
}

const Subcommand& shell_subcommand() {
  return *std::find_if(subcommands().begin(), subcommands().end(),
                       [](const Subcommand& subcommand) { return subcommand.run == run_repl; });
}

int run_invocation(Context& context, const Invocation& invocation) {
  if (const int code = check_arguments(invocation); code != protocol::kExitDone) return code;
  if (const auto checked = check_flags(invocation); !checked) {
    return report_usage(checked.error().message);
  }
  context.reword = [&invocation](std::string message) {
    return in_words_of(*invocation.subcommand, std::move(message), invocation.arguments);
  };
  const int code = invocation.subcommand->run(context, invocation);
  context.out.flush();
  return code;
}

}  // namespace

int run_command_line(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is noticed where it is written to
  ::signal(SIGINT, exit_interrupted);
  Arguments arguments = read_arguments(std::vector<std::string>(argv + 1, argv + argc));

  CLI::App app{std::string(kDescription), "appmemctl"};
  app.formatter(std::make_shared<HelpFormatter>("COMMAND"));
  app.footer(std::string(kFooter));
  app.set_version_flag("--version", "appmemctl " APPMEM_VERSION, "Print the version");
  GlobalOptions global;
  global.add_to(app);

  // A subcommand that is named is the only one that is built; all are, for the list in the help.
  std::optional<SubcommandParser> parser;
  if (arguments.subcommand != nullptr) {
    parser.emplace(app, *arguments.subcommand);
  } else {
    add_summaries(app);
  }

  Context context;
  try {
    app.parse(std::vector<std::string>(arguments.tokens.rbegin(), arguments.tokens.rend()));
  } catch (const CLI::CallForVersion& version) {
    context.out.write(std::string(version.what()) + '\n');
    return protocol::kExitDone;
  } catch (const CLI::Success&) {
    if (arguments.subcommand == nullptr && !arguments.words.empty() && !is_group(arguments.words)) {
      return report_no_subcommand(app, arguments.tokens, arguments.words);
    }
    context.out.write(help_of(app));
    return protocol::kExitDone;
  } catch (const CLI::Error& error) {
    return report_parse_error(app, error, arguments.tokens, arguments.words);
  }

  if (const auto applied = global.apply(context); !applied) {
    return report_usage(applied.error().message);
  }
  auto token = read_token(global.token_file);
  if (!token) return report_local(token.error(), protocol::kExitLocalFile);
  context.options.token = *std::move(token);
  if (parser) {
    const Invocation invocation = parser->invocation();
    for (const std::string& argument : parser->arguments()) {
      const auto flag = switch_with_value(arguments.tokens, argument);
      if (flag) return report_switch_with_value(*flag);
    }
    return run_invocation(context, invocation);
  }
  if (arguments.words.empty() && app.remaining().empty() && ::isatty(STDIN_FILENO) == 1 &&
      context.out.is_terminal()) {
    Invocation shell;
    shell.subcommand = &shell_subcommand();
    return run_invocation(context, shell);
  }
  return report_no_subcommand(app, arguments.tokens, arguments.words);
}

}  // namespace appmem::ctl
