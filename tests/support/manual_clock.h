#pragma once

#include <mutex>

#include "appmem/base/time.h"

namespace appmem::test {

/// A clock that stands still until a test moves it. It begins at a fixed instant: a day after the
/// machine's start, on 2024-01-01 00:00 UTC. Thread safety: all.
class ManualClock final : public Clock {
 public:
  static constexpr TimePoint kStartMono{std::chrono::hours{24}};
  static constexpr WallTime kStartWall{std::chrono::seconds{1'704'067'200}};

  Instant now() override {
    const std::lock_guard lock(mutex_);
    return now_;
  }

  /// Lets time pass, on both clocks.
  void advance(milliseconds by) {
    const std::lock_guard lock(mutex_);
    now_.mono += by;
    now_.wall += by;
  }

  /// Sets the wall clock, as an administrator would; the monotonic one does not notice.
  void set_wall(WallTime wall) {
    const std::lock_guard lock(mutex_);
    now_.wall = wall;
  }

 private:
  std::mutex mutex_;
  Instant now_{kStartMono, kStartWall};
};

}  // namespace appmem::test
