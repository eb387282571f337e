#include "shell.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "appmem/protocol/command_table.h"
#include "key_pages.h"
#include "refusal.h"
#include "shell_commands.h"
#include "shell_line.h"

namespace appmem::ctl {
namespace {

using client::JsonView;
using client::RequestBuilder;
using protocol::Field;

/// Commands that are more than one request, or none.
struct OwnCommand {
  std::string_view name;
  std::string_view usage;
  std::string_view summary;
};
constexpr OwnCommand kList{"LIST", "LIST [prefix]", "show all keys and values, sorted"};
constexpr OwnCommand kUse{"USE", "USE namespace", "go to a namespace"};
constexpr OwnCommand kClear{"CLEAR", "CLEAR", "delete all keys of this namespace"};
constexpr OwnCommand kHelp{"HELP", "HELP [command]", "show this list, or how a command is written"};
constexpr OwnCommand kExit{"EXIT", "EXIT", "leave; QUIT and Ctrl-D do too"};
constexpr OwnCommand kQuit{"QUIT", "QUIT", "leave"};
constexpr OwnCommand kOwnCommands[] = {kList, kUse, kClear, kHelp, kExit};

constexpr std::string_view kDefaultNamespace = "default";

/// Usage and summary of the command `name`, in upper case.
std::optional<std::pair<std::string_view, std::string_view>> usage_of(std::string_view name) {
  if (const ShellCommand* command = find_shell_command(name)) {
    return std::pair(command->usage, command->summary);
  }
  if (name == kQuit.name) return std::pair(kQuit.usage, kQuit.summary);
  for (const OwnCommand& command : kOwnCommands) {
    if (command.name == name) return std::pair(command.usage, command.summary);
  }
  return std::nullopt;
}

/// Which argument of a command is a key: none, the first, or each.
enum class Keys { kNone, kFirst, kEach };

Keys keys_of(std::string_view usage) {
  const std::size_t space = usage.find(' ');
  if (space == std::string_view::npos) return Keys::kNone;
  const std::string_view arguments = usage.substr(space + 1);
  if (!arguments.starts_with("key") && !arguments.starts_with("[key]")) return Keys::kNone;
  return arguments.find("key...") != std::string_view::npos ? Keys::kEach : Keys::kFirst;
}

/// Whether a key can be typed as it is, without quotes.
bool is_plain(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '"' && c != '\'' && c != 0x7F;
  });
}

constexpr std::int64_t kKeysOffered = 100;

}  // namespace

Shell::Shell(client::Client& client, Output& out, std::string ns,
             std::optional<std::chrono::milliseconds> patience)
    : client_(client), out_(out), ns_(std::move(ns)), patience_(patience) {
}

std::string Shell::prompt() const {
  return ns_ == kDefaultNamespace ? "> " : ns_ + "> ";
}

void Shell::greet() {
  out_.write("appmem CLI\nType HELP for commands\n");
}

void Shell::part() {
  out_.write("bye\n");
}

void Shell::print_error(std::string_view message) {
  out_.write("error: ");
  out_.write_stored_in_line(message);
  out_.write("\n");
}

void Shell::print_usage(std::string_view usage) {
  out_.write("usage: ");
  out_.write(usage);
  out_.write("\n");
}

bool Shell::execute(std::string_view text) {
  ShellLine line(text);
  const std::string& name = line.command();
  if (name.empty()) return true;
  if (name == kExit.name || name == kQuit.name) return false;
  if (name == kHelp.name) {
    run_help(line);
  } else if (name == kList.name) {
    run_list(line);
  } else if (name == kUse.name) {
    run_use(line);
  } else if (name == kClear.name) {
    run_clear(line);
  } else if (const ShellCommand* command = find_shell_command(name)) {
    if (const auto request = command->compose(line)) {
      const Result<JsonView> sent = JsonView::parse(*request);
      call(*request, sent ? command->show_of(*sent) : command->show, command->takes_long);
    } else {
      print_usage(command->usage);
    }
  } else {
    print_error("unknown command " + name + ", type HELP for commands");
  }
  return true;
}

void Shell::call(const std::string& request, void (*show)(Output&, const JsonView&),
                 bool takes_long) {
  const Result<std::string> line =
      client_.call(request, takes_long ? patience_ : std::optional<std::chrono::milliseconds>());
  if (!line) return print_error(line.error().message);
  const Result<JsonView> answer = JsonView::parse(*line);
  if (!answer) return print_error(answer.error().message);
  if (const auto error = client::answer_error(*answer))
    return print_error(in_plain_words(error->message));
  show(out_, *answer);
}

void Shell::run_list(ShellLine& line) {
  RequestBuilder request(protocol::command_spec(protocol::CommandId::kScan).name);
  if (const auto prefix = line.word()) request.bytes(Field::kPrefix, *prefix);
  if (!line.at_end()) return print_usage(kList.usage);
  const auto entries = collect_entries(client_, std::move(request), [](std::size_t) {});
  if (!entries) return print_error(in_plain_words(entries.error().error.message));
  for (const auto& [key, entry] : *entries) {
    out_.write_stored_in_line(key);
    out_.write(" = ");
    out_.write_stored_in_line(entry.value);
    out_.write("\n");
  }
  if (entries->empty()) out_.write("(empty)\n");
}

void Shell::run_use(ShellLine& line) {
  auto ns = line.word();
  if (!ns || !line.at_end()) return print_usage(kUse.usage);
  const Result<void> used = client_.use(*ns);
  if (!used) return print_error(used.error().message);
  ns_ = *std::move(ns);
  out_.write("OK\n");
}

void Shell::run_clear(ShellLine& line) {
  if (!line.at_end()) return print_usage(kClear.usage);
  call(RequestBuilder(protocol::command_spec(protocol::CommandId::kNsClear).name)
           .text(Field::kName, ns_)
           .take(),
       [](Output& out, const JsonView&) { out.write("OK\n"); });
}

void Shell::run_help(ShellLine& line) {
  if (const auto word = line.word()) {
    const std::string name = ShellLine(*word).command();
    const auto about = usage_of(name);
    if (!about || !line.at_end()) {
      return print_error("unknown command " + name + ", type HELP for commands");
    }
    print_usage(about->first);
    out_.write(about->second);
    out_.write("\n");
    return;
  }
  const auto print = [&](std::string_view usage, std::string_view summary) {
    constexpr std::size_t kUsageWidth = 25;
    std::string text(usage);
    text.resize(std::max(kUsageWidth, text.size() + 1), ' ');
    out_.write(text);
    out_.write(summary);
    out_.write("\n");
  };
  for (const ShellCommand& command : shell_commands())
    print(command.usage, command.summary);
  for (const OwnCommand& command : kOwnCommands)
    print(command.usage, command.summary);
}

std::vector<std::string> Shell::completions(std::string_view typed) {
  const std::size_t begin = typed.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  const std::size_t last = typed.rfind(' ') + 1;  // 0 where there is none
  const std::string word(typed.substr(last));
  if (last <= begin) return commands_like(word);
  const std::string name = ShellLine(typed).command();
  const auto arguments_before = static_cast<std::size_t>(std::count_if(
      typed.begin() + static_cast<std::ptrdiff_t>(begin),
      typed.begin() + static_cast<std::ptrdiff_t>(last), [](char c) { return c == ' '; }));
  if (name == kHelp.name)
    return arguments_before == 1 ? commands_like(word) : std::vector<std::string>();
  const auto about = usage_of(name);
  if (!about) return {};
  const Keys keys = keys_of(about->first);
  if (keys == Keys::kNone || (keys == Keys::kFirst && arguments_before > 1)) return {};
  return keys_like(word);
}

std::vector<std::string> Shell::commands_like(std::string_view typed) {
  const std::string upper = ShellLine(typed).command();
  const bool lower = !typed.empty() && typed.front() >= 'a' && typed.front() <= 'z';
  std::vector<std::string> matches;
  for (const std::string_view word : words()) {
    if (!word.starts_with(upper)) continue;
    std::string& match = matches.emplace_back(word);
    if (!lower) continue;
    for (char& c : match) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return matches;
}

std::vector<std::string> Shell::keys_like(std::string_view prefix) {
  if (!prefix.empty() && !is_plain(prefix)) return {};
  const auto page = client_.scan({.prefix = std::string(prefix), .limit = kKeysOffered});
  std::vector<std::string> keys;
  if (!page) return keys;  // no time for an error: the line is still being typed
  for (const auto& entry : page->entries) {
    if (is_plain(entry.key)) keys.push_back(entry.key);
  }
  // There are others, of which nothing is known: what all begin with is what was typed.
  if (!page->cursor.empty()) keys.emplace_back(prefix);
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<std::string_view> Shell::words() {
  std::vector<std::string_view> words;
  for (const ShellCommand& command : shell_commands())
    words.push_back(command.name);
  for (const OwnCommand& command : kOwnCommands)
    words.push_back(command.name);
  words.push_back(kQuit.name);
  std::sort(words.begin(), words.end());
  return words;
}

}  // namespace appmem::ctl
