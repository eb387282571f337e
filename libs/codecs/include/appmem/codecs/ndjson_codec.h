#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "appmem/base/limits.h"
#include "appmem/base/memory_budget.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/protocol/codec.h"

namespace appmem::codecs {

struct NdjsonLimits {
  std::size_t request_bytes_max = 64_MiB;
  /// Answers beyond this make `congested()` true.
  std::size_t output_bytes_congested = 256_KiB;
  /// A value over this is refused before anything is made of it.
  std::size_t value_bytes_max = kValueBytesMaxCeiling;
  /// A line that does not begin with `{` is fatal, as soon as its first byte is there. For where a
  /// web page may be the client: what a browser sends begins with a line of HTTP or with bytes of
  /// TLS, and what would be a request stands behind.
  bool only_objects = false;
  /// What the codec needs for large requests and answers is charged to it. Borrowed; null: to none.
  MemoryBudget* memory = nullptr;
  /// Memory for a value over kInlineValueBytesMax, so that decoding puts it together where it is to
  /// stay; may return an empty one. Called on the thread that decodes. Null: values stay in memory
  /// of the codec or in the frame, and whoever stores them copies them.
  std::function<SharedBytes(std::size_t bytes)> allocate_large{};
};

/// A codec for the NDJSON protocol (docs/protocol.md).
std::unique_ptr<protocol::Codec> make_ndjson_codec(const NdjsonLimits& limits);

/// Thread safety: all.
std::unique_ptr<protocol::JsonValidator> make_json_validator();

}  // namespace appmem::codecs
