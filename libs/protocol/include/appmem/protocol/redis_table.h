#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "appmem/protocol/command_table.h"

namespace appmem::protocol {

/// The commands of Redis that are spoken here, and those of partitions, in the order of the table.
enum class RedisId : std::uint8_t {
  kAppend,
  kAuth,
  kBgsave,
  kClient,
  kCommand,
  kConfig,
  kCopy,
  kCreate,
  kDbsize,
  kDecr,
  kDecrby,
  kDel,
  kDescribe,
  kDiscard,
  kDrop,
  kEcho,
  kExec,
  kExists,
  kExpire,
  kExpireat,
  kExpiretime,
  kFlushall,
  kFlushdb,
  kGet,
  kGetdel,
  kGetex,
  kGetrange,
  kGetset,
  kHello,
  kIncr,
  kIncrby,
  kIncrbyfloat,
  kInfo,
  kKeys,
  kLastsave,
  kLcs,
  kList,
  kMemory,
  kMget,
  kMove,
  kMset,
  kMsetnx,
  kMulti,
  kObject,
  kPersist,
  kPexpire,
  kPexpireat,
  kPexpiretime,
  kPing,
  kPsetex,
  kPttl,
  kQuit,
  kRandomkey,
  kRename,
  kRenamenx,
  kReset,
  kSave,
  kScan,
  kSelect,
  kSet,
  kSetex,
  kSetnx,
  kSetrange,
  kShutdown,
  kStats,
  kStrlen,
  kSubstr,
  kSwapdb,
  kTime,
  kTouch,
  kTtl,
  kType,
  kUnlink,
  kUnwatch,
  kWatch,
};

inline constexpr std::size_t kRedisCommandCount = static_cast<std::size_t>(RedisId::kWatch) + 1;

/// Bits of RedisSpec::flags: as COMMAND shows them, in this order.
enum RedisFlags : std::uint16_t {
  kRedisWrite = 1U << 0U,
  kRedisReadonly = 1U << 1U,
  kRedisDenyOom = 1U << 2U,
  kRedisAdmin = 1U << 3U,
  kRedisNoScript = 1U << 4U,
  kRedisLoading = 1U << 5U,
  kRedisStale = 1U << 6U,
  kRedisFast = 1U << 7U,
  kRedisNoAuth = 1U << 8U,  // may be sent before the token
  kRedisNoMulti = 1U << 9U,
  // Not shown: its one key is locked while it runs, because it changes what it has read. Commands
  // on several keys are atomic anyway.
  kRedisAtomic = 1U << 10U,
  // Not shown: it touches neither keys nor namespaces nor locks of anything else, so that it may
  // run while keys are locked.
  kRedisFree = 1U << 11U,
  // Not shown: it touches whole namespaces, so that in a transaction all keys are locked.
  kRedisWhole = 1U << 12U,
  // Not shown, and derived: its second word names one of its subcommands.
  kRedisContainer = 1U << 13U,
};

/// Where the keys of a command stand among its words: from `first` to `last` (counted from the end
/// when negative), each `step` words. `first` 0: it has none that one can tell so.
struct RedisKeys {
  std::int8_t first = 0;
  std::int8_t last = 0;
  std::int8_t step = 0;
};

/// One row: all that is known about a command but its code.
struct RedisSpec {
  std::string_view name;  // in small letters
  std::string_view group;
  std::string_view since;
  std::string_view summary;
  /// What follows the name, as read_redis_syntax understands it.
  std::string_view syntax;
  std::uint16_t flags;
  RedisId id;
  /// How many words it has, its name included; at least so many when negative.
  std::int8_t arity;
  Right right;
  RedisKeys keys;
};

/// Of a command that Redis advises against.
struct RedisDeprecation {
  std::string_view since;
  std::string_view replaced_by;
};

/// All rows, in the order of RedisId, which is that of their names.
std::span<const RedisSpec> redis_table();
const RedisSpec& redis_spec(RedisId id);
/// Nothing for most commands.
std::optional<RedisDeprecation> redis_deprecation(RedisId id);
/// By name, in letters of any case; nullptr when there is none.
const RedisSpec* find_redis_command(std::string_view name);

/// The subcommands of a command (CLIENT ID); empty when it has none. Each is a row of its own, with
/// the id of the command and the name "client|id", in the order of the names.
std::span<const RedisSpec> redis_subcommands(RedisId id);
/// By the second word, in letters of any case; nullptr when there is none.
const RedisSpec* find_redis_subcommand(const RedisSpec& command, std::string_view name);

/// Whether a command of `words` words has as many as it needs.
inline bool has_arity(const RedisSpec& spec, std::size_t words) {
  const auto count = static_cast<std::ptrdiff_t>(words);
  return spec.arity >= 0 ? count == spec.arity : count >= -spec.arity;
}
/// Adds the positions of its keys among `words` words. Precondition: has_arity.
void append_key_positions(const RedisSpec& spec, std::size_t words,
                          std::vector<std::size_t>& positions);
/// How many positions that would add.
std::size_t redis_key_count(const RedisSpec& spec, std::size_t words);

/// The name of the flag that is the bit `1 << bit`, as COMMAND shows it; empty when it does not.
std::string_view redis_flag_name(unsigned bit);

}  // namespace appmem::protocol
