#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/codecs/ndjson_codec.h"
#include "appmem/protocol/request.h"

namespace appmem::codecs {

/// Decodes one line (white space around it is ignored), driven by the command table. Views in
/// `request` live as long as it and `line` do. On an error the request is empty, but for its id
/// where that could be read. Thread safety: all, for different requests.
/// Errors: as protocol::Codec::decode.
Result<void> decode_ndjson(std::string_view line, const NdjsonLimits& limits,
                           protocol::Request& request);

/// The `id` of a line that may be malformed, as JSON text; empty when there is none that could be
/// repeated.
std::string_view recover_request_id(std::string_view line);

}  // namespace appmem::codecs
