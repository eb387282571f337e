#include "appmem/codecs/ndjson_reply.h"

#include <charconv>

#include "appmem/codecs/json_text.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

using protocol::Field;

std::string twin_name(Field field) {
  return std::string(field_name(field)) + "_b64";
}

}  // namespace

Result<NdjsonObject> NdjsonObject::parse(std::string_view text) {
  const Result<std::string_view> checked = check_json(text, kJsonScanDepthMax);
  if (!checked) return fail(checked.error());
  if (!checked->starts_with('{')) return fail(ErrorCode::kInvalidJson, "not a JSON object");
  NdjsonObject object;
  for (JsonMembers members(*checked); members.next();)
    object.fields_.emplace_back(members.name(), members.value());
  return object;
}

Result<void> NdjsonObject::check_ok() const {
  const auto ok = raw("ok");
  if (ok == "true") return {};
  const auto text = raw("error");
  if (ok != "false" || !text) return fail(ErrorCode::kInternal, "an answer without \"ok\"");
  const auto object = parse(*text);
  if (!object) return fail(ErrorCode::kInternal, "an answer whose \"error\" is no object");
  const auto code_name = json_string(object->raw("code").value_or(""));
  const auto code = error_code_from_name(code_name.value_or(""));
  Error error;
  error.code = code.value_or(ErrorCode::kInternal);
  error.message = object->bytes(Field::kMessage).value_or("");
  if (!code) error.message = code_name.value_or("") + ": " + error.message;
  if (const auto details = object->raw("details")) {
    if (const auto inner = parse(*details)) {
      const auto index = ndjson_integer(inner->raw("index").value_or(""));
      if (index) error.index = static_cast<std::uint32_t>(*index);
    }
  }
  return fail(std::move(error));
}

std::optional<std::string_view> NdjsonObject::raw(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (field == name) return value;
  }
  return std::nullopt;
}

std::optional<bool> NdjsonObject::boolean(Field field) const {
  const auto text = raw(field);
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::optional<std::int64_t> NdjsonObject::integer(Field field) const {
  return ndjson_integer(raw(field).value_or(""));
}

std::optional<std::uint64_t> NdjsonObject::unsigned_integer(Field field) const {
  const std::string_view text = raw(field).value_or("");
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> NdjsonObject::bytes(Field field) const {
  if (const auto text = raw(field)) return json_string(*text);
  if (const auto text = raw(twin_name(field))) return json_base64(*text);
  return std::nullopt;
}

std::optional<NdjsonValue> NdjsonObject::value(Field field) const {
  const auto text = raw(field);
  if (!text || text->starts_with('"')) {
    auto bytes = this->bytes(field);
    if (!bytes) return std::nullopt;
    return NdjsonValue{ValueKind::kBytes, std::move(*bytes)};
  }
  return NdjsonValue{ndjson_integer(*text) ? ValueKind::kInteger : ValueKind::kJson,
                     std::string(*text)};
}

std::vector<std::string_view> NdjsonObject::items(Field field) const {
  std::vector<std::string_view> items;
  const auto text = raw(field);
  if (!text || !text->starts_with('[')) return items;
  for (JsonMembers members(*text); members.next();)
    items.push_back(members.value());
  return items;
}

std::optional<std::string> ndjson_key(std::string_view item) {
  if (!item.starts_with('{')) return json_string(item);
  const auto object = NdjsonObject::parse(item);
  if (!object) return std::nullopt;
  return json_base64(object->raw("b64").value_or(""));
}

std::optional<std::int64_t> ndjson_integer(std::string_view item) {
  const JsonInteger integer = read_json_integer(item);
  if (integer.kind != JsonInteger::Kind::kFits) return std::nullopt;
  return integer.value;
}

}  // namespace appmem::codecs
