#include <cstdint>
#include <limits>
#include <system_error>

#include "redis_databases.h"
#include "redis_state.h"

namespace appmem::commands {

using core::NamespaceId;

std::string redis_database_name(int number) {
  return number == 0 ? std::string("default") : "db" + std::to_string(number);
}

std::optional<int> redis_database_number(std::string_view word) {
  std::int64_t number = 0;
  if (!read_redis_integer(word, number) || number < 0 || number >= kRedisDatabases) {
    return std::nullopt;
  }
  return static_cast<int>(number);
}

bool read_redis_database(RedisCall& call, std::string_view word, int& number) {
  std::int64_t value = 0;
  if (!read_redis_integer(word, value)) {
    call.reply.failure(kRedisNotAnInteger);
  } else if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    call.reply.failure("ERR value is out of range, value must between -2147483648 and 2147483647");
  } else if (value < 0 || value >= kRedisDatabases) {
    call.reply.failure(kDatabaseOutOfRange);
  } else {
    number = static_cast<int>(value);
    return true;
  }
  return false;
}

NamespaceId find_redis_database(const core::Store& store, int number) {
  if (number == 0) return core::kDefaultNamespace;
  return store.find_namespace(redis_database_name(number)).value_or(kUnmadeDatabase);
}

Result<NamespaceId> make_redis_database(core::Store& store, int number, const Instant& now) {
  const std::string name = redis_database_name(number);
  auto made = store.create_namespace(name, {}, now);
  if (made || made.error().code != ErrorCode::kExists) return made;
  return find_redis_database(store, number);
}

void enter_redis_database(const core::Store& store, Session& session) {
  int& unmade = session.redis->unmade_database;
  if (unmade == 0) [[likely]]
    return;
  session.ns = find_redis_database(store, unmade);
  if (session.ns != kUnmadeDatabase) unmade = 0;
}

}  // namespace appmem::commands
