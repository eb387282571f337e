#include <cstdint>
#include <limits>
#include <system_error>

#include "redis_databases.h"
#include "redis_state.h"

namespace appmem::commands {
namespace {

using core::CommitTicket;
using core::NamespaceId;

/// A namespace in which nothing is. Whoever would write makes the namespace first.
class EmptyKeyspace final : public core::Keyspace {
 public:
  Result<core::GetOutcome> get(NamespaceId /*ns*/, std::string_view /*key*/,
                               const core::GetOptions& /*options*/, const Instant& /*now*/,
                               core::EntryVisitor /*visit*/) override {
    return core::GetOutcome{};
  }
  Result<core::SetOutcome> set(NamespaceId /*ns*/, std::string_view /*key*/,
                               const ValueView& /*value*/, const core::SetOptions& /*options*/,
                               const Instant& /*now*/) override {
    return absent();
  }
  Result<core::RemoveOutcome> remove(NamespaceId /*ns*/, std::string_view /*key*/,
                                     const core::RemoveOptions& /*options*/,
                                     const Instant& /*now*/) override {
    return core::RemoveOutcome{};
  }
  Result<core::IncrementOutcome> increment(NamespaceId /*ns*/, std::string_view /*key*/,
                                           const core::IncrementOptions& /*options*/,
                                           const Instant& /*now*/) override {
    return absent();
  }
  Result<core::PatchOutcome> patch(NamespaceId /*ns*/, std::string_view /*key*/,
                                   const core::Patch& /*patch*/, const Instant& /*now*/) override {
    return absent();
  }
  Result<core::ExpireOutcome> expire(NamespaceId /*ns*/, std::string_view /*key*/,
                                     const core::ExpireOptions& /*options*/,
                                     const Instant& /*now*/) override {
    return core::ExpireOutcome{};
  }
  Result<std::optional<core::EntryStats>> stats(NamespaceId /*ns*/, std::string_view /*key*/,
                                                const Instant& /*now*/) override {
    return std::optional<core::EntryStats>{};
  }

 private:
  static tl::unexpected<Error> absent() {
    return fail(ErrorCode::kNotFound, "the database does not exist yet");
  }
};

}  // namespace

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

Result<core::Keyspace*> enter_redis_database(core::Store& store, Session& session,
                                             const protocol::RedisSpec& spec, const Instant& now) {
  int& unmade = session.redis->unmade_database;
  if (unmade == 0) return &store;
  session.ns = find_redis_database(store, unmade);
  // COPY finds nothing to copy in it.
  const bool may_write =
      (spec.flags & protocol::kRedisDenyOom) != 0 && spec.id != protocol::RedisId::kCopy;
  if (session.ns == kUnmadeDatabase && may_write) {
    auto made = make_redis_database(store, unmade, now);
    if (!made) return fail(std::move(made).error());
    session.ns = *made;
  }
  if (session.ns == kUnmadeDatabase) {
    static EmptyKeyspace empty;
    return &empty;
  }
  unmade = 0;
  return &store;
}

}  // namespace appmem::commands
