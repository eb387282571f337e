#include "acceptor.h"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "appmem/server/server_limits.h"
#include "report.h"

namespace appmem::server {

Fd Acceptor::accept_from_system(int listener) {
  return Fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

Result<std::unique_ptr<Acceptor>> Acceptor::create(Reactor& reactor, ListeningSocket& socket,
                                                   Observer& observer, Deal deal, Accept accept) {
  std::unique_ptr<Acceptor> acceptor(
      new Acceptor(reactor, socket, observer, std::move(deal), accept));
  auto watch = reactor.watch(socket.fd(), [raw = acceptor.get()] { raw->accept_waiting(); });
  if (!watch) return fail(std::move(watch).error());
  acceptor->watch_ = *std::move(watch);
  acceptor->watch_->arm();
  return acceptor;
}

Acceptor::Acceptor(Reactor& reactor, ListeningSocket& socket, Observer& observer, Deal deal,
                   Accept accept)
    : reactor_(reactor),
      socket_(socket),
      observer_(observer),
      deal_(std::move(deal)),
      accept_(accept) {
}

void Acceptor::accept_waiting() {
  if (watch_ == nullptr) return;  // stopped
  accept_some();
  if (refused_by_system_) {
    reactor_.after(kAcceptRetryInterval, [this] { accept_waiting(); });
  } else {
    watch_->arm();
  }
}

bool Acceptor::accept_some() {
  refused_by_system_ = false;
  for (std::size_t i = 0; i < kAcceptsPerTurnMax; ++i) {
    Fd client = accept_(socket_.fd());
    if (client) {
      deal_(std::move(client), socket_);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EAGAIN) {
      refused_by_system_ = true;
      report(observer_, Severity::kError, "accept_failed", system_message(errno),
             {EventField::of("listener", socket_.address())});
    }
    return false;
  }
  return true;
}

void Acceptor::stop() {
  if (watch_ == nullptr) return;
  if (socket_.is_tcp()) {
    constexpr auto kBacklog = static_cast<std::size_t>(kListenBacklog);
    // To end it would reset those who wait. So they are taken, and who comes meanwhile with them,
    // as many as the queue can have held.
    for (std::size_t taken = 0; taken < kBacklog && accept_some();)
      taken += kAcceptsPerTurnMax;
  } else if (!socket_.inherited()) {
    // Whoever connects from here on is refused, so what waits becomes less with every turn.
    ::shutdown(socket_.fd(), SHUT_RD);
    while (accept_some()) {
    }
  }
  watch_.reset();
  socket_.close();
}

}  // namespace appmem::server
