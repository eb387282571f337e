#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "redis_call.h"

namespace appmem::commands {

/// The numbered database that MOVE or COPY names, which is made when it does not exist. Nothing for
/// other commands, where the number is none, where the caller may not write there, and where it
/// cannot be made. `only_if_needed`: it is not made where there is no source, but kUnmadeDatabase
/// is returned. To be called before any keys are locked.
std::optional<core::NamespaceId> enter_redis_target(core::Store& store, const Session& session,
                                                    const protocol::RedisSpec& spec,
                                                    std::span<const std::string_view> words,
                                                    const Instant& now, bool only_if_needed);

/// Which word of such a command is the key in that database.
std::size_t redis_target_key(protocol::RedisId id);

}  // namespace appmem::commands
