#pragma once

#include <cstdint>
#include <vector>

#include "answer_limit.h"
#include "appmem/base/error.h"
#include "appmem/core/store.h"
#include "appmem/protocol/codec.h"
#include "appmem/protocol/reply_writer.h"
#include "appmem/protocol/request.h"

namespace appmem::commands {

/// One operation on keys: a request of its own, or one op of a batch. Rights are checked and the
/// namespace is resolved; values have been checked (check_values) where `type` is given.
/// Lifetime: the call.
struct KeyCall {
  core::Keyspace& keys;
  core::NamespaceId ns;
  /// What values become documents for; kAny where the store's own rules are enough.
  core::ValueType type = core::ValueType::kAny;
  const protocol::Arguments& args;
  protocol::ReplyWriter& reply;
  const Instant& now;
  /// Of an answer that holds several values; null for one.
  const AnswerLimit* limit = nullptr;
};

/// Executes and writes the fields of the answer. What it returns is the highest ticket of what it
/// wrote or read. On an error the caller replaces what has been written.
using KeyOperation = Result<core::CommitTicket> (*)(KeyCall& call);

/// The operation of a command that may stand in a batch; null for the others.
KeyOperation key_operation(protocol::CommandId command);

/// All values of `args` (`value`, `entries`) for a namespace of this type; see check_value.
Result<void> check_values(core::ValueType type, const protocol::Arguments& args,
                          const protocol::JsonValidator& validator);

/// Adds the keys that `args` name (`key`, `keys`, `entries`).
void append_keys(const protocol::Arguments& args, core::NamespaceId ns,
                 std::vector<core::KeyRef>& keys);

// The operations; entry_operations.cpp, deadline_operations.cpp, counter_operations.cpp,
// list_operations.cpp.
Result<core::CommitTicket> get_entry(KeyCall& call);
Result<core::CommitTicket> set_entry(KeyCall& call);
Result<core::CommitTicket> append_to_entry(KeyCall& call);
Result<core::CommitTicket> increment_counter(KeyCall& call);
Result<core::CommitTicket> decrement_counter(KeyCall& call);
Result<core::CommitTicket> read_deadline(KeyCall& call);
Result<core::CommitTicket> change_deadline(KeyCall& call);
Result<core::CommitTicket> remove_deadline(KeyCall& call);
Result<core::CommitTicket> delete_entries(KeyCall& call);
Result<core::CommitTicket> count_existing(KeyCall& call);
Result<core::CommitTicket> get_entries(KeyCall& call);
Result<core::CommitTicket> set_entries(KeyCall& call);

}  // namespace appmem::commands
