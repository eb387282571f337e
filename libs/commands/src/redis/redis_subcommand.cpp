#include "redis_subcommand.h"

#include <algorithm>

#include "appmem/base/check.h"

namespace appmem::commands {

void run_redis_subcommand(RedisCall& call, std::span<const RedisSubcommandRow> rows) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const RedisSubcommandRow& each) {
    return each.name == call.spec.name;
  });
  APPMEM_CHECK(row != rows.end());
  row->handler(call);
}

void write_redis_help(RedisCall& call, std::span<const std::string_view> lines) {
  call.reply.array(lines.size());
  for (const std::string_view line : lines)
    call.reply.status(line);
}

}  // namespace appmem::commands
