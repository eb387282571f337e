#include "connection_pool.h"

#include <cerrno>
#include <system_error>
#include <utility>

namespace appmem::client {

std::string connect_refusal(const std::string& place, int reason, const std::string& advice) {
  switch (reason) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
      return "no appmemd at " + place + advice;
    case EACCES:
    case EPERM:
      return "no permission to use " + place +
             ": ask the owner of the daemon for --socket-group, or start your own with appmemd "
             "--background";
    case EAGAIN:
      return "appmemd at " + place + " accepts no connection in time: it is stopped or overloaded";
    default:
      return place + ": " + std::generic_category().message(reason);
  }
}

ConnectionPool::ConnectionPool(Address address, std::size_t connections_max,
                               std::chrono::milliseconds timeout, std::string advice)
    : address_(std::move(address)),
      connections_max_(connections_max),
      timeout_(timeout),
      advice_(std::move(advice)) {
}

Result<ConnectionPool::Loan> ConnectionPool::borrow() {
  {
    std::unique_lock lock(mutex_);
    const auto available = [this] {
      return !idle_.empty() || open_ < connections_max_;
    };
    if (timeout_.count() <= 0) {
      returned_.wait(lock, available);
    } else if (!returned_.wait_for(lock, timeout_, available)) {
      return fail(ErrorCode::kTimeout, "all " + std::to_string(connections_max_) +
                                           " connections of this client stayed in use");
    }
    if (!idle_.empty()) {
      Loan loan{std::move(idle_.back()), false};
      idle_.pop_back();
      return loan;
    }
    ++open_;
  }
  int reason = 0;
  Result<std::unique_ptr<Connection>> connection = Connection::open(address_, timeout_, &reason);
  if (connection) return Loan{*std::move(connection), true};
  discard(nullptr);
  return fail(connection.error().code, connect_refusal(place(), reason, advice_));
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
  {
    const std::scoped_lock lock(mutex_);
    idle_.push_back(std::move(connection));
  }
  returned_.notify_one();
}

void ConnectionPool::discard(std::unique_ptr<Connection> connection) {
  std::vector<std::unique_ptr<Connection>> dead;
  {
    const std::scoped_lock lock(mutex_);
    --open_;
    if (connection) {
      dead.swap(idle_);
      open_ -= dead.size();
    }
  }
  returned_.notify_all();
}

}  // namespace appmem::client
