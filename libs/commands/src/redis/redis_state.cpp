#include "redis_state.h"

#include <utility>

namespace appmem::commands {

void RedisState::end_transaction() {
  in_transaction = false;
  refused = false;
  queue.clear();
  std::vector<WatchedKey>().swap(watched);
  release_watched(std::exchange(watched_bytes, 0));
}

}  // namespace appmem::commands
