#pragma once

#include <string_view>
#include <vector>

#include "appmem/protocol/redis_table.h"

namespace appmem::commands {

/// The categories of Redis's access lists that a command is in ("read", "string", "fast"), in
/// Redis's order. They follow from its flags and its group, but for a few.
std::vector<std::string_view> redis_categories(const protocol::RedisSpec& spec);

}  // namespace appmem::commands
