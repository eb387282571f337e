#include "appmem/client/answer.h"

#include <charconv>
#include <utility>

#include "base64.h"
#include "json_scan.h"

namespace appmem::client {

Result<JsonView> JsonView::parse(std::string_view text) {
  JsonScanner scanner(text);
  if (!scanner.check_document(kAnswerDepthMax)) {
    return fail(ErrorCode::kInvalidJson,
                "the answer is no JSON at byte " + std::to_string(scanner.position()));
  }
  return JsonView(trim_json_space(text));
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
  return kind() == Kind::kString ? unescape_json_string(text_) : std::string(text_);
}

JsonItems::JsonItems(const JsonView& container) {
  const JsonView::Kind kind = container.kind();
  object_ = kind == JsonView::Kind::kObject;
  if (object_ || kind == JsonView::Kind::kList) {
    rest_ = container.text_.substr(1, container.text_.size() - 2);
  }
}

bool JsonItems::next() {
  JsonScanner scanner(rest_);
  scanner.skip_space();
  if (scanner.at_end()) return false;
  if (object_) {
    const std::size_t begin = scanner.position();
    scanner.skip_value();
    name_ = unescape_json_string(rest_.substr(begin, scanner.position() - begin));
    scanner.skip_space();
    scanner.skip(':');
    scanner.skip_space();
  }
  const std::size_t begin = scanner.position();
  scanner.skip_value();
  value_ = rest_.substr(begin, scanner.position() - begin);
  scanner.skip_space();
  scanner.skip(',');
  rest_.remove_prefix(scanner.position());
  return true;
}

std::optional<std::string> bytes_field(const JsonView& object, std::string_view name) {
  if (const auto plain = object.find(name)) return plain->as_text();
  if (const auto encoded = object.find(std::string(name) + "_b64")) {
    return decode_base64(encoded->as_text());
  }
  return std::nullopt;
}

std::optional<std::string> bytes_item(const JsonView& item) {
  if (item.kind() == JsonView::Kind::kObject) {
    const auto encoded = item.find("b64");
    return encoded ? decode_base64(encoded->as_text()) : std::nullopt;
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
