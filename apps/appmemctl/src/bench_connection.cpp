#include "bench_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appmem/client/answer.h"

namespace appmem::ctl {

namespace {

constexpr std::size_t kReplyLineBytesMax = 500;

tl::unexpected<Error> lost(const char* what, int error) {
  return fail(ErrorCode::kUnavailable, std::string("the connection was lost while ") + what + ": " +
                                           (error == 0 ? std::string("closed by the server")
                                                       : std::system_category().message(error)));
}

}  // namespace

BenchConnection::BenchConnection(int fd, std::size_t input_bytes)
    : fd_(fd), input_(std::make_unique_for_overwrite<char[]>(input_bytes)), capacity_(input_bytes) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

BenchConnection::~BenchConnection() {
  ::close(fd_);
}

void BenchConnection::send_some() {
  while (sent_ < output_.size()) {
    const ssize_t n = ::send(fd_, output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      // What the server said before it closed is there to be received, and tells more than this.
      send_error_ = errno;
      break;
    }
    sent_ += static_cast<std::size_t>(n);
  }
  output_.clear();
  sent_ = 0;
}

void BenchConnection::make_room() {
  const std::size_t waiting = end_ - begin_;
  if (waiting == capacity_) {
    capacity_ *= 2;
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
    std::memcpy(larger.get(), input_.get() + begin_, waiting);
    input_ = std::move(larger);
  } else if (begin_ > 0) {
    std::memmove(input_.get(), input_.get() + begin_, waiting);
  }
  begin_ = 0;
  end_ = waiting;
}

Result<void> BenchConnection::receive_some() {
  if (end_ - begin_ >= kReplyBytesMax) {
    return fail(ErrorCode::kTooLarge, "a reply of the server does not end");
  }
  make_room();
  for (;;) {
    const ssize_t n = ::recv(fd_, input_.get() + end_, capacity_ - end_, 0);
    if (n > 0) {
      end_ += static_cast<std::size_t>(n);
      return {};
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
    return ended(n == 0 ? 0 : errno);
  }
}

tl::unexpected<Error> BenchConnection::ended(int error) const {
  auto why = send_error_ != 0 ? lost("sending", send_error_) : lost("waiting for an answer", error);
  if (refusal_.empty()) return why;
  // A server that takes nobody more says so and closes. What another last reply refused may have
  // nothing to do with the end.
  Error told = refusal_of(refusal_, ErrorCode::kUnavailable);
  if (told.code == ErrorCode::kBusy) return tl::unexpected(std::move(told));
  why.value().message += "; its last reply: " + refusal_;
  return why;
}

std::optional<BenchConnection::Reply> BenchConnection::next_reply(const BenchWire& wire) {
  if (begin_ == end_) return std::nullopt;
  const std::string_view input(input_.get() + begin_, end_ - begin_);
  const FoundReply found = wire.find_reply(input, seen_);
  if (found.bytes == 0) {
    seen_ = input.size();
    return std::nullopt;
  }
  begin_ += found.bytes;
  seen_ = 0;
  const std::string_view text = input.substr(0, found.bytes);
  if (found.kind == ReplyKind::kError) {
    refusal_ = reply_line(text);
  } else {
    refusal_.clear();
  }
  return Reply{found.kind, text};
}

Result<BenchConnection::Reply> BenchConnection::exchange(const BenchWire& wire) {
  for (;;) {
    send_some();
    pollfd wait{fd_, POLLIN, 0};
    if (wants_to_send()) wait.events |= POLLOUT;
    const int ready = ::poll(&wait, 1, kBenchSilenceMsMax);
    if (ready == 0) return bench_silence();
    if (ready < 0 || (wait.revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
    if (auto received = receive_some(); !received) return fail(std::move(received).error());
    if (const auto reply = next_reply(wire)) return *reply;
  }
}

std::string_view reply_line(std::string_view reply) {
  reply = reply.substr(0, std::min(reply.find('\n'), kReplyLineBytesMax));
  if (reply.ends_with('\r')) reply.remove_suffix(1);
  return reply;
}

Error refusal_of(std::string_view reply, ErrorCode otherwise) {
  const std::string_view line = reply_line(reply);
  if (const auto answer = client::JsonView::parse(line)) {
    if (auto error = client::answer_error(*answer)) return *std::move(error);
  }
  return {otherwise, "the server refuses: " + std::string(line), std::nullopt};
}

tl::unexpected<Error> bench_silence() {
  return fail(ErrorCode::kTimeout, "the server has not answered for " +
                                       std::to_string(kBenchSilenceMsMax / 1000) + " s");
}

}  // namespace appmem::ctl
