#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "appmem/base/error.h"
#include "appmem/protocol/request.h"
#include "appmem/server/server_limits.h"

namespace appmem::server {

/// A frame that has been taken from a connection's input, and what is to be done about it in its
/// turn: execute the request or, where there is an error, answer with that.
struct UpcomingRequest {
  protocol::Request request;
  std::optional<Error> error;
  std::string refused_id;  // of a request that is refused unread
  /// Nothing behind it can be understood: the connection closes with this answer.
  bool fatal = false;
  std::unique_ptr<UpcomingRequest> next;
};

/// Requests of one loop that are not in use, with the memory that decoding has given them, so that
/// it allocates nothing. Thread safety: none.
class RequestPool {
 public:
  RequestPool() = default;
  RequestPool(const RequestPool&) = delete;
  RequestPool& operator=(const RequestPool&) = delete;
  ~RequestPool() {
    while (free_ != nullptr)
      free_ = std::move(free_->next);
  }

  std::unique_ptr<UpcomingRequest> take() {
    if (free_ == nullptr) return std::make_unique<UpcomingRequest>();
    std::unique_ptr<UpcomingRequest> taken = std::move(free_);
    free_ = std::move(taken->next);
    --count_;
    return taken;
  }
  void give_back(std::unique_ptr<UpcomingRequest> used) {
    if (count_ == kRequestsPooledMax) return;
    ++count_;
    used->request.clear();
    used->error.reset();
    used->fatal = false;
    used->next = std::move(free_);
    free_ = std::move(used);
  }

 private:
  std::unique_ptr<UpcomingRequest> free_;
  std::size_t count_ = 0;
};

/// What a connection has decoded and not yet executed, in order. Empty it owns nothing.
/// Thread safety: none.
class UpcomingRequests {
 public:
  /// `pool` is borrowed.
  explicit UpcomingRequests(RequestPool& pool) : pool_(pool) {}
  UpcomingRequests(const UpcomingRequests&) = delete;
  UpcomingRequests& operator=(const UpcomingRequests&) = delete;
  ~UpcomingRequests() { clear(); }

  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  [[nodiscard]] const UpcomingRequest* first() const { return first_.get(); }

  /// Appends one, to be filled. Lifetime: until it has been taken.
  UpcomingRequest& append() {
    std::unique_ptr<UpcomingRequest>& end = last_ == nullptr ? first_ : last_->next;
    end = pool_.take();
    last_ = end.get();
    return *last_;
  }
  /// Takes the first one out. Precondition: there is one.
  std::unique_ptr<UpcomingRequest> take() {
    std::unique_ptr<UpcomingRequest> taken = std::move(first_);
    first_ = std::move(taken->next);
    if (first_ == nullptr) last_ = nullptr;
    return taken;
  }
  void give_back(std::unique_ptr<UpcomingRequest> used) { pool_.give_back(std::move(used)); }
  void clear() {
    while (!empty())
      give_back(take());
  }

 private:
  RequestPool& pool_;
  std::unique_ptr<UpcomingRequest> first_;
  UpcomingRequest* last_ = nullptr;
};

}  // namespace appmem::server
