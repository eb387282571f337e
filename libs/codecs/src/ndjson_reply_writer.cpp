#include "ndjson_reply_writer.h"

#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "appmem/base/check.h"
#include "json_compose.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

using protocol::Field;

constexpr std::size_t kNameBytesMax = 32;
constexpr std::size_t kNumberBytesMax = 20;

/// `,"name":` of every field, ready to be copied, for its text form or its `_b64` twin.
class Names {
 public:
  explicit Names(std::string_view suffix) {
    for (std::size_t i = 0; i < protocol::kFieldCount; ++i) {
      const std::string_view name = protocol::field_name(static_cast<Field>(i));
      APPMEM_CHECK(name.size() + suffix.size() + 4 <= kNameBytesMax);
      Row& row = rows_[i];
      char* out = row.text.data();
      for (const std::string_view part :
           {std::string_view(",\""), name, suffix, std::string_view("\":")}) {
        std::memcpy(out, part.data(), part.size());
        out += part.size();
      }
      row.size = static_cast<std::uint8_t>(out - row.text.data());
    }
  }

  /// Copies the name to `out`, which has room for kNameBytesMax bytes; without the comma where the
  /// field is the first.
  std::size_t put(Field field, bool first, char* out) const {
    const Row& row = rows_[static_cast<std::size_t>(field)];
    const std::size_t skip = first ? 1 : 0;
    std::memcpy(out, row.text.data() + skip, kNameBytesMax);  // a fixed size is faster to copy
    return row.size - skip;
  }

 private:
  struct Row {
    std::array<char, kNameBytesMax + 1> text{};
    std::uint8_t size = 0;
  };
  std::array<Row, protocol::kFieldCount> rows_{};
};

const Names& text_names() {
  static const Names kNames("");
  return kNames;
}

const Names& b64_names() {
  static const Names kNames("_b64");
  return kNames;
}

}  // namespace

void NdjsonReplyWriter::begin(std::string_view id, protocol::OutputBuffer& output) {
  output_ = &output;
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
  output_ = nullptr;
}

void NdjsonReplyWriter::name(Field field) {
  char* const out = output_->prepare(kNameBytesMax);
  output_->commit(text_names().put(field, first_, out));
  first_ = false;
}

void NdjsonReplyWriter::name_b64(Field field) {
  char* const out = output_->prepare(kNameBytesMax);
  output_->commit(b64_names().put(field, first_, out));
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

void NdjsonReplyWriter::string(std::string_view bytes, const SharedBytes* shared) {
  output_->append('"');
  if (shared != nullptr &&
      find_json_special(bytes.data(), bytes.data() + bytes.size()) == bytes.data() + bytes.size()) {
    output_->append_shared(*shared, bytes);
  } else {
    append_json_escaped(*output_, bytes);
  }
  output_->append('"');
}

void NdjsonReplyWriter::base64(std::string_view bytes) {
  output_->append('"');
  append_base64(*output_, bytes);
  output_->append('"');
}

void NdjsonReplyWriter::document(const ValueView& value) {
  if (value.shared != nullptr && value.bytes.find('\n') == std::string_view::npos) {
    output_->append_shared(*value.shared, value.bytes);
  } else {
    append_json_document(*output_, value.bytes);
  }
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
  switch (value.kind) {
    case ValueKind::kInteger:
      return integer(field, value.integer);
    case ValueKind::kJson:
      name(field);
      return document(value);
    case ValueKind::kBytes:
      break;
  }
  if (value.shared == nullptr && is_plain_json(value.bytes)) [[likely]] {
    name(field);
    output_->append('"');
    output_->append(value.bytes);
    output_->append('"');
  } else if (is_utf8(value.bytes)) {
    name(field);
    string(value.bytes, value.shared);
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
    string(bytes, nullptr);
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
  return output_->size() > output_bytes_congested_;
}

}  // namespace appmem::codecs
