#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/codecs/auto_codec.h"
#include "appmem/commands/dispatcher.h"
#include "appmem/core/prefetch.h"
#include "appmem/core/store.h"
#include "appmem/protocol/output_buffer.h"
#include "appmem/protocol/request.h"

/// The way of a request without its ends: bytes through codec, dispatcher and store into an output
/// buffer. No socket, no thread, no clock, so that the same requests take the same instructions.
namespace appmem::bench {

/// A process of which nothing is asked.
class NoControl final : public commands::ServerControl {
 public:
  commands::ServerInfo info(const Instant& /*now*/) override { return {}; }
  [[nodiscard]] const Limits& limits() const override { return limits_; }
  std::vector<commands::ClientInfo> clients(const Instant& /*now*/) override { return {}; }
  bool kill_client(std::uint64_t /*id*/) override { return false; }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> config() const override {
    return {};
  }
  commands::TokenCheck authenticate(commands::Session& /*session*/,
                                    std::string_view /*token*/) override {
    return commands::TokenCheck::kNotTaken;
  }
  void shutdown() override {}

 private:
  Limits limits_;
};

/// What all connections share: a store that never evicts, and time that stands still.
struct RequestPath {
  RequestPath();

  const Instant now;
  NoControl control;
  const std::unique_ptr<protocol::JsonValidator> validator;
  core::Store store;
  commands::Dispatcher dispatcher;
};

/// Requests that the daemon decodes before it executes the first of them.
inline constexpr std::size_t kPipelineMax = 32;

/// One client's connection, with the codec that the daemon gives to each.
class PathConnection {
 public:
  explicit PathConnection(RequestPath& path);

  /// Executes a pipeline of at most kPipelineMax whole requests as a turn of the daemon's loop
  /// does: all are decoded, what they need being asked for meanwhile, then each is executed. Throws
  /// the answers away. `input` has protocol::kInputPadding bytes behind `bytes`; decoding may
  /// change it.
  void execute(std::string& input, std::size_t bytes);
  /// The first bytes of what was answered last, for a check.
  [[nodiscard]] const std::string& last_answers() const { return last_answers_; }
  void keep_answers(bool keep) { keeps_answers_ = keep; }

 private:
  /// Returns how many there are.
  std::size_t decode(std::string& input, std::size_t bytes);
  void drain();

  RequestPath& path_;
  codecs::AutoCodec codec_;
  commands::Session session_;
  std::array<protocol::Request, kPipelineMax> requests_;
  core::Prefetch prefetch_;
  protocol::OutputBuffer output_;
  std::vector<std::string_view> pieces_;
  bool keeps_answers_ = false;
  std::string last_answers_;
};

}  // namespace appmem::bench
