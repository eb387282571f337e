#pragma once

#include <cstdint>
#include <string_view>

#include "appmem/protocol/redis_table.h"

/// The words that rows of Redis commands are written with.
namespace appmem::protocol::redis_rows {

inline constexpr unsigned kNoFlags = 0;
inline constexpr unsigned kWrite = kRedisWrite;
inline constexpr unsigned kReadonly = kRedisReadonly;
inline constexpr unsigned kDenyOom = kRedisDenyOom;
inline constexpr unsigned kAdmin = kRedisAdmin;
inline constexpr unsigned kNoScript = kRedisNoScript;
inline constexpr unsigned kLoading = kRedisLoading;
inline constexpr unsigned kStale = kRedisStale;
inline constexpr unsigned kFast = kRedisFast;
inline constexpr unsigned kNoAuth = kRedisNoAuth;
inline constexpr unsigned kNoMulti = kRedisNoMulti;
inline constexpr unsigned kAtomic = kRedisAtomic;
inline constexpr unsigned kFree = kRedisFree;
inline constexpr unsigned kWhole = kRedisWhole;

inline constexpr RedisKeys kNoKeys{};
inline constexpr RedisKeys kOneKey{1, 1, 1};
inline constexpr RedisKeys kTwoKeys{1, 2, 1};
inline constexpr RedisKeys kAllKeys{1, -1, 1};
inline constexpr RedisKeys kKeysAndValues{1, -1, 2};
inline constexpr RedisKeys kKeyOfSubcommand{2, 2, 1};

constexpr RedisSpec row(RedisId id, std::string_view name, std::string_view syntax,
                        std::string_view summary, std::string_view group, std::string_view since,
                        std::int8_t arity, RedisKeys keys, Right right, unsigned flags) {
  return {name, group, since, summary, syntax, static_cast<std::uint16_t>(flags),
          id,   arity, right, keys};
}

}  // namespace appmem::protocol::redis_rows
