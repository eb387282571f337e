#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "appmem/base/units.h"
#include "appmem/codecs/ndjson_codec.h"
#include "appmem/protocol/codec.h"

namespace appmem::codecs {

/// Finds out by a connection's first bytes which wire format it speaks, once, and then is that
/// format's codec. White space and line ends before the choice do not count; `{` begins NDJSON.
/// Anything else is answered with an error that names the formats there are, and is fatal, as is
/// more than kChoiceBytesMax of white space.
/// Thread safety: as Codec.
class AutoCodec final : public protocol::Codec {
 public:
  /// What may pass before the choice.
  static constexpr std::size_t kChoiceBytesMax = 64_KiB;

  /// `scratch` is borrowed.
  AutoCodec(const NdjsonLimits& limits, NdjsonScratch& scratch);

  Frame next_frame(std::string_view input) override;
  Result<void> decode(std::span<char> frame, protocol::Request& request) override {
    return ndjson_->decode(frame, request);
  }
  protocol::Reply& begin_reply(const protocol::Request& request,
                                     protocol::OutputBuffer& output) override {
    return ndjson_->begin_reply(request, output);
  }
  void end_reply() override { ndjson_->end_reply(); }
  [[nodiscard]] bool between_requests(std::string_view input) const override {
    return chosen_ ? ndjson_->between_requests(input) : skipped_ == 0 && input.empty();
  }

  [[nodiscard]] bool chosen() const { return chosen_; }

 private:
  std::unique_ptr<protocol::Codec> ndjson_;
  bool chosen_ = false;
  std::size_t skipped_ = 0;  // white space before the choice
};

}  // namespace appmem::codecs
