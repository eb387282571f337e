#include "value_rules.h"

#include "appmem/base/decimal.h"

namespace appmem::core {

Result<ValueView> coerce_value(ValueType type, const ValueView& value, DecimalText& text) {
  switch (type) {
    case ValueType::kAny:
      return value;
    case ValueType::kString:
      if (value.kind == ValueKind::kBytes) return value;
      if (value.kind == ValueKind::kInteger) {
        return ValueView::from_bytes(decimal_of(value.integer, text));
      }
      return fail(ErrorCode::kWrongType, "a namespace of type string stores no JSON documents");
    case ValueType::kInt: {
      if (value.kind == ValueKind::kInteger) return value;
      if (value.kind == ValueKind::kBytes) {
        if (const auto integer = integer_of(value.bytes)) return ValueView::from_integer(*integer);
      }
      return fail(ErrorCode::kWrongType, "a namespace of type int stores 64-bit integers only");
    }
    case ValueType::kJson:
      if (value.kind == ValueKind::kJson) return value;
      if (value.kind == ValueKind::kInteger) {
        return ValueView::from_json(decimal_of(value.integer, text));
      }
      return fail(ErrorCode::kWrongType, "a namespace of type json stores JSON documents only");
  }
  return fail(ErrorCode::kInternal, "a namespace of an unknown type");
}

Result<std::int64_t> counter_of(const ValueView& value) {
  switch (value.kind) {
    case ValueKind::kInteger:
      return value.integer;
    case ValueKind::kBytes:
      if (const auto integer = integer_of(value.bytes)) return *integer;
      return fail(ErrorCode::kNotInteger, "the value is not a 64-bit integer in decimal");
    case ValueKind::kJson:
      break;
  }
  return fail(ErrorCode::kWrongType, "the value is a JSON document, not a counter");
}

}  // namespace appmem::core
