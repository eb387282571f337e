#include "value_form.h"

namespace appmem::commands {

Result<void> check_value(core::ValueType type, const protocol::ValueArgument& value,
                         const protocol::JsonValidator& validator) {
  const bool is_bytes = value.view.kind == ValueKind::kBytes && value.json_text.empty();
  if (type != core::ValueType::kJson || !is_bytes) return {};
  return validator.validate(value.view.bytes);
}

ValueView stored_form(core::ValueType type, const protocol::ValueArgument& value) {
  if (type != core::ValueType::kJson || value.view.kind != ValueKind::kBytes) return value.view;
  if (!value.json_text.empty()) return ValueView::from_json(value.json_text);
  ValueView document = value.view;
  document.kind = ValueKind::kJson;
  return document;
}

Result<std::string_view> appended_bytes(const ValueView& value, DecimalText& digits) {
  switch (value.kind) {
    case ValueKind::kBytes:
      return value.bytes;
    case ValueKind::kInteger:
      return decimal_of(value.integer, digits);
    case ValueKind::kJson:
      break;
  }
  return fail(ErrorCode::kWrongType, "append adds a string or an integer, not a JSON document");
}

}  // namespace appmem::commands
