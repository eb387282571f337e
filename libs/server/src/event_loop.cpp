#include "event_loop.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <sys/socket.h>

#include "appmem/base/check.h"
#include "peer_credentials.h"
#include "report.h"

namespace appmem::server {
namespace {

constexpr std::string_view kOverLimit =
    "closed the client with the largest buffers: memory is over its limit";

}  // namespace

Result<std::unique_ptr<EventLoop>> EventLoop::create(std::size_t index, ServerContext& server) {
  auto poller = Poller::create(kMaintenanceInterval);
  if (!poller) return fail(std::move(poller).error());
  return std::unique_ptr<EventLoop>(new EventLoop(index, server, *std::move(poller)));
}

EventLoop::EventLoop(std::size_t index, ServerContext& server, std::unique_ptr<Poller> poller)
    : index_(index),
      server_(server),
      poller_(std::move(poller)),
      pool_(server.memory),
      chunks_(server.memory),
      foresight_(server.handler.make_foresight()) {
}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
  while (!stopped_.load(std::memory_order_acquire))
    turn();
}

// --- connections ---

void EventLoop::adopt(Fd socket, const Session::Origin& origin) {
  auto peer = identify_peer(socket.get(), origin.is_tcp);
  if (!peer) {
    report(server_.observer, Severity::kWarning, "client_refused", peer.error().message,
           {EventField::of("listener", *origin.address)});
    server_.connections.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  auto session = std::make_unique<Session>(*this, std::move(socket), origin, *std::move(peer),
                                           server_.clock.now());
  if (draining_) session->begin_drain();
  LoopCounts::add(counts_.connections, 1);
  const std::lock_guard lock(registry_mutex_);
  sessions_.emplace(origin.id, std::move(session));
}

void EventLoop::refuse(Fd socket, const Session::Origin& origin) {
  auto peer = identify_peer(socket.get(), origin.is_tcp);
  if (!peer) return;
  LoopCounts::add(counts_.connections_refused, 1);
  const auto max = static_cast<std::int64_t>(server_.limits.connections_max);
  report(server_.observer, Severity::kWarning, "client_refused",
         "refused a client: all connections are taken",
         {EventField::of("listener", *origin.address), user_field(peer->credentials.uid),
          EventField::of("pid", peer->credentials.pid), EventField::of("max_connections", max)});
  const auto handler = server_.handler.connect(index_, origin, std::move(peer->credentials));
  protocol::OutputBuffer output(&server_.memory);
  const protocol::Request nameless;
  handler->codec()
      .begin_reply(nameless, output)
      .error(
          {ErrorCode::kBusy, "all " + std::to_string(max) +
                                 " connections are taken (the daemon's option max-connections)"});
  handler->codec().end_reply();
  output.gather(output.end_position(), kWritePiecesMax, pieces_);
  for (const std::string_view piece : pieces_) {
    // It fits into the buffer of a new socket; whoever does not wait for it misses it.
    if (::send(socket.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
  }
}

void EventLoop::bury(Session& session) {
  foreseen_alone_ = {};            // it may be this one's
  if (session.decoding()) return;  // comes again when the worker is done
  buried_.push_back(&session);
}

void EventLoop::destroy_buried() {
  if (buried_.empty()) return;
  const auto is_closed = [](const Session* session) {
    return session->closed();
  };
  for (std::vector<Session*>* queue :
       {&serve_queue_, &flush_queue_, &job_queue_, &watched_, &parked_, &awaiting_}) {
    std::erase_if(*queue, is_closed);
  }
  {
    const std::lock_guard lock(registry_mutex_);
    for (Session* session : buried_)
      sessions_.erase(session->info().id);
  }
  server_.connections.fetch_sub(buried_.size(), std::memory_order_relaxed);
  buried_.clear();
}

Session* EventLoop::find(std::uint64_t id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void EventLoop::set_interest(Session& session, int socket, std::uint32_t events) {
  const int error = poller_->set_interest(socket, events, &session);
  if (error == 0) [[likely]]
    return;
  // Only for lack of kernel memory, and then nobody could tell us of anything.
  report(server_.observer, Severity::kError, "epoll_failed", system_message(error));
  session.close();
}

void EventLoop::forget(int socket) {
  poller_->forget(socket);
}

// --- the turn ---

void EventLoop::turn() {
  const Poller::Ready ready = poller_->wait(!work_is_left_);
  now_ = server_.clock.now();
  turn_began_ = read_stopwatch();
  first_slices_ = {kFirstSliceStepsPerTurn};
  if (ready.woken) run_posted();
  if (ready.ticked) tick();
  for (const epoll_event& event : ready.sockets)
    static_cast<Session*>(event.data.ptr)->on_events(event.events);
  serve_sessions();
  run_jobs();
  if (maintenance_due_) {
    maintenance_due_ = server_.handler.maintain(index_, server_.loops, now_);
  }
  server_.handler.turn_ended(index_);
  flush_sessions();
  destroy_buried();
  work_is_left_ = !serve_queue_.empty() || !flush_queue_.empty() || !job_queue_.empty() ||
                  !buried_.empty() || maintenance_due_;
  if (draining_ && !drained_ && sessions_.empty()) {
    drained_ = true;
    server_.loop_drained();
  }
}

void EventLoop::run_posted() {
  {
    const std::lock_guard lock(posted_mutex_);
    running_.swap(posted_);
  }
  for (Task& task : running_)
    task();
  running_.clear();
}

void EventLoop::serve_sessions() {
  batch_.swap(serve_queue_);
  for (Session* session : batch_)
    session->queued.serve = false;
  std::size_t begin = 0;
  while (begin < batch_.size()) {
    // As many as can be looked at together.
    std::size_t end = begin;
    std::size_t requests = 0;
    while (end < batch_.size() && requests < kRequestsAheadMax) {
      Session& session = *batch_[end++];
      if (!session.closed()) requests += session.receive_ahead(now_, kRequestsAheadMax - requests);
    }
    end_foresight();
    for (; begin < end; ++begin) {
      Session& session = *batch_[begin];
      if (session.closed()) continue;
      session.serve(now_);
      keep_to_memory(session);
    }
  }
  batch_.clear();
}

void EventLoop::foresee(const ConnectionHandler& connection, const protocol::Request& request) {
  if (foresight_ == nullptr) return;
  if (!foreseen_several_) {
    if (foreseen_alone_.request == nullptr) {
      foreseen_alone_ = {&connection, &request};
      return;
    }
    foreseen_several_ = true;
    foresight_->add(*foreseen_alone_.connection, *foreseen_alone_.request);
  }
  foresight_->add(connection, request);
}

void EventLoop::end_foresight() {
  if (foreseen_several_) foresight_->finish();
  foreseen_several_ = false;
  foreseen_alone_ = {};
}

void EventLoop::run_jobs() {
  const std::size_t count = std::min(job_queue_.size(), kJobsPerTurnMax);
  if (count == 0) return;
  // The first of the queue; those that go on stand behind all others again.
  const auto end = job_queue_.begin() + static_cast<std::ptrdiff_t>(count);
  batch_.assign(job_queue_.begin(), end);
  job_queue_.erase(job_queue_.begin(), end);
  const protocol::TurnBudget budget{std::max<std::size_t>(1, kJobStepsPerTurn / count)};
  for (Session* session : batch_) {
    session->queued.job = false;
    if (session->closed() || !session->has_job()) continue;
    session->run_job(now_, budget);
    keep_to_memory(*session);
  }
  batch_.clear();
}

void EventLoop::flush_sessions() {
  batch_.swap(flush_queue_);
  for (Session* session : batch_) {
    session->queued.flush = false;
    if (!session->closed()) session->flush(now_);
  }
  batch_.clear();
}

void EventLoop::schedule_serve(Session& session) {
  if (!std::exchange(session.queued.serve, true)) serve_queue_.push_back(&session);
}

void EventLoop::schedule_flush(Session& session) {
  if (!std::exchange(session.queued.flush, true)) flush_queue_.push_back(&session);
}

void EventLoop::schedule_job(Session& session) {
  if (!std::exchange(session.queued.job, true)) job_queue_.push_back(&session);
}

void EventLoop::watch(Session& session) {
  if (!std::exchange(session.queued.watched, true)) watched_.push_back(&session);
}

void EventLoop::park(Session& session) {
  if (std::exchange(session.queued.parked, true)) return;
  parked_.push_back(&session);
  waits_.store(true);
}

void EventLoop::await_commit(Session& session) {
  if (std::exchange(session.queued.awaiting, true)) return;
  awaiting_.push_back(&session);
  // What it waits for may have come before there was anybody to tell: then it is looked at again.
  if (!waits_.exchange(true)) notify_committed();
}

// --- ticks ---

void EventLoop::tick() {
  maintenance_due_ = true;
  std::erase_if(watched_, [this](Session* session) {
    const bool keep = session->check_timeouts(now_);
    session->queued.watched = keep;
    return !keep;
  });
  check_idle_sessions();
  relieve_of_half_sent();
  relieve_memory();
}

void EventLoop::check_idle_sessions() {
  if (server_.limits.idle_timeout.count() == 0 || now_.mono - idle_checked_ < kIdleCheckInterval) {
    return;
  }
  idle_checked_ = now_.mono;
  for (const auto& [id, session] : sessions_)
    session->check_idle(now_);
}

/// Sends at once while memory is tight, rather than at the end of the turn. What cannot be sent
/// must not take the process over the excess that it keeps to, whatever its client is about to do.
void EventLoop::keep_to_memory(Session& session) {
  if (!memory_is_tight() || session.closed()) return;
  session.flush(now_);
  const bool too_much = server_.memory.excess() > server_.memory.excess_max();
  if (too_much && session.output_bytes() > kMemoryVictimBytesMin) {
    close_largest(&Session::output_bytes, &EventLoop::memory_is_tight, kOverLimit);
  }
}

/// When buffers keep memory tight although the store has had time to make room, the connections of
/// this loop that hold most have to go.
void EventLoop::relieve_memory() {
  if (!memory_is_tight()) {
    tight_since_.reset();
    return;
  }
  if (!tight_since_) tight_since_ = now_.mono;
  if (now_.mono - *tight_since_ < kMemoryExcessPatience) return;
  close_largest(&Session::held_bytes, &EventLoop::memory_is_tight, kOverLimit);
}

/// Nobody knows whether a request will ever be complete that is half-sent, so that it must not keep
/// memory from those that are: entries have made room for it already.
void EventLoop::relieve_of_half_sent() {
  const std::uint64_t refusals = server_.memory_refusals.load(std::memory_order_relaxed);
  if (std::exchange(memory_refusals_seen_, refusals) == refusals || !half_sent_is_much()) return;
  close_largest(&Session::half_sent_bytes, &EventLoop::half_sent_is_much,
                "closed the client with the largest half-sent request: others were refused for "
                "lack of memory");
}

void EventLoop::close_largest(std::uint64_t (Session::*what)() const,
                              bool (EventLoop::*is_needed)() const, std::string_view message) {
  struct Victim {
    std::uint64_t bytes;
    Session* session;
  };
  std::vector<Victim> victims;
  for (const auto& [id, session] : sessions_) {
    const std::uint64_t bytes = (session.get()->*what)();
    if (!session->closed() && !session->no_evict() && bytes > kMemoryVictimBytesMin) {
      victims.push_back({bytes, session.get()});
    }
  }
  std::sort(victims.begin(), victims.end(),
            [](const Victim& a, const Victim& b) { return a.bytes > b.bytes; });
  for (const Victim& victim : victims) {
    if (!(this->*is_needed)()) return;
    const SessionInfo& info = victim.session->info();
    LoopCounts::add(counts_.connections_evicted, 1);
    report(server_.observer, Severity::kWarning, "client_too_large", message,
           {EventField::of("client", static_cast<std::int64_t>(info.id)), user_field(info.uid),
            EventField::of("pid", info.pid),
            EventField::of("buffer_bytes", static_cast<std::int64_t>(victim.bytes))});
    victim.session->close();
  }
}

// --- the end ---

void EventLoop::begin_drain() {
  if (std::exchange(draining_, true)) return;
  for (const auto& [id, session] : sessions_)
    session->begin_drain();
}

void EventLoop::cut() {
  draining_ = true;
  for (const auto& [id, session] : sessions_) {
    if (session->closed()) continue;
    server_.connections_cut.fetch_add(1, std::memory_order_relaxed);
    session->close();
  }
}

// --- from other threads ---

void EventLoop::stop() {
  stopped_.store(true, std::memory_order_release);
  poller_->wake();
}

void EventLoop::post(Task task) {
  bool first = false;
  {
    const std::lock_guard lock(posted_mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(task));
  }
  if (first) poller_->wake();
}

void EventLoop::notify_committed() {
  // Whoever begins to wait looks at what is committed after that, when it is flushed.
  if (!waits_.load()) return;
  if (commit_posted_.exchange(true)) return;
  post([this] {
    commit_posted_.store(false);
    // They are run again, and then nothing must come between that and their waiting.
    const bool jobs_wait = !awaiting_.empty();
    for (Session* session : awaiting_) {
      session->queued.awaiting = false;
      if (!session->closed()) schedule_job(*session);
    }
    awaiting_.clear();
    std::erase_if(parked_, [this](Session* session) {
      if (session->closed()) return true;
      session->queued.parked = session->parked();
      if (session->parked()) schedule_flush(*session);
      return !session->parked();
    });
    waits_.store(!parked_.empty() || jobs_wait);
  });
}

void EventLoop::list(const Instant& now, std::vector<ConnectionInfo>& connections) const {
  const std::lock_guard lock(registry_mutex_);
  for (const auto& [id, session] : sessions_) {
    const SessionInfo& info = session->info();
    const TimePoint active{milliseconds{info.active_ms.load(std::memory_order_relaxed)}};
    ConnectionInfo& item = connections.emplace_back();
    item.id = id;
    item.client_name = info.name;
    item.address = *info.address;
    item.peer = info.peer;
    item.uid = info.uid;
    item.pid = info.pid;
    item.age = std::max(milliseconds{0}, now.mono - info.accepted);
    item.idle = std::max(milliseconds{0}, now.mono - active);
    item.requests = info.requests.load(std::memory_order_relaxed);
    item.memory_bytes = info.memory_bytes.load(std::memory_order_relaxed);
    item.input_bytes = info.input_bytes.load(std::memory_order_relaxed);
    item.output_bytes = info.output_bytes.load(std::memory_order_relaxed);
  }
}

bool EventLoop::kill(std::uint64_t id) {
  {
    const std::lock_guard lock(registry_mutex_);
    if (!sessions_.contains(id)) return false;
  }
  post([this, id] { kill_here(id); });
  return true;
}

void EventLoop::kill_here(std::uint64_t id) {
  Session* const session = find(id);
  if (session == nullptr || session->closed()) return;
  report(server_.observer, Severity::kInfo, "client_killed", "closed a client on request",
         {EventField::of("client", static_cast<std::int64_t>(id)), user_field(session->info().uid),
          EventField::of("pid", session->info().pid)});
  session->close();
}

void EventLoop::rename(Session& session, std::string_view name) {
  const std::lock_guard lock(registry_mutex_);
  session.info().name = name;
}

}  // namespace appmem::server
