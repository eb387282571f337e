#pragma once

#include "appmem/base/error.h"
#include "appmem/core/namespace.h"
#include "appmem/protocol/reply_writer.h"
#include "appmem/protocol/request.h"

namespace appmem::commands {

/// Changes in `settings` what `args` name and leaves the rest; null takes a limit away.
/// Errors: kInvalidRequest (a word that is none of the choices), kUnavailable (`ordered`); what the
/// store cannot do it refuses itself.
Result<void> read_settings(const protocol::Arguments& args, core::NamespaceSettings& settings);

/// Writes settings and counters as fields of the answer, or of an item of it. A limit that there is
/// not is null.
void write_namespace(protocol::ReplyWriter& reply, const core::NamespaceInfo& info);

}  // namespace appmem::commands
