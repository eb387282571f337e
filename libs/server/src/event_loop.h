#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "appmem/protocol/chunk_pool.h"
#include "appmem/server/server.h"
#include "fd.h"
#include "poller.h"
#include "receive_buffer.h"
#include "server_context.h"
#include "session.h"
#include "upcoming_requests.h"

namespace appmem::server {

/// What one loop has counted. Thread safety: `count` on the loop's thread; the rest on any.
class LoopCounts {
 public:
  using Count = std::atomic<std::uint64_t>;
  /// Nobody else writes, so that there is nothing to exchange.
  static void add(Count& count, std::uint64_t more) {
    count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  void add_to(ServerCounts& sum) const {
    sum.connections += connections.load(std::memory_order_relaxed);
    sum.connections_refused += connections_refused.load(std::memory_order_relaxed);
    sum.requests += requests.load(std::memory_order_relaxed);
    sum.bytes_received += bytes_received.load(std::memory_order_relaxed);
    sum.bytes_sent += bytes_sent.load(std::memory_order_relaxed);
    sum.connections_evicted += connections_evicted.load(std::memory_order_relaxed);
  }

  Count connections{0};
  Count connections_refused{0};
  Count requests{0};
  Count bytes_received{0};
  Count bytes_sent{0};
  Count connections_evicted{0};
};

/// One thread's connections. A turn waits until sockets report, reads and executes for all of them,
/// and then writes once for each. Thread safety: as marked; the rest on the thread in run().
class EventLoop {
 public:
  /// Errors: kInternal.
  static Result<std::unique_ptr<EventLoop>> create(std::size_t index, ServerContext& server);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  using Task = std::function<void()>;

  /// Until stop().
  void run();

  /// Takes a new connection over.
  void adopt(Fd socket, const Session::Origin& origin);
  /// Answers a new connection with `busy` and closes it.
  void refuse(Fd socket, const Session::Origin& origin);
  /// Answers what has been received and closes. Then says so with ServerContext::loop_drained.
  void begin_drain();
  /// Closes all connections at once.
  void cut();

  // --- any thread ---
  /// run() returns when it has done what it is at.
  void stop();
  /// Runs `task` on the loop's thread, in the order of the calls; never after run() has returned.
  void post(Task task);
  void notify_committed();
  [[nodiscard]] const LoopCounts& counts() const { return counts_; }
  void list(const Instant& now, std::vector<ConnectionInfo>& connections) const;
  /// Closes a connection soon; false when it is not here.
  bool kill(std::uint64_t id);

  // --- for its sessions ---
  [[nodiscard]] ServerContext& server() { return server_; }
  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] BufferPool& pool() { return pool_; }
  [[nodiscard]] LoopCounts& counts() { return counts_; }
  [[nodiscard]] RequestPool& requests() { return requests_; }
  /// A request will be executed soon, if nothing comes in between. It lives until end_foresight(),
  /// unless its session is buried.
  void foresee(const ConnectionHandler& connection, const protocol::Request& request);
  /// Those that are foreseen will be executed now.
  void end_foresight();
  [[nodiscard]] std::vector<std::string_view>& pieces() { return pieces_; }
  /// What the jobs that begin in this turn may do in it, all connections together.
  [[nodiscard]] protocol::TurnBudget& first_slices() { return first_slices_; }
  /// What the stopwatch said when it was last looked at in this turn.
  [[nodiscard]] std::chrono::nanoseconds last_reading() const { return last_reading_; }
  std::chrono::nanoseconds read_stopwatch() { return last_reading_ = server_.stopwatch(); }
  [[nodiscard]] bool turn_is_long() const { return last_reading_ - turn_began_ >= kTurnTimeMax; }
  /// For the answers of its sessions.
  [[nodiscard]] protocol::ChunkPool& chunks() { return chunks_; }
  /// Buffers have taken the process far over its limit.
  [[nodiscard]] bool memory_is_tight() const {
    return server_.memory.excess() > server_.memory.excess_max() / kMemoryTightShare;
  }
  void schedule_serve(Session& session);
  void schedule_flush(Session& session);
  void schedule_job(Session& session);
  /// Checks its timeouts in every tick while it has some.
  void watch(Session& session);
  /// Sends again when tickets are committed.
  void park(Session& session);
  /// Its job goes on when something has been committed.
  void await_commit(Session& session);
  /// A session has closed: it is destroyed at the end of the turn.
  void bury(Session& session);
  void set_interest(Session& session, int socket, std::uint32_t events);
  /// Nothing more is wanted to be known of this socket.
  void forget(int socket);
  void rename(Session& session, std::string_view name);

 private:
  EventLoop(std::size_t index, ServerContext& server, std::unique_ptr<Poller> poller);

  void turn();
  void run_posted();
  void serve_sessions();
  void run_jobs();
  void flush_sessions();
  void destroy_buried();
  void tick();
  /// A session has executed something: looks after what that added to its output.
  void keep_to_memory(Session& session);
  void relieve_memory();
  void relieve_of_half_sent();
  /// Closes the sessions that hold most, as long as that `is_needed`. `what` they hold.
  void close_largest(std::uint64_t (Session::*what)() const, bool (EventLoop::*is_needed)() const,
                     std::string_view message);
  void check_idle_sessions();
  void kill_here(std::uint64_t id);
  [[nodiscard]] Session* find(std::uint64_t id);
  /// Requests that are half-sent take more than they may while others are refused.
  [[nodiscard]] bool half_sent_is_much() const {
    return server_.half_sent_bytes.load(std::memory_order_relaxed) >
           server_.memory.limit() / kHalfSentShare;
  }

  const std::size_t index_;
  ServerContext& server_;
  std::unique_ptr<Poller> poller_;
  BufferPool pool_;
  protocol::ChunkPool chunks_;
  RequestPool requests_;
  const std::unique_ptr<Foresight> foresight_;
  /// The first that is foreseen, which is told of when another one is: alone it gains nothing.
  struct {
    const ConnectionHandler* connection = nullptr;
    const protocol::Request* request = nullptr;
  } foreseen_alone_;
  bool foreseen_several_ = false;
  std::vector<std::string_view> pieces_;
  protocol::TurnBudget first_slices_;
  Instant now_{};
  std::chrono::nanoseconds turn_began_{};
  std::chrono::nanoseconds last_reading_{};
  LoopCounts counts_;

  std::vector<Session*> serve_queue_;
  std::vector<Session*> flush_queue_;
  std::vector<Session*> job_queue_;
  std::vector<Session*> watched_;
  std::vector<Session*> parked_;
  std::vector<Session*> awaiting_;
  /// There is one of these. Sequentially consistent, as is what is committed: either the loop sees
  /// that it is, or is told.
  std::atomic<bool> waits_{false};
  std::vector<Session*> buried_;
  std::vector<Session*> batch_;  // of the queue being worked off

  bool work_is_left_ = false;  // for the next turn
  bool maintenance_due_ = false;
  bool draining_ = false;
  bool drained_ = false;
  std::optional<TimePoint> tight_since_;
  std::uint64_t memory_refusals_seen_ = 0;
  TimePoint idle_checked_{};
  std::atomic<bool> commit_posted_{false};

  std::atomic<bool> stopped_{false};
  std::mutex posted_mutex_;
  std::vector<Task> posted_;   // guarded by posted_mutex_
  std::vector<Task> running_;  // those that are being run

  mutable std::mutex registry_mutex_;
  // Changed by this thread alone, with the mutex held; other threads read it with the mutex held.
  std::unordered_map<std::uint64_t, std::unique_ptr<Session>> sessions_;
};

}  // namespace appmem::server
