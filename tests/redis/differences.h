#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "redis/server_pair.h"

namespace appmem::test {

/// One command whose reply here is meant to differ from that of redis-server 7.0.
struct Difference {
  std::string_view reason;
  /// Commands of which the last one's replies differ.
  std::vector<Words> shown_by;
  /// Whether this is why the replies to `command` differ.
  bool (*covers)(const Words& command, const RespReply& redis, const RespReply& appmem);
  /// Whether the servers hold other data from here on.
  bool parts_ways = false;
};

/// The reviewed list. An entry whose replies do not differ any more fails the test.
std::span<const Difference> differences();

}  // namespace appmem::test
