#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace appmem {

/// What went wrong, for programs. The same codes cross the wire (`error_code_name`), decide HTTP
/// statuses and RESP prefixes and the exit code of appmemctl (the table in docs/protocol.md).
enum class ErrorCode : std::uint8_t {
  kInvalidJson,
  kInvalidRequest,
  kUnknownOp,
  kUnauthenticated,
  kForbidden,
  kNotFound,
  kExists,
  kConflict,
  kTooLarge,
  kWrongType,
  kNotInteger,
  kOverflow,
  kOutOfRange,
  kBusy,
  kTimeout,
  kOutOfMemory,
  kReadOnly,
  kUnavailable,
  kInternal,
};

/// Number of codes, for tables indexed by code.
inline constexpr std::size_t kErrorCodeCount = static_cast<std::size_t>(ErrorCode::kInternal) + 1;

/// The code as it is written on the wire, for example "not_found". Static storage.
std::string_view error_code_name(ErrorCode code);

/// The code of a wire name, or nothing when it is none.
std::optional<ErrorCode> error_code_from_name(std::string_view name);

/// An expected failure: a code for programs and one sentence for people, which names the field,
/// limit or file in question and, where it helps, says what to do.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  /// In a batch or a list, the position (from 0) of the element that failed.
  std::optional<std::uint32_t> index = std::nullopt;
};

template <typename T>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorCode::kNotFound, "no namespace named \"x\"");`
inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::make_unexpected(Error{code, std::move(message), std::nullopt});
}

/// Hands an error on unchanged: `return fail(std::move(result).error());`
inline tl::unexpected<Error> fail(Error error) {
  return tl::make_unexpected(std::move(error));
}

}  // namespace appmem
