#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "appmem/base/error.h"
#include "appmem/base/value.h"
#include "appmem/protocol/field.h"
#include "appmem/protocol/reply.h"

namespace appmem::protocol {

/// Where a handler writes its answer, field by field, without knowing the wire format; a codec
/// implements it and composes straight into the session's output. Between begin and end of an
/// answer (which the dispatcher's caller does) a handler adds fields in the order of the row's
/// `reply`, or reports one error.
///
/// A large answer is streamed: a sliced job adds some items and returns kContinue when
/// `congested()`. An answer of which a part has been streamed must not fail any more.
///
/// A large value (one with `shared`) may be deferred: it is written while a shard is locked, so
/// the writer only keeps a reference to it then, and compose() does the work in slices afterwards.
/// Thread safety: none. Lifetime of arguments: the call; a value's `shared` may be kept.
class ReplyWriter : public Reply {
 public:
  ReplyWriter& fields() final { return *this; }

  virtual void boolean(Field field, bool value) = 0;
  virtual void integer(Field field, std::int64_t value) = 0;
  virtual void unsigned_integer(Field field, std::uint64_t value) = 0;
  virtual void null(Field field) = 0;
  /// UTF-8 text of ours (a name, a status).
  virtual void text(Field field, std::string_view text) = 0;
  /// Bytes of a caller's (a key): base64 under the field's `_b64` twin where they are no UTF-8.
  virtual void bytes(Field field, std::string_view bytes) = 0;
  virtual void value(Field field, const ValueView& value) = 0;

  /// Lists. Inside one, items are written with the calls below or as objects.
  virtual void begin_list(Field field) = 0;
  virtual void end_list() = 0;
  virtual void item_integer(std::int64_t value) = 0;
  virtual void item_unsigned(std::uint64_t value) = 0;
  virtual void item_text(std::string_view text) = 0;
  /// A key in a list: a string, or {"b64":"…"}.
  virtual void item_bytes(std::string_view bytes) = 0;
  virtual void begin_item_object() = 0;
  virtual void end_item_object() = 0;

  /// A nested object with fields of its own (limits, configuration).
  virtual void begin_object(Field field) = 0;
  virtual void end_object() = 0;
  /// A field whose name is data rather than vocabulary (an option's name in `config`).
  virtual void named_text(std::string_view name, std::string_view text) = 0;
  virtual void named_integer(std::string_view name, std::int64_t value) = 0;
  virtual void named_boolean(std::string_view name, bool value) = 0;
};

}  // namespace appmem::protocol
