#pragma once

#include <memory>

#include "appmem/protocol/codec.h"

namespace appmem::codecs {

/// A codec for connections that speak HTTP, which is not spoken here: the first request is refused
/// with a response that says so, and that is fatal.
std::unique_ptr<protocol::Codec> make_http_refusal();

}  // namespace appmem::codecs
