#include "connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "appmem/base/limits.h"
#include "appmem/client/answer.h"
#include "appmem/client/request.h"

namespace appmem::client {
namespace {

/// The least room for a receive; the buffer doubles when an answer is larger.
constexpr std::size_t kReceiveBytesMin = 16_KiB;
/// What an idle connection may keep of its buffer.
constexpr std::size_t kIdleBufferBytesMax = 256_KiB;
/// Pieces of one send: two for a request, its text and its line end.
constexpr std::size_t kSendPieces = 128;

timeval to_timeval(std::chrono::milliseconds timeout) {
  timeval value{};
  value.tv_sec = static_cast<time_t>(timeout.count() / 1000);
  value.tv_usec = static_cast<suseconds_t>(timeout.count() % 1000 * 1000);
  return value;
}

int poll_timeout(std::chrono::milliseconds timeout) {
  if (timeout.count() <= 0) return -1;
  return static_cast<int>(
      std::min<std::chrono::milliseconds::rep>(timeout.count(), std::numeric_limits<int>::max()));
}

/// As the system wants it. Returns its size; 0 where a path is too long.
socklen_t fill_in(const Address& address, sockaddr_storage& storage) {
  if (address.kind == Address::Kind::kTcp) return appmem::fill_in(address.tcp, storage);
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  if (address.path.size() >= sizeof path.sun_path) return 0;
  address.path.copy(path.sun_path, address.path.size());
  std::memcpy(&storage, &path, sizeof path);
  return sizeof path;
}

void limit_waits(int fd, std::chrono::milliseconds timeout) {
  const timeval limit = to_timeval(timeout);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

Result<int> connect_to(const Address& address, std::chrono::milliseconds timeout, int* reason) {
  const auto refused = [&](int error) {
    // EINPROGRESS: over TCP the time is over.
    if (error == EINPROGRESS) error = EAGAIN;
    if (reason != nullptr) *reason = error;
    return fail(error == EAGAIN ? ErrorCode::kTimeout : ErrorCode::kUnavailable,
                address.place() + ": " + std::generic_category().message(error));
  };
  sockaddr_storage storage{};
  const socklen_t bytes = fill_in(address, storage);
  if (bytes == 0) return refused(ENAMETOOLONG);
  const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return refused(errno);
  if (address.kind == Address::Kind::kTcp) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  // A full queue of the listener blocks connect() for at most the time to send.
  limit_waits(fd, timeout);
  int connected = 0;
  do {
    connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&storage), bytes);
  } while (connected != 0 && errno == EINTR);
  if (connected != 0) {
    const int error = errno;
    ::close(fd);
    return refused(error);
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const Address& address,
                                                     std::chrono::milliseconds timeout,
                                                     int* reason) {
  const Result<int> fd = connect_to(address, timeout, reason);
  if (!fd) return fail(fd.error());
  return std::unique_ptr<Connection>(new Connection(*fd, timeout));
}

Connection::Connection(int fd, std::chrono::milliseconds timeout) : fd_(fd), timeout_(timeout) {
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

void Connection::set_timeout(std::chrono::milliseconds timeout) {
  timeout_ = timeout;
  limit_waits(fd_, timeout);
}

int Connection::release() {
  return std::exchange(fd_, -1);
}

std::string token_request(const std::string& token) {
  return RequestBuilder("auth").text(protocol::Field::kToken, token).take();
}

Result<void> read_token_answer(std::string_view answer) {
  const Result<JsonView> parsed = JsonView::parse(answer);
  if (!parsed) return fail(ErrorCode::kInternal, parsed.error().message);
  auto error = answer_error(*parsed);
  if (error && error->code != ErrorCode::kUnavailable) return fail(*std::move(error));
  return {};
}

Exchange Connection::exchange(std::span<const std::string_view> requests,
                              std::vector<std::string>& answers) {
  Exchange result;
  const std::size_t wanted = answers.size() + requests.size();
  std::size_t offset = 0;
  bool writable = true;
  while (answers.size() < wanted) {
    bool blocked = false;
    while (writable && !blocked && result.sent < requests.size()) {
      const Progress progress = send_some(requests, result.sent, offset);
      blocked = progress == Progress::kWouldBlock;
      if (progress == Progress::kEnded) {
        // A new connection may have been answered before it was closed (too many connections); one
        // that was used before has simply grown stale.
        if (used_ && result.sent == 0 && offset == 0) return {Exchange::End::kLost, 0};
        writable = false;
      }
    }
    if (blocked) {
      pollfd ready{fd_, POLLIN | POLLOUT, 0};
      const int count = ::poll(&ready, 1, poll_timeout(timeout_));
      if (count == 0) return {Exchange::End::kSilent, result.sent};
      if (count < 0 || (ready.revents & ~POLLOUT) == 0) continue;
    }
    const Progress progress = receive_some(!blocked);
    if (progress == Progress::kEnded) return {Exchange::End::kLost, result.sent};
    if (progress == Progress::kWouldBlock) {
      if (!blocked) return {Exchange::End::kSilent, result.sent};
      continue;
    }
    take_lines(answers, wanted);
  }
  used_ = true;
  // Bytes that nobody asked for: the two ends do not agree any more on which answer is whose.
  const bool in_step = begin_ == input_size_ && result.sent == requests.size();
  begin_ = input_size_ = scanned_ = 0;
  if (input_.size() > kIdleBufferBytesMax) {
    input_.clear();
    input_.shrink_to_fit();
  }
  if (!in_step) ::shutdown(fd_, SHUT_RDWR);
  return result;
}

Connection::Progress Connection::send_some(std::span<const std::string_view> requests,
                                           std::size_t& sent, std::size_t& offset) {
  std::array<iovec, kSendPieces> pieces{};
  std::size_t count = 0;
  char line_end = '\n';
  std::size_t skip = offset;
  for (std::size_t i = sent; i < requests.size() && count + 2 <= pieces.size(); ++i) {
    const std::string_view text = requests[i].substr(std::min(skip, requests[i].size()));
    skip = 0;
    if (!text.empty()) pieces[count++] = {const_cast<char*>(text.data()), text.size()};
    pieces[count++] = {&line_end, 1};
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  const ssize_t n = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) {
    if (errno == EINTR) return Progress::kSome;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Progress::kWouldBlock : Progress::kEnded;
  }
  std::size_t gone = offset + static_cast<std::size_t>(n);
  while (sent < requests.size() && gone > requests[sent].size()) {
    gone -= requests[sent].size() + 1;
    ++sent;
  }
  offset = gone;
  return Progress::kSome;
}

Connection::Progress Connection::receive_some(bool wait) {
  if (begin_ == input_size_) begin_ = input_size_ = scanned_ = 0;
  if (input_.size() - input_size_ < kReceiveBytesMin) {
    if (begin_ > input_.size() / 2) {
      std::memmove(input_.data(), input_.data() + begin_, input_size_ - begin_);
      input_size_ -= begin_;
      scanned_ -= begin_;
      begin_ = 0;
    }
    input_.resize(std::max(input_.size() * 2, input_size_ + kReceiveBytesMin));
  }
  for (;;) {
    const ssize_t n = ::recv(fd_, input_.data() + input_size_, input_.size() - input_size_,
                             wait ? 0 : MSG_DONTWAIT);
    if (n > 0) {
      input_size_ += static_cast<std::size_t>(n);
      return Progress::kSome;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Progress::kWouldBlock;
    return Progress::kEnded;
  }
}

void Connection::take_lines(std::vector<std::string>& answers, std::size_t wanted) {
  const std::string_view input(input_.data(), input_size_);
  while (answers.size() < wanted) {
    const std::size_t end = input.find('\n', scanned_);
    if (end == std::string_view::npos) {
      scanned_ = input_size_;
      return;
    }
    std::string_view line = input.substr(begin_, end - begin_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    answers.emplace_back(line);
    begin_ = scanned_ = end + 1;
  }
}

}  // namespace appmem::client
