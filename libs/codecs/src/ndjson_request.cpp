#include "appmem/codecs/ndjson_request.h"

#include "json_compose.h"

namespace appmem::codecs {

using protocol::Field;

void NdjsonRequest::separator() {
  if (!first_) line_ += ',';
  first_ = false;
}

void NdjsonRequest::name(Field field) {
  separator();
  line_ += '"';
  line_ += field_name(field);
  line_ += "\":";
}

void NdjsonRequest::name_b64(Field field) {
  separator();
  line_ += '"';
  line_ += field_name(field);
  line_ += "_b64\":";
}

void NdjsonRequest::begin(std::string_view op) {
  line_.clear();
  first_ = true;
  line_ += "{\"op\":";
  append_json_text(line_, op);
  first_ = false;
}

NdjsonRequest& NdjsonRequest::id(std::uint64_t id) {
  separator();
  line_ += "\"id\":";
  line_ += std::to_string(id);
  return *this;
}

NdjsonRequest& NdjsonRequest::boolean(Field field, bool value) {
  name(field);
  line_ += value ? "true" : "false";
  return *this;
}

NdjsonRequest& NdjsonRequest::integer(Field field, std::int64_t value) {
  name(field);
  line_ += std::to_string(value);
  return *this;
}

NdjsonRequest& NdjsonRequest::unsigned_integer(Field field, std::uint64_t value) {
  name(field);
  line_ += std::to_string(value);
  return *this;
}

NdjsonRequest& NdjsonRequest::null(Field field) {
  name(field);
  line_ += "null";
  return *this;
}

NdjsonRequest& NdjsonRequest::bytes(Field field, std::string_view bytes) {
  if (!is_utf8(bytes)) return base64(field, bytes);
  name(field);
  line_ += '"';
  append_json_escaped(line_, bytes);
  line_ += '"';
  return *this;
}

NdjsonRequest& NdjsonRequest::base64(Field field, std::string_view bytes) {
  name_b64(field);
  line_ += '"';
  append_base64(line_, bytes);
  line_ += '"';
  return *this;
}

NdjsonRequest& NdjsonRequest::value(Field field, const ValueView& value) {
  switch (value.kind) {
    case ValueKind::kBytes:
      return bytes(field, value.bytes);
    case ValueKind::kInteger:
      return integer(field, value.integer);
    case ValueKind::kJson:
      break;
  }
  name(field);
  append_json_document(line_, value.bytes);
  return *this;
}

NdjsonRequest& NdjsonRequest::keys(Field field, std::span<const std::string_view> keys) {
  begin_list(field);
  for (const std::string_view key : keys) {
    separator();
    if (is_utf8(key)) {
      append_json_text(line_, key);
    } else {
      line_ += "{\"b64\":\"";
      append_base64(line_, key);
      line_ += "\"}";
    }
  }
  return end_list();
}

NdjsonRequest& NdjsonRequest::begin_list(Field field) {
  name(field);
  line_ += '[';
  first_ = true;
  return *this;
}

NdjsonRequest& NdjsonRequest::begin_item() {
  separator();
  line_ += '{';
  first_ = true;
  return *this;
}

NdjsonRequest& NdjsonRequest::begin_op(std::string_view op) {
  begin_item();
  line_ += "\"op\":";
  append_json_text(line_, op);
  first_ = false;
  return *this;
}

NdjsonRequest& NdjsonRequest::end_item() {
  line_ += '}';
  first_ = false;
  return *this;
}

NdjsonRequest& NdjsonRequest::end_list() {
  line_ += ']';
  first_ = false;
  return *this;
}

std::string_view NdjsonRequest::finish() {
  line_ += '}';
  return line_;
}

}  // namespace appmem::codecs
