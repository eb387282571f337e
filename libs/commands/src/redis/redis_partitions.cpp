#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../access.h"
#include "../namespace_fields.h"
#include "../storage_commands.h"
#include "redis_handlers.h"

/// Partitions are GoKV's word for namespaces: the same operations as `ns.create` and its kin, with
/// the same rights.
namespace appmem::commands {
namespace {

using protocol::Field;
using protocol::Right;

std::string with_letters(std::string_view word, char first, char last, char to_first) {
  std::string text(word);
  for (char& c : text) {
    if (c >= first && c <= last) c = static_cast<char>(c - first + to_first);
  }
  return text;
}

/// Checks the second word, and the right where the command names a partition. False when an error
/// has been replied.
bool admit_partition(RedisCall& call, Right right, bool is_default) {
  const std::string_view expected =
      call.spec.id == protocol::RedisId::kList ? "PARTITIONS" : "PARTITION";
  if (!is_redis_word(call.words[1], expected)) {
    call.reply.failure(kRedisSyntaxError);
    return false;
  }
  if (const auto may = check_right(call.session.caller, right, is_default); !may) {
    refuse_redis(call, may.error());
    return false;
  }
  return true;
}

/// The partition that the third word names, for a caller with this right. Nothing when an error has
/// been replied.
std::optional<core::NamespaceId> find_partition(RedisCall& call, Right right) {
  const std::string_view name = call.words[2];
  if (!admit_partition(call, right, name == kDefaultNamespaceName)) return std::nullopt;
  const auto found = find_named(call.store, name);
  if (found) return *found;
  refuse_redis(call, found.error());
  return std::nullopt;
}

std::optional<core::NamespaceInfo> describe_partition(RedisCall& call) {
  const auto ns = find_partition(call, Right::kRead);
  if (!ns) return std::nullopt;
  auto info = call.store.namespace_info(*ns, call.now);
  if (info) return *std::move(info);
  refuse_redis(call, info.error());
  return std::nullopt;
}

/// Writes names and values of one reply.
class FieldWriter {
 public:
  explicit FieldWriter(protocol::RedisReply& reply) : reply_(reply) {}

  void text(Field field, std::string_view value) {
    reply_.bulk(field_name(field));
    reply_.bulk(value);
  }
  void number(Field field, std::uint64_t value) {
    reply_.bulk(field_name(field));
    reply_.integer(static_cast<std::int64_t>(value));
  }
  void limit(Field field, const std::optional<std::uint64_t>& value) {
    if (value) return number(field, *value);
    reply_.bulk(field_name(field));
    reply_.null();
  }

 private:
  protocol::RedisReply& reply_;
};

}  // namespace

void redis_create(RedisCall& call) {
  if (!admit_partition(call, Right::kServer, false)) return;
  core::NamespaceSettings settings;
  settings.owner_uid = call.session.caller.credentials.uid;
  for (const auto& [field, word] :
       {std::pair{Field::kType, call.words[3]}, std::pair{Field::kPersist, call.words[4]}}) {
    const auto read = read_setting_word(field, with_letters(word, 'A', 'Z', 'a'), settings);
    if (!read) return refuse_redis(call, read.error());
  }
  if (settings.persist != core::Persistence::kNone) settings.eviction = core::Eviction::kNone;
  if (auto ready = prepare_storage(call.control, settings); !ready) {
    return call.reply.failure("ERR unavailable: " + ready.error().message);
  }
  const auto created = call.store.create_namespace(call.words[2], settings, call.now);
  if (created) {
    if (settings.persist != core::Persistence::kNone) call.rests_on(call.store.latest_ticket());
    return call.reply.ok();
  }
  if (created.error().code == ErrorCode::kUnavailable) {
    return call.reply.failure("ERR unavailable: " + created.error().message);
  }
  refuse_redis(call, created.error());
}

void redis_drop(RedisCall& call) {
  const auto ns = find_partition(call, Right::kAdmin);
  if (!ns) return;
  const auto settings = call.store.namespace_settings(*ns);
  const bool is_durable = settings && settings->persist != core::Persistence::kNone;
  const auto dropped = call.store.drop_namespace(*ns, call.now);
  if (!dropped) return refuse_redis(call, dropped.error());
  if (is_durable) call.rests_on(call.store.latest_ticket());
  call.reply.ok();
}

void redis_list(RedisCall& call) {
  // Everybody who may read anything may read the default namespace.
  if (!admit_partition(call, Right::kRead, true)) return;
  std::vector<std::string> names;
  for (core::NamespaceInfo& info : call.store.list_namespaces(call.now)) {
    const bool is_default = info.id == core::kDefaultNamespace;
    if (call.session.caller.may(Right::kRead, is_default)) names.push_back(std::move(info.name));
  }
  call.reply.array(names.size());
  for (const std::string& name : names)
    call.reply.bulk(name);
}

void redis_describe(RedisCall& call) {
  const auto info = describe_partition(call);
  if (!info) return;
  const core::NamespaceSettings& settings = info->settings;
  const auto in_capitals = [](std::string_view word) {
    return with_letters(word, 'a', 'z', 'A');
  };
  call.reply.map(10);
  FieldWriter out(call.reply);
  out.text(Field::kName, info->name);
  out.text(Field::kType, in_capitals(value_type_name(settings.type)));
  out.text(Field::kPersist, in_capitals(persistence_name(settings.persist)));
  out.text(Field::kEviction, in_capitals(eviction_name(settings.eviction)));
  out.limit(Field::kMaxBytes, settings.max_bytes);
  out.number(Field::kReservedBytes, settings.reserved_bytes);
  out.limit(Field::kMaxKeys, settings.max_keys);
  out.limit(Field::kMaxValueBytes, settings.max_value_bytes);
  std::optional<std::uint64_t> ttl_ms;
  if (settings.default_ttl) ttl_ms = static_cast<std::uint64_t>(settings.default_ttl->count());
  out.limit(Field::kDefaultTtlMs, ttl_ms);
  out.number(Field::kOwnerUid, settings.owner_uid);
}

void redis_stats(RedisCall& call) {
  const auto info = describe_partition(call);
  if (!info) return;
  const core::NamespaceCounters& counters = info->counters;
  const std::pair<Field, std::uint64_t> rows[] = {
      {Field::kKeys, info->keys},
      {Field::kBytes, info->bytes},
      {Field::kMemory, info->memory},
      {Field::kGets, counters.gets},
      {Field::kHits, counters.hits},
      {Field::kMisses, counters.misses},
      {Field::kSets, counters.sets},
      {Field::kDeletes, counters.deletes},
      {Field::kEvictions, counters.evictions},
      {Field::kExpirations, counters.expirations},
      {Field::kRefused, counters.refused},
  };
  call.reply.map(std::size(rows));
  FieldWriter out(call.reply);
  for (const auto& [field, value] : rows)
    out.number(field, value);
}

}  // namespace appmem::commands
