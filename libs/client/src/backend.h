#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/client/client.h"

namespace appmem::client {

/// A store that answers NDJSON requests: over a socket, or in this process. Thread safety: all.
class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  [[nodiscard]] virtual const std::string& address() const = 0;

  /// Answers in order. `timeout`: for each wait for one, in place of ClientOptions'. Precondition:
  /// no request holds a line end. Errors: kUnavailable, kTimeout.
  virtual Result<std::vector<std::string>> pipeline(
      std::span<const std::string_view> requests,
      std::optional<std::chrono::milliseconds> timeout) = 0;

  /// Executes `request`, which is a `use` of `ns`, and moves all later requests there; returns its
  /// answer, which may be an error and then nothing has changed. Errors: kUnavailable, kTimeout.
  virtual Result<std::string> use(std::string_view request, std::string_view ns) = 0;

  // The hot operations, where the backend can do without JSON: nothing means that the caller has to
  // go through `pipeline`.
  virtual std::optional<Result<std::optional<Value>>> get(std::string_view /*key*/) {
    return std::nullopt;
  }
  virtual std::optional<Result<std::uint64_t>> set(std::string_view /*key*/,
                                                   std::string_view /*value*/,
                                                   const SetOptions& /*options*/) {
    return std::nullopt;
  }
  virtual std::optional<Result<bool>> del(std::string_view /*key*/) { return std::nullopt; }
  virtual std::optional<Result<std::int64_t>> incr(std::string_view /*key*/, std::int64_t /*by*/,
                                                   const IncrementOptions& /*options*/) {
    return std::nullopt;
  }
};

}  // namespace appmem::client
