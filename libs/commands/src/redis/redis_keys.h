#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "redis_call.h"

namespace appmem::commands {

/// Adds the keys that MOVE and COPY name in another database, where that exists; nothing for other
/// commands.
void append_redis_target_keys(const core::Store& store, const protocol::RedisSpec& spec,
                              std::span<const std::string_view> words,
                              std::vector<core::KeyRef>& keys);

}  // namespace appmem::commands
