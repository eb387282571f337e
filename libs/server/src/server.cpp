#include "appmem/server/server.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <list>
#include <thread>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "acceptor.h"
#include "appmem/base/check.h"
#include "appmem/server/server_limits.h"
#include "event_loop.h"
#include "listening_socket.h"
#include "reactor.h"
#include "report.h"
#include "worker.h"

namespace appmem::server {
namespace {

Limits effective(Limits limits) {
  limits.output_bytes_soft_max = limits.effective_output_bytes_soft_max();
  limits.output_bytes_hard_max = limits.effective_output_bytes_hard_max();
  limits.request_bytes_max = limits.effective_request_bytes_max();
  return limits;
}

/// Raises the limit of open files so that `connections` fit. Returns how many do.
std::size_t reserve_descriptors(std::size_t connections) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return connections;
  const rlim_t wanted = connections + kDescriptorsReserved;
  if (files.rlim_cur < wanted) {
    rlimit raised = files;
    raised.rlim_cur = std::min<rlim_t>(wanted, files.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) files = raised;
  }
  if (files.rlim_cur >= wanted) return connections;
  return files.rlim_cur > 2 * kDescriptorsReserved ? files.rlim_cur - kDescriptorsReserved
                                                   : files.rlim_cur / 2;
}

}  // namespace

struct Server::Impl {
  Impl(ServerOptions server_options, RequestHandler& handler, Clock& clock, MemoryBudget& memory,
       Observer& observer)
      : options(std::move(server_options)),
        context{effective(options.limits), options.threads, handler, clock, memory, observer,
                options.stopwatch,         nullptr,         {},      {},    {}} {}

  Result<void> open(const std::function<Result<void>()>& before_listening);
  std::size_t run();
  void deal(Fd client, const ListeningSocket& from);
  void on_signal(int signal);
  // On the reactor's thread:
  void begin_stop(const char* reason);
  void cut();
  void one_loop_drained();

  ServerOptions options;
  ServerContext context;
  // Destroyed in reverse: the worker first, which may be using a session.
  std::unique_ptr<Reactor> reactor;
  std::list<ListeningSocket> sockets;
  std::vector<std::unique_ptr<EventLoop>> loops;
  std::vector<std::unique_ptr<Acceptor>> acceptors;
  std::unique_ptr<Worker> worker;

  // Used on the reactor's thread only.
  std::uint64_t next_id = 1;
  std::size_t next_loop = 0;
  std::size_t loops_drained = 0;
  bool is_stopping = false;
};

Result<void> Server::Impl::open(const std::function<Result<void>()>& before_listening) {
  const std::size_t wanted = context.limits.connections_max;
  context.limits.connections_max = reserve_descriptors(wanted);
  if (context.limits.connections_max < wanted) {
    report(context.observer, Severity::kWarning, "connections_limited",
           "the system's limit of open files (ulimit -n) allows fewer connections than configured",
           {EventField::of("max_connections",
                           static_cast<std::int64_t>(context.limits.connections_max)),
            EventField::of("configured", static_cast<std::int64_t>(wanted))});
  }
  auto made = Reactor::create();
  if (!made) return fail(std::move(made).error());
  reactor = *std::move(made);
  for (std::size_t i = 0; i < options.threads; ++i) {
    auto loop = EventLoop::create(i, context);
    if (!loop) return fail(std::move(loop).error());
    loops.push_back(*std::move(loop));
  }
  // Before there is anything that a signal would leave behind.
  reactor->on_signals({SIGTERM, SIGINT, SIGHUP}, [this](int number) { on_signal(number); });
  if (before_listening) {
    if (auto done = before_listening(); !done) return done;
  }
  for (const ListenerSpec& spec : options.listeners) {
    auto socket = ListeningSocket::open(spec, sockets.size());
    if (!socket) return fail(std::move(socket).error());
    ListeningSocket& listening = sockets.emplace_back(*std::move(socket));
    auto acceptor = Acceptor::create(
        *reactor, listening, context.observer,
        [this](Fd client, const ListeningSocket& from) { deal(std::move(client), from); });
    if (!acceptor) return fail(std::move(acceptor).error());
    acceptors.push_back(*std::move(acceptor));
    report(context.observer, Severity::kInfo, "listening",
           listening.replaced_stale() ? "listening in place of a daemon that is gone" : "listening",
           {EventField::of("address", listening.address())});
  }
  for (ListeningSocket& socket : sockets)
    socket.keep_directory();
  worker = std::make_unique<Worker>();
  context.worker = worker.get();
  context.loop_drained = [this] {
    reactor->post([this] { one_loop_drained(); });
  };
  return {};
}

std::size_t Server::Impl::run() {
  reactor->post([this] {
    report(context.observer, Severity::kInfo, "started", "serving",
           {EventField::of("pid", ::getpid()),
            EventField::of("threads", static_cast<std::int64_t>(loops.size()))});
    context.handler.serving();
  });
  std::vector<std::thread> threads;
  for (const auto& loop : loops)
    threads.emplace_back([raw = loop.get()] { raw->run(); });
  reactor->run();
  for (std::thread& thread : threads)
    thread.join();
  const std::size_t cut = context.connections_cut;
  report(context.observer, Severity::kInfo, "stopped", "stopped",
         {EventField::of("connections_cut", static_cast<std::int64_t>(cut))});
  return cut;
}

void Server::Impl::deal(Fd client, const ListeningSocket& from) {
  Session::Origin origin;
  origin.id = next_id++;
  origin.listener = from.index();
  origin.address = &from.address();
  origin.is_tcp = from.is_tcp();
  const bool full =
      context.connections.load(std::memory_order_relaxed) >= context.limits.connections_max;
  if (!full) context.connections.fetch_add(1, std::memory_order_relaxed);
  EventLoop& loop = *loops[next_loop];
  next_loop = (next_loop + 1) % loops.size();
  loop.post([&loop, full, origin, shared = std::make_shared<Fd>(std::move(client))] {
    full ? loop.refuse(std::move(*shared), origin) : loop.adopt(std::move(*shared), origin);
  });
}

void Server::Impl::on_signal(int signal) {
  if (signal == SIGHUP) {
    report(context.observer, Severity::kInfo, "signal",
           "SIGHUP: the configuration is read at the start only");
  } else if (is_stopping) {
    report(context.observer, Severity::kWarning, "signal", "a second signal: stopping at once");
    cut();
  } else {
    begin_stop(signal == SIGTERM ? "SIGTERM" : "SIGINT");
  }
}

void Server::Impl::begin_stop(const char* reason) {
  if (std::exchange(is_stopping, true)) return;
  const std::chrono::milliseconds timeout = options.shutdown_timeout;
  reactor->after(timeout - stop_margin(timeout), [this] { cut(); });
  report(context.observer, Severity::kInfo, "stopping", "answering what has been received",
         {EventField::of("reason", reason),
          EventField::of("connections", static_cast<std::int64_t>(context.connections.load()))});
  context.handler.stopping();
  for (const auto& acceptor : acceptors)
    acceptor->stop();
  // Behind the connections that were just dealt to each of them.
  for (const auto& loop : loops)
    loop->post([raw = loop.get()] { raw->begin_drain(); });
}

void Server::Impl::cut() {
  for (const auto& loop : loops)
    loop->post([raw = loop.get()] { raw->cut(); });
}

void Server::Impl::one_loop_drained() {
  if (++loops_drained < loops.size()) return;
  for (const auto& loop : loops)
    loop->stop();
  reactor->stop();
}

std::chrono::nanoseconds monotonic_time() {
  timespec time{};
  APPMEM_CHECK(::clock_gettime(CLOCK_MONOTONIC, &time) == 0);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

Server::Server(ServerOptions options, RequestHandler& handler, Clock& clock, MemoryBudget& memory,
               Observer& observer)
    : impl_(std::make_unique<Impl>(std::move(options), handler, clock, memory, observer)) {
  APPMEM_CHECK(impl_->options.threads > 0);
}

Server::~Server() = default;

Result<void> Server::open(const std::function<Result<void>()>& before_listening) {
  auto opened = impl_->open(before_listening);
  if (!opened) {
    impl_->acceptors.clear();
    // The last one first: an earlier one may have created the directory of a later one.
    while (!impl_->sockets.empty())
      impl_->sockets.pop_back();
    impl_->loops.clear();
    impl_->reactor.reset();
  }
  return opened;
}

std::size_t Server::run() {
  return impl_->run();
}

void Server::stop() {
  impl_->reactor->post([impl = impl_.get()] { impl->begin_stop("request"); });
}

std::vector<ConnectionInfo> Server::connections(const Instant& now) const {
  std::vector<ConnectionInfo> connections;
  for (const auto& loop : impl_->loops)
    loop->list(now, connections);
  return connections;
}

std::size_t Server::connection_count() const {
  return impl_->context.connections.load(std::memory_order_relaxed);
}

ServerCounts Server::counts() const {
  ServerCounts counts;
  for (const auto& loop : impl_->loops)
    loop->counts().add_to(counts);
  return counts;
}

bool Server::kill_connection(std::uint64_t id) {
  return std::any_of(impl_->loops.begin(), impl_->loops.end(),
                     [id](const auto& loop) { return loop->kill(id); });
}

void Server::memory_was_refused() {
  impl_->context.memory_refusals.fetch_add(1, std::memory_order_relaxed);
}

void Server::notify_committed(std::optional<std::size_t> but_loop) {
  for (const auto& loop : impl_->loops) {
    if (loop->index() != but_loop) loop->notify_committed();
  }
}

}  // namespace appmem::server
