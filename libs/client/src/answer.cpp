#include "appmem/client/answer.h"

#include <charconv>
#include <utility>

#include "appmem/codecs/json_text.h"

namespace appmem::client {

Result<JsonView> JsonView::parse(std::string_view text) {
  const Result<std::string_view> checked = codecs::check_json(text, kAnswerDepthMax);
  if (!checked) return fail(checked.error());
  return JsonView(*checked);
}

JsonView::Kind JsonView::kind() const {
  switch (text_.empty() ? 'n' : text_.front()) {
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kList;
    case '"':
      return Kind::kString;
    case 't':
    case 'f':
      return Kind::kBool;
    case 'n':
      return Kind::kNull;
    default:
      return Kind::kNumber;
  }
}

std::optional<JsonView> JsonView::find(std::string_view name) const {
  if (kind() != Kind::kObject) return std::nullopt;
  for (JsonItems items(*this); items.next();) {
    if (items.name() == name) return items.value();
  }
  return std::nullopt;
}

namespace {

template <typename Integer>
std::optional<Integer> parse_integer(std::string_view text) {
  Integer number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::int64_t> JsonView::as_integer() const {
  return parse_integer<std::int64_t>(text_);
}

std::optional<std::uint64_t> JsonView::as_unsigned() const {
  return parse_integer<std::uint64_t>(text_);
}

std::string JsonView::as_text() const {
  return codecs::json_string(text_).value_or(std::string(text_));
}

std::optional<std::string> bytes_field(const JsonView& object, std::string_view name) {
  if (const auto plain = object.find(name)) return plain->as_text();
  if (const auto encoded = object.find(std::string(name) + "_b64")) {
    return codecs::json_base64(encoded->text());
  }
  return std::nullopt;
}

std::optional<std::string> bytes_item(const JsonView& item) {
  if (item.kind() == JsonView::Kind::kObject) {
    const auto encoded = item.find("b64");
    return encoded ? codecs::json_base64(encoded->text()) : std::nullopt;
  }
  return item.as_text();
}

std::optional<Value> value_field(const JsonView& object, std::string_view field) {
  Value value;
  if (const auto version = object.find("version"))
    value.version = version->as_unsigned().value_or(0);
  if (const auto plain = object.find(field)) {
    if (plain->kind() == JsonView::Kind::kString) {
      value.kind = ValueKind::kBytes;
    } else if (plain->as_integer()) {
      value.kind = ValueKind::kInteger;
    } else {
      value.kind = ValueKind::kJson;
    }
    value.bytes = plain->as_text();
    return value;
  }
  auto bytes = bytes_field(object, field);
  if (!bytes) return std::nullopt;
  value.bytes = *std::move(bytes);
  return value;
}

std::optional<Error> answer_error(const JsonView& answer) {
  const auto ok = answer.find("ok");
  if (ok && ok->is_true()) return std::nullopt;
  const auto error = answer.find("error");
  if (!ok || !error) return Error{ErrorCode::kInternal, "the answer has no \"ok\"", std::nullopt};
  Error result;
  const auto code = error->find("code");
  const auto message = error->find("message");
  const std::string name = code ? code->as_text() : std::string();
  result.code = error_code_from_name(name).value_or(ErrorCode::kInternal);
  result.message = message ? message->as_text() : name;
  if (const auto details = error->find("details")) {
    const auto index = details->find("index");
    const auto number = index ? index->as_unsigned() : std::nullopt;
    if (number) result.index = static_cast<std::uint32_t>(*number);
  }
  return result;
}

}  // namespace appmem::client
