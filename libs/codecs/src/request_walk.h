#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "appmem/base/check.h"
#include "appmem/base/error.h"
#include "appmem/base/memory_budget.h"
#include "appmem/base/shared_bytes.h"
#include "appmem/base/units.h"
#include "appmem/codecs/ndjson_codec.h"
#include "appmem/protocol/request.h"
#include "json_scan.h"

/// The decoding of one request line, in three sources: the objects of a request and what may stand
/// together (request_walk.cpp), its values (request_values.cpp), its lists (request_lists.cpp).
namespace appmem::codecs {

/// A name in quotes for an error message, cut where it is long.
std::string quoted(std::string_view name);

/// A field's name as it came.
struct Name {
  std::string_view text;
  std::optional<protocol::Field> field;
  bool twin = false;  // `text` ends with _b64
};

/// What one object has had so far.
struct Seen {
  std::uint32_t fields = 0;    // as in CommandLayout
  std::uint32_t twins = 0;     // those that came as base64
  std::uint32_t counting = 0;  // those but false booleans
  bool op = false;
  bool id = false;
};

/// The decoding of one line: one pass over it, which takes no memory but for strings with escapes.
/// Thread safety: none. Lifetime: one call of `run`.
class RequestWalk {
 public:
  /// All borrowed. `line` is UTF-8, begins with an opening brace and ends without white space.
  RequestWalk(const NdjsonLimits& limits, std::string_view line, protocol::Request& request)
      : texts_(request.texts()),
        outer_(request.outer_argument_pool()),
        limits_(limits),
        at_(line.data()),
        end_(line.data() + line.size()),
        request_(request) {}

  /// Returns false on an error.
  bool run();
  Error& error() { return error_; }

 private:
  enum class Progress : std::uint8_t { kDone, kFailed, kNeedsOp };

  bool refuse(ErrorCode code, std::string message) {
    error_ = {code, std::move(message), std::nullopt};
    return false;
  }
  bool malformed() { return refuse(ErrorCode::kInvalidJson, "malformed JSON"); }
  bool invalid(std::string message) {
    return refuse(ErrorCode::kInvalidRequest, std::move(message));
  }
  bool twice(std::string_view name) { return invalid("field " + quoted(name) + " comes twice"); }
  /// A field that came before, as base64 or not.
  bool again(const Name& name, bool as_twin) {
    if (as_twin == name.twin) return twice(name.text);
    const std::string plain(field_name(*name.field));
    return invalid("fields " + quoted(plain) + " and " + quoted(plain + "_b64") +
                   " exclude each other");
  }
  bool unknown(const Name& name) { return invalid("unknown field " + quoted(name.text)); }
  bool must_be(const Name& name, std::string_view what) {
    return invalid("field " + quoted(name.text) + " must be " + std::string(what));
  }
  bool over(const Name& name, std::size_t limit) {
    return refuse(ErrorCode::kTooLarge, "field " + quoted(name.text) + " is over its limit of " +
                                            std::to_string(limit) + " bytes");
  }
  /// Says in which element of a list the error is.
  bool within(std::string_view list, std::size_t index) {
    error_.message =
        std::string(list) + '[' + std::to_string(index) + "]: " + std::move(error_.message);
    error_.index = static_cast<std::uint32_t>(index);
    return false;
  }

  // Each reads what is at `at_`, and leaves that behind it.

  bool request(bool top);
  Progress fields(bool top, const protocol::CommandSpec*& command, Seen& seen);
  bool find_op(const protocol::CommandSpec*& command);
  bool read_op(const protocol::CommandSpec*& command);
  bool read_id();
  bool check_groups(const protocol::CommandSpec& command, const Seen& seen);
  bool field(const Name& name, const protocol::CommandSpec& command, Seen& seen);
  bool argument(const Name& name, const protocol::FieldSpec& spec, protocol::Argument& out);

  /// Calls `member(name)` for each of an object, with its value to be read.
  template <typename Member>
  bool members(Member&& member);
  /// Calls `item()` for each of a list.
  template <typename Item>
  bool items(Item&& item);
  bool read_name(Name& name);
  bool skip_value();
  /// What comes next, or 0 at the end.
  [[nodiscard]] char peek() const { return at_ == end_ ? '\0' : *at_; }
  void skip_space() { at_ = skip_json_space(at_, end_); }
  /// The text of a scalar, a string with its quotes. Of a list or object nothing, and it stays.
  bool token(std::string_view& out);
  /// The content of a string token, in the line or, where it has escapes, in the texts.
  bool unquote(std::string_view token, std::string_view& out);

  bool text(const Name& name, std::string_view& out);
  bool base64(const Name& name, std::string_view& out);
  bool bytes(const Name& name, std::string_view& out);
  bool integer(const Name& name, std::int64_t min, std::int64_t max, bool or_null,
               std::string_view what, protocol::Argument& out);
  bool cursor(const Name& name, protocol::Argument& out);
  bool value(const Name& name, protocol::ValueArgument& out);
  bool value_string(protocol::ValueArgument& out);
  bool value_base64(const Name& name, protocol::ValueArgument& out);
  /// A list or an object, or the `scalar` that has just been read.
  bool value_document(std::string_view scalar, protocol::ValueArgument& out);
  /// Errors: over the limit of a value.
  bool check_size(std::size_t bytes);
  /// A value that stands in the line as it is: copied where it is a large one and there is memory.
  void keep(std::string_view bytes, ValueView& out);
  /// Memory of its own for a value, if it is a large one and there is some; otherwise null.
  char* large_room(std::size_t bytes, ValueView& out);
  /// The same, or else memory of the texts.
  char* room_for_value(std::size_t bytes, ValueView& out);
  bool key_list(const Name& name, protocol::Argument& out);
  bool key_item(const Name& name, std::string_view& out);
  bool entry_list(const Name& name, protocol::Argument& out);
  bool entry(protocol::EntryArgument& out);
  bool op_list(const Name& name, protocol::Argument& out);
  bool room_for_key();

  protocol::TextMemory& texts_;
  /// Names that have escapes, as they mean. Each stays until the walk ends: an error may name one
  /// that others stand in.
  std::forward_list<std::string> escaped_names_;
  std::vector<protocol::Argument>& outer_;
  const NdjsonLimits& limits_;
  const char* at_;
  const char* const end_;
  protocol::Request& request_;
  Error error_;
};

template <typename Member>
bool RequestWalk::members(Member&& member) {
  ++at_;  // the brace
  skip_space();
  if (peek() == '}') {
    ++at_;
    return true;
  }
  for (;;) {
    Name name;
    if (!read_name(name) || !member(std::as_const(name))) return false;
    skip_space();
    const char next = peek();
    ++at_;
    if (next == '}') [[unlikely]]
      return true;
    if (next != ',') return malformed();
    skip_space();
  }
}

template <typename Item>
bool RequestWalk::items(Item&& item) {
  ++at_;  // the bracket
  skip_space();
  if (peek() == ']') {
    ++at_;
    return true;
  }
  for (;;) {
    if (!item()) return false;
    skip_space();
    const char next = peek();
    ++at_;
    if (next == ']') return true;
    if (next != ',') return malformed();
    skip_space();
  }
}

}  // namespace appmem::codecs
