// Session: how answers leave.

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "event_loop.h"
#include "report.h"
#include "session.h"

namespace appmem::server {
namespace {

/// A connection keeps the memory for so few: one that has one request under way allocates none.
constexpr std::size_t kBarriersKept = 4;

}  // namespace

void Session::discard_output() {
  barriers_.clear();
  output_.consume(output_.size());
  stalled_since_.reset();
  paused_ = false;
}

bool Session::answers_wait() const {
  const bool held = job_ != nullptr && !job_streams_;  // what the job has written stays until then
  return output_.begin_position() < (held ? job_start_ : output_.end_position());
}

/// What is composed from `position` on waits for `ticket`, if there is one.
void Session::hold_back(std::uint64_t position, std::uint64_t ticket) {
  if (ticket == 0 || (!barriers_.empty() && barriers_.back().ticket >= ticket)) return;
  barriers_.push_back({position, ticket});
  loop_.park(*this);
}

void Session::hand_over_retired() {
  if (auto retired = input_.take_retired()) {
    auto mapping = std::make_shared<LargeMapping>(*std::move(retired));
    loop_.server().worker->submit([mapping] { *mapping = LargeMapping{}; });
  }
}

void Session::run_job(const Instant& now, protocol::TurnBudget budget) {
  if (job_->answering() && answers_wait() && loop_.memory_is_tight()) {
    starve();
    loop_.schedule_flush(*this);
    return;
  }
  const std::uint64_t start = output_.end_position();
  const bool complete = job_->run(*job_reply_, now, budget);
  hold_back(start, job_->ticket());
  if (complete) {
    handler_->codec().end_reply();
    job_.reset();
    job_reply_ = nullptr;
    closing_ = close_after_job_;
    paused_ = output_.size() >= kOutputBytesPause;
    loop_.schedule_serve(*this);
  } else if (job_->answering() && job_reply_->congested()) {
    job_streams_ = true;
  } else if (job_->waiting()) {
    loop_.await_commit(*this);
  } else {
    loop_.schedule_job(*this);
  }
  loop_.schedule_flush(*this);
}

std::uint64_t Session::release_limit() {
  if (!barriers_.empty()) {
    const std::uint64_t committed = loop_.server().handler.committed();
    const auto waiting =
        std::find_if(barriers_.begin(), barriers_.end(),
                     [&](const Barrier& barrier) { return barrier.ticket > committed; });
    barriers_.erase(barriers_.begin(), waiting);
    if (barriers_.empty() && barriers_.capacity() > kBarriersKept) barriers_.shrink_to_fit();
  }
  std::uint64_t limit = barriers_.empty() ? output_.end_position() : barriers_.front().position;
  if (job_ != nullptr && !job_streams_) limit = std::min(limit, job_start_);
  return limit;
}

/// Sends what the socket takes of `pieces`, at most kWritePiecesMax, of together `bytes`. As
/// send().
static ssize_t send_pieces(int socket, const std::vector<std::string_view>& pieces,
                           std::size_t& bytes) {
  constexpr int kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;
  bytes = pieces.front().size();
  if (pieces.size() == 1) return ::send(socket, pieces.front().data(), bytes, kFlags);
  std::array<iovec, kWritePiecesMax> vectors;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  bytes = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
    bytes += pieces[i].size();
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = pieces.size();
  return ::sendmsg(socket, &message, kFlags);
}

bool Session::send_output() {
  const std::uint64_t limit = release_limit();
  std::vector<std::string_view>& pieces = loop_.pieces();
  std::size_t sent = 0;
  bool blocked = false;
  while (!blocked && sent < kWriteBytesPerTurnMax) {
    output_.gather(limit, kWritePiecesMax, pieces);
    if (pieces.empty()) break;
    std::size_t bytes = 0;
    const ssize_t n = send_pieces(socket_.get(), pieces, bytes);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return false;
      blocked = true;
      break;
    }
    output_.consume(static_cast<std::size_t>(n));
    LoopCounts::add(loop_.counts().bytes_sent, static_cast<std::uint64_t>(n));
    sent += static_cast<std::size_t>(n);
    blocked = static_cast<std::size_t>(n) < bytes;
  }
  constexpr std::uint32_t kOut = EPOLLOUT;
  set_interest(blocked ? interest_ | kOut : interest_ & ~kOut);
  // More than a turn's share: the rest comes with the next one.
  if (!blocked && output_.begin_position() < limit) loop_.schedule_flush(*this);
  return true;
}

void Session::flush(const Instant& now) {
  if (!send_output()) stop_answering();
  look_after_output(now);
  if (closed_) return;
  if (!barriers_.empty() && loop_.server().handler.commit_failed()) {
    close_uncommitted();
    return;
  }
  if (output_.empty()) {
    output_.shrink();
    if (closing_) {
      close();
      return;
    }
  }
  if (paused_ && output_.size() <= kOutputBytesPause / 2) {
    paused_ = false;
    loop_.schedule_serve(*this);
  }
  if (held_up_ && !(parked() && loop_.server().handler.commit_congested())) {
    held_up_ = false;
    loop_.schedule_serve(*this);
  }
  // Who waits in the middle of a request needs more memory first.
  const bool may_go_on = job_ != nullptr || frames_waiting_ || input_.empty();
  if (starved_ && may_go_on && !answers_wait()) go_on();
  const bool job_waits = starved_ || queued.awaiting;
  if (job_ != nullptr && !job_waits && !job_reply_->congested()) loop_.schedule_job(*this);
  if (wants_input()) set_interest(interest_ | EPOLLIN);
  update_memory();
}

void Session::look_after_output(const Instant& now) {
  const Limits& limits = loop_.server().limits;
  // What is not composed yet waits as well, and is held in memory for this reader.
  const std::uint64_t deferred = job_ == nullptr ? 0 : job_reply_->deferred_bytes();
  const std::uint64_t waiting = output_.size() + deferred;
  if (output_.size() > limits.output_bytes_hard_max) {
    close_over_limit("at once");
  } else if (waiting <= limits.output_bytes_soft_max && !closing_) {
    stalled_since_.reset();
  } else if (!stalled_since_) {
    stalled_since_ = now.mono;
    loop_.watch(*this);
  }
}

void Session::close_over_limit(std::string_view limit) {
  report(loop_.server().observer, Severity::kWarning, "client_too_slow",
         "closed a client that does not read its answers",
         {EventField::of("client", static_cast<std::int64_t>(info_.id)), user_field(info_.uid),
          EventField::of("pid", info_.pid),
          EventField::of("waiting_bytes", static_cast<std::int64_t>(output_.size())),
          EventField::of("limit", limit)});
  close();
}

/// Its answers say that something is done which may not last: no answer leaves that open.
void Session::close_uncommitted() {
  report(loop_.server().observer, Severity::kWarning, "client_uncommitted",
         "closed a client whose answers wait for a log that has failed",
         {EventField::of("client", static_cast<std::int64_t>(info_.id)), user_field(info_.uid),
          EventField::of("pid", info_.pid)});
  close();
}

}  // namespace appmem::server
