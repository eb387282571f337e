#include "refusal.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "field_flags.h"

namespace appmem::ctl {
namespace {

using protocol::FieldSpec;

constexpr std::size_t kKeyBytesShown = 100;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

/// Replaces `name` wherever it is a word of its own that `fits` (told where it begins and ends).
template <typename Fits>
void replace_word(std::string& message, std::string_view name, const std::string& by, Fits fits) {
  for (std::size_t at = 0; (at = message.find(name, at)) != std::string::npos;) {
    const std::size_t end = at + name.size();
    const bool whole =
        (at == 0 || !is_word(message[at - 1])) && (end == message.size() || !is_word(message[end]));
    if (!whole || !fits(at, end)) {
      at = end;
      continue;
    }
    message.replace(at, name.size(), by);
    at += by.size();
  }
}

/// Names of fields that are words of English too are meant only where a sentence is about one.
void name_flag(std::string& message, const FieldSpec& field) {
  const std::string_view name = protocol::field_name(field.field);
  const bool unmistakable = name.find('_') != std::string_view::npos;
  replace_word(message, name, flag_of(field), [&](std::size_t at, std::size_t end) {
    return unmistakable || at == 0 || message.substr(end).starts_with(" must be");
  });
}

/// `field "if_version" must be...` with what `name_of` makes of the name.
template <typename NameOf>
void name_quoted_field(std::string& message, NameOf name_of) {
  static constexpr std::string_view kField = "field \"";
  const std::size_t at = message.find(kField);
  if (at == std::string::npos) return;
  const std::size_t begin = at + kField.size();
  const std::size_t end = message.find('"', begin);
  if (end == std::string::npos) return;
  message.replace(at, end + 1 - at, name_of(message.substr(begin, end - begin)));
}

/// The key of an argument, in brackets; nothing where it would be longer than the message.
std::string key_of(std::span<const std::string> arguments, std::size_t position) {
  if (position >= arguments.size()) return {};
  const std::string key = arguments[position].substr(0, arguments[position].find('='));
  return key.empty() || key.size() > kKeyBytesShown ? std::string() : " (" + key + ')';
}

std::string plain_name(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return "the " + name;
}

}  // namespace

std::optional<std::size_t> take_position(std::string& message) {
  for (const std::string_view list : {"keys[", "entries[", "ops["}) {
    if (!message.starts_with(list)) continue;
    const char* const end = message.data() + message.size();
    std::size_t position = 0;
    const auto [stop, error] = std::from_chars(message.data() + list.size(), end, position);
    const std::string_view rest(stop, static_cast<std::size_t>(end - stop));
    if (error != std::errc{} || !rest.starts_with("]: ")) return std::nullopt;
    message.erase(0, message.size() - rest.size() + 3);
    return position;
  }
  return std::nullopt;
}

std::string in_words_of(const Subcommand& subcommand, std::string message,
                        std::span<const std::string> arguments) {
  std::string where;
  if (const auto position = take_position(message)) {
    where = "argument " + std::to_string(*position + 1) + key_of(arguments, *position) + ": ";
  }
  message = without_wire_example(std::move(message));
  std::vector<const FieldSpec*> flags = subcommand.flag_fields();
  // Flags of `set` that hardly anybody types, and everybody's words.
  std::erase_if(flags, [](const FieldSpec* field) {
    return field->field == protocol::Field::kKey || field->field == protocol::Field::kValue;
  });
  name_quoted_field(message, [&](const std::string& name) {
    const auto flag = std::find_if(flags.begin(), flags.end(), [&](const FieldSpec* field) {
      return protocol::field_name(field->field) == name;
    });
    return flag == flags.end() ? plain_name(name) : flag_of(**flag);
  });
  for (const FieldSpec* field : flags)
    name_flag(message, *field);
  // The settings that refuse what other subcommands ask for.
  for (const FieldSpec& field : protocol::command_spec(protocol::CommandId::kNsAlter).fields) {
    if (protocol::field_name(field.field).find('_') != std::string_view::npos) {
      name_flag(message, field);
    }
  }
  return where + message;
}

std::string without_wire_example(std::string message) {
  const std::size_t example = message.find(": {\"op\":");
  if (example != std::string::npos) message.erase(example);
  return message;
}

std::string in_plain_words(std::string message) {
  std::string shorter = without_wire_example(message);
  // The one refusal that shows a request, and that a whole session has.
  if (shorter != message) message = shorter + ": start appmemctl with --token-file FILE";
  take_position(message);
  name_quoted_field(message, plain_name);
  return message;
}

}  // namespace appmem::ctl
