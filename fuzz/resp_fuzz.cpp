// The RESP codec on any bytes, however they arrive: the same requests with the same words as the
// reference reads, and the same refusal where the format is broken; bounded memory meanwhile.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "appmem/codecs/resp_codec.h"
#include "resp_reference.h"

namespace appmem {
namespace {

using protocol::Codec;

constexpr std::size_t kRequestBytesMax = 4096;
/// An inline request may be longer; and what is read at once comes on top.
constexpr std::size_t kPendingBytesMax = 64 * 1024 + 2;

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

reference::RespStream feed(std::string_view input, std::size_t step) {
  const auto codec = codecs::make_resp_codec({.request_bytes_max = kRequestBytesMax});
  reference::RespStream stream;
  std::string pending;
  protocol::Request request;
  for (std::size_t at = 0; at < input.size(); at += step) {
    pending += input.substr(at, step);
    for (bool more = true; more;) {
      const Codec::Frame frame = codec->next_frame(pending);
      require(frame.consumed <= pending.size(), "consumed more than there is");
      switch (frame.kind) {
        case Codec::Frame::Kind::kIncomplete:
          more = false;
          break;
        case Codec::Frame::Kind::kRequest: {
          std::string bytes = pending.substr(0, frame.consumed);
          bytes.resize(frame.consumed + protocol::kInputPadding);
          require(codec->decode(std::span(bytes).first(frame.consumed), request).has_value(),
                  "a whole request is not decoded");
          stream.requests.emplace_back(request.words().begin(), request.words().end());
          break;
        }
        default:
          stream.problem = frame.refusal->error.message;
          return stream;
      }
      pending.erase(0, frame.consumed);
    }
    require(pending.size() <= kPendingBytesMax + step, "buffered too much");
    require(codec->between_requests(pending) == pending.empty(), "between requests or not");
  }
  return stream;
}

}  // namespace
}  // namespace appmem

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto expected = appmem::reference::read_resp(input, appmem::kRequestBytesMax);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, size + 1}) {
    const auto found = appmem::feed(input, step);
    appmem::require(found.requests == expected.requests, "other requests than the reference reads");
    appmem::require(found.problem == expected.problem, "another refusal than the reference's");
  }
  return 0;
}
