#pragma once

#include <cstdint>
#include <memory>

#include "appmem/commands/server_control.h"
#include "appmem/protocol/outcome.h"
#include "call.h"

namespace appmem::commands {

/// Makes sure that a namespace may become what `settings` say. Errors: kUnavailable (nothing can be
/// durable here), and as StorageControl::prepare.
Result<void> prepare_storage(ServerControl& control, const core::NamespaceSettings& settings);

/// Answers once a checkpoint that begins now is written, or with what went wrong.
protocol::Outcome wait_for_checkpoint(Call& call);

/// Ends a reply when a request to storage is done. `redis_text`: what it says then, in RESP.
std::unique_ptr<protocol::Job> wait_for_storage(StorageControl& storage, std::uint64_t request,
                                                bool is_redis);

}  // namespace appmem::commands
