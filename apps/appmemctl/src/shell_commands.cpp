#include "shell_commands.h"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <vector>

#include "appmem/base/limits.h"
#include "appmem/base/units.h"
#include "appmem/client/request.h"
#include "appmem/protocol/command_table.h"
#include "print.h"

namespace appmem::ctl {
namespace {

using client::JsonView;
using client::RequestBuilder;
using protocol::CommandId;
using protocol::Field;
using Line = std::optional<std::string>;

std::string_view op(CommandId id) {
  return protocol::command_spec(id).name;
}

std::optional<std::int64_t> number_of(const std::string& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

/// Seconds, or a duration with its unit; nothing for none that is positive and within kTtlMax.
std::optional<std::int64_t> milliseconds_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  constexpr std::int64_t kSecondsMax = std::chrono::floor<std::chrono::seconds>(kTtlMax).count();
  if (const auto seconds = number_of(*text)) {
    if (*seconds <= 0 || *seconds > kSecondsMax) return std::nullopt;
    return *seconds * 1000;
  }
  const Result<std::chrono::milliseconds> duration = parse_duration(*text);
  if (!duration || duration->count() <= 0 || *duration > kTtlMax) return std::nullopt;
  return duration->count();
}

Line key_request(CommandId id, ShellLine& line) {
  const auto key = line.word();
  if (!key || !line.at_end()) return std::nullopt;
  return RequestBuilder(op(id)).bytes(Field::kKey, *key).take();
}

Line keys_request(CommandId id, ShellLine& line) {
  std::vector<std::string> keys;
  while (auto key = line.word())
    keys.push_back(*std::move(key));
  if (keys.empty() || !line.at_end()) return std::nullopt;
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  return RequestBuilder(op(id)).keys(Field::kKeys, views).take();
}

/// `key`, or `keys` of which there are several.
Line one_or_several_request(CommandId id, ShellLine& line) {
  ShellLine several = line;
  if (Line one = key_request(id, line)) return one;
  return keys_request(id, several);
}

Line value_request(CommandId id, ShellLine& line) {
  const auto key = line.word();
  const auto value = line.rest();
  if (!key || !value) return std::nullopt;
  return RequestBuilder(op(id)).bytes(Field::kKey, *key).raw_bytes(Field::kValue, *value).take();
}

Line counter_request(CommandId id, ShellLine& line) {
  const auto key = line.word();
  if (!key) return std::nullopt;
  RequestBuilder request(op(id));
  request.bytes(Field::kKey, *key);
  if (const auto by = line.word()) {
    const auto number = number_of(*by);
    if (!number) return std::nullopt;
    request.integer(Field::kBy, *number);
  }
  if (!line.at_end()) return std::nullopt;
  return request.take();
}

Line setex_request(ShellLine& line) {
  const auto key = line.word();
  const auto ttl = milliseconds_of(line.word());
  const auto value = line.rest();
  if (!key || !ttl || !value) return std::nullopt;
  return RequestBuilder(op(CommandId::kSet))
      .bytes(Field::kKey, *key)
      .raw_bytes(Field::kValue, *value)
      .integer(Field::kTtlMs, *ttl)
      .take();
}

Line expire_request(ShellLine& line) {
  const auto key = line.word();
  const auto ttl = milliseconds_of(line.word());
  if (!key || !ttl || !line.at_end()) return std::nullopt;
  return RequestBuilder(op(CommandId::kExpire))
      .bytes(Field::kKey, *key)
      .integer(Field::kTtlMs, *ttl)
      .take();
}

Line count_request(ShellLine& line) {
  RequestBuilder request(op(CommandId::kCount));
  if (const auto prefix = line.word()) request.bytes(Field::kPrefix, *prefix);
  if (!line.at_end()) return std::nullopt;
  return request.take();
}

Line stats_request(ShellLine& line) {
  RequestBuilder request(op(CommandId::kStats));
  if (const auto key = line.word()) request.bytes(Field::kKey, *key);
  if (!line.at_end()) return std::nullopt;
  return request.take();
}

Line compact_request(ShellLine& line) {
  if (!line.at_end()) return std::nullopt;
  return RequestBuilder(op(CommandId::kCompact)).take();
}

Line ping_request(ShellLine& line) {
  if (!line.at_end()) return std::nullopt;
  return RequestBuilder(op(CommandId::kPing)).take();
}

void print_line(Output& out, std::string_view text) {
  out.write(text);
  out.write("\n");
}

bool is_found(const JsonView& answer) {
  const auto found = answer.find(protocol::field_name(Field::kFound));
  return found && found->is_true();
}

std::uint64_t count_of(const JsonView& answer, Field field) {
  const auto value = answer.find(protocol::field_name(field));
  return value ? value->as_unsigned().value_or(0) : 0;
}

void show_ok(Output& out, const JsonView& /*answer*/) {
  print_line(out, "OK");
}

void show_value(Output& out, const JsonView& answer) {
  const auto value = client::value_field(answer);
  if (!value) {
    print_line(out, kMissing);
    return;
  }
  out.write_stored(value->bytes);
  out.write("\n");
}

void show_exists(Output& out, const JsonView& answer) {
  print_line(out, count_of(answer, Field::kCount) > 0 ? "true" : "false");
}

void show_deleted(Output& out, const JsonView& answer) {
  const std::uint64_t deleted = count_of(answer, Field::kDeleted);
  if (deleted == 0) {
    print_line(out, kMissing);
  } else {
    print_line(out, deleted == 1 ? "deleted" : "deleted " + std::to_string(deleted));
  }
}

void show_length(Output& out, const JsonView& answer) {
  print_line(out, std::to_string(count_of(answer, Field::kLength)));
}

void show_count(Output& out, const JsonView& answer) {
  print_line(out, std::to_string(count_of(answer, Field::kCount)));
}

/// In whole seconds, as SETEX and EXPIRE take them; a started second counts.
void show_ttl(Output& out, const JsonView& answer) {
  if (!is_found(answer)) {
    print_line(out, kMissing);
    return;
  }
  const auto left = answer.find(protocol::field_name(Field::kTtlMs));
  const auto number = left ? left->as_integer() : std::nullopt;
  print_line(
      out,
      number
          ? std::to_string(
                std::chrono::ceil<std::chrono::seconds>(std::chrono::milliseconds(*number)).count())
          : "never");
}

void show_found(Output& out, const JsonView& answer) {
  print_line(out, is_found(answer) ? "OK" : kMissing);
}

void show_stats(Output& out, const JsonView& answer) {
  const auto found = answer.find(protocol::field_name(Field::kFound));
  if (found && !found->is_true()) {
    print_line(out, kMissing);
  } else {
    print_fields(out, answer);
  }
}

void show_pong(Output& out, const JsonView& /*answer*/) {
  print_line(out, "PONG");
}

template <CommandId kId, Line (*kCompose)(CommandId, ShellLine&)>
Line compose(ShellLine& line) {
  return kCompose(kId, line);
}

constexpr ShellCommand kCommands[] = {
    {"SET", "SET key value", "store a value: the rest of the line, quotes optional",
     compose<CommandId::kSet, value_request>, show_ok},
    {"GET", "GET key", "show a value", compose<CommandId::kGet, key_request>, show_value},
    {"DEL", "DEL key [key...]", "delete keys", compose<CommandId::kDel, keys_request>,
     show_deleted},
    {"EXISTS", "EXISTS key [key...]", "whether there is such a key; of several, how many",
     compose<CommandId::kExists, one_or_several_request>, show_exists, show_count},
    {"SETEX", "SETEX key seconds value", "store a value for so long", setex_request, show_ok},
    {"EXPIRE", "EXPIRE key seconds", "let a key end in so long", expire_request, show_found},
    {"PERSIST", "PERSIST key", "let a key live for ever", compose<CommandId::kPersist, key_request>,
     show_found},
    {"TTL", "TTL key", "how many seconds a key has to live", compose<CommandId::kTtl, key_request>,
     show_ttl},
    {"INCR", "INCR key [by]", "add to a counter", compose<CommandId::kIncr, counter_request>,
     show_value},
    {"DECR", "DECR key [by]", "take from a counter", compose<CommandId::kDecr, counter_request>,
     show_value},
    {"APPEND", "APPEND key value", "add to the end of a value",
     compose<CommandId::kAppend, value_request>, show_length},
    {"COUNT", "COUNT [prefix]", "how many keys there are", count_request, show_count},
    {"STATS", "STATS [key]", "about the server, or about a key", stats_request, show_stats},
    {"COMPACT", "COMPACT", "free what is dead in the log", compact_request, show_ok, nullptr, true},
    {"PING", "PING", "whether the server answers", ping_request, show_pong},
};

}  // namespace

ShowLines ShellCommand::show_of(const JsonView& request) const {
  return show_several != nullptr && request.find(protocol::field_name(Field::kKeys)) ? show_several
                                                                                     : show;
}

std::span<const ShellCommand> shell_commands() {
  return kCommands;
}

const ShellCommand* find_shell_command(std::string_view name) {
  for (const ShellCommand& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

}  // namespace appmem::ctl
