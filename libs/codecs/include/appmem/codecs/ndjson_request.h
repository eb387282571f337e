#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "appmem/base/value.h"
#include "appmem/protocol/field.h"

namespace appmem::codecs {

/// Writes one request of the NDJSON protocol, field by field, with escaping, and base64 under a
/// field's `_b64` twin where bytes are no UTF-8:
///
///     NdjsonRequest request("set");
///     request.bytes(Field::kKey, key).value(Field::kValue, value).integer(Field::kTtlMs, 5000);
///     send(request.finish());
///
/// Fields are not checked against the command table; the server does that.
/// Thread safety: none.
class NdjsonRequest {
 public:
  /// `op` is the operation's name on the wire.
  explicit NdjsonRequest(std::string_view op) { begin(op); }

  /// Forgets everything and begins anew; memory is kept.
  void begin(std::string_view op);

  NdjsonRequest& id(std::uint64_t id);
  NdjsonRequest& boolean(protocol::Field field, bool value);
  NdjsonRequest& integer(protocol::Field field, std::int64_t value);
  NdjsonRequest& unsigned_integer(protocol::Field field, std::uint64_t value);
  NdjsonRequest& null(protocol::Field field);
  /// A key, a name or other text.
  NdjsonRequest& bytes(protocol::Field field, std::string_view bytes);
  /// Bytes as base64 under the `_b64` twin whatever they are: a value given like this stays bytes
  /// in a namespace of documents too, and is parsed there.
  NdjsonRequest& base64(protocol::Field field, std::string_view bytes);
  /// Precondition: a document is valid JSON.
  NdjsonRequest& value(protocol::Field field, const ValueView& value);
  NdjsonRequest& keys(protocol::Field field, std::span<const std::string_view> keys);

  /// `entries` or `ops`: between begin_item (or begin_op) and end_item the calls above write the
  /// item's fields.
  NdjsonRequest& begin_list(protocol::Field field);
  NdjsonRequest& begin_item();
  NdjsonRequest& begin_op(std::string_view op);
  NdjsonRequest& end_item();
  NdjsonRequest& end_list();

  /// Ends the request and returns it, without a line end. Lifetime: until the next `begin`.
  /// Precondition: every list and item has been ended.
  std::string_view finish();

 private:
  void name(protocol::Field field);
  void name_b64(protocol::Field field);
  void separator();

  std::string line_;
  bool first_ = true;  // of an object or list
};

}  // namespace appmem::codecs
