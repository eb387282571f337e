#include "redis_categories.h"

namespace appmem::commands {
namespace {

using protocol::RedisId;
using protocol::RedisSpec;

bool has(const RedisSpec& spec, protocol::RedisFlags flag) {
  return (spec.flags & flag) != 0;
}

/// A command that only has subcommands: those are what is in a category.
bool is_container(const RedisSpec& spec) {
  return spec.id != RedisId::kCommand && &spec == &protocol::redis_spec(spec.id) &&
         !protocol::redis_subcommands(spec.id).empty();
}

bool is_on_keyspace(const RedisSpec& spec) {
  switch (spec.id) {
    case RedisId::kDbsize:
    case RedisId::kFlushall:
    case RedisId::kFlushdb:
    case RedisId::kSwapdb:
      return true;
    default:
      return spec.group == "generic";
  }
}

bool is_admin(const RedisSpec& spec) {
  return has(spec, protocol::kRedisAdmin) || spec.id == RedisId::kLastsave;
}

bool is_dangerous(const RedisSpec& spec) {
  switch (spec.id) {
    case RedisId::kFlushall:
    case RedisId::kFlushdb:
    case RedisId::kInfo:
    case RedisId::kKeys:
    case RedisId::kSwapdb:
      return true;
    default:
      return is_admin(spec);
  }
}

}  // namespace

std::vector<std::string_view> redis_categories(const RedisSpec& spec) {
  if (is_container(spec)) return {"slow"};
  std::vector<std::string_view> names;
  const auto add = [&](bool is_in, std::string_view name) {
    if (is_in) names.push_back(name);
  };
  add(is_on_keyspace(spec), "keyspace");
  add(has(spec, protocol::kRedisReadonly), "read");
  add(has(spec, protocol::kRedisWrite), "write");
  add(spec.group == "string", "string");
  add(is_admin(spec), "admin");
  add(has(spec, protocol::kRedisFast), "fast");
  add(!has(spec, protocol::kRedisFast), "slow");
  add(is_dangerous(spec), "dangerous");
  add(spec.group == "connection" || spec.id == RedisId::kCommand, "connection");
  add(spec.group == "transactions", "transaction");
  return names;
}

}  // namespace appmem::commands
