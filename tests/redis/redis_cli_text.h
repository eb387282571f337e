#pragma once

#include <string>

#include "redis/server_pair.h"

namespace appmem::test {

/// A reply as redis-cli shows it on a terminal, over several lines where it has items, without a
/// line end behind it.
std::string to_redis_cli(const RespReply& reply);

}  // namespace appmem::test
