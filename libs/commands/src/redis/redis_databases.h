#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "redis_call.h"

namespace appmem::commands {

/// Redis's databases are numbered: 0 is the namespace `default`, and 1 to 15 are `db1` to `db15`,
/// the only namespaces that are made at their first write.
inline constexpr int kRedisDatabases = 16;
inline constexpr std::string_view kDatabaseOutOfRange = "ERR DB index is out of range";

/// Stands for a numbered namespace that does not exist yet: no store has it, and everything in it
/// is absent.
inline constexpr core::NamespaceId kUnmadeDatabase{0xffff, 0xffff'ffff};

/// The namespace of a numbered database. Precondition: 0 <= number < kRedisDatabases.
std::string redis_database_name(int number);

/// Its id; kUnmadeDatabase when it does not exist.
core::NamespaceId find_redis_database(const core::Store& store, int number);

/// Makes it, unless somebody else has. Errors: as Store::create_namespace.
Result<core::NamespaceId> make_redis_database(core::Store& store, int number, const Instant& now);

/// Where the session has selected a database that did not exist: it is in it if it exists now.
void enter_redis_database(const core::Store& store, Session& session);

/// Executes a command of a session in a database that does not exist. It finds nothing there, and
/// makes the database when it writes. Precondition: no lock is held, or all are.
void run_in_unmade_database(RedisCall& call);

/// The number that a word is, where it names a database. Nothing when it does not.
std::optional<int> redis_database_number(std::string_view word);

/// Reads the number of a database, as Redis reads it. False when an error has been replied.
bool read_redis_database(RedisCall& call, std::string_view word, int& number);

}  // namespace appmem::commands
