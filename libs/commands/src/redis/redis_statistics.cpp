#include "redis_statistics.h"

namespace appmem::commands {

RedisCounts count_all(const RedisCall& call) {
  RedisCounts counts;
  for (const core::NamespaceInfo& ns : call.store.list_namespaces(call.now)) {
    counts.hits += ns.counters.hits;
    counts.misses += ns.counters.misses;
    counts.expired += ns.counters.expirations;
    counts.evicted += ns.counters.evictions;
  }
  const ServerCounts server = call.control.counts();
  counts.connections = server.connections;
  counts.connections_refused = server.connections_refused;
  counts.requests = server.requests;
  counts.bytes_received = server.bytes_received;
  counts.bytes_sent = server.bytes_sent;
  counts.clients_evicted = server.clients_evicted;
  return counts;
}

void RedisStatistics::reset(const RedisCounts& now) {
  const std::lock_guard lock(mutex_);
  begin_ = now;
}

RedisCounts RedisStatistics::since_reset(RedisCounts now) const {
  const std::lock_guard lock(mutex_);
  // What a namespace had counted is gone with it.
  const auto subtract = [](std::uint64_t& count, std::uint64_t before) {
    count -= before < count ? before : count;
  };
  subtract(now.hits, begin_.hits);
  subtract(now.misses, begin_.misses);
  subtract(now.expired, begin_.expired);
  subtract(now.evicted, begin_.evicted);
  subtract(now.connections, begin_.connections);
  subtract(now.connections_refused, begin_.connections_refused);
  subtract(now.requests, begin_.requests);
  subtract(now.bytes_received, begin_.bytes_received);
  subtract(now.bytes_sent, begin_.bytes_sent);
  subtract(now.clients_evicted, begin_.clients_evicted);
  return now;
}

}  // namespace appmem::commands
