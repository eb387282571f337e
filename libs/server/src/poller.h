#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <sys/epoll.h>

#include "appmem/base/error.h"
#include "appmem/server/server_limits.h"
#include "fd.h"

namespace appmem::server {

/// What a loop waits for, in one epoll set: its sockets, a timer that ticks, and a call from
/// another thread. Thread safety: `wake` from any thread, the rest from the loop's.
class Poller {
 public:
  /// Errors: kInternal (no descriptors left).
  static Result<std::unique_ptr<Poller>> create(std::chrono::milliseconds tick_interval);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  struct Ready {
    /// Of sockets; `data.ptr` is what they were added with. Lifetime: until the next wait.
    std::span<const epoll_event> sockets;
    bool woken = false;
    bool ticked = false;
  };
  /// Waits until there is something, or only looks when `may_block` is false.
  Ready wait(bool may_block);
  /// Ends a wait, the one that is on its way or the next one.
  void wake();

  /// Asks for `events` of a socket, from now on. `owner` is given back with them (not null).
  /// Returns 0, or errno where the system refuses.
  [[nodiscard]] int set_interest(int socket, std::uint32_t events, void* owner);
  void forget(int socket);

 private:
  Poller(Fd epoll, Fd wake, Fd timer);
  [[nodiscard]] int add(const Fd& own);

  Fd epoll_;
  Fd wake_;
  Fd timer_;
  std::array<epoll_event, kEventsPerTurnMax> events_;
};

}  // namespace appmem::server
