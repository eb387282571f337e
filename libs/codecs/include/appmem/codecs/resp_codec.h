#pragma once

#include <cstddef>
#include <memory>

#include "appmem/base/units.h"
#include "appmem/protocol/codec.h"

namespace appmem::codecs {

struct RespLimits {
  std::size_t request_bytes_max = 64_MiB;
  /// Answers beyond this make `congested()` true.
  std::size_t output_bytes_congested = 256_KiB;
};

/// A codec for RESP, versions 2 and 3, with inline commands. A request is its words, whatever they
/// mean; what breaks the format is answered as Redis does and fatal.
std::unique_ptr<protocol::Codec> make_resp_codec(const RespLimits& limits);

}  // namespace appmem::codecs
