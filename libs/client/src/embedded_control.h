#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/commands/server_control.h"

namespace appmem::client {

/// What handlers learn of a process that serves nobody but itself. Thread safety: all.
class EmbeddedControl final : public commands::ServerControl {
 public:
  EmbeddedControl(std::uint64_t max_memory_bytes, const Instant& start);

  [[nodiscard]] commands::ServerInfo info(const Instant& now) override;
  [[nodiscard]] const Limits& limits() const override { return limits_; }
  /// Nobody is connected.
  [[nodiscard]] std::vector<commands::ClientInfo> clients(const Instant& now) override;
  bool kill_client(std::uint64_t id) override;
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> config() const override;
  commands::TokenCheck authenticate(commands::Session& /*session*/,
                                    std::string_view /*token*/) override {
    return commands::TokenCheck::kNotTaken;
  }
  /// Does nothing: the store ends with its client.
  void shutdown() override {}

 private:
  const std::uint64_t max_memory_bytes_;
  const TimePoint start_;
  const Limits limits_;
};

}  // namespace appmem::client
