#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace appmem::client {

/// Whether a request may be sent again when its answer was lost: its command's row says so, and no
/// condition would see the first one's own effect.
bool may_repeat(std::string_view request);

/// The namespace that a `use` request names; nothing for any other request. Quick for requests that
/// are none.
std::optional<std::string> namespace_of_use(std::string_view request);

/// Whether a request may go over the wire: one line that begins an object.
bool is_request_line(std::string_view request);

}  // namespace appmem::client
