#pragma once

#include <cstddef>

#include "appmem/protocol/field.h"
#include "appmem/protocol/output_buffer.h"

namespace appmem::codecs {

enum class NameForm : bool { kText, kBase64 };

/// Writes `,"name":`, or `,"name_b64":`; without the comma where the field is the first.
void append_field_name(protocol::OutputBuffer& output, protocol::Field field, bool first,
                       NameForm form);

}  // namespace appmem::codecs
