#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "appmem/base/error.h"

namespace appmem {

/// Bounds of a token: enough not to be guessed, and little enough for any request.
inline constexpr std::size_t kTokenBytesMin = 16;
inline constexpr std::size_t kTokenBytesMax = 512;

/// The token in the file at `path`: its one line, of printable ASCII without blanks. The file must
/// belong to `uid` or root, and nobody else may read or write it. Errors: kNotFound (it cannot be
/// read), kInvalidRequest (who else may read it; a length out of bounds; no token); the message
/// names the file and what to do, and nothing of what is in it.
Result<std::string> read_token_file(const std::string& path, std::uint32_t uid);

/// Whether they are equal, in a time that depends on the length of `shown` alone.
bool is_same_token(std::string_view expected, std::string_view shown);

}  // namespace appmem
