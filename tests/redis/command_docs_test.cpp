#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "redis/server_pair.h"

/// The arguments in COMMAND DOCS, and what is deprecated, beside redis-server's: clients make hints
/// and functions of them.
namespace appmem::test {
namespace {

const RespReply* find(const RespReply& map, std::string_view name) {
  for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
    if (map.items[i].text == name) return &map.items[i + 1];
  }
  return nullptr;
}

std::string text_of(const RespReply& map, std::string_view name) {
  const RespReply* const found = find(map, name);
  return found == nullptr ? std::string() : found->text;
}

/// All that is told of arguments.
std::string shown(const RespReply& arguments) {
  std::string text;
  for (const RespReply& each : arguments.items) {
    const RespReply* const parts = find(each, "arguments");
    text += ' ' + text_of(each, "type") + ' ' + text_of(each, "token");
    if (const RespReply* const flags = find(each, "flags")) {
      std::set<std::string> names;
      for (const RespReply& flag : flags->items)
        names.insert(flag.text);
      for (const std::string& name : names)
        text += ' ' + name;
    }
    text += ' ' + text_of(each, "name");
    if (parts != nullptr) text += " (" + shown(*parts) + ")";
  }
  return text;
}

void collect(const RespReply& docs, std::map<std::string, std::string>& all) {
  for (std::size_t i = 0; i + 1 < docs.items.size(); i += 2) {
    const RespReply& entry = docs.items[i + 1];
    const RespReply* const arguments = find(entry, "arguments");
    std::string& text = all[docs.items[i].text];
    if (arguments != nullptr) text = shown(*arguments);
    for (const char* name : {"deprecated_since", "replaced_by"})
      text += ' ' + text_of(entry, name);
    if (find(entry, "doc_flags") != nullptr) text += " with flags";
    if (const RespReply* const subcommands = find(entry, "subcommands")) collect(*subcommands, all);
  }
}

std::map<std::string, std::string> docs_of(const std::string& socket_path) {
  RespSocket socket(socket_path);
  std::map<std::string, std::string> all;
  collect(socket.ask(Words{"COMMAND", "DOCS"}), all);
  return all;
}

TEST(RedisCommandDocsTest, ArgumentsAreThoseOfRedis) {
  const ServerPair servers;
  auto redis = docs_of(servers.redis_socket());
  // Said in another form; and SELECT takes a name too.
  for (const char* other : {"client|kill", "command|getkeys", "config|get", "select"})
    redis.erase(other);
  std::size_t compared = 0;
  for (const auto& [name, arguments] : docs_of(servers.appmem_socket())) {
    const auto found = redis.find(name);
    if (found == redis.end()) continue;
    EXPECT_EQ(arguments, found->second) << name;
    ++compared;
  }
  EXPECT_GT(compared, 80U);
}

}  // namespace
}  // namespace appmem::test
