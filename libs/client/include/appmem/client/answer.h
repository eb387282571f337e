#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/base/value.h"
#include "appmem/codecs/json_text.h"

namespace appmem::client {

/// How deep an answer may be nested: a document at its limit (kJsonDepthMax) inside the lists and
/// objects of a batch's answer.
inline constexpr std::size_t kAnswerDepthMax = 80;

/// A piece of JSON text, checked once and then read in place: numbers and documents keep the text
/// that they have, so what was stored comes back byte for byte. Cheap to copy.
/// Lifetime: a view into the text given to `parse`.
class JsonView {
 public:
  enum class Kind : std::uint8_t { kNull, kBool, kNumber, kString, kList, kObject };

  /// Checks that `text` is one whole JSON value (white space around it is allowed), nested at most
  /// kAnswerDepthMax deep. Errors: kInvalidJson with the position.
  static Result<JsonView> parse(std::string_view text);

  [[nodiscard]] Kind kind() const;
  /// The text itself, without white space around it.
  [[nodiscard]] std::string_view text() const { return text_; }

  /// The member `name` of an object; nothing when there is none or this is no object.
  [[nodiscard]] std::optional<JsonView> find(std::string_view name) const;

  [[nodiscard]] bool is_true() const { return text_ == "true"; }
  [[nodiscard]] bool is_null() const { return text_ == "null"; }
  /// The number, when it is an integer that fits.
  [[nodiscard]] std::optional<std::int64_t> as_integer() const;
  [[nodiscard]] std::optional<std::uint64_t> as_unsigned() const;
  /// A string's content with its escapes resolved; anything else as its text.
  [[nodiscard]] std::string as_text() const;

 private:
  friend class JsonItems;
  explicit JsonView(std::string_view text) : text_(text) {}
  std::string_view text_;
};

/// Walks over the elements of a list or the members of an object; over nothing for other kinds.
///
///     for (JsonItems items(list); items.next();) use(items.value());
class JsonItems {
 public:
  /// Over nothing.
  JsonItems() = default;
  explicit JsonItems(const JsonView& container) : members_(container.text()) {}
  bool next() { return members_.next(); }
  /// The member's name as it stands between its quotes; empty in a list.
  [[nodiscard]] std::string name() const { return std::string(members_.name()); }
  [[nodiscard]] JsonView value() const { return JsonView(members_.value()); }

 private:
  codecs::JsonMembers members_;
};

/// The bytes in field `name` of an answer, or in its base64 twin `name_b64`; nothing when neither
/// is there.
std::optional<std::string> bytes_field(const JsonView& object, std::string_view name);

/// A key in a list: a string, or {"b64":"…"}.
std::optional<std::string> bytes_item(const JsonView& item);

/// A value with its kind, owned.
struct Value {
  ValueKind kind = ValueKind::kBytes;
  /// The bytes, the document's text, or the digits of the integer.
  std::string bytes;
  std::uint64_t version = 0;

  friend bool operator==(const Value&, const Value&) = default;
};

/// The value in `field` ("value", "old") of an answer or of one of its items: a string or base64 is
/// bytes, an integer of 64 bits an integer, anything else a document. With the item's `version`.
std::optional<Value> value_field(const JsonView& object, std::string_view field = "value");

/// The error of an answer; nothing when the answer says that it is no error. An answer that is no
/// object with "ok" is an error too (kInternal).
std::optional<Error> answer_error(const JsonView& answer);

}  // namespace appmem::client
