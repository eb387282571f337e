#include "redis/command_generator.h"

#include <algorithm>
#include <cctype>

namespace appmem::test {
namespace {

constexpr int kPlainKeys = 8;

const std::vector<std::string>& odd_keys() {
  static const std::vector<std::string> kKeys{"",    std::string("k\0\r\n", 4), "a b", "*", "[x",
                                              "\xff"};
  return kKeys;
}

}  // namespace

std::string CommandGenerator::key() {
  return chance(90) ? "k" + std::to_string(below(kPlainKeys)) : one_of(odd_keys());
}

std::string CommandGenerator::integer() {
  static const std::vector<std::string> kEdges{"0",
                                               "-1",
                                               "1",
                                               "9223372036854775807",
                                               "-9223372036854775808",
                                               "9223372036854775808",
                                               "-9223372036854775809",
                                               "00",
                                               "-0",
                                               "+1",
                                               " 1",
                                               "1 ",
                                               "1.0",
                                               "",
                                               "abc",
                                               "0x10",
                                               "4611686018427387904"};
  if (chance(30)) return one_of(kEdges);
  return std::to_string(static_cast<std::int64_t>(below(2000)) - 1000);
}

std::string CommandGenerator::number() {
  static const std::vector<std::string> kEdges{
      "0",   "1.5", "-1.5", "3.0e3", "1e-5",  "1e400", "inf", "-inf", "nan",
      "0.1", ".5",  "5.",   "1e17",  "1e308", "0x1p3", " 1",  "1 ",   "1.50000"};
  return chance(60) ? one_of(kEdges) : integer();
}

std::string CommandGenerator::value() {
  switch (below(10)) {
    case 0:
      return number();
    case 1:
    case 2:
    case 3:
      return integer();
    case 4:
      return "";
    case 5:
      return std::string("\0\r\n\xff\x80 \"'\\", 9);
    case 6:
      return std::string(below(300), static_cast<char>('a' + below(26)));
    case 7:
      return chance(10) ? std::string(270'000 + below(100'000), 'L') : R"({"a":[1,2,{"b":null}]})";
    default:
      return std::string("ohmytext").substr(below(4)) + std::to_string(below(100));
  }
}

/// Something for an expiry: mostly near, at times at an edge.
std::string CommandGenerator::seconds(std::int64_t now_ms, bool milliseconds, bool moment) {
  // None between a hundred years and an overflow: "The longest time to live" differs.
  static const std::vector<std::string> kEdges{
      "0", "-1", "abc", "", "9223372036854775808", "1.5", "-9223372036854775808"};
  if (chance(15)) return one_of(kEdges);
  if (chance(2) && !(milliseconds && moment)) return "9223372036854775807";
  std::int64_t ms = static_cast<std::int64_t>(below(20'000)) - (chance(20) ? 20'000 : 0);
  if (ms == 0) ms = 1;  // a moment that is now: see Conversation::leave_deadlines
  if (moment) ms += now_ms;
  return std::to_string(milliseconds ? ms : ms / 1000);
}

void CommandGenerator::add_keys(Words& words, bool with_values) {
  const std::uint64_t count = 1 + below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    words.push_back(key());
    if (with_values) words.push_back(value());
  }
}

Words CommandGenerator::string_command(std::int64_t now_ms) {
  switch (below(22)) {
    case 0:
    case 1:
      return {"GET", key()};
    case 2:
    case 3:
    case 4: {
      Words words{"SET", key(), value()};
      while (chance(35)) {
        static const std::vector<std::string> kOptions{"EX", "PX",  "EXAT",    "PXAT", "NX",
                                                       "XX", "GET", "KEEPTTL", "bad"};
        const std::string option = one_of(kOptions);
        words.push_back(option);
        if (option == "EX" || option == "PX" || option == "EXAT" || option == "PXAT") {
          words.push_back(seconds(now_ms, option[0] == 'P', option.ends_with("AT")));
        }
      }
      return words;
    }
    case 5:
      return {"SETNX", key(), value()};
    case 6:
      return {"SETEX", key(), seconds(now_ms, false, false), value()};
    case 7:
      return {"PSETEX", key(), seconds(now_ms, true, false), value()};
    case 8:
      return {"GETSET", key(), value()};
    case 9:
      return {"GETDEL", key()};
    case 10: {
      Words words{"GETEX", key()};
      if (chance(80)) {
        static const std::vector<std::string> kOptions{"EX", "PX", "EXAT", "PXAT", "PERSIST"};
        words.push_back(one_of(kOptions));
        if (words.back() != "PERSIST") {
          words.push_back(seconds(now_ms, words.back()[0] == 'P', words.back().ends_with("AT")));
        }
        if (chance(5)) words.emplace_back("PERSIST");
      }
      return words;
    }
    case 11:
      return {"APPEND", key(), value()};
    case 12:
      return {"STRLEN", key()};
    case 13:
      return {chance(50) ? "GETRANGE" : "SUBSTR", key(), integer(), integer()};
    case 14: {
      const std::string at = chance(80) ? std::to_string(below(400)) : chance(80) ? "-1" : "x";
      return {"SETRANGE", key(), at, value()};
    }
    case 15: {
      Words words{"MGET"};
      add_keys(words, false);
      return words;
    }
    case 16: {
      Words words{chance(50) ? "MSET" : "MSETNX"};
      add_keys(words, true);
      return words;
    }
    case 17:
      return {chance(50) ? "INCR" : "DECR", key()};
    case 18:
      return {chance(50) ? "INCRBY" : "DECRBY", key(), integer()};
    case 19:
      return {"INCRBYFLOAT", key(), number()};
    case 20: {
      Words words{"LCS", key(), key()};
      static const std::vector<std::string> kOptions{"LEN", "IDX", "WITHMATCHLEN"};
      while (chance(40)) {
        if (chance(30)) {
          words.emplace_back("MINMATCHLEN");
          words.push_back(integer());
        } else {
          words.push_back(one_of(kOptions));
        }
      }
      return words;
    }
    default:
      return {"SET", key(), value()};
  }
}

Words CommandGenerator::expiry_command(std::int64_t now_ms) {
  static const std::vector<std::string> kAskers{"TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"};
  switch (below(4)) {
    case 0:
      return {one_of(kAskers), key()};
    case 1:
      return {"PERSIST", key()};
    default: {
      static const std::vector<std::string> kSetters{"EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"};
      const std::string name = one_of(kSetters);
      Words words{name, key(), seconds(now_ms, name[0] == 'P', name.ends_with("AT"))};
      static const std::vector<std::string> kOptions{"NX", "XX", "GT", "LT", "bad"};
      while (chance(30))
        words.push_back(one_of(kOptions));
      return words;
    }
  }
}

Words CommandGenerator::key_command() {
  switch (below(11)) {
    case 0:
    case 1: {
      Words words{chance(50) ? "DEL" : "UNLINK"};
      add_keys(words, false);
      return words;
    }
    case 2: {
      Words words{chance(50) ? "EXISTS" : "TOUCH"};
      add_keys(words, false);
      return words;
    }
    case 3:
      return {"TYPE", key()};
    case 4:
      return {chance(50) ? "RENAME" : "RENAMENX", key(), key()};
    case 5: {
      Words words{"COPY", key(), key()};
      if (chance(30)) {
        words.emplace_back("DB");
        words.push_back(chance(90) ? std::to_string(below(3)) : integer());
      }
      if (chance(30)) words.emplace_back("REPLACE");
      return words;
    }
    case 6:
      return {"MOVE", key(), chance(90) ? std::to_string(below(3)) : integer()};
    case 7:
      return {"OBJECT", chance(50) ? "REFCOUNT" : "HELP"};
    case 8:
      return {"KEYS", chance(50) ? "*" : "k[0-3]"};
    case 9: {
      Words words{"SCAN", "0", "COUNT", "100000"};
      if (chance(50)) words.insert(words.end(), {"MATCH", "k*"});
      if (chance(30)) words.insert(words.end(), {"TYPE", chance(50) ? "string" : "hash"});
      return words;
    }
    default:
      return {"EXISTS", key()};
  }
}

Words CommandGenerator::whole_command() {
  switch (below(16)) {
    case 0:
      return {"PING"};
    case 1:
      return {"ECHO", value()};
    case 2:
      return {"SELECT", chance(90) ? std::to_string(below(3)) : integer()};
    case 3:
      return {"MULTI"};
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
      return {"EXEC"};
    case 10:
      return {"DISCARD"};
    case 11: {
      Words words{"WATCH"};
      add_keys(words, false);
      return words;
    }
    case 12:
      return {"UNWATCH"};
    case 13:
      return chance(20) ? Words{chance(50) ? "FLUSHDB" : "FLUSHALL"} : Words{"TIME"};
    case 14:
      return {"nosuch", value(), key()};
    default:
      return chance(10) ? Words{"SWAPDB", std::to_string(below(3)), std::to_string(below(3))}
                        : Words{"PING", value()};
  }
}

/// Takes a word away, adds one or replaces one. What comes instead may become a key, so it is not
/// longer than one may be.
void CommandGenerator::spoil(Words& words) {
  const std::string other = value().substr(0, 1000);
  const std::size_t at = 1 + below(words.size());
  switch (below(3)) {
    case 0:
      if (at < words.size()) words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 1:
      words.insert(words.begin() + static_cast<std::ptrdiff_t>(at), other);
      break;
    default:
      if (at < words.size()) words[at] = other;
      break;
  }
}

Words CommandGenerator::next(std::int64_t now_ms) {
  const std::uint64_t kind = below(100);
  Words words = kind < 60   ? string_command(now_ms)
                : kind < 75 ? expiry_command(now_ms)
                : kind < 90 ? key_command()
                            : whole_command();
  if (chance(3)) spoil(words);
  if (chance(20)) {
    std::transform(words[0].begin(), words[0].end(), words[0].begin(), [this](char c) {
      return chance(50) ? static_cast<char>(std::tolower(static_cast<unsigned char>(c))) : c;
    });
  }
  return words;
}

std::int64_t CommandGenerator::step_ms() {
  if (!chance(20)) return 0;
  return static_cast<std::int64_t>(below(chance(20) ? 10'000 : 500));
}

}  // namespace appmem::test
