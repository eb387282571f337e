#include "appmem/protocol/redis_syntax.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "appmem/protocol/redis_table.h"

namespace appmem::protocol {
namespace {

/// Arguments as text: `name:type`, `=TOKEN`, `?` where it is optional, `*` where it may come again,
/// and its parts in brackets.
std::string shown(std::span<const RedisArgument> arguments) {
  std::string text;
  for (const RedisArgument& each : arguments) {
    if (!text.empty()) text += ' ';
    text += each.name + ':' + std::string(redis_type_name(each.type));
    if (!each.token.empty()) text += '=' + each.token;
    if (each.optional) text += '?';
    if (each.multiple) text += '*';
    if (!each.arguments.empty()) text += '(' + shown(each.arguments) + ')';
  }
  return text;
}

std::string read(const std::string& syntax) {
  return shown(read_redis_syntax(syntax));
}

TEST(RedisSyntaxTest, WordsAreArgumentsOfTheirTypes) {
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read("key value"), "key:key value:string");
  EXPECT_EQ(read("key increment=double"), "key:key increment:double");
  EXPECT_EQ(read("seconds unix-time-seconds pattern"),
            "seconds:integer unix-time-seconds:unix-time pattern:pattern");
  EXPECT_EQ(read("  key   value "), "key:key value:string");
}

TEST(RedisSyntaxTest, CapitalsStandForThemselves) {
  EXPECT_EQ(read("PARTITION name"), "partition:pure-token=PARTITION name:string");
  EXPECT_EQ(read("ON|OFF"), "on_off:oneof(on:pure-token=ON off:pure-token=OFF)");
  EXPECT_EQ(read("LIB-NAME libname"), "lib-name:pure-token=LIB-NAME libname:string");
}

TEST(RedisSyntaxTest, BracketsMayBeLeftOut) {
  EXPECT_EQ(read("[message]"), "message:string?");
  EXPECT_EQ(read("[NX|XX] [GET]"),
            "nx_xx:oneof?(nx:pure-token=NX xx:pure-token=XX) get:pure-token=GET?");
  EXPECT_EQ(read("[username] password"), "username:string? password:string");
}

TEST(RedisSyntaxTest, BracketsMayHaveAName) {
  EXPECT_EQ(read("[NX|XX]{condition} [GET]"),
            "condition:oneof?(nx:pure-token=NX xx:pure-token=XX) get:pure-token=GET?");
  EXPECT_EQ(read("(a b){both} [ID c [c ...]]{id}"),
            "both:block(a:string b:string) id:block=ID?(c:string*)");
}

TEST(RedisSyntaxTest, ATokenStandsBeforeItsArguments) {
  EXPECT_EQ(read("[MATCH pattern]"), "pattern:pattern=MATCH?");
  EXPECT_EQ(read("[EX seconds|KEEPTTL]"),
            "seconds_keepttl:oneof?(seconds:integer=EX keepttl:pure-token=KEEPTTL)");
  EXPECT_EQ(read("[TYPE (A|B)]"), "a_b:oneof=TYPE?(a:pure-token=A b:pure-token=B)");
  EXPECT_EQ(read("[protover=integer [AUTH username password] [SETNAME clientname]]"),
            "protover_username_password_clientname:block?(protover:integer "
            "username_password:block=AUTH?(username:string password:string) "
            "clientname:string=SETNAME?)");
}

TEST(RedisSyntaxTest, WhatMayComeAgainStandsTwice) {
  EXPECT_EQ(read("key [key ...]"), "key:key*");
  EXPECT_EQ(read("key value [key value ...]"), "key_value:block*(key:key value:string)");
  EXPECT_EQ(read("[section [section ...]]"), "section:string?*");
  EXPECT_EQ(read("[ID id=integer [id=integer ...]]"), "id:block=ID?(id:integer*)");
}

TEST(RedisSyntaxDeathTest, WhatIsNotWellFormedIsAMistakeInTheTable) {
  for (const char* syntax :
       {"[key", "key]", "(key", "key)", "[]", "()", "a|", "|a", "[...]", "a [b ...]", "a=what"}) {
    EXPECT_DEATH(read_redis_syntax(syntax), "") << syntax;
  }
}

/// How many words the arguments have at least.
std::ptrdiff_t words_min(std::span<const RedisArgument> arguments);

std::ptrdiff_t words_min(const RedisArgument& argument) {
  if (argument.optional) return 0;
  const std::ptrdiff_t token = argument.token.empty() ? 0 : 1;
  switch (argument.type) {
    case RedisArgument::Type::kPureToken:
      return 1;
    case RedisArgument::Type::kBlock:
      return token + words_min(argument.arguments);
    case RedisArgument::Type::kOneOf: {
      std::ptrdiff_t least = words_min(argument.arguments.front());
      for (const RedisArgument& each : argument.arguments)
        least = std::min(least, words_min(each));
      return token + least;
    }
    default:
      return token + 1;
  }
}

std::ptrdiff_t words_min(std::span<const RedisArgument> arguments) {
  std::ptrdiff_t words = 0;
  for (const RedisArgument& each : arguments)
    words += words_min(each);
  return words;
}

bool may_have_more(const RedisArgument& argument) {
  return argument.optional || argument.multiple ||
         std::any_of(argument.arguments.begin(), argument.arguments.end(), may_have_more);
}

void expect_to_agree(const RedisSpec& spec) {
  const auto arguments = read_redis_syntax(spec.syntax);
  const bool is_subcommand = spec.name.find('|') != std::string_view::npos;
  const std::ptrdiff_t words = 1 + (is_subcommand ? 1 : 0) + words_min(arguments);
  const bool more = std::any_of(arguments.begin(), arguments.end(), may_have_more);
  EXPECT_EQ(more ? -words : words, spec.arity) << spec.name;
}

TEST(RedisSyntaxTest, TheSyntaxOfEachRowAgreesWithItsArity) {
  for (const RedisSpec& spec : redis_table()) {
    const auto subcommands = redis_subcommands(spec.id);
    if (subcommands.empty() && spec.id != RedisId::kQuit) expect_to_agree(spec);
    for (const RedisSpec& subcommand : subcommands) {
      // These need more than what they say, as with Redis; and QUIT takes anything.
      if (subcommand.name == "command|getkeys" || subcommand.name == "client|kill") continue;
      expect_to_agree(subcommand);
    }
  }
}

}  // namespace
}  // namespace appmem::protocol
