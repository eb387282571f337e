#include "poller.h"

#include <cerrno>
#include <utility>

#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "report.h"

namespace appmem::server {
namespace {

/// The counter of an eventfd or a timerfd, which makes it wait again.
void reset_counter(const Fd& fd) {
  std::uint64_t count = 0;
  while (::read(fd.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
}

itimerspec every(std::chrono::milliseconds interval) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(interval);
  const std::chrono::nanoseconds rest = interval - seconds;
  const timespec period{seconds.count(), rest.count()};
  return {period, period};
}

}  // namespace

Result<std::unique_ptr<Poller>> Poller::create(std::chrono::milliseconds tick_interval) {
  std::unique_ptr<Poller> poller(
      new Poller(Fd(::epoll_create1(EPOLL_CLOEXEC)), Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
                 Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK))));
  if (!poller->epoll_ || !poller->wake_ || !poller->timer_) {
    return system_failure("cannot create an event loop", errno);
  }
  const itimerspec ticks = every(tick_interval);
  int error = poller->add(poller->wake_);
  if (error == 0) error = poller->add(poller->timer_);
  if (error == 0 && ::timerfd_settime(poller->timer_.get(), 0, &ticks, nullptr) != 0) error = errno;
  if (error != 0) return system_failure("cannot create an event loop", error);
  return poller;
}

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): the events are written by the kernel
Poller::Poller(Fd epoll, Fd wake, Fd timer)
    : epoll_(std::move(epoll)), wake_(std::move(wake)), timer_(std::move(timer)) {
}

int Poller::add(const Fd& own) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = const_cast<Fd*>(&own);  // only compared
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, own.get(), &event) == 0 ? 0 : errno;
}

Poller::Ready Poller::wait(bool may_block) {
  Ready ready;
  const int found = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                 may_block ? -1 : 0);
  std::size_t sockets = 0;
  for (int i = 0; i < found; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &wake_) {
      ready.woken = true;
      reset_counter(wake_);
    } else if (event.data.ptr == &timer_) {
      ready.ticked = true;
      reset_counter(timer_);
    } else {
      events_[sockets++] = event;
    }
  }
  ready.sockets = {events_.data(), sockets};
  return ready;
}

void Poller::wake() {
  const std::uint64_t one = 1;
  while (::write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

int Poller::set_interest(int socket, std::uint32_t events, void* owner) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = owner;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, socket, &event) == 0) return 0;
  if (errno != ENOENT) return errno;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event) == 0 ? 0 : errno;
}

void Poller::forget(int socket) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
}

}  // namespace appmem::server
