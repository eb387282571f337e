#include <algorithm>
#include <cstring>
#include <limits>

#include "appmem/base/limits.h"
#include "base64.h"
#include "json_scan.h"
#include "request_walk.h"

namespace appmem::codecs {

using protocol::Argument;
using protocol::FieldSpec;
using protocol::FieldType;
using protocol::ValueArgument;

bool RequestWalk::argument(od::value& value, const Name& name, const FieldSpec& spec,
                           Argument& out) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMillisMax = kTtlMax.count();
  switch (spec.type) {
    case FieldType::kBytes:
      return bytes(value, name, out.bytes);
    case FieldType::kText: {
      if (!text(value, name, out.bytes)) return false;
      if (out.bytes.size() > protocol::kTextBytesMax) return over(name, protocol::kTextBytesMax);
      if (spec.choices.empty() ||
          std::find(spec.choices.begin(), spec.choices.end(), out.bytes) != spec.choices.end()) {
        return true;
      }
      std::string choices = "one of";
      for (const std::string_view choice : spec.choices)
        choices += ' ' + quoted(choice);
      return must_be(name, choices);
    }
    case FieldType::kValue:
      if (!name.twin) return any_value(value, out.value);
      return base64(value, name, out.value.view.bytes);
    case FieldType::kBool: {
      const std::string_view word = token(value);
      if (word != "true" && word != "false") return must_be(name, "true or false");
      out.integer = word == "true" ? 1 : 0;
      return true;
    }
    case FieldType::kInteger:
      return integer(value, name, kMin, kMax, false, "an integer of 64 bits", out);
    case FieldType::kUnsigned:
      return integer(value, name, 0, kMax, false, "an integer from 0 to 9223372036854775807", out);
    case FieldType::kMillis:
      return integer(value, name, 1, kMillisMax, false,
                     "a number of milliseconds from 1 to 3155760000000 (100 years)", out);
    case FieldType::kTtl:
      return integer(
          value, name, 1, kMillisMax, true,
          "a number of milliseconds from 1 to 3155760000000 (100 years), or null for never", out);
    case FieldType::kMaximum:
      return integer(value, name, 1, kMax, true, "a positive integer, or null for no limit", out);
    case FieldType::kCursor:
      return cursor(value, name, out);
    case FieldType::kKeyList:
      return key_list(value, name, out);
    case FieldType::kEntryList:
      return entry_list(value, name, out);
    case FieldType::kOpList:
      return op_list(value, name, out);
  }
  return malformed();
}

/// A scalar's text; of a list or object its first character.
std::string_view RequestWalk::token(od::value& value) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() && is_json_space(token.back()))
    token.remove_suffix(1);
  return token;
}

/// The content of a string token, in the line or, where it has escapes, in the arena. The value is
/// consumed, as skipping a string takes what follows it for granted.
bool RequestWalk::string(od::value& value, std::string_view token, std::string_view& out) {
  if (value.get_raw_json_string().error() || token.size() < 2) return malformed();
  const std::string_view raw = token.substr(1, token.size() - 2);
  if (raw.empty() || std::memchr(raw.data(), '\\', raw.size()) == nullptr) [[likely]] {
    out = raw;
    return true;
  }
  const std::size_t size = unescape_json(raw, arena_.room(raw.size()));
  if (size == kBadEscape) return malformed();
  out = arena_.take(size);
  return true;
}

bool RequestWalk::text(od::value& value, const Name& name, std::string_view& out) {
  const std::string_view token = this->token(value);
  if (!token.starts_with('"')) return must_be(name, "a string");
  return string(value, token, out);
}

bool RequestWalk::base64(od::value& value, const Name& name, std::string_view& out) {
  std::string_view encoded;
  if (!text(value, name, encoded)) return false;
  arena_.untake(encoded);  // it had escapes
  const std::size_t size = base64_decode(encoded, arena_.room(encoded.size()));
  if (size == kBadBase64) return must_be(name, "base64 with padding");
  out = arena_.take(size);
  return true;
}

bool RequestWalk::bytes(od::value& value, const Name& name, std::string_view& out) {
  if (!(name.twin ? base64(value, name, out) : text(value, name, out))) return false;
  return out.size() <= kKeyBytesMax || over(name, kKeyBytesMax);
}

bool RequestWalk::integer(od::value& value, const Name& name, std::int64_t min, std::int64_t max,
                          bool or_null, std::string_view what, Argument& out) {
  const std::string_view digits = token(value);
  if (or_null && digits == "null") {
    out.null = true;
    return true;
  }
  const JsonInteger integer = read_json_integer(digits);
  if (integer.kind != JsonInteger::Kind::kFits || integer.value < min || integer.value > max) {
    return must_be(name, what);
  }
  out.integer = integer.value;
  return true;
}

bool RequestWalk::cursor(od::value& value, const Name& name, Argument& out) {
  const std::string_view token = this->token(value);
  if (token == "null") {
    out.null = true;
    return true;
  }
  if (token.starts_with('"')) {
    if (!string(value, token, out.bytes)) return false;
    return out.bytes.size() <= protocol::kCursorBytesMax || over(name, protocol::kCursorBytesMax);
  }
  if (read_json_integer(token).kind == JsonInteger::Kind::kNoInteger || token.size() > 20) {
    return must_be(name, "null or the cursor of an earlier answer");
  }
  out.bytes = token;
  return true;
}

bool RequestWalk::any_value(od::value& value, ValueArgument& out) {
  std::string_view token = this->token(value);
  if (token.starts_with('"')) {
    out.json_text = token;
    return string(value, token, out.view.bytes);
  }
  const JsonInteger integer = read_json_integer(token);
  if (integer.kind == JsonInteger::Kind::kFits) {
    out.view = ValueView::from_integer(integer.value);
    out.json_text = token;
    return true;
  }
  const bool container = token.starts_with('{') || token.starts_with('[');
  const char* const end = container ? line_.data() + line_.size() : token.data() + token.size();
  const JsonScan scan = scan_json_value(token.data(), end, kJsonDepthMax);
  if (scan.too_deep) {
    return refuse(ErrorCode::kTooLarge,
                  "a document is nested over the limit of " + std::to_string(kJsonDepthMax));
  }
  if (!scan || (!container && scan.end != end)) return malformed();
  out.json_text = {token.data(), static_cast<std::size_t>(scan.end - token.data())};
  out.view = ValueView::from_json(out.json_text);
  return true;
}

}  // namespace appmem::codecs
