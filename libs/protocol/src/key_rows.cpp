#include "command_rows.h"

namespace appmem::protocol {
namespace {

using enum Field;
using T = FieldType;

constexpr FieldSpec kKeyField = required(kKey, T::kBytes, "the key");
constexpr FieldSpec kTtlField =
    optional(kTtlMs, T::kTtl, "time to live in milliseconds, null for never");
constexpr FieldSpec kReturnOldField =
    optional(kReturnOld, T::kBool, "answer with the value that was there");
constexpr FieldSpec kOneKey = one_of('k', required(kKey, T::kBytes, "the key"));
constexpr FieldSpec kManyKeys = one_of('k', required(kKeys, T::kKeyList, "several keys"));

constexpr FieldSpec kGetFields[] = {
    kKeyField,
    optional(kTouchTtlMs, T::kTtl, "a new time to live, given as the entry is read"),
    unavailable(kLeaseMs, T::kMillis, "on a miss, become the one who computes, for so long"),
    unavailable(kWaitMs, T::kMillis, "how long to wait while another computes"),
};
constexpr Field kGetReply[] = {kFound, kValue, kVersion, kTtlMs};

constexpr FieldSpec kSetFields[] = {
    kKeyField,
    required(kValue, T::kValue, "the value"),
    one_of('t', kTtlField),
    one_of('t', optional(kExpiresAtMs, T::kInteger,
                         "when it ends, in milliseconds since 1970; the past deletes")),
    one_of('t', optional(kKeepTtl, T::kBool, "keep the time to live that the entry has")),
    one_of('c', optional(kIfAbsent, T::kBool, "only if there is no such key")),
    one_of('c', optional(kIfPresent, T::kBool, "only if there is such a key")),
    one_of('c', optional(kIfVersion, T::kUnsigned, "only if the entry has this version")),
    kReturnOldField,
    unavailable(kLease, T::kText, "the lease under which the value was computed"),
    unavailable(kFreshMs, T::kMillis, "how long the value counts as fresh"),
};
constexpr Field kSetReply[] = {kVersion, kOld};

constexpr FieldSpec kDelFields[] = {
    kOneKey,
    kManyKeys,
    optional(kIfVersion, T::kUnsigned, "only if the entry has this version; with `key`"),
    optional(kReturnOld, T::kBool, "answer with the value that was there; with `key`"),
};
constexpr Field kDelReply[] = {kDeleted, kOld};

constexpr FieldSpec kExistsFields[] = {kOneKey, kManyKeys};
constexpr Field kCountReply[] = {Field::kCount};

constexpr FieldSpec kMgetFields[] = {required(kKeys, T::kKeyList, "the keys")};
constexpr Field kMgetReply[] = {kValues};

constexpr FieldSpec kMsetFields[] = {
    required(kEntries, T::kEntryList, "objects with `key`, `value` and, if wanted, `ttl_ms`"),
    optional(kIfAbsent, T::kBool, "only if none of the keys exists"),
};
constexpr Field kMsetReply[] = {kVersions};

constexpr FieldSpec kCounterFields[] = {
    kKeyField,
    optional(kBy, T::kInteger, "by how much; 1"),
    optional(kInitial, T::kInteger, "what a missing counter starts from; 0"),
    optional(kTtlMs, T::kTtl, "time to live in milliseconds, when it is created"),
    optional(kMin, T::kInteger, "refuse with `out_of_range` to go below"),
    optional(kMax, T::kInteger, "refuse with `out_of_range` to go above"),
};
constexpr Field kCounterReply[] = {kValue, kVersion};

constexpr FieldSpec kAppendFields[] = {
    kKeyField,
    required(kValue, T::kValue, "what is added at the end: a string, or an integer's digits"),
};
constexpr Field kAppendReply[] = {kLength, kVersion};

constexpr FieldSpec kTtlFields[] = {kKeyField};
constexpr Field kTtlReply[] = {kFound, kTtlMs};

constexpr FieldSpec kExpireFields[] = {
    kKeyField,
    one_of('t', required(kTtlMs, T::kTtl, "time to live in milliseconds, null for never")),
    one_of('t', required(kExpiresAtMs, T::kInteger, "when it ends, in milliseconds since 1970")),
    one_of('c', optional(kIfNone, T::kBool, "only if the entry never expires")),
    one_of('c', optional(kIfLonger, T::kBool, "only if it lives longer then")),
    one_of('c', optional(kIfShorter, T::kBool, "only if it lives shorter then")),
};
constexpr Field kFoundReply[] = {kFound};

constexpr FieldSpec kPersistFields[] = {kKeyField};

constexpr FieldSpec kScanFields[] = {
    one_of('r', optional(kPrefix, T::kBytes, "keys that begin with this")),
    one_of('r',
           optional(kGlob, T::kText, "keys that match: `*`, `?`, `[a-z]`, `[^a]`, `\\` quotes")),
    one_of('R', optional(kFrom, T::kBytes, "keys from here on, in key order")),
    one_of('R', optional(kTo, T::kBytes, "keys below this, in key order")),
    optional(kLimit, T::kUnsigned, "at most about so many in one answer"),
    optional(kCursor, T::kCursor, "where the last answer ended"),
    optional(kValues, T::kBool, "answer with entries instead of keys"),
};
constexpr Field kScanReply[] = {kKeys, kEntries, kCursor};

constexpr FieldSpec kCountFields[] = {
    optional(kPrefix, T::kBytes, "keys that begin with this"),
};

constexpr FieldSpec kBatchFields[] = {
    required(kOps, T::kOpList,
             "requests on keys, without `id`; any but `scan`, `count` and `batch`"),
};
constexpr Field kBatchReply[] = {kResults};

constexpr std::uint16_t kRead = kReads | kIdempotent | kBatchable;
constexpr std::uint16_t kChange = kWrites | kBatchable;
constexpr std::uint16_t kRepeatable = kChange | kIdempotent;

constexpr CommandSpec kRows[] = {
    {CommandId::kGet,
     Right::kRead,
     kRead,
     true,
     "get",
     {},
     kGetFields,
     kGetReply,
     "Reads a key.",
     R"({"op":"get","key":"user:42"})"},
    {CommandId::kSet,
     Right::kWrite,
     kRepeatable,
     true,
     "set",
     {},
     kSetFields,
     kSetReply,
     "Stores a value, and its time to live.",
     R"({"op":"set","key":"user:42","value":{"name":"Ada"},"ttl_ms":60000})"},
    {CommandId::kDel,
     Right::kWrite,
     kChange,
     true,
     "del",
     {},
     kDelFields,
     kDelReply,
     "Deletes one key or several at once.",
     R"({"op":"del","keys":["user:42","user:43"]})"},
    {CommandId::kExists,
     Right::kRead,
     kRead,
     true,
     "exists",
     {},
     kExistsFields,
     kCountReply,
     "Counts how many of the keys exist.",
     R"({"op":"exists","key":"user:42"})"},
    {CommandId::kMget,
     Right::kRead,
     kRead,
     true,
     "mget",
     {},
     kMgetFields,
     kMgetReply,
     "Reads several keys at one moment.",
     R"({"op":"mget","keys":["a","b"]})"},
    {CommandId::kMset,
     Right::kWrite,
     kRepeatable,
     true,
     "mset",
     {},
     kMsetFields,
     kMsetReply,
     "Stores several values, all or none.",
     R"({"op":"mset","entries":[{"key":"a","value":1},{"key":"b","value":"two","ttl_ms":5000}]})"},
    {CommandId::kIncr,
     Right::kWrite,
     kChange,
     true,
     "incr",
     {},
     kCounterFields,
     kCounterReply,
     "Adds to a counter; a missing one becomes `initial` + `by`.",
     R"({"op":"incr","key":"hits","by":5})"},
    {CommandId::kDecr,
     Right::kWrite,
     kChange,
     true,
     "decr",
     {},
     kCounterFields,
     kCounterReply,
     "Takes from a counter; a missing one becomes `initial` - `by`.",
     R"({"op":"decr","key":"stock","min":0})"},
    {CommandId::kAppend,
     Right::kWrite,
     kChange,
     true,
     "append",
     {},
     kAppendFields,
     kAppendReply,
     "Adds bytes at the end of a value; a missing one is created.",
     R"({"op":"append","key":"log","value":"line\n"})"},
    {CommandId::kTtl,
     Right::kRead,
     kRead,
     true,
     "ttl",
     {},
     kTtlFields,
     kTtlReply,
     "How long a key has to live; null for ever.",
     R"({"op":"ttl","key":"user:42"})"},
    {CommandId::kExpire,
     Right::kWrite,
     kRepeatable,
     true,
     "expire",
     {},
     kExpireFields,
     kFoundReply,
     "Changes how long a key has to live.",
     R"({"op":"expire","key":"user:42","ttl_ms":30000})"},
    {CommandId::kPersist,
     Right::kWrite,
     kRepeatable,
     true,
     "persist",
     {},
     kPersistFields,
     kFoundReply,
     "Lets a key live for ever.",
     R"({"op":"persist","key":"user:42"})"},
    {CommandId::kScan,
     Right::kRead,
     kReads | kIdempotent | kSliced,
     true,
     "scan",
     {},
     kScanFields,
     kScanReply,
     "Walks over keys, page by page; a key present throughout comes exactly once.",
     R"({"op":"scan","prefix":"user:","limit":100})"},
    {CommandId::kCount,
     Right::kRead,
     kReads | kIdempotent | kSliced,
     true,
     "count",
     {},
     kCountFields,
     kCountReply,
     "Counts keys.",
     R"({"op":"count","prefix":"user:"})"},
    {CommandId::kBatch,
     Right::kNone,
     kReads | kWrites,
     true,
     "batch",
     {},
     kBatchFields,
     kBatchReply,
     "Several operations, in any namespaces, that take effect together or not at all.",
     R"({"op":"batch","ops":[{"op":"decr","key":"a","min":0},{"op":"incr","key":"b"}]})"},
};

}  // namespace

std::span<const CommandSpec> key_rows() {
  return kRows;
}

}  // namespace appmem::protocol
