#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "appmem/codecs/ndjson_request.h"
#include "appmem/protocol/field.h"

namespace appmem::client {

/// Composes one request of the NDJSON protocol for Client::call, field by field. Bytes that are not
/// UTF-8 go as base64 under the field's `_b64` twin by themselves. Thread safety: none.
///
///     RequestBuilder("scan").bytes(Field::kPrefix, "user:").integer(Field::kLimit, 100).take()
class RequestBuilder {
 public:
  using Field = protocol::Field;

  explicit RequestBuilder(std::string_view op) : request_(op) {}

  RequestBuilder& boolean(Field field, bool value);
  RequestBuilder& integer(Field field, std::int64_t value);
  RequestBuilder& unsigned_integer(Field field, std::uint64_t value);
  RequestBuilder& null(Field field);
  /// A key, a prefix, or a value that is stored as bytes; in a namespace of type `json` a value
  /// given like this becomes a JSON string.
  RequestBuilder& bytes(Field field, std::string_view bytes);
  /// A value that stays bytes in every namespace, so that one of type `json` parses it as a
  /// document. Always base64.
  RequestBuilder& raw_bytes(Field field, std::string_view bytes);
  /// A name or other text. What is not UTF-8 goes as base64 too, and is refused.
  RequestBuilder& text(Field field, std::string_view text) { return bytes(field, text); }
  /// A value that is JSON text already, put in as it is. Precondition: it is valid JSON without
  /// line ends.
  RequestBuilder& json(Field field, std::string_view text);
  RequestBuilder& keys(Field field, std::span<const std::string_view> keys);

  /// Lists of objects: `entries`, `ops`. Fields between begin_item and end_item are the item's.
  RequestBuilder& begin_list(Field field);
  RequestBuilder& end_list();
  RequestBuilder& begin_item();
  /// An item of `ops`.
  RequestBuilder& begin_op(std::string_view op);
  RequestBuilder& end_item();

  /// The request's line, without a line end. The builder is spent.
  std::string take();

 private:
  codecs::NdjsonRequest request_;
};

}  // namespace appmem::client
