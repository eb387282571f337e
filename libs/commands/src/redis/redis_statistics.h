#pragma once

#include <cstdint>
#include <mutex>

#include "redis_call.h"

namespace appmem::commands {

/// What INFO counts.
struct RedisCounts {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t expired = 0;
  std::uint64_t evicted = 0;
  std::uint64_t connections = 0;
  std::uint64_t connections_refused = 0;
  std::uint64_t requests = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t clients_evicted = 0;
};

/// What has been counted since the start, over all namespaces and connections that there are.
RedisCounts count_all(const RedisCall& call);

/// Remembers where CONFIG RESETSTAT let counting begin. Thread safety: all.
class RedisStatistics {
 public:
  void reset(const RedisCounts& now);
  /// `now`, less what had been counted at the last reset.
  [[nodiscard]] RedisCounts since_reset(RedisCounts now) const;

 private:
  mutable std::mutex mutex_;
  RedisCounts begin_;  // guarded by mutex_
};

}  // namespace appmem::commands
