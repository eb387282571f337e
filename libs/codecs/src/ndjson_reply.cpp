#include "appmem/codecs/ndjson_reply.h"

#include <algorithm>
#include <charconv>

#include "base64.h"
#include "json_scan.h"

namespace appmem::codecs {
namespace {

using protocol::Field;

/// Calls `each(name, value)` for the fields of an object, or `each({}, value)` for the elements of
/// a list, whose text has been scanned.
template <typename Each>
void for_each_member(std::string_view text, Each each) {
  const char* const end = text.data() + text.size();
  const bool object = text.starts_with('{');
  const char* p = skip_json_space(text.data() + 1, end);
  while (p != end && *p != '}' && *p != ']') {
    std::string_view name;
    if (object) {
      const char* const name_end = scan_json_string(p, end).end;
      name = {p + 1, static_cast<std::size_t>(name_end - p - 2)};
      p = skip_json_space(skip_json_space(name_end, end) + 1, end);
    }
    const char* const value_end = scan_json_value(p, end, kJsonScanDepthMax).end;
    each(name, std::string_view(p, static_cast<std::size_t>(value_end - p)));
    p = skip_json_space(value_end, end);
    if (*p == ',') p = skip_json_space(p + 1, end);
  }
}

std::optional<std::string> unquoted(std::string_view token) {
  if (!token.starts_with('"')) return std::nullopt;
  token = token.substr(1, token.size() - 2);
  std::string text(token.size(), '\0');
  text.resize(unescape_json(token, text.data()));
  return text;
}

std::optional<std::string> unquoted_base64(std::string_view token) {
  auto text = unquoted(token);
  if (!text) return std::nullopt;
  const std::size_t size = base64_decode(*text, text->data());
  if (size == kBadBase64) return std::nullopt;
  text->resize(size);
  return text;
}

std::string twin_name(Field field) {
  return std::string(field_name(field)) + "_b64";
}

}  // namespace

Result<NdjsonObject> NdjsonObject::parse(std::string_view text) {
  const auto is_space = [](char c) {
    return is_json_space(c);
  };
  const auto* const begin = std::find_if_not(text.begin(), text.end(), is_space);
  text.remove_prefix(static_cast<std::size_t>(begin - text.begin()));
  const JsonScan scan = scan_json_text(text, kJsonScanDepthMax);
  if (!scan) {
    return fail(ErrorCode::kInvalidJson,
                std::string(scan.problem) + " at byte " + std::to_string(scan.end - text.data()));
  }
  if (!text.starts_with('{')) return fail(ErrorCode::kInvalidJson, "not a JSON object");
  NdjsonObject object;
  for_each_member(text, [&](std::string_view name, std::string_view value) {
    object.fields_.emplace_back(name, value);
  });
  return object;
}

Result<void> NdjsonObject::check_ok() const {
  const auto ok = raw("ok");
  if (ok == "true") return {};
  const auto text = raw("error");
  if (ok != "false" || !text) return fail(ErrorCode::kInternal, "an answer without \"ok\"");
  const auto object = parse(*text);
  if (!object) return fail(ErrorCode::kInternal, "an answer whose \"error\" is no object");
  const auto code_name = unquoted(object->raw("code").value_or(""));
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
  if (const auto text = raw(field)) return unquoted(*text);
  if (const auto text = raw(twin_name(field))) return unquoted_base64(*text);
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
  for_each_member(*text, [&](std::string_view, std::string_view item) { items.push_back(item); });
  return items;
}

std::optional<std::string> ndjson_key(std::string_view item) {
  if (!item.starts_with('{')) return unquoted(item);
  const auto object = NdjsonObject::parse(item);
  if (!object) return std::nullopt;
  return unquoted_base64(object->raw("b64").value_or(""));
}

std::optional<std::int64_t> ndjson_integer(std::string_view item) {
  const JsonInteger integer = read_json_integer(item);
  if (integer.kind != JsonInteger::Kind::kFits) return std::nullopt;
  return integer.value;
}

}  // namespace appmem::codecs
