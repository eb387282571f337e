#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appmem/base/time.h"
#include "appmem/protocol/outcome.h"
#include "appmem/protocol/output_buffer.h"
#include "appmem/protocol/request.h"
#include "appmem/server/request_handler.h"
#include "fd.h"
#include "peer_credentials.h"
#include "receive_buffer.h"
#include "upcoming_requests.h"

namespace appmem::server {

class EventLoop;

/// What other threads may see of a connection.
struct SessionInfo {
  std::uint64_t id = 0;
  std::uint32_t uid = 0;
  std::int32_t pid = 0;
  const std::string* address = nullptr;  // the listener's, which lives longer
  std::string peer;                      // the client's, over TCP
  TimePoint accepted{};
  std::string name;                     // guarded by the loop's registry
  std::atomic<std::int64_t> active_ms;  // when it last received, on the monotonic clock
  std::atomic<std::uint64_t> requests;
  std::atomic<std::uint64_t> memory_bytes;
  std::atomic<std::uint64_t> input_bytes;
  std::atomic<std::uint64_t> output_bytes;
};

/// One connection: owns its socket, and what has been received and not yet executed, and composed
/// and not yet sent. A state machine rather than a coroutine, so that an idle connection has no
/// frame and no buffer. The loop calls `on_events` with what the socket reports, then
/// `receive_ahead` (receive, decode), `serve` (execute, compose, and decode what is left),
/// `run_job`, and at the end of the turn `flush` (send).
///
/// A client may send and be gone: what has been received is executed whether or not somebody reads
/// the answers, which are thrown away. Only a job, which does no more than compose an answer, ends
/// with its reader. A connection that the server closes (`close`) executes nothing more.
/// Thread safety: none, but for `info`.
class Session {
 public:
  struct Origin : ConnectionOrigin {
    const std::string* address = nullptr;
    bool is_tcp = false;
  };
  Session(EventLoop& loop, Fd socket, const Origin& origin, Peer peer, const Instant& now);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  void on_events(std::uint32_t events);
  /// Receives, and decodes up to `requests_max` requests, which the loop is told of. Returns how
  /// many; serve() has to follow in the same turn.
  std::size_t receive_ahead(const Instant& now, std::size_t requests_max);
  void serve(const Instant& now);
  void run_job(const Instant& now, protocol::TurnBudget budget);
  void flush(const Instant& now);

  /// Looks after its timeouts. Returns whether there is one to look after again.
  bool check_timeouts(const Instant& now);
  /// Closes it when it has been silent for longer than the idle timeout.
  void check_idle(const Instant& now);
  /// Answers what has been received, then closes.
  void begin_drain();
  /// Closes the socket now. The object lives until the end of the turn, or until the worker has
  /// done with it.
  void close();

  [[nodiscard]] bool closed() const { return closed_; }
  /// Whether the worker may still touch it.
  [[nodiscard]] bool decoding() const { return decode_ != nullptr && !decode_->done; }
  [[nodiscard]] bool no_evict() const { return handler_->no_evict(); }
  [[nodiscard]] const SessionInfo& info() const { return info_; }
  [[nodiscard]] SessionInfo& info() { return info_; }
  [[nodiscard]] bool parked() const { return !barriers_.empty(); }
  [[nodiscard]] bool has_job() const { return job_ != nullptr; }
  /// What it takes from the budget: the buffers of answers; and all of them, with what the handler
  /// holds.
  [[nodiscard]] std::uint64_t output_bytes() const { return output_.memory_bytes(); }
  [[nodiscard]] std::uint64_t held_bytes() const {
    // The buffer is the worker's while that decodes.
    const std::uint64_t input =
        decode_ == nullptr ? input_.memory_bytes() : decode_->frame_bytes + decode_->charged_bytes;
    return input + output_.memory_bytes() + handler_->memory_bytes() +
           (job_ == nullptr ? 0 : job_->memory_bytes());
  }

  /// What a request takes that is half-sent; 0: none is.
  [[nodiscard]] std::uint64_t half_sent_bytes() const { return half_sent_bytes_; }

  /// In which of the loop's queues it stands; the loop's business.
  struct Queued {
    bool serve = false;
    bool flush = false;
    bool job = false;
    bool watched = false;
    bool parked = false;
    bool awaiting = false;
  };
  Queued queued;

 private:
  /// Bytes of the output from `position` on wait for `ticket`.
  struct Barrier {
    std::uint64_t position = 0;
    std::uint64_t ticket = 0;
  };
  /// A frame for the worker's thread; none: no bytes.
  struct LargeFrame {
    std::size_t bytes = 0;
    std::size_t decode_bytes = 0;  // as Codec::Frame
  };
  /// A large frame on the worker's thread, which owns all but `abandoned` until `done`.
  struct Decode {
    Decode(MemoryBudget& budget, std::size_t bytes) : memory(budget), charged_bytes(bytes) {
      memory.charge(charged_bytes);
    }
    Decode(const Decode&) = delete;
    Decode& operator=(const Decode&) = delete;
    ~Decode() { memory.release(charged_bytes); }

    MemoryBudget& memory;
    const std::size_t charged_bytes;  // for the request, beside the frame
    protocol::Request request;
    Result<void> result;
    std::size_t frame_bytes = 0;
    bool done = false;
    std::atomic<bool> abandoned{false};  // nobody wants it any more
  };

  [[nodiscard]] bool may_execute() const;
  [[nodiscard]] bool wants_input() const;
  void receive(const Instant& now);
  /// Some of the answers that may leave have not.
  [[nodiscard]] bool answers_wait() const;
  /// Goes on when memory is no longer tight, or its answers have left.
  void starve();
  void go_on();
  /// Decodes up to `requests_max` requests behind those that are decoded already. Returns how many.
  std::size_t decode_ahead(std::size_t requests_max);
  /// Whether there may be something to execute: decoded, or in the input.
  [[nodiscard]] bool has_work() const { return !upcoming_.empty() || !input_.empty(); }
  void execute_requests(const Instant& now);
  /// How long its requests may take in a turn.
  struct Patience {
    std::chrono::nanoseconds began{};  // behind the first request
    std::size_t look_at = 1;           // requests, before the time is looked at again
  };
  bool took_long(std::size_t requests, Patience& patience);
  void execute_next(const Instant& now);
  void execute(const protocol::Request& request, const Instant& now);
  /// Answers with an error instead of executing `request`.
  void refuse(const protocol::Request& request, const Error& error);
  void begin_decode();
  void finish_decode(const Instant& now);
  void look_after_input(const Instant& now);
  void look_after_output(const Instant& now);
  /// The position up to which the output may leave.
  std::uint64_t release_limit();
  /// Sends what may leave. Returns false when nobody receives it.
  bool send_output();
  /// The peer has closed its socket.
  void hang_up();
  /// Nobody reads the answers, those that wait and those to come.
  void stop_answering();
  void discard_output();
  void set_interest(std::uint32_t events);
  void hand_over_retired();
  void update_memory();
  void note_half_sent(std::uint64_t bytes);
  void update_name();
  void look_after_authentication(const Instant& now);
  /// Answers with an error and closes; what has been received is let go.
  void give_up(const Error& error);
  void close_over_limit(std::string_view limit);
  void close_uncommitted();
  void hold_back(std::uint64_t position, std::uint64_t ticket);

  EventLoop& loop_;
  Fd socket_;
  std::unique_ptr<ConnectionHandler> handler_;
  ReceiveBuffer input_;
  protocol::OutputBuffer output_;
  std::vector<Barrier> barriers_;  // positions and tickets ascend
  /// What is decoded and not yet executed; its frames have been consumed and lie in the input
  /// still.
  UpcomingRequests upcoming_;
  LargeFrame large_frame_;  // comes behind them
  std::unique_ptr<Decode> decode_;

  // A job, the answer it writes, where that began, and whether parts of it may leave.
  std::unique_ptr<protocol::Job> job_;
  protocol::Reply* job_reply_ = nullptr;
  std::uint64_t job_start_ = 0;
  bool job_streams_ = false;
  bool close_after_job_ = false;

  std::uint32_t interest_ = 0;   // what epoll is asked for
  bool frames_waiting_ = false;  // there may be whole frames, decoded or in input_
  bool paused_ = false;          // too much output: executes nothing
  bool held_up_ = false;         // too much waits to be committed: executes nothing
  bool starved_ = false;         // too little memory: receives or executes nothing
  bool draining_ = false;        // what has been received is the last
  bool input_ended_ = false;     // nothing more will be received
  bool deaf_ = false;            // nobody reads the answers
  bool hung_up_ = false;         // the peer has closed; epoll is not asked any more
  bool closing_ = false;         // closes when the output has left
  bool closed_ = false;

  std::optional<TimePoint> partial_since_;          // a request is half-sent
  std::optional<TimePoint> unauthenticated_since_;  // it has to show who it is
  // The output is over the soft limit, or the last of it does not leave.
  std::optional<TimePoint> stalled_since_;
  std::uint64_t half_sent_bytes_ = 0;
  std::uint64_t requests_ = 0;
  SessionInfo info_;
};

}  // namespace appmem::server
