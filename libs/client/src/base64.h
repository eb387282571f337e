#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace appmem::client {

/// RFC 4648 with padding, no line breaks.
void append_base64(std::string& out, std::string_view bytes);

/// Nothing for text that is not base64.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace appmem::client
