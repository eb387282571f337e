#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "redis_call.h"

namespace appmem::commands {

/// What a reply holds is asked for before it is written: behind others of a transaction it cannot
/// be taken back. All return false when the refusal has been replied instead.

/// Whether the value of `key` may be written. Only a transaction has so much to say that it looks.
bool admits_value(RedisCall& call, std::string_view key);
/// Whether the values of all `keys` may be written, in an array.
bool admits_values(RedisCall& call, std::span<const std::string_view> keys);

/// Whether so many bytes may be written that have been composed already.
bool admits_bytes(RedisCall& call, std::uint64_t bytes);

}  // namespace appmem::commands
