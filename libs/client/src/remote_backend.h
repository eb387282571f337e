#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/client/client.h"
#include "backend.h"
#include "connection_pool.h"

namespace appmem::client {

/// A daemon behind a socket. Thread safety: all.
class RemoteBackend final : public Backend {
 public:
  /// Errors: kUnavailable, kTimeout. `reason` is errno where nobody answered.
  static Result<std::unique_ptr<RemoteBackend>> open(const Address& address,
                                                     const ClientOptions& options,
                                                     const std::string& advice);

  [[nodiscard]] const std::string& address() const override { return address_; }
  Result<std::vector<std::string>> pipeline(
      std::span<const std::string_view> requests,
      std::optional<std::chrono::milliseconds> timeout) override;
  Result<std::string> use(std::string_view request, std::string_view ns) override;

 private:
  RemoteBackend(const Address& address, const ClientOptions& options, const std::string& advice);

  /// A connection that has shown the token, has said hello and is in `ns`, or in any where that is
  /// nothing. An answer that refuses the namespace is an error. Lost connections are replaced.
  Result<ConnectionPool::Loan> ready_connection(const std::optional<std::string>& ns);
  /// Nothing: the connection was lost and may be replaced.
  std::optional<Result<void>> prepare(Connection& connection, bool fresh, const std::string& ns);
  [[nodiscard]] std::string current_ns();
  Error lost_error(bool may_have_happened) const;
  Error silent_error(std::chrono::milliseconds timeout) const;
  /// The answer is one in RESP.
  Error resp_error(std::string_view answer) const;

  const std::string address_;
  const std::chrono::milliseconds timeout_;
  const int retries_;
  const std::string client_name_;
  const std::string token_;
  ConnectionPool pool_;
  std::mutex mutex_;
  std::string ns_ = "default";
};

}  // namespace appmem::client
