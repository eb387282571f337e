#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/base/memory_budget.h"
#include "appmem/codecs/ndjson_codec.h"
#include "appmem/protocol/request.h"

namespace appmem::codecs {

struct RequestScratch;

/// Decodes request lines, driven by the command table. Thread safety: none.
class NdjsonDecoder {
 public:
  /// `budget` is charged for strings with escapes; borrowed, may be null.
  explicit NdjsonDecoder(MemoryBudget* budget = nullptr);
  ~NdjsonDecoder();
  NdjsonDecoder(const NdjsonDecoder&) = delete;
  NdjsonDecoder& operator=(const NdjsonDecoder&) = delete;

  /// Decodes one line (white space around it is ignored). Views in `request` live until the next
  /// call or until `line` dies. On an error the request is empty, but for its id where that could
  /// be read. Errors: as protocol::Codec::decode.
  Result<void> decode(std::string_view line, const NdjsonLimits& limits,
                      protocol::Request& request);

 private:
  std::unique_ptr<RequestScratch> scratch_;
};

/// The `id` of a line that may be malformed, as JSON text; empty when there is none that could be
/// repeated.
std::string_view recover_request_id(std::string_view line);

}  // namespace appmem::codecs
