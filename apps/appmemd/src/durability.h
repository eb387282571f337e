#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "appmem/commands/server_control.h"
#include "appmem/storage/storage.h"

namespace appmem::daemon {

/// What handlers may ask of the daemon's storage. Thread safety: as the interface.
class Durability final : public commands::StorageControl {
 public:
  /// `storage` is borrowed.
  explicit Durability(storage::Storage& storage) : storage_(storage) {}

  Result<void> prepare() override { return storage_.prepare(); }
  Result<std::uint64_t> request_checkpoint() override { return storage_.request_checkpoint(); }
  Result<std::uint64_t> request_resume() override { return storage_.request_resume(); }
  [[nodiscard]] std::optional<Result<void>> state(std::uint64_t request) override;
  Result<std::uint64_t> request_verify() override { return storage_.request_verify(); }
  [[nodiscard]] std::optional<Result<commands::StorageVerification>> verified(
      std::uint64_t request) override;
  [[nodiscard]] std::string failure() override { return storage_.stats().failure; }
  [[nodiscard]] std::optional<WallTime> checkpoint_at() override {
    return storage_.stats().checkpoint_at;
  }
  [[nodiscard]] std::vector<std::pair<std::string_view, std::int64_t>> stats() override;

 private:
  storage::Storage& storage_;
};

}  // namespace appmem::daemon
