#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "appmem/base/check.h"
#include "appmem/base/error.h"
#include "appmem/base/units.h"
#include "appmem/protocol/request.h"

/// The decoding of one request line, in three sources: the objects of a request and what may stand
/// together (request_walk.cpp), its values (request_values.cpp), its lists (request_lists.cpp).
namespace appmem::codecs {

namespace od = simdjson::ondemand;

/// A name in quotes for an error message, cut where it is long.
std::string quoted(std::string_view name);

/// Memory for strings that do not stand in the line as they are. One decoding takes at most the
/// line's size, as nothing grows by unescaping.
class Arena {
 public:
  static constexpr std::size_t kKeptBytesMax = 256_KiB;

  void begin(std::size_t line_bytes) {
    line_bytes_ = line_bytes;
    used_ = 0;
    if (capacity_ > kKeptBytesMax && line_bytes <= kKeptBytesMax) {
      memory_.reset();
      capacity_ = 0;
    }
  }
  /// Room for `bytes`; what is taken of it is said to `take`.
  char* room(std::size_t bytes) {
    if (capacity_ < line_bytes_) {
      APPMEM_CHECK(used_ == 0);
      capacity_ = std::bit_ceil(line_bytes_);
      memory_.reset(new char[capacity_]);
    }
    APPMEM_CHECK(bytes <= capacity_ - used_);
    return memory_.get() + used_;
  }
  /// Gives back what was taken last, so that it can be rewritten where it is.
  void untake(std::string_view taken) {
    if (used_ >= taken.size() && taken.data() == memory_.get() + used_ - taken.size()) {
      used_ -= taken.size();
    }
  }
  std::string_view take(std::size_t bytes) {
    const std::string_view taken(memory_.get() + used_, bytes);
    used_ += bytes;
    return taken;
  }

 private:
  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
  std::size_t line_bytes_ = 0;
};

/// A field's name as it came.
struct Name {
  std::string_view text;
  std::optional<protocol::Field> field;
  bool twin = false;  // `text` ends with _b64
};

/// What one object has had so far.
struct Seen {
  std::uint32_t fields = 0;    // as in CommandLayout
  std::uint32_t counting = 0;  // those but false booleans
  bool op = false;
  bool id = false;
};

/// What decoding needs, kept from one line to the next.
struct RequestScratch {
  od::parser parser;
  Arena arena;
  std::vector<protocol::Argument> outer;  // of a batch, while those of its ops are added
};

/// The decoding of one line. Thread safety: none. Lifetime: one call of `run`.
class RequestWalk {
 public:
  /// All borrowed. `line` begins with an opening brace, ends without white space and is followed
  /// by protocol::kInputPadding readable bytes.
  RequestWalk(RequestScratch& scratch, std::string_view line, protocol::Request& request)
      : parser_(scratch.parser),
        arena_(scratch.arena),
        outer_(scratch.outer),
        line_(line),
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

  bool request(od::object& object, bool top);
  Progress fields(od::object& object, bool top, const protocol::CommandSpec*& command, Seen& seen);
  bool find_op(od::object& object, const protocol::CommandSpec*& command);
  bool read_op(od::value& value, const protocol::CommandSpec*& command);
  bool read_id(od::value& value);
  bool check_groups(const protocol::CommandSpec& command, const Seen& seen);
  bool field(od::value& value, const Name& name, const protocol::CommandSpec& command, Seen& seen);
  bool argument(od::value& value, const Name& name, const protocol::FieldSpec& spec,
                protocol::Argument& out);

  bool read_name(od::field& field, Name& name);
  static std::string_view token(od::value& value);
  bool string(od::value& value, std::string_view token, std::string_view& out);
  bool text(od::value& value, const Name& name, std::string_view& out);
  bool base64(od::value& value, const Name& name, std::string_view& out);
  bool bytes(od::value& value, const Name& name, std::string_view& out);
  bool integer(od::value& value, const Name& name, std::int64_t min, std::int64_t max, bool or_null,
               std::string_view what, protocol::Argument& out);
  bool cursor(od::value& value, const Name& name, protocol::Argument& out);
  bool any_value(od::value& value, protocol::ValueArgument& out);
  bool key_list(od::value& value, const Name& name, protocol::Argument& out);
  bool key_item(od::value& value, const Name& name, std::string_view& out);
  bool entry_list(od::value& value, const Name& name, protocol::Argument& out);
  bool entry(od::object& object, protocol::EntryArgument& out);
  bool op_list(od::value& value, const Name& name, protocol::Argument& out);
  bool room_for_key();

  od::parser& parser_;
  Arena& arena_;
  /// Names that have escapes, as they mean. Each stays until the walk ends: an error may name one
  /// that others stand in.
  std::forward_list<std::string> escaped_names_;
  std::vector<protocol::Argument>& outer_;
  std::string_view line_;
  protocol::Request& request_;
  Error error_;
};

}  // namespace appmem::codecs
