#include "appmem/codecs/ndjson_codec.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "appmem/base/units.h"
#include "json_scan.h"
#include "ndjson_decoder.h"
#include "ndjson_reply_writer.h"

namespace appmem::codecs {

namespace {

/// How much of a line that is too long is searched for its id, which clients mostly write first.
constexpr std::size_t kIdSearchedBytes = 4_KiB;

}  // namespace

class NdjsonCodec final : public protocol::Codec {
 public:
  explicit NdjsonCodec(const NdjsonLimits& limits)
      : limits_(limits),
        line_bytes_max_(limits.request_bytes_max),
        writer_(limits.output_bytes_congested, limits.memory) {}

  Frame next_frame(std::string_view input) override;
  Result<void> decode(std::span<char> frame, protocol::Request& request) override {
    std::string_view line(frame.data(), frame.size());
    line.remove_prefix(std::exchange(leftover_, 0));
    // Of a small frame it is little, and as good as gone.
    const bool is_large = frame.size() > protocol::kFrameBytesInlineMax;
    if (is_large) request.texts().charge_to(limits_.memory);
    return decode_ndjson(line, limits_, request);
  }
  protocol::Reply& begin_reply(const protocol::Request& request,
                               protocol::OutputBuffer& output) override {
    writer_.begin(request.id(), output);
    return writer_;
  }
  void end_reply() override { writer_.end(); }
  void set_unauthenticated(bool unauthenticated) override {
    line_bytes_max_ = unauthenticated
                          ? std::min(limits_.request_bytes_max, protocol::kUnauthenticatedBytesMax)
                          : limits_.request_bytes_max;
  }
  [[nodiscard]] bool between_requests(std::string_view input) const override {
    return !skipping_ && input.size() == blank_;
  }

 private:
  const NdjsonLimits limits_;
  std::size_t line_bytes_max_;  // less until the client has shown its token
  NdjsonReplyWriter writer_;
  /// How far the input has been looked at, and how much of that is white space at its start.
  std::size_t scanned_ = 0;
  std::size_t blank_ = 0;
  /// Within a line that was refused for its length.
  bool skipping_ = false;
  /// The end of such a line, at the start of the frame that was found last.
  std::size_t leftover_ = 0;
};

protocol::Codec::Frame NdjsonCodec::next_frame(std::string_view input) {
  std::size_t begin = 0;  // of the line that is looked at
  leftover_ = 0;
  for (;;) {
    const char* const from = input.data() + scanned_;
    const std::size_t size = input.size() - scanned_;
    const auto* const line_end =
        size == 0 ? nullptr : static_cast<const char*>(std::memchr(from, '\n', size));
    const std::size_t end =
        line_end == nullptr ? input.size() : static_cast<std::size_t>(line_end - input.data());
    while (begin + blank_ < end && is_json_space(input[begin + blank_]))
      ++blank_;

    if (skipping_) {
      if (line_end == nullptr) {
        scanned_ = blank_ = 0;
        return Frame::incomplete(input.size());
      }
      skipping_ = false;
      begin = scanned_ = leftover_ = end + 1;
      blank_ = 0;
      continue;
    }

    if (limits_.only_objects && begin + blank_ < end && input[begin + blank_] != '{') {
      return Frame::fatal(
          input.size(), {ErrorCode::kInvalidJson,
                         "a line that begins with no { ends a connection over TCP: a web page may "
                         "have sent it",
                         std::nullopt});
    }

    // White space before a request does not count, and may have been dropped; nor does a carriage
    // return before the line end, which the last byte without a line end may be.
    const std::size_t length = end - begin - blank_;
    if (length > line_bytes_max_ && (length > line_bytes_max_ + 1 || input[end - 1] != '\r')) {
      const auto id = recover_request_id(input.substr(begin + blank_, kIdSearchedBytes));
      skipping_ = line_end == nullptr;
      scanned_ = blank_ = 0;
      return Frame::refused(
          line_end == nullptr ? input.size() : end + 1,
          {ErrorCode::kTooLarge,
           "a request is over the limit of " + std::to_string(line_bytes_max_) + " bytes",
           std::nullopt},
          std::string(id));
    }
    if (line_end == nullptr) {
      // Blank lines, and white space without an end, are not kept.
      const std::size_t unneeded = begin + blank_ == end ? end : begin;
      scanned_ = end - unneeded;
      if (unneeded == end) blank_ = 0;
      return Frame::incomplete(unneeded);
    }
    if (begin + blank_ < end) {
      scanned_ = blank_ = 0;
      return Frame::request(end + 1);
    }
    begin = scanned_ = end + 1;
    blank_ = 0;
  }
}

std::unique_ptr<protocol::Codec> make_ndjson_codec(const NdjsonLimits& limits) {
  return std::make_unique<NdjsonCodec>(limits);
}

}  // namespace appmem::codecs
