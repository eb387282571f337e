#include "appmem/codecs/auto_codec.h"

#include <algorithm>

#include "json_scan.h"

namespace appmem::codecs {

AutoCodec::AutoCodec(const NdjsonLimits& limits, NdjsonScratch& scratch)
    : ndjson_(make_ndjson_codec(limits, scratch)) {
}

protocol::Codec::Frame AutoCodec::next_frame(std::string_view input) {
  if (!chosen_) [[unlikely]] {
    const auto* const first = std::find_if_not(input.begin(), input.end(), is_json_space);
    skipped_ += static_cast<std::size_t>(first - input.begin());
    if (first == input.end() && skipped_ <= kChoiceBytesMax) {
      return {Frame::Kind::kIncomplete, input.size(), {}};
    }
    if (first == input.end() || *first != '{' || skipped_ > kChoiceBytesMax) {
      return {Frame::Kind::kFatal,
              input.size(),
              {ErrorCode::kInvalidRequest,
               "this socket speaks newline-delimited JSON: each request is one line with a JSON "
               "object, such as {\"op\":\"ping\"}",
               std::nullopt}};
    }
    chosen_ = true;
  }
  return ndjson_->next_frame(input);
}

}  // namespace appmem::codecs
