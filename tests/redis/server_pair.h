#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "support/process.h"
#include "support/temporary_directory.h"

/// appmemd and Debian's redis-server side by side, with one clock that only the test moves.
namespace appmem::test {

using Words = std::vector<std::string>;

/// One reply of RESP, taken apart. `text` holds a status, an error, the digits of a number or the
/// bytes of a bulk string; `items` those of an array (a map's names and values in turn).
struct RespReply {
  char type = 0;
  bool null = false;
  std::string text;
  std::vector<RespReply> items;

  bool operator==(const RespReply&) const = default;
};

/// As redis-cli would write it, on one line.
std::string to_text(const RespReply& reply);
std::string to_text(const Words& words);

/// A command as an array of bulk strings.
std::string to_request(const Words& words);

/// The server has closed, and everything that came before has been read.
struct ConnectionClosed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A connection to either server. What it waits for comes within a minute, or it throws.
class RespSocket {
 public:
  explicit RespSocket(const std::string& path);
  /// To a port of 127.0.0.1.
  explicit RespSocket(std::uint16_t port);
  RespSocket(const RespSocket&) = delete;
  RespSocket& operator=(const RespSocket&) = delete;
  ~RespSocket();

  /// Sends commands at once and reads a reply for each. Throws ConnectionClosed.
  std::vector<RespReply> ask(const std::vector<Words>& commands);
  RespReply ask(const Words& command) { return ask(std::vector<Words>{command}).front(); }
  /// Sends bytes as they are, and returns so many replies as they stand on the wire.
  std::string exchange(const std::string& bytes, std::size_t replies);
  /// Sends without waiting for a reply.
  void tell(const std::string& bytes);
  /// Returns what comes, as it stands on the wire, until that is `enough` or the server closes.
  std::string listen(const std::function<bool(const std::string&)>& enough);
  /// Whether the server has closed and everything has been read. Waits for it.
  bool at_end();

 private:
  void connect(const sockaddr* address, std::size_t size);
  std::string read_line();
  RespReply read_reply();
  void fill();

  int fd_ = -1;
  std::string to_send_;
  std::string received_;
  std::size_t at_ = 0;
};

class ServerPair {
 public:
  /// With further options of appmemd.
  explicit ServerPair(const std::vector<std::string>& options = {});
  ServerPair(const ServerPair&) = delete;
  ServerPair& operator=(const ServerPair&) = delete;
  ~ServerPair();

  [[nodiscard]] const std::string& appmem_socket() const { return appmem_socket_; }
  [[nodiscard]] const std::string& redis_socket() const { return redis_socket_; }
  /// What the clocks of both show, in milliseconds since 1970.
  [[nodiscard]] std::int64_t now_ms() const { return *clock_; }
  void pass(std::int64_t ms) { *clock_ += ms; }

 private:
  TemporaryDirectory directory_;
  const std::string appmem_socket_ = directory_.file("appmem.sock");
  const std::string redis_socket_ = directory_.file("redis.sock");
  std::atomic<std::int64_t>* clock_ = nullptr;
  std::optional<Process> redis_;
  std::optional<Daemon> appmem_;
};

}  // namespace appmem::test
