#include "appmem/codecs/auto_codec.h"

#include <algorithm>
#include <utility>

#include "appmem/codecs/resp_codec.h"
#include "http_refusal.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

bool is_http_request_line(std::string_view line) {
  constexpr std::string_view kVersion = " HTTP/1.";
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty() || line.back() < '0' || line.back() > '9') return false;
  line.remove_suffix(1);
  return line.ends_with(kVersion);
}

}  // namespace

void AutoCodec::choose(std::unique_ptr<protocol::Codec> codec) {
  codec_ = std::move(codec);
  codec_->set_unauthenticated(unauthenticated_);
}

void AutoCodec::choose_ndjson() {
  choose(make_ndjson_codec(limits_));
}

void AutoCodec::choose_resp() {
  choose(make_resp_codec({.request_bytes_max = limits_.request_bytes_max,
                          .output_bytes_congested = limits_.output_bytes_congested,
                          .allocate_large = limits_.allocate_large,
                          .errors = errors_}));
}

void AutoCodec::choose_by_line(std::string_view input) {
  const std::size_t end = input.find('\n', scanned_);
  scanned_ = input.size();
  if (end != std::string_view::npos && is_http_request_line(input.substr(0, end))) {
    choose(make_http_refusal());
  } else if (end != std::string_view::npos || skipped_ + scanned_ > kChoiceBytesMax) {
    choose_resp();
  }
}

protocol::Codec::Frame AutoCodec::next_frame(std::string_view input) {
  if (codec_ != nullptr) [[likely]]
    return codec_->next_frame(input);
  const auto* const first = std::find_if_not(input.begin(), input.end(), is_json_space);
  const auto blank = static_cast<std::size_t>(first - input.begin());
  skipped_ += blank;
  if (skipped_ > kChoiceBytesMax) {
    choose_ndjson();
    return Frame::fatal(input.size(), {ErrorCode::kTooLarge,
                                       "more than " + std::to_string(kChoiceBytesMax) +
                                           " bytes of white space came before the first request",
                                       std::nullopt});
  }
  if (first == input.end()) return Frame::incomplete(blank);
  if (*first == '{') {
    choose_ndjson();
    return codec_->next_frame(input);  // which knows what white space is
  }
  input.remove_prefix(blank);
  if (*first == '*') {
    choose_resp();
  } else {
    choose_by_line(input);
  }
  if (codec_ == nullptr) return Frame::incomplete(blank);
  Frame frame = codec_->next_frame(input);
  frame.consumed += blank;
  if (frame.kind == Frame::Kind::kRequest) leading_ = blank;
  return frame;
}

Result<void> AutoCodec::decode(std::span<char> frame, protocol::Request& request) {
  return codec_->decode(frame.subspan(std::exchange(leading_, 0)), request);
}

protocol::Reply& AutoCodec::begin_reply(const protocol::Request& request,
                                        protocol::OutputBuffer& output) {
  if (codec_ == nullptr) scanned_ > 0 ? choose_resp() : choose_ndjson();
  return codec_->begin_reply(request, output);
}

}  // namespace appmem::codecs
