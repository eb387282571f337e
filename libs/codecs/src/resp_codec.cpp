#include "appmem/codecs/resp_codec.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "appmem/base/limits.h"
#include "resp_reply_writer.h"
#include "resp_scan.h"

namespace appmem::codecs {
namespace {

class RespCodec final : public protocol::Codec {
 public:
  explicit RespCodec(const RespLimits& limits)
      : scan_(limits.request_bytes_max),
        writer_(limits.output_bytes_congested, limits.errors),
        allocate_large_(limits.allocate_large) {}

  Frame next_frame(std::string_view input) override {
    const RespScan::Found found = scan_.next(input);
    switch (found.kind) {
      case RespScan::Kind::kIncomplete:
        return Frame::incomplete(found.consumed);
      case RespScan::Kind::kRequest:
        request_begin_ = found.begin;
        return Frame::request(found.consumed,
                              std::min(found.words, kRespWordsKeptMax) * sizeof(std::string_view));
      case RespScan::Kind::kBroken:
        break;
    }
    return Frame::fatal(input.size(), {ErrorCode::kInvalidRequest, scan_.problem(), std::nullopt});
  }

  Result<void> decode(std::span<char> frame, protocol::Request& request) override {
    request.clear();
    scan_.split(frame.subspan(request_begin_), request.words());
    if (frame.size() > kInlineValueBytesMax && allocate_large_) move_large_words(request);
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
  /// So that storing them takes no copy, and no time of the loop's.
  void move_large_words(protocol::Request& request) const {
    for (std::string_view& word : request.words()) {
      if (word.size() <= kInlineValueBytesMax) continue;
      SharedBytes made = allocate_large_(word.size());
      if (!made) continue;
      std::memcpy(made.writable().data(), word.data(), word.size());
      word = request.large_pool().emplace_front(std::move(made)).view();
    }
  }

  RespScan scan_;
  std::size_t request_begin_ = 0;  // behind blank lines in the frame that was found last
  RespReplyWriter writer_;
  std::function<SharedBytes(std::size_t bytes)> allocate_large_;
};

}  // namespace

std::unique_ptr<protocol::Codec> make_resp_codec(const RespLimits& limits) {
  return std::make_unique<RespCodec>(limits);
}

}  // namespace appmem::codecs
