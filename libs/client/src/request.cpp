#include "appmem/client/request.h"

namespace appmem::client {

RequestBuilder& RequestBuilder::boolean(Field field, bool value) {
  request_.boolean(field, value);
  return *this;
}

RequestBuilder& RequestBuilder::integer(Field field, std::int64_t value) {
  request_.integer(field, value);
  return *this;
}

RequestBuilder& RequestBuilder::unsigned_integer(Field field, std::uint64_t value) {
  request_.unsigned_integer(field, value);
  return *this;
}

RequestBuilder& RequestBuilder::null(Field field) {
  request_.null(field);
  return *this;
}

RequestBuilder& RequestBuilder::bytes(Field field, std::string_view bytes) {
  request_.bytes(field, bytes);
  return *this;
}

RequestBuilder& RequestBuilder::raw_bytes(Field field, std::string_view bytes) {
  request_.base64(field, bytes);
  return *this;
}

RequestBuilder& RequestBuilder::json(Field field, std::string_view text) {
  request_.value(field, ValueView::from_json(text));
  return *this;
}

RequestBuilder& RequestBuilder::keys(Field field, std::span<const std::string_view> keys) {
  request_.keys(field, keys);
  return *this;
}

RequestBuilder& RequestBuilder::begin_list(Field field) {
  request_.begin_list(field);
  return *this;
}

RequestBuilder& RequestBuilder::end_list() {
  request_.end_list();
  return *this;
}

RequestBuilder& RequestBuilder::begin_item() {
  request_.begin_item();
  return *this;
}

RequestBuilder& RequestBuilder::begin_op(std::string_view op) {
  request_.begin_op(op);
  return *this;
}

RequestBuilder& RequestBuilder::end_item() {
  request_.end_item();
  return *this;
}

std::string RequestBuilder::take() {
  return std::string(request_.finish());
}

}  // namespace appmem::client
