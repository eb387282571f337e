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

bool RequestWalk::argument(const Name& name, const FieldSpec& spec, Argument& out) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMillisMax = kTtlMax.count();
  switch (spec.type) {
    case FieldType::kBytes:
      return bytes(name, out.bytes);
    case FieldType::kText: {
      if (!text(name, out.bytes)) return false;
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
      return value(name, out.value);
    case FieldType::kBool: {
      std::string_view word;
      if (!token(word)) return false;
      if (word != "true" && word != "false") return must_be(name, "true or false");
      out.integer = word == "true" ? 1 : 0;
      return true;
    }
    case FieldType::kInteger:
      return integer(name, kMin, kMax, false, "an integer of 64 bits", out);
    case FieldType::kUnsigned:
      return integer(name, 0, kMax, false, "an integer from 0 to 9223372036854775807", out);
    case FieldType::kMillis:
      return integer(name, 1, kMillisMax, false,
                     "a number of milliseconds from 1 to 3155760000000 (100 years)", out);
    case FieldType::kTtl:
      return integer(
          name, 1, kMillisMax, true,
          "a number of milliseconds from 1 to 3155760000000 (100 years), or null for never", out);
    case FieldType::kMaximum:
      return integer(name, 1, kMax, true, "a positive integer, or null for no limit", out);
    case FieldType::kCursor:
      return cursor(name, out);
    case FieldType::kKeyList:
      return key_list(name, out);
    case FieldType::kEntryList:
      return entry_list(name, out);
    case FieldType::kOpList:
      return op_list(name, out);
  }
  return malformed();
}

bool RequestWalk::unquote(std::string_view token, std::string_view& out) {
  const std::string_view raw = token.substr(1, token.size() - 2);
  if (raw.empty() || std::memchr(raw.data(), '\\', raw.size()) == nullptr) [[likely]] {
    out = raw;
    return true;
  }
  const std::size_t size = unescape_json(raw, texts_.room(raw.size()));
  if (size == kBadEscape) return malformed();
  out = texts_.take(size);
  return true;
}

bool RequestWalk::text(const Name& name, std::string_view& out) {
  if (peek() != '"') return must_be(name, "a string");
  std::string_view token;
  return this->token(token) && unquote(token, out);
}

bool RequestWalk::base64(const Name& name, std::string_view& out) {
  std::string_view encoded;
  if (!text(name, encoded)) return false;
  const std::size_t size = base64_decode(encoded, texts_.room(encoded.size()));
  if (size == kBadBase64) return must_be(name, "base64 with padding");
  out = texts_.take(size);
  return true;
}

bool RequestWalk::bytes(const Name& name, std::string_view& out) {
  if (!(name.twin ? base64(name, out) : text(name, out))) return false;
  return out.size() <= kKeyBytesMax || over(name, kKeyBytesMax);
}

bool RequestWalk::integer(const Name& name, std::int64_t min, std::int64_t max, bool or_null,
                          std::string_view what, Argument& out) {
  std::string_view digits;
  if (!token(digits)) return false;
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

bool RequestWalk::cursor(const Name& name, Argument& out) {
  std::string_view token;
  if (!this->token(token)) return false;
  if (token == "null") {
    out.null = true;
    return true;
  }
  if (token.starts_with('"')) {
    if (!unquote(token, out.bytes)) return false;
    return out.bytes.size() <= protocol::kCursorBytesMax || over(name, protocol::kCursorBytesMax);
  }
  if (read_json_integer(token).kind == JsonInteger::Kind::kNoInteger || token.size() > 20) {
    return must_be(name, "null or the cursor of an earlier answer");
  }
  out.bytes = token;
  return true;
}

bool RequestWalk::value(const Name& name, ValueArgument& out) {
  if (name.twin) return value_base64(name, out);
  if (peek() == '"') return value_string(out);
  std::string_view token;
  if (!this->token(token)) return false;
  const JsonInteger integer = read_json_integer(token);
  if (integer.kind != JsonInteger::Kind::kFits) return value_document(token, out);
  out.view = ValueView::from_integer(integer.value);
  out.json_text = token;
  return true;
}

bool RequestWalk::value_string(ValueArgument& out) {
  if (!token(out.json_text)) return false;
  const std::string_view raw = out.json_text.substr(1, out.json_text.size() - 2);
  if (raw.size() <= kInlineValueBytesMax && raw.size() <= limits_.value_bytes_max) [[likely]] {
    return unquote(out.json_text, out.view.bytes);
  }
  const std::size_t size = unescaped_json_size(raw);
  if (!check_size(size)) return false;
  if (size == raw.size()) {
    keep(raw, out.view);
  } else {
    unescape_json(raw, room_for_value(size, out.view));
  }
  return true;
}

bool RequestWalk::value_base64(const Name& name, ValueArgument& out) {
  std::string_view encoded;
  if (!text(name, encoded)) return false;
  const std::size_t size = base64_decoded_size(encoded);
  if (size == kBadBase64) return must_be(name, "base64 with padding");
  if (!check_size(size)) return false;
  return base64_decode(encoded, room_for_value(size, out.view)) == size ||
         must_be(name, "base64 with padding");
}

bool RequestWalk::value_document(std::string_view scalar, ValueArgument& out) {
  const char* const begin = at_ - scalar.size();
  const char* const end = scalar.empty() ? end_ : at_;
  const JsonScan scan = scan_json_value(begin, end, kJsonDepthMax);
  if (scan.too_deep) {
    return refuse(ErrorCode::kTooLarge,
                  "a document is nested over the limit of " + std::to_string(kJsonDepthMax));
  }
  if (!scan || (!scalar.empty() && scan.end != end)) return malformed();
  at_ = scan.end;
  out.json_text = {begin, static_cast<std::size_t>(scan.end - begin)};
  if (!check_size(out.json_text.size())) return false;
  out.view = ValueView::from_json(out.json_text);
  keep(out.json_text, out.view);
  return true;
}

bool RequestWalk::check_size(std::size_t bytes) {
  return bytes <= limits_.value_bytes_max ||
         refuse(ErrorCode::kTooLarge, "the value of " + std::to_string(bytes) +
                                          " bytes is over max_value_bytes, " +
                                          std::to_string(limits_.value_bytes_max));
}

void RequestWalk::keep(std::string_view bytes, ValueView& out) {
  out.bytes = bytes;
  if (char* const room = large_room(bytes.size(), out)) {
    std::memcpy(room, bytes.data(), bytes.size());
  }
}

char* RequestWalk::large_room(std::size_t bytes, ValueView& out) {
  if (bytes <= kInlineValueBytesMax || !limits_.allocate_large) return nullptr;
  SharedBytes made = limits_.allocate_large(bytes);
  if (!made) return nullptr;
  SharedBytes& kept = request_.large_pool().emplace_front(std::move(made));
  out.bytes = kept.view();
  out.shared = &kept;
  return kept.writable().data();
}

char* RequestWalk::room_for_value(std::size_t bytes, ValueView& out) {
  if (char* const room = large_room(bytes, out)) return room;
  char* const room = texts_.room(bytes);
  out.bytes = texts_.take(bytes);
  return room;
}

}  // namespace appmem::codecs
