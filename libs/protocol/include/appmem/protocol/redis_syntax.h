#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace appmem::protocol {

/// An argument of a Redis command, as COMMAND DOCS describes it.
struct RedisArgument {
  enum class Type : std::uint8_t {
    kString,
    kInteger,
    kDouble,
    kKey,
    kPattern,
    kUnixTime,
    kPureToken,  // a word that stands for itself
    kOneOf,      // one of `arguments`
    kBlock,      // all of `arguments`
  };
  std::string name;
  Type type = Type::kString;
  std::string token;  // the word that stands before it, or that it is; empty: none
  bool optional = false;
  bool multiple = false;
  std::vector<RedisArgument> arguments;

  friend bool operator==(const RedisArgument&, const RedisArgument&) = default;
};

/// The name of a type, as COMMAND DOCS shows it.
std::string_view redis_type_name(RedisArgument::Type type);

/// Reads what follows the name of a command, in the style of documentation:
///   key [EX seconds|PX milliseconds] [MATCH pattern] key [key ...] ON|OFF count=integer
/// `[…]` may be left out, `|` separates what stands for each other, `(…)` holds together. A word in
/// capitals stands for itself; behind `[`, `(` and `|` it is the token of what follows it. `...`
/// says that what stands before the brackets may come again. Several arguments as one have the
/// names of all, joined, or the one that stands in `{…}` right behind their brackets. An argument's
/// type stands behind `=`; without it, it follows from the name for keys, patterns and times, and
/// is a string for others. Precondition (checked): it is well formed.
std::vector<RedisArgument> read_redis_syntax(std::string_view syntax);

}  // namespace appmem::protocol
