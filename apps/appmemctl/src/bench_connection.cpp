#include "bench_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace appmem::ctl {

namespace {

constexpr std::size_t kReplyLineBytesMax = 500;

tl::unexpected<Error> lost(const char* what) {
  return fail(ErrorCode::kUnavailable, std::string("the connection was lost while ") + what + ": " +
                                           (errno == 0 ? std::string("closed by the server")
                                                       : std::system_category().message(errno)));
}

}  // namespace

BenchConnection::BenchConnection(int fd, std::size_t input_bytes)
    : fd_(fd), input_(std::make_unique_for_overwrite<char[]>(input_bytes)), capacity_(input_bytes) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

BenchConnection::~BenchConnection() {
  ::close(fd_);
}

Result<void> BenchConnection::send_some() {
  while (sent_ < output_.size()) {
    const ssize_t n = ::send(fd_, output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
      return lost("sending");
    }
    sent_ += static_cast<std::size_t>(n);
  }
  output_.clear();
  sent_ = 0;
  return {};
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
    if (n == 0) errno = 0;
    return lost("waiting for an answer");
  }
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
  return Reply{found.kind, input.substr(0, found.bytes)};
}

Result<BenchConnection::Reply> BenchConnection::exchange(const BenchWire& wire) {
  for (;;) {
    if (auto sent = send_some(); !sent) return fail(std::move(sent).error());
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

tl::unexpected<Error> bench_silence() {
  return fail(ErrorCode::kTimeout, "the server has not answered for " +
                                       std::to_string(kBenchSilenceMsMax / 1000) + " s");
}

}  // namespace appmem::ctl
