#pragma once

#include <functional>
#include <memory>

#include "appmem/base/observer.h"
#include "fd.h"
#include "listening_socket.h"
#include "reactor.h"

namespace appmem::server {

/// Accepts the connections of one listening socket, a bounded number a turn. Thread safety: none;
/// lives on its reactor's thread.
class Acceptor {
 public:
  using Deal = std::function<void(Fd, const ListeningSocket&)>;
  /// Takes one connection of a listening descriptor without waiting; none: errno says why.
  using Accept = Fd (*)(int listener);
  static Fd accept_from_system(int listener);

  /// All borrowed. `accept`: a test's. Errors: kInternal.
  static Result<std::unique_ptr<Acceptor>> create(Reactor& reactor, ListeningSocket& socket,
                                                  Observer& observer, Deal deal,
                                                  Accept accept = accept_from_system);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Takes those who have connected already, and then nobody any more; the socket is closed. Those
  /// who wait on an inherited socket are left to whoever serves it next.
  void stop();

 private:
  Acceptor(Reactor& reactor, ListeningSocket& socket, Observer& observer, Deal deal, Accept accept);
  void accept_waiting();
  /// Returns whether more may be waiting.
  bool accept_some();

  Reactor& reactor_;
  ListeningSocket& socket_;
  Observer& observer_;
  Deal deal_;
  Accept accept_;
  std::unique_ptr<Reactor::Watch> watch_;
  bool refused_by_system_ = false;
};

}  // namespace appmem::server
