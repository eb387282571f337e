#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "appmem/base/time.h"
#include "appmem/client/client.h"
#include "appmem/codecs/ndjson_codec.h"
#include "appmem/commands/dispatcher.h"
#include "appmem/core/store.h"
#include "backend.h"
#include "embedded_control.h"

namespace appmem::client {

/// The store inside this process: the same commands and codec as the daemon's, without a socket,
/// and one thread for the background work. Thread safety: all.
class EmbeddedBackend final : public Backend {
 public:
  explicit EmbeddedBackend(const ClientOptions& options);
  ~EmbeddedBackend() override;

  [[nodiscard]] const std::string& address() const override { return address_; }
  Result<std::vector<std::string>> pipeline(
      std::span<const std::string_view> requests,
      std::optional<std::chrono::milliseconds> timeout) override;
  Result<std::string> use(std::string_view request, std::string_view ns) override;

  std::optional<Result<std::optional<Value>>> get(std::string_view key) override;
  std::optional<Result<std::uint64_t>> set(std::string_view key, std::string_view value,
                                           const SetOptions& options) override;
  std::optional<Result<bool>> del(std::string_view key) override;
  std::optional<Result<std::int64_t>> incr(std::string_view key, std::int64_t by,
                                           const IncrementOptions& options) override;

 private:
  /// What a thread needs to execute requests: a connection without a socket.
  struct Session;

  std::unique_ptr<Session> borrow_session();
  void give_back(std::unique_ptr<Session> session);
  /// The namespace, when its values are not documents.
  [[nodiscard]] std::optional<core::NamespaceId> plain_namespace();
  std::string execute(Session& session, std::string_view request);
  void maintain();

  const std::string address_;
  SystemClock system_clock_;
  Clock& clock_;
  core::Store store_;
  EmbeddedControl control_;
  std::unique_ptr<protocol::JsonValidator> validator_;
  commands::Dispatcher dispatcher_;

  /// Read by every request, so that no lock is shared by those of all threads.
  std::atomic<core::NamespaceId> ns_{core::kDefaultNamespace};
  static_assert(std::atomic<core::NamespaceId>::is_always_lock_free);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_;
  bool stopping_ = false;
  std::condition_variable stop_;
  std::thread maintenance_;  // last: it uses all of the above
};

}  // namespace appmem::client
