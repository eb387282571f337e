#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "appmem/base/error.h"
#include "connection.h"

namespace appmem::client {

/// The connections to one socket. A thread borrows one for an exchange and brings it back.
/// Thread safety: all.
class ConnectionPool {
 public:
  /// `connections_max` at least 1. `advice` ends the message when nobody listens.
  ConnectionPool(Address address, std::size_t connections_max, std::chrono::milliseconds timeout,
                 std::string advice);
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  struct Loan {
    std::unique_ptr<Connection> connection;
    /// Opened for this loan.
    bool fresh = false;
  };

  /// An idle connection, or a new one, or (when all are out) the next to come back.
  /// Errors: kUnavailable (nobody listens, no permission), kTimeout.
  Result<Loan> borrow();
  void give_back(std::unique_ptr<Connection> connection);
  /// The connection is broken: it is closed, and so are the idle ones, which are probably as dead.
  void discard(std::unique_ptr<Connection> connection);

  /// Where it is, for messages.
  [[nodiscard]] std::string place() const { return address_.place(); }

 private:
  const Address address_;
  const std::size_t connections_max_;
  const std::chrono::milliseconds timeout_;
  const std::string advice_;

  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;  // the last one was used last
  std::size_t open_ = 0;                           // idle and lent
};

/// One sentence on why nobody can be reached at `place`, `reason` being errno.
std::string connect_refusal(const std::string& place, int reason, const std::string& advice);

}  // namespace appmem::client
