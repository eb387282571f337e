#include "arguments.h"

#include <algorithm>

namespace appmem::ctl {
namespace {

constexpr std::string_view kEndOfFlags = "--";

bool looks_like_number(std::string_view text) {
  return text.size() > 1 && text[0] == '-' &&
         ((text[1] >= '0' && text[1] <= '9') || text[1] == '.');
}

bool is_flag(std::string_view text) {
  return text.size() > 1 && text[0] == '-' && !looks_like_number(text);
}

bool takes_value(std::string_view flag) {
  return std::find(std::begin(kGlobalOptionsWithValue), std::end(kGlobalOptionsWithValue), flag) !=
         std::end(kGlobalOptionsWithValue);
}

const Subcommand* find_subcommand(std::string_view name) {
  for (const Subcommand& subcommand : subcommands()) {
    if (subcommand.name == name) return &subcommand;
  }
  return nullptr;
}

bool is_group(std::string_view word) {
  return std::any_of(subcommand_groups().begin(), subcommand_groups().end(),
                     [&](const auto& group) { return group.first == word; });
}

std::string protected_data(const std::string& text) {
  return kDataMark + text;
}

/// "--name=value" as two tokens, because CLI11 takes "--name=" for a name without a value.
void add_flag(const std::string& flag, std::vector<std::string>& tokens) {
  const std::size_t equals = flag.find('=');
  if (!flag.starts_with("--") || equals == std::string::npos) {
    tokens.push_back(flag);
    return;
  }
  tokens.push_back(flag.substr(0, equals));
  tokens.push_back(kEqualsMark + flag.substr(equals + 1));
}

}  // namespace

Arguments read_arguments(const std::vector<std::string>& arguments) {
  Arguments result;
  bool flags = true;
  bool help = false;
  bool named = false;  // the subcommand's name is complete, or cannot be
  bool value_next = false;
  for (const std::string& argument : arguments) {
    if (value_next) {
      result.tokens.push_back(protected_data(argument));
      value_next = false;
    } else if (flags && argument == kEndOfFlags) {
      flags = false;
    } else if (flags && is_flag(argument)) {
      add_flag(argument, result.tokens);
      value_next = takes_value(argument);
    } else if (!named && flags && result.words.empty() && argument == "help") {
      help = true;
    } else if (!named && flags) {
      result.words += (result.words.empty() ? "" : " ") + argument;
      result.tokens.push_back(argument);
      result.subcommand = find_subcommand(result.words);
      named = !is_group(result.words);
    } else {
      result.tokens.push_back(protected_data(argument));
    }
  }
  if (help) result.tokens.emplace_back("--help");
  return result;
}

std::string unprotected(std::string text) {
  if (text.starts_with(kDataMark) || text.starts_with(kEqualsMark)) text.erase(0, 1);
  return text;
}

}  // namespace appmem::ctl
