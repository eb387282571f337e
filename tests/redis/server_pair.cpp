#include "redis/server_pair.h"

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace appmem::test {
namespace {

/// Any moment will do, as long as it is the same in each run.
constexpr std::int64_t kStartMs = 1'750'000'000'123;

std::string in_quotes(std::string_view bytes) {
  std::string text = "\"";
  for (const char c : bytes.substr(0, 200)) {
    if (std::isprint(static_cast<unsigned char>(c)) != 0 && c != '"') {
      text += c;
    } else {
      char escape[5];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
      text += escape;
    }
  }
  if (bytes.size() > 200) text += "… (" + std::to_string(bytes.size()) + " bytes)";
  return text + '"';
}

}  // namespace

std::string to_text(const RespReply& reply) {
  if (reply.null) return "(nil)";
  switch (reply.type) {
    case '+':
      return reply.text;
    case '-':
      return "(error) " + reply.text;
    case ':':
      return "(integer) " + reply.text;
    case '$':
      return in_quotes(reply.text);
    default:
      break;
  }
  std::string text(1, reply.type);
  text += '[';
  for (const RespReply& item : reply.items)
    text += to_text(item) + ' ';
  return text + ']' + reply.text;
}

std::string to_text(const Words& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : " ") + in_quotes(word);
  return text;
}

std::string to_request(const Words& words) {
  std::string text = '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words)
    text += '$' + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return text;
}

RespSocket::RespSocket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  connect(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

RespSocket::RespSocket(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  connect(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

void RespSocket::connect(const sockaddr* address, std::size_t size) {
  fd_ = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd_, address, static_cast<socklen_t>(size)) != 0) {
    ::close(fd_);
    throw std::runtime_error("connect");
  }
  ::fcntl(fd_, F_SETFL, O_NONBLOCK);
}

RespSocket::~RespSocket() {
  ::close(fd_);
}

std::string RespSocket::exchange(const std::string& bytes, std::size_t replies) {
  to_send_ += bytes;
  for (std::size_t i = 0; i < replies; ++i)
    read_reply();
  std::string received = received_.substr(0, at_);
  received_.erase(0, std::exchange(at_, 0));
  return received;
}

void RespSocket::tell(const std::string& bytes) {
  to_send_ += bytes;
  while (!to_send_.empty())
    fill();
}

std::string RespSocket::listen(const std::function<bool(const std::string&)>& enough) {
  try {
    while (!enough(received_))
      fill();
  } catch (const ConnectionClosed&) {
    // What has come is all there is.
  }
  return std::exchange(received_, {});
}

bool RespSocket::at_end() {
  char byte = 0;
  pollfd ready{fd_, POLLIN, 0};
  return received_.empty() && ::poll(&ready, 1, kProcessPatienceMs) == 1 &&
         ::recv(fd_, &byte, 1, 0) == 0;
}

std::vector<RespReply> RespSocket::ask(const std::vector<Words>& commands) {
  for (const Words& words : commands)
    to_send_ += to_request(words);
  std::vector<RespReply> replies;
  for (std::size_t i = 0; i < commands.size(); ++i)
    replies.push_back(read_reply());
  received_.erase(0, at_);
  at_ = 0;
  return replies;
}

void RespSocket::fill() {
  pollfd ready{fd_, POLLIN, 0};
  if (!to_send_.empty()) ready.events |= POLLOUT;
  if (::poll(&ready, 1, kProcessPatienceMs) <= 0) throw std::runtime_error("no answer");
  if ((ready.revents & POLLOUT) != 0) {
    const ssize_t n = ::send(fd_, to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) throw ConnectionClosed("the server has closed");
    if (n > 0) to_send_.erase(0, static_cast<std::size_t>(n));
  }
  if ((ready.revents & (POLLIN | POLLHUP)) != 0) {
    char buffer[65'536];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) throw ConnectionClosed("the server has closed");
    if (n > 0) received_.append(buffer, static_cast<std::size_t>(n));
  }
}

std::string RespSocket::read_line() {
  std::size_t end = 0;
  while ((end = received_.find("\r\n", at_)) == std::string::npos)
    fill();
  std::string line = received_.substr(at_, end - at_);
  at_ = end + 2;
  return line;
}

RespReply RespSocket::read_reply() {
  const std::string line = read_line();
  RespReply reply;
  reply.type = line.at(0);
  reply.text = line.substr(1);
  switch (reply.type) {
    case '$':
    case '=': {
      const long size = std::stol(reply.text);
      reply.text.clear();
      if (size < 0) {
        reply.null = true;
        return reply;
      }
      while (received_.size() < at_ + static_cast<std::size_t>(size) + 2)
        fill();
      reply.text = received_.substr(at_, static_cast<std::size_t>(size));
      at_ += static_cast<std::size_t>(size) + 2;
      return reply;
    }
    case '*':
    case '~':
    case '%': {
      long count = std::stol(reply.text);
      reply.text.clear();
      reply.null = count < 0;
      if (reply.type == '%') count *= 2;
      for (long i = 0; i < count; ++i)
        reply.items.push_back(read_reply());
      return reply;
    }
    case '_':
      reply.null = true;
      return reply;
    default:
      return reply;
  }
}

ServerPair::ServerPair(const std::vector<std::string>& options) {
  const std::string path = directory_.file("clock");
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ::ftruncate(fd, sizeof(std::int64_t)) != 0) throw std::runtime_error(path);
  void* const page =
      ::mmap(nullptr, sizeof(std::int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (page == MAP_FAILED) throw std::runtime_error("mmap");
  clock_ = static_cast<std::atomic<std::int64_t>*>(page);
  *clock_ = kStartMs;

  // The runtime of a sanitizer does not mind standing second.
  std::map<std::string, std::optional<std::string>> environment{
      {"LD_PRELOAD", (binary_dir() / "libappmem_clock_shim.so").string()},
      {"APPMEM_TEST_CLOCK", path},
      {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
  ProcessOptions redis;
  redis.arguments = {"redis-server",      "--port",      "0", "--unixsocket",
                     redis_socket_,       "--save",      "",  "--dir",
                     directory_.file(""), "--databases", "16"};
  redis.environment = environment;
  redis_.emplace(redis);
  if (!redis_->wait_for_output_text("ready to accept connections")) {
    throw std::runtime_error("redis-server: " + redis_->output() + redis_->errors());
  }
  std::vector<std::string> own{"--max-memory", "256MiB"};
  own.insert(own.end(), options.begin(), options.end());
  appmem_.emplace(own, environment, appmem_socket_);
}

ServerPair::~ServerPair() {
  redis_->signal(SIGTERM);
  redis_->wait();
  appmem_.reset();
  ::munmap(static_cast<void*>(clock_), sizeof(std::int64_t));
}

}  // namespace appmem::test
