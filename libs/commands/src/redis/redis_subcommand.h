#pragma once

#include <span>
#include <string_view>

#include "redis_call.h"

namespace appmem::commands {

/// The handler of a subcommand, by the name of its row ("client|id").
struct RedisSubcommandRow {
  std::string_view name;
  RedisHandler handler;
};

/// Runs the handler of the subcommand that was called. Precondition: `rows` has all of the command.
void run_redis_subcommand(RedisCall& call, std::span<const RedisSubcommandRow> rows);

/// Replies with the lines of a help.
void write_redis_help(RedisCall& call, std::span<const std::string_view> lines);

}  // namespace appmem::commands
