#include "durability.h"

namespace appmem::daemon {

std::optional<Result<void>> Durability::state(std::uint64_t request) {
  auto state = storage_.checkpoint_state(request);
  if (!state.done) return std::nullopt;
  return std::move(state.result);
}

std::optional<Result<commands::StorageVerification>> Durability::verified(std::uint64_t request) {
  auto state = storage_.verify_state(request);
  if (!state.done) return std::nullopt;
  if (!state.result) return fail(std::move(state.result).error());
  return commands::StorageVerification{.files = state.result->files.size(),
                                       .records = state.result->records,
                                       .bytes = state.result->bytes,
                                       .damage = std::move(state.result->damage)};
}

std::vector<std::pair<std::string_view, std::int64_t>> Durability::stats() {
  const storage::StorageStats stats = storage_.stats();
  if (!stats.open) return {};
  const auto number = [](auto value) {
    return static_cast<std::int64_t>(value);
  };
  const std::int64_t syncs = number(stats.syncs);
  return {
      {"read_only", stats.failure.empty() ? 0 : 1},
      {"segments", number(stats.segments)},
      {"log_bytes", number(stats.log_bytes)},
      {"checkpoint_bytes", number(stats.checkpoint_bytes)},
      {"live_bytes", number(stats.live_bytes)},
      {"dead_bytes", number(stats.dead_bytes)},
      {"pending_bytes", number(stats.pending_bytes)},
      {"last_sequence", number(stats.last_sequence)},
      {"synced_sequence", number(stats.synced_sequence)},
      {"groups", number(stats.groups)},
      {"syncs", syncs},
      {"sync_us_last", stats.sync_time_last.count()},
      {"sync_us_mean", syncs == 0 ? 0 : stats.sync_time_total.count() / syncs},
      {"sync_us_max", stats.sync_time_max.count()},
      {"checkpoints", number(stats.checkpoints)},
      {"checkpoint_pending", stats.checkpoint_pending ? 1 : 0},
      {"checkpoint_failed", stats.checkpoint_failed ? 1 : 0},
      {"checkpoint_at_ms",
       stats.checkpoint_at ? stats.checkpoint_at->time_since_epoch().count() : 0},
      {"checkpoint_ms", stats.checkpoint_time.count()},
      {"recovery_ms", stats.recovery_time.count()},
      {"recovered_entries", number(stats.recovered_entries)},
      {"recovered_records", number(stats.recovered_records)},
      {"cut_bytes", number(stats.cut_bytes)},
  };
}

}  // namespace appmem::daemon
