#include "appmem/protocol/error_table.h"
#include "commands.h"
#include "field_flags.h"

namespace appmem::ctl {
namespace {

constexpr std::string_view kGlobalFlags =
    "--address --namespace --timeout --token-file --json --raw --help --version";

/// Words that may follow `folder`: subcommands, the second half where they have two.
std::string words_below(std::string_view folder) {
  std::string words;
  const auto add = [&](std::string_view word) {
    if (!words.empty()) words += ' ';
    words += word;
  };
  if (folder.empty()) {
    for (const auto& [name, summary] : subcommand_groups())
      add(name);
  }
  for (const Subcommand& subcommand : subcommands()) {
    const std::size_t space = subcommand.name.find(' ');
    if (folder.empty()) {
      if (space == std::string_view::npos) add(subcommand.name);
    } else if (subcommand.name.starts_with(folder) && space == folder.size()) {
      add(subcommand.name.substr(space + 1));
    }
  }
  return words;
}

std::string flags_of(const Subcommand& subcommand) {
  std::string flags;
  for (const protocol::FieldSpec* field : subcommand.flag_fields())
    flags += flag_of(*field) + ' ';
  for (const OwnFlag& flag : subcommand.own_flags)
    flags += "--" + std::string(flag.name) + ' ';
  return flags;
}

}  // namespace

int run_completion(Context& context, const Invocation& invocation) {
  if (invocation.arguments.front() != "bash") {
    return report_usage("there is completion for bash only", "write `appmemctl completion bash`");
  }
  Output& out = context.out;
  out.write(R"(_appmemctl() {
  local word=${COMP_WORDS[COMP_CWORD]} command= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -a|--address|-n|--namespace|--timeout|--token-file) ((i++)) ;;
      -*) ;;
      *) command+=${command:+ }${COMP_WORDS[i]}
         case $command in )");
  bool first = true;
  for (const auto& [name, summary] : subcommand_groups()) {
    if (!first) out.write("|");
    first = false;
    out.write(name);
  }
  out.write(") ;; *) break ;; esac ;;\n    esac\n  done\n  local words=\n  case $command in\n");
  out.write("    '') words='" + words_below("") + "' ;;\n");
  for (const auto& [name, summary] : subcommand_groups())
    out.write("    " + std::string(name) + ") words='" + words_below(name) + "' ;;\n");
  for (const Subcommand& subcommand : subcommands())
    out.write("    '" + std::string(subcommand.name) + "') words='" + flags_of(subcommand) +
              "' ;;\n");
  out.write("  esac\n  [[ $word == -* || -n $words ]] && words+=' ");
  out.write(kGlobalFlags);
  out.write(R"('
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _appmemctl appmemctl
)");
  return protocol::kExitDone;
}

}  // namespace appmem::ctl
