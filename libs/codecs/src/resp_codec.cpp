#include "appmem/codecs/resp_codec.h"

#include <utility>

#include "resp_reply_writer.h"
#include "resp_scan.h"

namespace appmem::codecs {
namespace {

class RespCodec final : public protocol::Codec {
 public:
  explicit RespCodec(const RespLimits& limits)
      : scan_(limits.request_bytes_max), writer_(limits.output_bytes_congested) {}

  Frame next_frame(std::string_view input) override {
    RespScan::Found found = scan_.next(input);
    switch (found.kind) {
      case RespScan::Kind::kIncomplete:
        return {Frame::Kind::kIncomplete, found.consumed, {}};
      case RespScan::Kind::kRequest:
        request_begin_ = found.begin;
        return {Frame::Kind::kRequest, found.consumed, {}};
      case RespScan::Kind::kBroken:
        break;
    }
    return {Frame::Kind::kFatal,
            input.size(),
            {ErrorCode::kInvalidRequest, std::move(found.problem), std::nullopt}};
  }

  Result<void> decode(std::span<char> frame, protocol::Request& request) override {
    request.clear();
    split_resp_request(frame.subspan(request_begin_), request.words());
    return {};
  }

  protocol::Reply& begin_reply(const protocol::Request& /*request*/,
                               protocol::OutputBuffer& output) override {
    writer_.begin(output);
    return writer_;
  }
  void end_reply() override { writer_.end(); }
  void set_unauthenticated(bool unauthenticated) override {
    scan_.set_unauthenticated(unauthenticated);
  }

  [[nodiscard]] bool between_requests(std::string_view input) const override {
    return input.empty();
  }

 private:
  RespScan scan_;
  std::size_t request_begin_ = 0;  // behind blank lines in the frame that was found last
  RespReplyWriter writer_;
};

}  // namespace

std::unique_ptr<protocol::Codec> make_resp_codec(const RespLimits& limits) {
  return std::make_unique<RespCodec>(limits);
}

}  // namespace appmem::codecs
