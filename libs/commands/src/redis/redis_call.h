#pragma once

#include <cstdint>
#include <forward_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "appmem/base/shared_bytes.h"
#include "appmem/commands/dispatcher.h"
#include "appmem/commands/server_control.h"
#include "appmem/core/store.h"
#include "appmem/protocol/codec.h"
#include "appmem/protocol/outcome.h"
#include "appmem/protocol/redis_reply.h"
#include "appmem/protocol/redis_table.h"

namespace appmem::commands {

class RedisStatistics;
class TransactionMemory;

/// What all calls of a dispatcher share; borrowed.
struct RedisContext {
  core::Store& store;
  ServerControl& control;
  const protocol::JsonValidator& validator;
  /// Held while settings of a namespace are read, changed and written back.
  std::mutex& settings_mutex;
  RedisStatistics& statistics;
  TransactionMemory& transactions;
};

/// One Redis command on its way through its handler. Its arity, the caller's right and the number
/// of its keys have been checked. Lifetime: the call.
struct RedisCall : RedisContext {
  Session& session;
  /// What operations on keys go to: the store; or the atomic step that has locked the command's
  /// keys, where it has several, is kRedisAtomic or stands in a transaction. Only keys that
  /// append_redis_keys names may be touched then.
  core::Keyspace& keys;
  core::NamespaceId ns;
  const protocol::RedisSpec& spec;
  std::span<const std::string_view> words;  // [0] is the command's name, as it was sent
  protocol::RedisReply& reply;
  const Instant& now;
  /// Where MOVE and COPY put a key into another database: its namespace, found (or made) before the
  /// keys were locked; kUnmadeDatabase where there was no key to put there.
  std::optional<core::NamespaceId> target = std::nullopt;
  /// Words in memory of their own; null: there are none.
  const std::forward_list<SharedBytes>* large_words = nullptr;

  // What a handler leaves behind, besides the one reply that it writes:

  /// The reply waits for it: the highest ticket of what was written or read.
  core::CommitTicket ticket = 0;
  /// Goes on in later turns and ends the reply. In a transaction it is run to its end at once.
  std::unique_ptr<protocol::Job> job = nullptr;
  /// The connection is closed behind the reply.
  bool close = false;

  void rests_on(core::CommitTicket other) { ticket = other > ticket ? other : ticket; }
};

/// Executes a command and writes its one reply, an error included.
using RedisHandler = void (*)(RedisCall&);

// Errors that many commands share, in Redis's words, since clients and their tests look at them.
inline constexpr std::string_view kRedisSyntaxError = "ERR syntax error";
inline constexpr std::string_view kRedisNotAnInteger =
    "ERR value is not an integer or out of range";
inline constexpr std::string_view kRedisWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";

/// Replies with an error of the store, in Redis's words where it has some.
void refuse_redis(RedisCall& call, const Error& error);
/// The same for a job.
void write_redis_error(protocol::RedisReply& reply, const Error& error);

/// Reads an integer as Redis does. False when `text` is none.
bool read_redis_integer(std::string_view text, std::int64_t& value);

/// A copy with its capital ASCII letters made small.
std::string in_small_letters(std::string_view text);

/// A word as Redis shows it in an error, where a zero byte ends it.
std::string_view shown_word(std::string_view word);

/// Whether two words are the same but for the case of ASCII letters; `word` is in capitals.
bool is_redis_word(std::string_view text, std::string_view word);

}  // namespace appmem::commands
