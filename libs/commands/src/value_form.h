#pragma once

#include "appmem/base/decimal.h"
#include "appmem/base/error.h"
#include "appmem/base/value.h"
#include "appmem/core/namespace.h"
#include "appmem/protocol/codec.h"
#include "appmem/protocol/request.h"

namespace appmem::commands {

/// What becomes of a request's value on its way into a namespace, for all commands and formats.
/// The store itself turns integers into digits and digits into integers, and refuses what a
/// namespace does not hold; what is left for here is a namespace of documents, which stores the
/// text that a JSON request gave, and bytes from elsewhere once they have been found to be JSON.

/// Checks `value` where the namespace's type makes it a document. May take time in proportion to
/// the value, so it is called with no shard locked. Errors: kInvalidJson, which says what is wrong.
Result<void> check_value(core::ValueType type, const protocol::ValueArgument& value,
                         const protocol::JsonValidator& validator);

/// The view to store in a namespace of this type. Precondition: check_value passed.
ValueView stored_form(core::ValueType type, const protocol::ValueArgument& value);

/// The bytes that `append` adds for a value: an integer's are its digits.
/// Errors: kWrongType (a document).
Result<std::string_view> appended_bytes(const ValueView& value, DecimalText& digits);

}  // namespace appmem::commands
