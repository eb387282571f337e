#pragma once

#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "appmem/protocol/request.h"
#include "redis_call.h"

namespace appmem::commands {

/// Executes one request of a connection that speaks RESP: refuses it, queues it, or runs it.
/// Precondition: it has words.
protocol::Outcome execute_redis(const RedisContext& context, Session& session,
                                const protocol::Request& request, protocol::RedisReply& reply,
                                const Instant& now);

/// The row of a command, or that of the subcommand that its second word names. nullptr when there
/// is no such command. Precondition: words is not empty.
const protocol::RedisSpec* find_redis_spec(std::span<const std::string_view> words);

/// Whether the command that find_redis_spec gave for `words` needs a subcommand and got another
/// word.
bool is_unknown_subcommand(const protocol::RedisSpec& spec,
                           std::span<const std::string_view> words);

/// Adds the keys that a command names, each with its namespace, when the connection is in `ns` and
/// `target` is what enter_redis_target gave. Precondition: has_arity.
void append_redis_keys(const protocol::RedisSpec& spec, std::span<const std::string_view> words,
                       core::NamespaceId ns, const std::optional<core::NamespaceId>& target,
                       std::vector<core::KeyRef>& keys);

/// Runs a command by itself: in an atomic step where it needs one.
void run_redis_command(RedisCall& call);

/// Runs the command's handler, on keys that the caller has seen to.
void run_redis_handler(RedisCall& call);
/// The same, with operations on keys going to `keys`; the call has what the handler leaves behind.
void run_redis_handler_on(core::Keyspace& keys, RedisCall& call);

}  // namespace appmem::commands
