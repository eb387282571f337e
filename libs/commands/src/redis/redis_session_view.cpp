#include "appmem/commands/session_view.h"
#include "redis_state.h"

namespace appmem::commands {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

void SessionView::publish(const Session& session) {
  ns_.store(std::uint64_t{session.ns.index} << 32U | session.ns.generation, kRelaxed);
  if (session.redis == nullptr) return;
  const RedisState& state = *session.redis;
  version_.store(state.version, kRelaxed);
  unmade_database_.store(state.unmade_database, kRelaxed);
  const auto queued = static_cast<std::int64_t>(state.queue.size());
  queued_.store(state.in_transaction ? queued : -1, kRelaxed);
  queue_bytes_.store(state.memory_bytes(), kRelaxed);
  command_.store(state.command, kRelaxed);
  no_evict_.store(state.no_evict, kRelaxed);
  if (state.library_changes == library_changes_) return;
  library_changes_ = state.library_changes;
  const std::lock_guard lock(mutex_);
  library_name_ = state.library_name;
  library_version_ = state.library_version;
}

void SessionView::read(ClientInfo& client) const {
  const std::uint64_t ns = ns_.load(kRelaxed);
  client.ns = {static_cast<std::uint16_t>(ns >> 32U), static_cast<std::uint32_t>(ns)};
  RedisClientInfo& redis = client.redis;
  redis.version = version_.load(kRelaxed);
  redis.unmade_database = unmade_database_.load(kRelaxed);
  redis.queued = queued_.load(kRelaxed);
  redis.queue_bytes = queue_bytes_.load(kRelaxed);
  redis.command = command_.load(kRelaxed);
  redis.no_evict = no_evict_.load(kRelaxed);
  const std::lock_guard lock(mutex_);
  redis.library_name = library_name_;
  redis.library_version = library_version_;
}

}  // namespace appmem::commands
