#include "ndjson_reply_writer.h"

#include <charconv>
#include <cstdint>
#include <utility>

#include "appmem/base/check.h"
#include "field_names.h"
#include "json_compose.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

using protocol::Field;

constexpr std::size_t kNumberBytesMax = 20;

}  // namespace

void NdjsonReplyWriter::begin(std::string_view id, protocol::OutputBuffer& output) {
  deferred_.reset();  // of an answer that was given up
  output_ = composed_ = &output;
  begin_ = output.end_position();
  first_ = false;
  if (id.empty()) {
    output.append(R"({"ok":)");
  } else {
    output.append(R"({"id":)");
    output.append(id);
    output.append(R"(,"ok":)");
  }
  rollback_ = output.end_position();
  output.append("true");
}

void NdjsonReplyWriter::end() {
  output_->append("}\n");
  if (deferred_ != nullptr) {
    APPMEM_CHECK(deferred_->compose(*composed_, SIZE_MAX, SIZE_MAX));
    deferred_.reset();
  }
  output_ = composed_ = nullptr;
}

void NdjsonReplyWriter::name(Field field) {
  append_field_name(*output_, field, first_, NameForm::kText);
  first_ = false;
}

void NdjsonReplyWriter::name_b64(Field field) {
  append_field_name(*output_, field, first_, NameForm::kBase64);
  first_ = false;
}

void NdjsonReplyWriter::name(std::string_view name) {
  item();
  append_json_text(*output_, name);
  output_->append(':');
}

void NdjsonReplyWriter::item() {
  if (!first_) output_->append(',');
  first_ = false;
}

template <typename Integer>
void NdjsonReplyWriter::number(Integer value) {
  char* const out = output_->prepare(kNumberBytesMax);
  const auto [end, error] = std::to_chars(out, out + kNumberBytesMax, value);
  output_->commit(static_cast<std::size_t>(end - out));
}

void NdjsonReplyWriter::string(std::string_view bytes) {
  output_->append('"');
  append_json_escaped(*output_, bytes);
  output_->append('"');
}

void NdjsonReplyWriter::base64(std::string_view bytes) {
  output_->append('"');
  append_base64(*output_, bytes);
  output_->append('"');
}

void NdjsonReplyWriter::defer(Field field, const ValueView& value) {
  if (deferred_ == nullptr) deferred_ = std::make_unique<DeferredText>(memory_);
  output_ = &deferred_->text();
  deferred_->add(field, std::exchange(first_, false), value);
}

void NdjsonReplyWriter::boolean(Field field, bool value) {
  name(field);
  output_->append(value ? std::string_view("true") : std::string_view("false"));
}

void NdjsonReplyWriter::integer(Field field, std::int64_t value) {
  name(field);
  number(value);
}

void NdjsonReplyWriter::unsigned_integer(Field field, std::uint64_t value) {
  name(field);
  number(value);
}

void NdjsonReplyWriter::null(Field field) {
  name(field);
  output_->append("null");
}

void NdjsonReplyWriter::text(Field field, std::string_view text) {
  name(field);
  append_json_text(*output_, text);
}

void NdjsonReplyWriter::bytes(Field field, std::string_view bytes) {
  value(field, ValueView::from_bytes(bytes));
}

void NdjsonReplyWriter::value(Field field, const ValueView& value) {
  if (value.kind == ValueKind::kInteger) return integer(field, value.integer);
  if (value.shared != nullptr) return defer(field, value);
  if (value.kind == ValueKind::kJson) {
    name(field);
    append_json_document(*output_, value.bytes);
  } else if (is_plain_json(value.bytes)) [[likely]] {
    name(field);
    output_->append('"');
    output_->append(value.bytes);
    output_->append('"');
  } else if (is_utf8(value.bytes)) {
    name(field);
    string(value.bytes);
  } else {
    name_b64(field);
    base64(value.bytes);
  }
}

void NdjsonReplyWriter::begin_list(Field field) {
  name(field);
  output_->append('[');
  first_ = true;
}

void NdjsonReplyWriter::end_list() {
  output_->append(']');
  first_ = false;
}

void NdjsonReplyWriter::item_integer(std::int64_t value) {
  item();
  number(value);
}

void NdjsonReplyWriter::item_unsigned(std::uint64_t value) {
  item();
  number(value);
}

void NdjsonReplyWriter::item_text(std::string_view text) {
  item();
  append_json_text(*output_, text);
}

void NdjsonReplyWriter::item_bytes(std::string_view bytes) {
  item();
  if (is_utf8(bytes)) {
    string(bytes);
  } else {
    output_->append(R"({"b64":)");
    base64(bytes);
    output_->append('}');
  }
}

void NdjsonReplyWriter::begin_item_object() {
  item();
  output_->append('{');
  first_ = true;
}

void NdjsonReplyWriter::end_item_object() {
  output_->append('}');
  first_ = false;
}

void NdjsonReplyWriter::begin_object(Field field) {
  name(field);
  output_->append('{');
  first_ = true;
}

void NdjsonReplyWriter::end_object() {
  end_item_object();
}

void NdjsonReplyWriter::named_text(std::string_view name, std::string_view text) {
  this->name(name);
  append_json_text(*output_, text);
}

void NdjsonReplyWriter::named_integer(std::string_view name, std::int64_t value) {
  this->name(name);
  number(value);
}

void NdjsonReplyWriter::named_boolean(std::string_view name, bool value) {
  this->name(name);
  output_->append(value ? std::string_view("true") : std::string_view("false"));
}

void NdjsonReplyWriter::error(const Error& error) {
  deferred_.reset();
  output_ = composed_;
  output_->truncate(rollback_);
  output_->append(R"(false,"error":{"code":")");
  output_->append(error_code_name(error.code));
  output_->append(R"(","message":)");
  append_json_text(*output_, error.message);
  if (error.index) {
    output_->append(R"(,"details":{"index":)");
    number(*error.index);
    output_->append('}');
  }
  output_->append('}');
  first_ = false;
}

bool NdjsonReplyWriter::congested() const {
  return composed_->size() > output_bytes_congested_;
}

std::uint64_t NdjsonReplyWriter::answer_bytes() const {
  return composed_->end_position() - begin_ + deferred_bytes();
}

bool NdjsonReplyWriter::compose(std::size_t bytes) {
  if (deferred_ == nullptr) return true;
  if (!deferred_->compose(*composed_, bytes, output_bytes_congested_)) return false;
  deferred_.reset();
  output_ = composed_;
  return true;
}

}  // namespace appmem::codecs
