#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "appmem/base/units.h"
#include "appmem/codecs/ndjson_codec.h"
#include "appmem/protocol/codec.h"
#include "appmem/protocol/redis_error_counts.h"

namespace appmem::codecs {

/// Finds out by a connection's first bytes which wire format it speaks, once, and then is that
/// format's codec. White space and line ends before the choice do not count; `{` begins NDJSON and
/// `*` RESP; otherwise the first whole line decides: one that ends in ` HTTP/1.x` is HTTP, which is
/// answered with an error and closed, and anything else is a RESP inline request. After
/// kChoiceBytesMax a line without an end is RESP, and white space alone an error that is fatal.
/// A refusal before the choice is one of RESP where a line has begun, and of NDJSON otherwise.
/// Thread safety: as Codec.
class AutoCodec final : public protocol::Codec {
 public:
  /// What may pass before the choice.
  static constexpr std::size_t kChoiceBytesMax = 64_KiB;

  /// `limits` hold for whichever format it will be; `errors` as in RespLimits.
  explicit AutoCodec(const NdjsonLimits& limits, protocol::RedisErrorCounts* errors = nullptr)
      : limits_(limits), errors_(errors) {}

  Frame next_frame(std::string_view input) override;
  Result<void> decode(std::span<char> frame, protocol::Request& request) override;
  protocol::Reply& begin_reply(const protocol::Request& request,
                               protocol::OutputBuffer& output) override;
  void end_reply() override { codec_->end_reply(); }
  void set_unauthenticated(bool unauthenticated) override {
    unauthenticated_ = unauthenticated;
    if (codec_ != nullptr) codec_->set_unauthenticated(unauthenticated);
  }
  [[nodiscard]] bool between_requests(std::string_view input) const override {
    return codec_ != nullptr ? codec_->between_requests(input) : skipped_ == 0 && input.empty();
  }

  [[nodiscard]] bool chosen() const { return codec_ != nullptr; }
  /// Whatever does what this codec does with the next request, in fewer calls: once there is a
  /// choice, the chosen codec itself. Lifetime: this object's.
  [[nodiscard]] protocol::Codec& settled() {
    if (codec_ == nullptr || leading_ != 0) return *this;
    return *codec_;
  }

 private:
  void choose(std::unique_ptr<protocol::Codec> codec);
  void choose_ndjson();
  void choose_resp();
  /// The format of the line that stands at the start of `input`, once that is known.
  void choose_by_line(std::string_view input);

  NdjsonLimits limits_;
  protocol::RedisErrorCounts* errors_;
  bool unauthenticated_ = false;
  std::unique_ptr<protocol::Codec> codec_;  // nothing before the choice: most connections are idle
  std::size_t skipped_ = 0;                 // white space before the choice
  std::size_t scanned_ = 0;                 // how far the first line has been looked at
  /// White space at the start of the frame that was found last, of which the codec knows nothing.
  std::size_t leading_ = 0;
};

}  // namespace appmem::codecs
