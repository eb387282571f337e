#pragma once

#include <string_view>

#include "appmem/base/error.h"
#include "appmem/core/namespace.h"
#include "appmem/protocol/reply_writer.h"
#include "appmem/protocol/request.h"

namespace appmem::commands {

/// Changes in `settings` what `args` name and leaves the rest; null takes a limit away.
/// Errors: kInvalidRequest (a word that is none of the choices), kUnavailable (`ordered`); what the
/// store cannot do it refuses itself.
Result<void> read_settings(const protocol::Arguments& args, core::NamespaceSettings& settings);

/// Sets `type`, `persist` or `eviction` by the name of a choice, in small letters.
/// Errors: kInvalidRequest. Precondition: the field is one of these.
Result<void> read_setting_word(protocol::Field field, std::string_view word,
                               core::NamespaceSettings& settings);

/// The names of the choices, in small letters.
std::string_view value_type_name(core::ValueType type);
std::string_view persistence_name(core::Persistence persist);
std::string_view eviction_name(core::Eviction eviction);

/// Writes settings and counters as fields of the answer, or of an item of it. A limit that there is
/// not is null.
void write_namespace(protocol::ReplyWriter& reply, const core::NamespaceInfo& info);

}  // namespace appmem::commands
