#include "session.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "appmem/base/check.h"
#include "event_loop.h"
#include "report.h"

namespace appmem::server {

using protocol::Codec;
using protocol::Outcome;

Session::Session(EventLoop& loop, Fd socket, const Origin& origin, Peer peer, const Instant& now)
    : loop_(loop),
      socket_(std::move(socket)),
      input_(loop.pool(), loop.server().memory, loop.server().limits.effective_request_bytes_max()),
      output_(&loop.server().memory, &loop.chunks()),
      upcoming_(loop.requests()) {
  info_.id = origin.id;
  info_.uid = peer.credentials.uid;
  info_.pid = peer.credentials.pid;
  info_.address = origin.address;
  info_.peer = std::move(peer.address);
  info_.accepted = now.mono;
  info_.active_ms = now.mono.time_since_epoch().count();
  loop.server().memory.charge(kConnectionMemoryBytes);
  handler_ = loop.server().handler.connect(loop.index(), origin, std::move(peer.credentials));
  APPMEM_CHECK(handler_ != nullptr);
  update_memory();
  look_after_authentication(now);
  set_interest(EPOLLIN);
}

Session::~Session() {
  loop_.server().memory.release(kConnectionMemoryBytes);
}

void Session::set_interest(std::uint32_t events) {
  if (events == interest_ || hung_up_) return;
  interest_ = events;
  loop_.set_interest(*this, socket_.get(), events);
}

bool Session::may_execute() const {
  return !closed_ && !closing_ && !paused_ && job_ == nullptr && decode_ == nullptr;
}

bool Session::wants_input() const {
  return may_execute() && !input_ended_ && !frames_waiting_ && !starved_;
}

void Session::on_events(std::uint32_t events) {
  if (closed_ || hung_up_) return;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    hang_up();
    return;
  }
  const bool readable = (events & EPOLLIN) != 0;
  if (readable && wants_input()) {
    loop_.schedule_serve(*this);
  } else if (readable) {
    set_interest(interest_ & ~std::uint32_t{EPOLLIN});  // until it is wanted again
  }
  if ((events & EPOLLOUT) != 0) loop_.schedule_flush(*this);
}

void Session::hang_up() {
  hung_up_ = true;
  loop_.forget(socket_.get());  // which would report itself in every turn from now on
  stop_answering();
  begin_drain();
}

void Session::stop_answering() {
  deaf_ = true;
  if (job_ != nullptr) {
    closing_ = close_after_job_;
    job_.reset();
    job_reply_ = nullptr;
  }
  discard_output();
  loop_.schedule_serve(*this);
}

std::size_t Session::receive_ahead(const Instant& now, std::size_t requests_max) {
  if (decode_ != nullptr && decode_->done) finish_decode(now);
  if (wants_input()) receive(now);
  if (closed_ || !may_execute() || !upcoming_.empty()) return 0;
  return decode_ahead(requests_max);
}

void Session::serve(const Instant& now) {
  execute_requests(now);
  look_after_input(now);
  look_after_authentication(now);
  update_name();
  if (!output_.empty() || closing_) loop_.schedule_flush(*this);
}

void Session::receive(const Instant& now) {
  if ((!input_.empty() || answers_wait()) && loop_.memory_is_tight() && !draining_) {
    starve();
    return;
  }
  const std::span<char> room = input_.prepare();
  if (room.empty()) {
    // Not for its size: the codec refuses a frame before it is this large.
    refuse({}, {ErrorCode::kOutOfMemory, "no memory to receive this request"});
    closing_ = true;
    return;
  }
  const ssize_t n =
      ::recv(socket_.get(), room.data(), std::min(room.size(), kReadBytesPerTurnMax), MSG_DONTWAIT);
  if (n > 0) {
    input_.commit(static_cast<std::size_t>(n));
    LoopCounts::add(loop_.counts().bytes_received, static_cast<std::uint64_t>(n));
    info_.active_ms.store(now.mono.time_since_epoch().count(), std::memory_order_relaxed);
  } else if (n < 0 && errno == EAGAIN) {
    input_ended_ = draining_;
  } else if (n == 0 || errno != EINTR) {
    input_ended_ = true;  // or reset, behind the last byte that was sent
  }
}

void Session::starve() {
  starved_ = true;
  loop_.watch(*this);
}

void Session::go_on() {
  starved_ = false;
  if (job_ != nullptr) {
    loop_.schedule_job(*this);
  } else {
    loop_.schedule_serve(*this);
  }
}

std::size_t Session::decode_ahead(std::size_t requests_max) {
  Codec& codec = handler_->codec();
  // The token may change what is allowed.
  if (handler_->unauthenticated()) requests_max = std::min<std::size_t>(requests_max, 1);
  std::size_t requests = 0;
  std::size_t bytes = 0;
  while (requests < requests_max && bytes < kBytesAheadMax && large_frame_.bytes == 0 &&
         !input_.empty()) {
    Codec::Frame frame = codec.next_frame(input_.view());
    if (frame.kind == Codec::Frame::Kind::kIncomplete) {
      input_.consume(frame.consumed);
      break;
    }
    if (frame.kind == Codec::Frame::Kind::kRequest &&
        frame.consumed > protocol::kFrameBytesInlineMax) {
      large_frame_ = {frame.consumed, frame.decode_bytes};
      break;
    }
    UpcomingRequest& next = upcoming_.append();
    const std::span<char> data = input_.front(frame.consumed);
    input_.consume(frame.consumed);
    bytes += frame.consumed;
    ++requests;
    if (frame.kind == Codec::Frame::Kind::kRequest) {
      APPMEM_CHECK(frame.consumed > 0);
      if (auto decoded = codec.decode(data, next.request)) [[likely]] {
        loop_.foresee(*handler_, next.request);
      } else {
        next.error = std::move(decoded).error();
      }
    } else {
      next.refused_id = std::move(frame.refusal->request_id);
      next.request.set_id(next.refused_id);
      next.error = std::move(frame.refusal->error);
      next.fatal = frame.kind == Codec::Frame::Kind::kFatal;
    }
  }
  return requests;
}

/// Looks at the time where `patience` says so, and tells whether the rest should wait.
bool Session::took_long(std::size_t requests, Patience& patience) {
  if (requests < patience.look_at) return false;
  const std::chrono::nanoseconds before = loop_.last_reading();
  const std::chrono::nanoseconds now = loop_.read_stopwatch();
  // Before that others have executed theirs, who knows for how long.
  if (requests == 1) patience.began = now;
  const bool slow = now - before >= kSlowRequestsTime;
  patience.look_at = requests + (slow ? 1 : kRequestsPerClockReading);
  return now - patience.began >= kSessionTimeMax || (slow && loop_.turn_is_long());
}

void Session::execute_requests(const Instant& now) {
  std::size_t requests = 0;
  Patience patience;
  frames_waiting_ = false;
  while (has_work()) {
    if (!may_execute()) {
      frames_waiting_ = true;
      break;
    }
    if (answers_wait() && loop_.memory_is_tight()) {
      frames_waiting_ = true;
      starve();
      break;
    }
    if (parked() && loop_.server().handler.commit_congested()) {
      frames_waiting_ = true;
      held_up_ = true;
      break;
    }
    if (requests == kRequestsPerTurnMax || took_long(requests, patience)) {
      frames_waiting_ = true;
      loop_.schedule_serve(*this);
      break;
    }
    if (upcoming_.empty()) {
      decode_ahead(kRequestsAheadMax);
      loop_.end_foresight();
    }
    if (!upcoming_.empty()) {
      execute_next(now);
    } else if (large_frame_.bytes != 0) {
      begin_decode();
    } else {
      break;  // the rest is incomplete
    }
    ++requests;
  }
  if (requests > 0) partial_since_.reset();
}

void Session::execute_next(const Instant& now) {
  std::unique_ptr<UpcomingRequest> next = upcoming_.take();
  ++requests_;
  if (next->error) {
    if (next->fatal) closing_ = true;
    refuse(next->request, *next->error);
  } else {
    execute(next->request, now);
  }
  upcoming_.give_back(std::move(next));
}

void Session::execute(const protocol::Request& request, const Instant& now) {
  Codec& codec = handler_->codec();
  const std::uint64_t start = output_.end_position();
  protocol::Reply& reply = codec.begin_reply(request, output_);
  Outcome outcome = handler_->execute(request, reply, now);
  hold_back(start, outcome.ticket);
  if (deaf_) {
    closing_ = outcome.close;
    discard_output();
    return;
  }
  bool complete = true;
  if (outcome.progress == Outcome::Progress::kContinue) {
    APPMEM_CHECK(outcome.job != nullptr);
    protocol::TurnBudget& budget = loop_.first_slices();
    complete = budget.steps > 0 && outcome.job->run(reply, now, budget);
    hold_back(start, outcome.job->ticket());
  }
  if (!complete) {
    job_ = std::move(outcome.job);
    job_reply_ = &reply;
    job_start_ = start;
    job_streams_ = job_->answering() && reply.congested();
    close_after_job_ = outcome.close;
    loop_.schedule_job(*this);
    return;
  }
  codec.end_reply();
  closing_ = outcome.close;
  paused_ = output_.size() >= kOutputBytesPause;
}

void Session::refuse(const protocol::Request& request, const Error& error) {
  handler_->codec().begin_reply(request, output_).error(error);
  handler_->codec().end_reply();
  if (deaf_) discard_output();
  paused_ = output_.size() >= kOutputBytesPause;
}

/// The worker's tasks stand in one queue, and a connection has one of them there at the most: so
/// connections with large frames take turns, however many of them each has sent.
void Session::begin_decode() {
  const LargeFrame frame = std::exchange(large_frame_, {});
  MemoryBudget& memory = loop_.server().memory;
  if (frame.decode_bytes > 0 && memory.excess() + frame.decode_bytes > memory.excess_max()) {
    ++requests_;
    input_.consume(frame.bytes);
    handler_->refused_unread();
    refuse({}, {ErrorCode::kOutOfMemory, "no memory to take this request apart"});
    return;
  }
  decode_ = std::make_unique<Decode>(memory, frame.decode_bytes);
  decode_->frame_bytes = frame.bytes;
  loop_.server().worker->submit([this] {
    if (!decode_->abandoned) {
      decode_->result =
          handler_->codec().decode(input_.front(decode_->frame_bytes), decode_->request);
    }
    loop_.post([this] {
      decode_->done = true;
      if (closed_) {
        loop_.bury(*this);
      } else {
        loop_.schedule_serve(*this);
      }
    });
  });
}

void Session::finish_decode(const Instant& now) {
  const std::unique_ptr<Decode> decode = std::exchange(decode_, nullptr);
  ++requests_;
  input_.consume(decode->frame_bytes);
  if (decode->result) {
    execute(decode->request, now);
  } else {
    refuse(decode->request, decode->result.error());
  }
}

void Session::look_after_input(const Instant& now) {
  if (decode_ != nullptr) return note_half_sent(0);  // the worker's
  const bool waits = !frames_waiting_ && job_ == nullptr;
  if (!waits || handler_->codec().between_requests(input_.view())) {
    partial_since_.reset();
  } else if (!partial_since_) {
    partial_since_ = now.mono;
    loop_.watch(*this);
  }
  if (!frames_waiting_) input_.settle();
  note_half_sent(partial_since_ ? input_.memory_bytes() : 0);
  hand_over_retired();
  if (input_ended_ && waits) closing_ = true;
  if (wants_input()) {
    set_interest(interest_ | EPOLLIN);
    if (draining_) loop_.schedule_serve(*this);  // until nothing is left to receive
  }
  LoopCounts::add(loop_.counts().requests,
                  requests_ - info_.requests.load(std::memory_order_relaxed));
  info_.requests.store(requests_, std::memory_order_relaxed);
  update_memory();
}

void Session::look_after_authentication(const Instant& now) {
  if (!handler_->unauthenticated()) [[likely]] {
    unauthenticated_since_.reset();
  } else if (!unauthenticated_since_) {
    unauthenticated_since_ = now.mono;
    loop_.watch(*this);
  }
}

bool Session::check_timeouts(const Instant& now) {
  if (closed_) return false;
  const Limits& limits = loop_.server().limits;
  if (stalled_since_ && now.mono - *stalled_since_ >= limits.output_stall_max) {
    close_over_limit("for too long");
    return false;
  }
  if (starved_ && !loop_.memory_is_tight()) go_on();
  if (partial_since_) {
    milliseconds patience = limits.request_timeout;
    const bool choosing = !handler_->protocol_chosen();
    if (choosing && (patience.count() == 0 || patience > kProtocolChoiceTimeout)) {
      patience = kProtocolChoiceTimeout;
    }
    if (patience.count() != 0 && now.mono - *partial_since_ >= patience) {
      partial_since_.reset();
      report(loop_.server().observer, Severity::kWarning, "request_timeout",
             "closed a client that did not complete its request",
             {EventField::of("client", static_cast<std::int64_t>(info_.id)), user_field(info_.uid),
              EventField::of("pid", info_.pid),
              EventField::of("received_bytes", static_cast<std::int64_t>(input_.size()))});
      give_up({ErrorCode::kTimeout,
               starved_ ? "no memory to receive this request"
                        : "the request was not complete within " + format_duration(patience)});
    }
  }
  if (unauthenticated_since_ && !closing_ &&
      now.mono - *unauthenticated_since_ >= kAuthenticationTimeout) {
    partial_since_.reset();
    unauthenticated_since_.reset();
    report(loop_.server().observer, Severity::kWarning, "authentication_timeout",
           "closed a client that showed no token in time",
           {EventField::of("client", static_cast<std::int64_t>(info_.id)), user_field(info_.uid),
            EventField::of("pid", info_.pid), EventField::of("peer", info_.peer)});
    give_up({ErrorCode::kUnauthenticated,
             "no token was shown within " + format_duration(kAuthenticationTimeout)});
  }
  return stalled_since_ || partial_since_ || unauthenticated_since_ || starved_;
}

void Session::give_up(const Error& error) {
  upcoming_.clear();
  large_frame_ = {};
  input_.release();
  hand_over_retired();
  note_half_sent(0);
  refuse({}, error);
  closing_ = true;
  loop_.schedule_flush(*this);
}

void Session::check_idle(const Instant& now) {
  const milliseconds patience = loop_.server().limits.idle_timeout;
  const TimePoint active{milliseconds{info_.active_ms.load(std::memory_order_relaxed)}};
  const bool ours = job_ != nullptr || decode_ != nullptr || !barriers_.empty();
  if (closed_ || ours || partial_since_ || now.mono - active < patience) return;
  report(loop_.server().observer, Severity::kDebug, "idle_timeout", "closed an idle client",
         {EventField::of("client", static_cast<std::int64_t>(info_.id)), user_field(info_.uid)});
  close();
}

void Session::begin_drain() {
  if (closed_) return;
  draining_ = true;
  starved_ = false;
  loop_.schedule_serve(*this);
}

void Session::close() {
  if (closed_) return;
  closed_ = true;
  socket_.reset();
  upcoming_.clear();
  note_half_sent(0);
  if (decode_ == nullptr) {
    input_.release();
    hand_over_retired();
  } else {
    decode_->abandoned = true;
  }
  job_.reset();
  job_reply_ = nullptr;
  discard_output();
  output_.shrink();
  handler_->close();
  loop_.bury(*this);
}

void Session::update_memory() {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  info_.memory_bytes.store(kConnectionMemoryBytes + held_bytes(), kRelaxed);
  info_.input_bytes.store(decode_ == nullptr ? input_.size() : decode_->frame_bytes, kRelaxed);
  info_.output_bytes.store(output_.size(), kRelaxed);
}

void Session::note_half_sent(std::uint64_t bytes) {
  if (bytes == half_sent_bytes_) return;
  loop_.server().half_sent_bytes.fetch_add(bytes - half_sent_bytes_, std::memory_order_relaxed);
  half_sent_bytes_ = bytes;
}

void Session::update_name() {
  const std::string_view name = handler_->client_name();
  if (name != info_.name) loop_.rename(*this, name);
}

}  // namespace appmem::server
