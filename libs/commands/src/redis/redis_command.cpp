#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../glob.h"
#include "appmem/protocol/redis_syntax.h"
#include "redis_answer.h"
#include "redis_categories.h"
#include "redis_dispatch.h"
#include "redis_handlers.h"
#include "redis_subcommand.h"
#include "reply_meter.h"

/// COMMAND: what there is, told from the tables.
namespace appmem::commands {
namespace {

using protocol::RedisReply;
using protocol::RedisSpec;

using Rows = std::vector<const RedisSpec*>;

/// Whether the descriptions of all these rows may be written. Where there is no row, it is a null.
bool admits_descriptions(RedisCall& call, const Rows& rows,
                         void (*write)(RedisReply& reply, const RedisSpec& spec)) {
  std::map<const RedisSpec*, std::uint64_t> known;  // each may be asked for any number of times
  std::uint64_t bytes = 0;
  for (const RedisSpec* const spec : rows) {
    const auto [place, is_new] = known.try_emplace(spec, 0);
    if (is_new) {
      ReplyMeter meter;
      spec != nullptr ? write(meter, *spec) : meter.null();
      place->second = meter.answer_bytes();
    }
    bytes += place->second;
  }
  return admits_bytes(call, bytes);
}

/// Subcommands of a command; none for a row that is a subcommand itself.
std::span<const RedisSpec> subcommands_of(const RedisSpec& spec) {
  if (&spec != &protocol::redis_spec(spec.id)) return {};
  return protocol::redis_subcommands(spec.id);
}

/// By a name such as "config" or "config|get".
const RedisSpec* find_spec(std::string_view name) {
  const std::size_t bar = name.find('|');
  const RedisSpec* const command = protocol::find_redis_command(name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return protocol::find_redis_subcommand(*command, name.substr(bar + 1));
}

void write_flags(RedisReply& reply, const RedisSpec& spec) {
  std::vector<std::string_view> names;
  for (unsigned bit = 0; bit < 16; ++bit) {
    const std::string_view name = protocol::redis_flag_name(bit);
    if ((spec.flags >> bit & 1U) != 0 && !name.empty()) names.push_back(name);
  }
  reply.set(names.size());
  for (const std::string_view name : names)
    reply.status(name);
}

void write_info(RedisReply& reply, const RedisSpec& spec) {
  reply.array(10);
  reply.bulk(spec.name);
  reply.integer(spec.arity);
  write_flags(reply, spec);
  // Redis tells the last key from the first on where it is not counted from the end.
  reply.integer(spec.keys.first);
  reply.integer(spec.keys.last);
  reply.integer(spec.keys.step);
  const std::vector<std::string_view> categories = redis_categories(spec);
  reply.set(categories.size());
  for (const std::string_view category : categories)
    reply.status('@' + std::string(category));
  reply.set(0);  // tips, for clients of a cluster
  reply.set(0);  // key specifications: the three numbers above say all
  const auto subcommands = subcommands_of(spec);
  reply.set(subcommands.size());
  for (const RedisSpec& subcommand : subcommands)
    write_info(reply, subcommand);
}

void write_arguments(RedisReply& reply, std::span<const protocol::RedisArgument> arguments) {
  reply.bulk("arguments");
  reply.array(arguments.size());
  for (const protocol::RedisArgument& each : arguments) {
    const bool has_flags = each.optional || each.multiple;
    const bool has_parts = !each.arguments.empty();
    reply.map(2 + std::size_t{!each.token.empty()} + std::size_t{has_flags} +
              std::size_t{has_parts});
    reply.bulk("name");
    reply.bulk(each.name);
    reply.bulk("type");
    reply.bulk(redis_type_name(each.type));
    if (!each.token.empty()) {
      reply.bulk("token");
      reply.bulk(each.token);
    }
    if (has_flags) {
      reply.bulk("flags");
      reply.set(std::size_t{each.optional} + std::size_t{each.multiple});
      if (each.optional) reply.status("optional");
      if (each.multiple) reply.status("multiple");
    }
    if (has_parts) write_arguments(reply, each.arguments);
  }
}

void write_docs(RedisReply& reply, const RedisSpec& spec) {
  const auto subcommands = subcommands_of(spec);
  const auto arguments = protocol::read_redis_syntax(spec.syntax);
  const auto deprecation = protocol::redis_deprecation(spec.id);
  reply.bulk(spec.name);
  reply.map(3 + std::size_t{deprecation ? 3U : 0U} + std::size_t{!arguments.empty()} +
            std::size_t{!subcommands.empty()});
  reply.bulk("summary");
  reply.bulk(spec.summary);
  reply.bulk("since");
  reply.bulk(spec.since);
  reply.bulk("group");
  reply.bulk(spec.group);
  if (deprecation) {
    reply.bulk("doc_flags");
    reply.set(1);
    reply.status("deprecated");
    reply.bulk("deprecated_since");
    reply.bulk(deprecation->since);
    reply.bulk("replaced_by");
    reply.bulk(deprecation->replaced_by);
  }
  if (!arguments.empty()) write_arguments(reply, arguments);
  if (subcommands.empty()) return;
  reply.bulk("subcommands");
  reply.map(subcommands.size());
  for (const RedisSpec& subcommand : subcommands)
    write_docs(reply, subcommand);
}

/// All rows, each followed by its subcommands.
Rows all_rows() {
  Rows rows;
  for (const RedisSpec& spec : protocol::redis_table()) {
    rows.push_back(&spec);
    for (const RedisSpec& subcommand : subcommands_of(spec))
      rows.push_back(&subcommand);
  }
  return rows;
}

void command_info_of_all(RedisCall& call) {
  const auto table = protocol::redis_table();
  Rows rows;
  for (const RedisSpec& spec : table)
    rows.push_back(&spec);
  if (!admits_descriptions(call, rows, write_info)) return;
  call.reply.array(rows.size());
  for (const RedisSpec* const spec : rows)
    write_info(call.reply, *spec);
}

void command_info(RedisCall& call) {
  const auto names = call.words.subspan(2);
  if (names.empty()) return command_info_of_all(call);
  Rows found;
  for (const std::string_view name : names)
    found.push_back(find_spec(name));
  if (!admits_descriptions(call, found, write_info)) return;
  call.reply.array(found.size());
  for (const RedisSpec* const spec : found)
    spec != nullptr ? write_info(call.reply, *spec) : call.reply.null();
}

void command_docs(RedisCall& call) {
  Rows found;
  if (call.words.size() == 2) {
    for (const RedisSpec& spec : protocol::redis_table())
      found.push_back(&spec);
  }
  for (const std::string_view name : call.words.subspan(2)) {
    if (const RedisSpec* const spec = find_spec(name)) found.push_back(spec);
  }
  if (!admits_descriptions(call, found, write_docs)) return;
  call.reply.map(found.size());
  for (const RedisSpec* const spec : found)
    write_docs(call.reply, *spec);
}

void command_count(RedisCall& call) {
  call.reply.integer(static_cast<std::int64_t>(protocol::redis_table().size()));
}

void command_list(RedisCall& call) {
  const auto words = call.words.subspan(2);
  Rows rows = all_rows();
  if (words.size() == 3 && is_redis_word(words[0], "FILTERBY")) {
    const std::string_view wanted = words[2];
    if (is_redis_word(words[1], "MODULE")) {
      rows.clear();  // nothing comes from a module
    } else if (is_redis_word(words[1], "ACLCAT")) {
      const std::string category = in_small_letters(wanted);
      std::erase_if(rows, [&](const RedisSpec* spec) {
        const auto categories = redis_categories(*spec);
        return std::find(categories.begin(), categories.end(), category) == categories.end();
      });
    } else if (is_redis_word(words[1], "PATTERN")) {
      const auto pattern = Glob::of(in_small_letters(wanted.substr(0, kGlobBytesMax + 1)));
      if (!pattern) return refuse_redis(call, pattern.error());
      std::erase_if(rows, [&](const RedisSpec* spec) { return !pattern->matches(spec->name); });
    } else {
      return call.reply.failure(kRedisSyntaxError);
    }
  } else if (!words.empty()) {
    return call.reply.failure(kRedisSyntaxError);
  }
  call.reply.array(rows.size());
  for (const RedisSpec* const spec : rows)
    call.reply.bulk(spec->name);
}

void command_getkeys(RedisCall& call) {
  const auto words = call.words.subspan(2);
  const RedisSpec* const spec = find_redis_spec(words);
  if (spec == nullptr || is_unknown_subcommand(*spec, words)) {
    return call.reply.failure("ERR Invalid command specified");
  }
  if (spec->keys.first == 0) {
    return call.reply.failure("ERR The command has no key arguments");
  }
  if (!has_arity(*spec, words.size())) {
    return call.reply.failure("ERR Invalid number of arguments specified for command");
  }
  std::vector<std::size_t> positions;
  append_key_positions(*spec, words.size(), positions);
  call.reply.array(positions.size());
  for (const std::size_t position : positions)
    call.reply.bulk(words[position]);
}

void command_help(RedisCall& call) {
  constexpr std::string_view kLines[] = {
      "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
      "(no subcommand)",
      "    Return details about all Redis commands.",
      "COUNT",
      "    Return the total number of commands in this Redis server.",
      "LIST",
      "    Return a list of all commands in this Redis server.",
      "INFO [<command-name> ...]",
      "    Return details about multiple Redis commands.",
      "    If no command names are given, documentation details for all",
      "    commands are returned.",
      "DOCS [<command-name> ...]",
      "    Return documentation details about multiple Redis commands.",
      "    If no command names are given, documentation details for all",
      "    commands are returned.",
      "GETKEYS <full-command>",
      "    Return the keys from a full Redis command.",
      "HELP",
      "    Prints this help.",
  };
  write_redis_help(call, kLines);
}

}  // namespace

void redis_command(RedisCall& call) {
  if (call.words.size() == 1) return command_info_of_all(call);
  constexpr RedisSubcommandRow kRows[] = {
      {"command|count", command_count},     {"command|docs", command_docs},
      {"command|getkeys", command_getkeys}, {"command|help", command_help},
      {"command|info", command_info},       {"command|list", command_list},
  };
  run_redis_subcommand(call, kRows);
}

}  // namespace appmem::commands
