#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "appmem/commands/dispatcher.h"
#include "appmem/commands/server_control.h"

namespace appmem::commands {

/// What other threads may see of a session.
/// Thread safety: `publish` on the session's own thread, `read` on any.
class SessionView {
 public:
  /// Shows what the session is now. Cheap: to be called behind each request.
  void publish(const Session& session);
  /// Fills in the namespace and what is known of RESP.
  void read(ClientInfo& client) const;
  /// Whether the client is to be kept when memory runs out (CLIENT NO-EVICT).
  [[nodiscard]] bool no_evict() const { return no_evict_.load(std::memory_order_relaxed); }
  /// What is queued for EXEC takes, with the keys that are watched.
  [[nodiscard]] std::uint64_t queue_bytes() const {
    return queue_bytes_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> ns_{0};
  std::atomic<std::int32_t> version_{0};
  std::atomic<std::int32_t> unmade_database_{0};
  std::atomic<std::int64_t> queued_{-1};
  std::atomic<std::uint64_t> queue_bytes_{0};
  std::atomic<const protocol::RedisSpec*> command_{nullptr};
  std::atomic<bool> no_evict_{false};
  std::uint32_t library_changes_ = 0;  // as published
  mutable std::mutex mutex_;
  std::string library_name_;     // guarded by mutex_
  std::string library_version_;  // guarded by mutex_
};

}  // namespace appmem::commands
