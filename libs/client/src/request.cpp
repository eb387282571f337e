#include "appmem/client/request.h"

#include <charconv>
#include <utility>

#include "base64.h"
#include "json_scan.h"

namespace appmem::client {
namespace {

template <typename Integer>
void append_number(std::string& out, Integer value) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, end);
}

}  // namespace

RequestBuilder::RequestBuilder(std::string_view op) {
  out_ = "{\"op\":";
  string(op);
}

void RequestBuilder::comma() {
  if (!out_.ends_with('{') && !out_.ends_with('[')) out_.push_back(',');
}

void RequestBuilder::name(Field field, std::string_view suffix) {
  comma();
  out_.push_back('"');
  out_.append(protocol::field_name(field));
  out_.append(suffix);
  out_.append("\":");
}

void RequestBuilder::string(std::string_view text) {
  out_.push_back('"');
  append_json_escaped(out_, text);
  out_.push_back('"');
}

void RequestBuilder::base64(std::string_view bytes) {
  out_.push_back('"');
  append_base64(out_, bytes);
  out_.push_back('"');
}

RequestBuilder& RequestBuilder::boolean(Field field, bool value) {
  name(field);
  out_.append(value ? "true" : "false");
  return *this;
}

RequestBuilder& RequestBuilder::integer(Field field, std::int64_t value) {
  name(field);
  append_number(out_, value);
  return *this;
}

RequestBuilder& RequestBuilder::unsigned_integer(Field field, std::uint64_t value) {
  name(field);
  append_number(out_, value);
  return *this;
}

RequestBuilder& RequestBuilder::null(Field field) {
  name(field);
  out_.append("null");
  return *this;
}

RequestBuilder& RequestBuilder::bytes(Field field, std::string_view bytes) {
  if (!is_utf8(bytes)) return raw_bytes(field, bytes);
  name(field);
  string(bytes);
  return *this;
}

RequestBuilder& RequestBuilder::raw_bytes(Field field, std::string_view bytes) {
  name(field, "_b64");
  base64(bytes);
  return *this;
}

RequestBuilder& RequestBuilder::text(Field field, std::string_view text) {
  name(field);
  string(text);
  return *this;
}

RequestBuilder& RequestBuilder::json(Field field, std::string_view text) {
  name(field);
  out_.append(text);
  return *this;
}

RequestBuilder& RequestBuilder::keys(Field field, std::span<const std::string_view> keys) {
  name(field);
  out_.push_back('[');
  for (const std::string_view key : keys) {
    comma();
    if (is_utf8(key)) {
      string(key);
    } else {
      out_.append("{\"b64\":");
      base64(key);
      out_.push_back('}');
    }
  }
  out_.push_back(']');
  return *this;
}

RequestBuilder& RequestBuilder::begin_list(Field field) {
  name(field);
  out_.push_back('[');
  return *this;
}

RequestBuilder& RequestBuilder::end_list() {
  out_.push_back(']');
  return *this;
}

RequestBuilder& RequestBuilder::begin_item() {
  comma();
  out_.push_back('{');
  return *this;
}

RequestBuilder& RequestBuilder::begin_op(std::string_view op) {
  begin_item();
  out_.append("\"op\":");
  string(op);
  return *this;
}

RequestBuilder& RequestBuilder::end_item() {
  out_.push_back('}');
  return *this;
}

std::string RequestBuilder::take() {
  out_.push_back('}');
  return std::move(out_);
}

}  // namespace appmem::client
