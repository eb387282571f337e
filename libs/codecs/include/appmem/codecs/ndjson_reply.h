#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/base/error.h"
#include "appmem/base/value.h"
#include "appmem/protocol/field.h"

namespace appmem::codecs {

/// A value as an answer carried it, owned.
struct NdjsonValue {
  ValueKind kind = ValueKind::kBytes;
  /// The bytes, the digits of an integer, or the text of a document.
  std::string bytes;
};

/// An answer of the NDJSON protocol, or an object inside one, for reading by field.
/// Lifetime: that of the text that was parsed. Thread safety: as a const value.
class NdjsonObject {
 public:
  /// Errors: kInvalidJson (not one JSON object).
  static Result<NdjsonObject> parse(std::string_view text);

  /// Whether it is an answer with "ok":true. Errors: the one that the answer carries; kInternal for
  /// an error code that this program does not know, or an answer without `ok`.
  [[nodiscard]] Result<void> check_ok() const;

  /// A field's JSON text; nothing when it is not there. `_b64` twins have names of their own.
  [[nodiscard]] std::optional<std::string_view> raw(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> raw(protocol::Field field) const {
    return raw(protocol::field_name(field));
  }
  /// All fields in order, names as they stand between their quotes.
  [[nodiscard]] const std::vector<std::pair<std::string_view, std::string_view>>& fields() const {
    return fields_;
  }

  /// Nothing when the field is not there or is of another type.
  [[nodiscard]] std::optional<bool> boolean(protocol::Field field) const;
  [[nodiscard]] std::optional<std::int64_t> integer(protocol::Field field) const;
  [[nodiscard]] std::optional<std::uint64_t> unsigned_integer(protocol::Field field) const;
  /// A string, or the bytes of the field's `_b64` twin.
  [[nodiscard]] std::optional<std::string> bytes(protocol::Field field) const;
  [[nodiscard]] std::optional<NdjsonValue> value(protocol::Field field) const;
  /// The JSON texts of a list's elements; empty when it is not there or no list.
  [[nodiscard]] std::vector<std::string_view> items(protocol::Field field) const;

 private:
  std::vector<std::pair<std::string_view, std::string_view>> fields_;
};

/// An element of a list of keys: a JSON string, or {"b64":"…"}. Nothing when it is neither.
std::optional<std::string> ndjson_key(std::string_view item);

/// An integer's text as a number; nothing when it is none that fits.
std::optional<std::int64_t> ndjson_integer(std::string_view item);

}  // namespace appmem::codecs
