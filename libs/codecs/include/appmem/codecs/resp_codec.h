#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "appmem/base/shared_bytes.h"
#include "appmem/base/units.h"
#include "appmem/protocol/codec.h"
#include "appmem/protocol/redis_error_counts.h"

namespace appmem::codecs {

struct RespLimits {
  std::size_t request_bytes_max = 64_MiB;
  /// Answers beyond this make `congested()` true.
  std::size_t output_bytes_congested = 256_KiB;
  /// As that of NdjsonLimits: a word that is a large value is put into memory of its own.
  std::function<SharedBytes(std::size_t bytes)> allocate_large{};
  /// Counts the errors that are replied. Borrowed; null: nobody does.
  protocol::RedisErrorCounts* errors = nullptr;
};

/// A codec for RESP, versions 2 and 3, with inline commands. A request is its words, whatever they
/// mean; what breaks the format is answered as Redis does and fatal.
std::unique_ptr<protocol::Codec> make_resp_codec(const RespLimits& limits);

}  // namespace appmem::codecs
