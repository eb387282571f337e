#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "appmem/base/limits.h"
#include "appmem/protocol/field.h"

namespace appmem::protocol {

/// What a caller must be allowed to do.
enum class Right : std::uint8_t {
  kNone,    // anybody who may connect: ping, hello, auth, whoami
  kRead,    // of the namespace
  kWrite,   // of the namespace
  kAdmin,   // of the namespace: alter, drop, clear
  kServer,  // of the daemon: create namespaces, see clients and configuration, shut down
};

/// Bits of CommandSpec::flags.
enum CommandFlags : std::uint16_t {
  kReads = 1U << 0U,
  kWrites = 1U << 1U,
  // A client may send it again when an answer was lost: the effect is the same. With a condition
  // (`if_…`) or `return_old` the second answer may differ, so such a request is not sent again.
  kIdempotent = 1U << 2U,
  kSliced = 1U << 3U,       // grows with the data: runs in slices
  kBatchable = 1U << 4U,    // may stand in `batch`
  kUnavailable = 1U << 5U,  // specified, and answered with `unavailable` until its engine exists
};

/// A kText field holds at most this, a kCursor at most kCursorBytesMax, a kBytes at most
/// kKeyBytesMax.
inline constexpr std::size_t kTextBytesMax = 1024;
inline constexpr std::size_t kCursorBytesMax = 4 * kKeyBytesMax;

/// How a field is written in a request.
enum class FieldType : std::uint8_t {
  kBytes,  // a string, or base64 in the field's `_b64` twin
  kText,   // a UTF-8 string
  kValue,  // any JSON value, or bytes in `value_b64`
  kBool,
  kInteger,    // signed 64 bits
  kUnsigned,   // 0 to 2^63 - 1
  kMillis,     // 1 to kTtlMax
  kTtl,        // 1 to kTtlMax, or null: never
  kMaximum,    // 1 to 2^63 - 1, or null: no limit
  kCursor,     // null or what an earlier answer gave: a string or an integer
  kKeyList,    // strings or {"b64":"…"}
  kEntryList,  // objects with key, value, ttl_ms
  kOpList,     // requests
};

struct FieldSpec {
  Field field;
  FieldType type;
  bool required = false;
  /// Fields of one command with the same small letter exclude each other ('\0': none); a capital
  /// excludes its small letter but not itself (`from` and `to` against `prefix`). Of a group in
  /// which one is `required`, one must be present. A kBool that is false does not count.
  char one_of = '\0';
  /// Specified, refused with `unavailable` until its engine exists (by the codec, so that no
  /// handler sees it); a kBool that is false asks for nothing and passes.
  bool unavailable = false;
  std::string_view help;
  /// What a kText may be; empty: anything.
  std::span<const std::string_view> choices = {};
};

enum class CommandId : std::uint8_t {
  kGet,
  kSet,
  kDel,
  kExists,
  kMget,
  kMset,
  kIncr,
  kDecr,
  kAppend,
  kTtl,
  kExpire,
  kPersist,
  kScan,
  kCount,
  kBatch,
  kNsCreate,
  kNsAlter,
  kNsDrop,
  kNsClear,
  kNsList,
  kNsInfo,
  kUse,
  kHello,
  kAuth,
  kPing,
  kWhoami,
  kStats,
  kMetrics,
  kHealth,
  kConfigGet,
  kConfigReload,
  kClients,
  kClientKill,
  kCheckpoint,
  kCompact,
  kBackup,
  kLogVerify,
  kStorageResume,
  kSlowlog,
  kWatch,
  kUnwatch,
  kShutdown,
  kLeaseRelease,
};

inline constexpr std::size_t kCommandCount = static_cast<std::size_t>(CommandId::kLeaseRelease) + 1;

/// One row of the command table: all that is known about a command but its code. Argument checks,
/// help, docs, completion, the fuzzers' dictionaries and (later) RESP arity and replies come from
/// it.
struct CommandSpec {
  CommandId id;
  Right right;
  std::uint16_t flags;
  bool takes_ns;
  std::string_view name;  // "ns.create"
  std::span<const std::string_view> aliases;
  std::span<const FieldSpec> fields;  // besides `ns`
  std::span<const Field> reply;       // the answer's fields, in order
  std::string_view summary;           // one line
  std::string_view example;           // a request as NDJSON
};

/// All rows, in the order of CommandId.
std::span<const CommandSpec> command_table();
const CommandSpec& command_spec(CommandId id);
/// By name or alias, exact case; nullptr when there is none.
const CommandSpec* find_command(std::string_view name);

}  // namespace appmem::protocol
