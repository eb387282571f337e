#include "bench_connection.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appmem/base/units.h"

namespace appmem::ctl {

namespace {

constexpr std::size_t kReceiveBytes = 64_KiB;

tl::unexpected<Error> lost(const char* what) {
  return fail(ErrorCode::kUnavailable, std::string("the connection was lost while ") + what + ": " +
                                           (errno == 0 ? std::string("closed by the daemon")
                                                       : std::system_category().message(errno)));
}

}  // namespace

BenchConnection::BenchConnection(int fd) : fd_(fd) {
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

BenchConnection::BenchConnection(BenchConnection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      output_(std::move(other.output_)),
      sent_(other.sent_),
      input_(std::move(other.input_)),
      input_begin_(other.input_begin_),
      scanned_(other.scanned_) {
}

BenchConnection::~BenchConnection() {
  if (fd_ >= 0) ::close(fd_);
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

Result<void> BenchConnection::receive_some() {
  if (input_begin_ > 0) {
    input_.erase(0, input_begin_);
    scanned_ -= input_begin_;
    input_begin_ = 0;
  }
  const std::size_t before = input_.size();
  input_.resize(before + kReceiveBytes);
  for (;;) {
    const ssize_t n = ::recv(fd_, input_.data() + before, kReceiveBytes, 0);
    if (n < 0 && errno == EINTR) continue;
    const bool nothing_yet = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    input_.resize(before + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n > 0 || nothing_yet) return {};
    if (n == 0) errno = 0;
    return lost("waiting for an answer");
  }
}

std::string_view BenchConnection::next_line() {
  const std::size_t end = input_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = input_.size();
    return {};
  }
  const std::string_view line(input_.data() + input_begin_, end - input_begin_);
  input_begin_ = scanned_ = end + 1;
  return line;
}

}  // namespace appmem::ctl
