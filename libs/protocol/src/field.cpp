#include "appmem/protocol/field.h"

#include <array>

#include "name_index.h"

namespace appmem::protocol {
namespace {

struct FieldRow {
  Field field;
  std::string_view name;
};

constexpr FieldRow kRows[] = {
    {Field::kNs, "ns"},
    {Field::kKey, "key"},
    {Field::kKeys, "keys"},
    {Field::kValue, "value"},
    {Field::kTtlMs, "ttl_ms"},
    {Field::kExpiresAtMs, "expires_at_ms"},
    {Field::kKeepTtl, "keep_ttl"},
    {Field::kIfAbsent, "if_absent"},
    {Field::kIfPresent, "if_present"},
    {Field::kIfVersion, "if_version"},
    {Field::kReturnOld, "return_old"},
    {Field::kTouchTtlMs, "touch_ttl_ms"},
    {Field::kEntries, "entries"},
    {Field::kBy, "by"},
    {Field::kInitial, "initial"},
    {Field::kMin, "min"},
    {Field::kMax, "max"},
    {Field::kIfNone, "if_none"},
    {Field::kIfLonger, "if_longer"},
    {Field::kIfShorter, "if_shorter"},
    {Field::kPrefix, "prefix"},
    {Field::kGlob, "glob"},
    {Field::kFrom, "from"},
    {Field::kTo, "to"},
    {Field::kLimit, "limit"},
    {Field::kCursor, "cursor"},
    {Field::kValues, "values"},
    {Field::kOps, "ops"},
    {Field::kName, "name"},
    {Field::kType, "type"},
    {Field::kPersist, "persist"},
    {Field::kMaxBytes, "max_bytes"},
    {Field::kReservedBytes, "reserved_bytes"},
    {Field::kMaxKeys, "max_keys"},
    {Field::kMaxValueBytes, "max_value_bytes"},
    {Field::kDefaultTtlMs, "default_ttl_ms"},
    {Field::kEviction, "eviction"},
    {Field::kOrdered, "ordered"},
    {Field::kClientName, "client_name"},
    {Field::kProtocolVersion, "protocol_version"},
    {Field::kClient, "client"},
    {Field::kToken, "token"},
    {Field::kLease, "lease"},
    {Field::kLeaseMs, "lease_ms"},
    {Field::kWaitMs, "wait_ms"},
    {Field::kFreshMs, "fresh_ms"},
    {Field::kSince, "since"},
    {Field::kFound, "found"},
    {Field::kVersion, "version"},
    {Field::kOld, "old"},
    {Field::kDeleted, "deleted"},
    {Field::kCount, "count"},
    {Field::kVersions, "versions"},
    {Field::kLength, "length"},
    {Field::kResults, "results"},
    {Field::kNamespaces, "namespaces"},
    {Field::kBytes, "bytes"},
    {Field::kMemory, "memory"},
    {Field::kGets, "gets"},
    {Field::kHits, "hits"},
    {Field::kMisses, "misses"},
    {Field::kSets, "sets"},
    {Field::kDeletes, "deletes"},
    {Field::kEvictions, "evictions"},
    {Field::kExpirations, "expirations"},
    {Field::kRefused, "refused"},
    {Field::kOwnerUid, "owner_uid"},
    {Field::kServer, "server"},
    {Field::kServerVersion, "server_version"},
    {Field::kFeatures, "features"},
    {Field::kLimits, "limits"},
    {Field::kPong, "pong"},
    {Field::kUid, "uid"},
    {Field::kGid, "gid"},
    {Field::kGids, "gids"},
    {Field::kPid, "pid"},
    {Field::kRole, "role"},
    {Field::kStatus, "status"},
    {Field::kUptimeMs, "uptime_ms"},
    {Field::kMemoryUsed, "memory_used"},
    {Field::kMemoryLimit, "memory_limit"},
    {Field::kConnections, "connections"},
    {Field::kThreads, "threads"},
    {Field::kShards, "shards"},
    {Field::kClients, "clients"},
    {Field::kConfig, "config"},
    {Field::kIdleMs, "idle_ms"},
    {Field::kAgeMs, "age_ms"},
    {Field::kMessage, "message"},
    {Field::kOptions, "options"},
    {Field::kAddress, "address"},
    {Field::kRequests, "requests"},
    {Field::kKilled, "killed"},
    {Field::kKind, "kind"},
    {Field::kPeer, "peer"},
    {Field::kExpiryLagMs, "expiry_lag_ms"},
    {Field::kCreated, "created"},
    {Field::kTables, "tables"},
    {Field::kLive, "live"},
    {Field::kLarge, "large"},
    {Field::kStorage, "storage"},
    {Field::kFiles, "files"},
    {Field::kRecords, "records"},
};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    if (static_cast<std::size_t>(kRows[i].field) != i) return false;
  }
  return true;
}
static_assert(std::size(kRows) == kFieldCount && rows_are_in_order());

constexpr auto kIndex = [] {
  NameIndex<512> index;
  for (const FieldRow& row : kRows)
    index.add(row.name, static_cast<std::uint16_t>(row.field));
  return index;
}();

}  // namespace

std::string_view field_name(Field field) {
  return kRows[static_cast<std::size_t>(field)].name;
}

std::optional<Field> field_from_name(std::string_view name) {
  const std::uint16_t found = kIndex.find(name);
  if (found == kIndex.kNone) return std::nullopt;
  return static_cast<Field>(found);
}

}  // namespace appmem::protocol
