#include "command_rows.h"

namespace appmem::protocol {
namespace {

using enum Field;
using T = FieldType;

constexpr std::string_view kTypeChoices[] = {"any", "string", "int", "json"};
constexpr std::string_view kPersistChoices[] = {"none", "snapshot", "wal"};
constexpr std::string_view kEvictionChoices[] = {"lru", "s3fifo", "none"};

constexpr FieldSpec kNameField = required(kName, T::kText, "the namespace: [A-Za-z0-9._:-]{1,64}");
constexpr FieldSpec kTypeField =
    with_choices(optional(kType, T::kText, "what values it takes; `any`"), kTypeChoices);
constexpr FieldSpec kPersistField = with_choices(
    optional(kPersist, T::kText, "what a crash leaves of it; `none`"), kPersistChoices);
constexpr FieldSpec kMaxBytesField = optional(kMaxBytes, T::kMaximum, "ceiling of its memory");
constexpr FieldSpec kReservedField =
    optional(kReservedBytes, T::kUnsigned, "nobody else's writes evict it below this");
constexpr FieldSpec kMaxKeysField = optional(kMaxKeys, T::kMaximum, "how many keys it may hold");
constexpr FieldSpec kMaxValueField =
    optional(kMaxValueBytes, T::kMaximum, "the largest value it takes");
constexpr FieldSpec kDefaultTtlField =
    optional(kDefaultTtlMs, T::kTtl, "time to live of what is stored without one");
constexpr FieldSpec kEvictionField = with_choices(
    optional(kEviction, T::kText, "who goes when memory runs out; `lru`"), kEvictionChoices);
constexpr FieldSpec kOrderedField =
    unavailable(kOrdered, T::kBool, "keep an index in key order, for cheap ranges");

constexpr FieldSpec kCreateFields[] = {
    kNameField,
    kTypeField,
    kPersistField,
    kMaxBytesField,
    kReservedField,
    kMaxKeysField,
    kMaxValueField,
    kDefaultTtlField,
    kEvictionField,
    kOrderedField,
    optional(kIfAbsent, T::kBool, "one that exists is no error, and stays as it is"),
};
constexpr Field kCreateReply[] = {kCreated};

constexpr FieldSpec kAlterFields[] = {
    kNameField,    kTypeField,     kPersistField,    kMaxBytesField, kReservedField,
    kMaxKeysField, kMaxValueField, kDefaultTtlField, kEvictionField, kOrderedField,
};

constexpr FieldSpec kNameOnly[] = {kNameField};
constexpr Field kClearReply[] = {kDeleted};
constexpr Field kListReply[] = {kNamespaces};
constexpr Field kInfoReply[] = {
    kName,          kType,         kPersist,  kEviction, kMaxBytes,  kReservedBytes, kMaxKeys,
    kMaxValueBytes, kDefaultTtlMs, kOwnerUid, kKeys,     kBytes,     kMemory,        kGets,
    kHits,          kMisses,       kSets,     kDeletes,  kEvictions, kExpirations,   kRefused,
};

constexpr CommandSpec kRows[] = {
    {CommandId::kNsCreate,
     Right::kServer,
     kWrites,
     false,
     "ns.create",
     {},
     kCreateFields,
     kCreateReply,
     "Makes a namespace.",
     R"({"op":"ns.create","name":"sessions","type":"json","default_ttl_ms":1800000})"},
    {CommandId::kNsAlter,
     Right::kAdmin,
     kWrites | kIdempotent,
     false,
     "ns.alter",
     {},
     kAlterFields,
     {},
     "Changes settings of a namespace; those not named stay.",
     R"({"op":"ns.alter","name":"sessions","max_bytes":268435456})"},
    {CommandId::kNsDrop,
     Right::kAdmin,
     kWrites,
     false,
     "ns.drop",
     {},
     kNameOnly,
     {},
     "Removes a namespace and all it holds.",
     R"({"op":"ns.drop","name":"sessions"})"},
    {CommandId::kNsClear,
     Right::kAdmin,
     kWrites | kIdempotent,
     false,
     "ns.clear",
     {},
     kNameOnly,
     kClearReply,
     "Deletes all keys of a namespace, in constant time.",
     R"({"op":"ns.clear","name":"sessions"})"},
    {CommandId::kNsList,
     Right::kRead,
     kReads | kIdempotent,
     false,
     "ns.list",
     {},
     {},
     kListReply,
     "Lists the namespaces that the caller may read, as ns.info shows them.",
     R"({"op":"ns.list"})"},
    {CommandId::kNsInfo,
     Right::kRead,
     kReads | kIdempotent,
     false,
     "ns.info",
     {},
     kNameOnly,
     kInfoReply,
     "Settings and counters of a namespace.",
     R"({"op":"ns.info","name":"default"})"},
    {CommandId::kUse,
     Right::kRead,
     kReads | kIdempotent,
     false,
     "use",
     {},
     kNameOnly,
     {},
     "Chooses the namespace of this connection's requests from here on.",
     R"({"op":"use","name":"sessions"})"},
};

}  // namespace

std::span<const CommandSpec> namespace_rows() {
  return kRows;
}

}  // namespace appmem::protocol
