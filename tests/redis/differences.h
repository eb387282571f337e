#pragma once

#include <span>
#include <string_view>

#include "redis/server_pair.h"

namespace appmem::test {

/// Whether the replies of two servers to a command are the same. The order of keys that KEYS and
/// SCAN reply has no meaning.
bool agree(const Words& command, RespReply redis, RespReply appmem);

/// What random commands bring about of an intended difference. The list of these, with reasons and
/// with commands that show each, is docs/redis-differences.md.
struct Difference {
  std::string_view section;  // its heading there
  /// Whether this is why the replies to `command` differ.
  bool (*covers)(const Words& command, const RespReply& redis, const RespReply& appmem);
  /// Whether the servers hold other data from here on.
  bool parts_ways = false;
};

std::span<const Difference> differences();

}  // namespace appmem::test
