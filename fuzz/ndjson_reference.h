#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/protocol/request.h"

/// The NDJSON decoder once more, slow and plain: nlohmann/json builds a tree and the command table
/// is applied to it. What a fuzzer and tests compare the real one with.
namespace appmem::reference {

/// What became of a line, in a form that can be compared and printed.
struct Decoded {
  /// Nothing: decoded.
  std::optional<ErrorCode> error;
  std::optional<std::uint32_t> index;
  /// The request with all its arguments; empty on an error.
  std::string text;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

/// Decodes a line without its end.
Decoded decode(std::string_view line);

/// The same for what the real decoder made of a line.
Decoded describe(const protocol::Request& request);

/// Whether a text is one JSON value (of any depth and with numbers of any size).
bool is_json(std::string_view text);

/// How deep the brackets outside of strings nest at most.
std::size_t nesting(std::string_view text);

}  // namespace appmem::reference
