#pragma once

#include <mutex>
#include <utility>

#include "appmem/commands/dispatcher.h"
#include "appmem/protocol/reply_writer.h"

namespace appmem::commands {

/// One request on its way through a handler. Lifetime: the call of the handler.
struct Call {
  core::Store& store;
  ServerControl& control;
  const protocol::JsonValidator& validator;
  /// Held while settings of a namespace are read, changed and written back.
  std::mutex& settings_mutex;
  Session& session;
  const protocol::Request& request;
  protocol::Arguments args;
  protocol::ReplyWriter& reply;
  const Instant& now;
};

/// Executes a request and writes its whole answer, an error included, or begins it.
using Handler = protocol::Outcome (*)(Call&);

/// Answers with an error.
inline protocol::Outcome refuse(Call& call, const Error& error) {
  if (error.code == ErrorCode::kOutOfMemory) [[unlikely]] {
    call.control.out_of_memory(call.session.id, call.request.command().name, error);
  }
  call.reply.error(error);
  return protocol::Outcome::done();
}

/// The answer is complete and rests on `ticket`.
inline protocol::Outcome answered(core::CommitTicket ticket) {
  return ticket == 0 ? protocol::Outcome::done() : protocol::Outcome::parked(ticket);
}

}  // namespace appmem::commands
