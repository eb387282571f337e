#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/core/store.h"
#include "appmem/protocol/request.h"

namespace appmem::commands {

/// Where a scan goes on, as clients carry it from one answer to the next request: a text that means
/// nothing to them. A pass in the order of hashes gives the next hash in decimal; one in key order
/// gives "k" and the hexadecimal digits of the last key, behind which it goes on. As the cursor is
/// all there is (the server remembers nothing), any client may use any cursor, any number of times.

std::string hash_cursor_text(core::ScanCursor cursor);
std::string key_cursor_text(std::string_view last_key);

/// Where to begin; 0 when the request has no cursor or null.
/// Errors: kInvalidRequest (no cursor of such a pass).
Result<core::ScanCursor> hash_cursor_of(const protocol::Arguments& args);

/// The key behind which to begin; nothing when the request has no cursor or null.
/// Errors: kInvalidRequest (no cursor of such a pass).
Result<std::optional<std::string>> key_cursor_of(const protocol::Arguments& args);

}  // namespace appmem::commands
