#pragma once

#include <memory>

#include "appmem/core/store.h"
#include "appmem/protocol/outcome.h"

namespace appmem::commands {

/// A job that reads `ns`. Where that has a log, its answer waits for whatever has been written to
/// the log when it is read: who sees an entry, or that one is gone, sees nothing that a crash takes
/// back.
std::unique_ptr<protocol::Job> resting_on_log(const core::Store& store, core::NamespaceId ns,
                                              std::unique_ptr<protocol::Job> job);

/// The same for an answer that is complete; 0 where there is no log.
core::CommitTicket log_ticket(const core::Store& store, core::NamespaceId ns);

/// What an answer about a durable namespace as a whole waits for; 0 for any other.
core::CommitTicket durable_ticket(const core::Store& store, core::NamespaceId ns);

}  // namespace appmem::commands
