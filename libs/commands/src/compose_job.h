#pragma once

#include <memory>

#include "appmem/protocol/outcome.h"
#include "appmem/protocol/reply.h"

namespace appmem::commands {

/// What becomes of a request whose answer holds large values, which the handler has only referred
/// to: composes some of them now, without any lock, and the rest in slices. To be called with what
/// every handler returns.
protocol::Outcome compose_large_values(protocol::Outcome outcome, protocol::Reply& reply);

}  // namespace appmem::commands
