#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/client/address.h"

namespace appmem::client {

/// What became of a batch of requests that was sent over one connection.
struct Exchange {
  enum class End : std::uint8_t {
    kComplete,  // all are answered
    kLost,      // the daemon or the system ended the connection
    kSilent,    // nothing moved for the whole timeout
  };
  End end = End::kComplete;
  /// How many requests have gone out whole. Those beyond cannot have been executed.
  std::size_t sent = 0;
};

/// One blocking stream socket that carries NDJSON. Thread safety: none.
class Connection {
 public:
  /// Connects to a socket. `timeout` bounds the wait for a place in the listener's
  /// queue, and later each wait of `exchange`; 0 means for ever.
  /// Errors: kTimeout; kUnavailable, with `reason` set to the system's errno.
  static Result<std::unique_ptr<Connection>> open(const Address& address,
                                                  std::chrono::milliseconds timeout, int* reason);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// From now on; see open().
  void set_timeout(std::chrono::milliseconds timeout);

  /// Sends `requests`, each as a line, and appends the answers' lines to `answers`, at most one for
  /// each request. Reads while it writes, so that a batch of any size cannot block both ends.
  /// Unless it ends with kComplete, the connection must not be used again.
  Exchange exchange(std::span<const std::string_view> requests, std::vector<std::string>& answers);

  /// The namespace that this connection is in, as far as its owner has arranged it.
  std::string ns = "default";

  /// Gives the descriptor away.
  int release();

 private:
  Connection(int fd, std::chrono::milliseconds timeout);

  enum class Progress : std::uint8_t { kSome, kWouldBlock, kEnded };
  /// Sends what the socket takes of requests[sent..]; `offset` is how much of the first is gone.
  Progress send_some(std::span<const std::string_view> requests, std::size_t& sent,
                     std::size_t& offset);
  Progress receive_some(bool wait);
  /// Moves whole lines from the input to `answers`, until there are `wanted` of them.
  void take_lines(std::vector<std::string>& answers, std::size_t wanted);

  int fd_;
  std::chrono::milliseconds timeout_;
  bool used_ = false;  // an exchange was completed
  std::string input_;
  std::size_t input_size_ = 0;  // bytes of input_ that were received
  std::size_t begin_ = 0;       // first byte not yet taken
  std::size_t scanned_ = 0;     // no line end before here
};

/// The request that shows a token.
std::string token_request(const std::string& token);
/// What its answer comes to: who takes no token is fine with one.
/// Errors: kUnauthenticated (it is not the right one), kInternal.
Result<void> read_token_answer(std::string_view answer);

}  // namespace appmem::client
