#pragma once

#include <cstdint>

#include "appmem/base/decimal.h"
#include "appmem/base/error.h"
#include "appmem/base/value.h"
#include "appmem/core/namespace.h"

namespace appmem::core {

/// The value as a namespace of this type stores it. `text` is where digits are written, if that is
/// what becomes of an integer; the view returned may point into it. Errors: kWrongType.
Result<ValueView> coerce_value(ValueType type, const ValueView& value, DecimalText& text);

/// The number that a counter's value stands for.
/// Errors: kNotInteger (bytes that are no integer), kWrongType (a document).
Result<std::int64_t> counter_of(const ValueView& value);

/// Whether what a counter holds is stored as digits rather than as an integer.
constexpr bool counters_are_text(ValueType type) {
  return type == ValueType::kString;
}

}  // namespace appmem::core
