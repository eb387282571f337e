#include "redis/differences.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace appmem::test {
namespace {

bool is(const Words& command, std::string_view name) {
  return std::equal(
      command[0].begin(), command[0].end(), name.begin(), name.end(),
      [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
}

}  // namespace

std::span<const Difference> differences() {
  static const std::vector<Difference> kDifferences{
      {"the longest time to live is 100 years, so that no arithmetic with it overflows",
       {{"SET", "a", "1"}, {"PEXPIREAT", "a", "9223372036854775807"}},
       [](const Words& /*command*/, const RespReply& redis, const RespReply& appmem) {
         return redis.type != '-' && appmem.text.starts_with("ERR invalid expire time in");
       }},
      {"a key is at most 64 KiB, as in every format",
       {{"GET", std::string(65'537, 'k')}},
       [](const Words& /*command*/, const RespReply& /*redis*/, const RespReply& appmem) {
         return appmem.text.ends_with("is over the limit of 65536");
       }},
      {"a watched key that did not exist may have come and gone: that is no change",
       {{"WATCH", "a"}, {"SET", "a", "1"}, {"DEL", "a"}, {"MULTI"}, {"PING"}, {"EXEC"}},
       [](const Words& command, const RespReply& redis, const RespReply& appmem) {
         return is(command, "EXEC") && redis.null && appmem.type == '*';
       },
       true},
      {"cursors of SCAN are ours: only 0 and those that a SCAN has replied mean anything",
       {{"MSET", "a", "1", "b", "2", "c", "3", "d", "4", "e", "5", "f", "6"},
        {"SCAN", "5", "COUNT", "1000"}},
       [](const Words& command, const RespReply& /*redis*/, const RespReply& /*appmem*/) {
         return is(command, "SCAN") && command.size() > 1 && command[1] != "0";
       }},
      {"a namespace may be selected by its name",
       {{"SELECT", "nobody"}},
       [](const Words& command, const RespReply& redis, const RespReply& appmem) {
         return is(command, "SELECT") && redis.type == '-' &&
                appmem.text.starts_with("ERR no such namespace");
       }},
  };
  return kDifferences;
}

}  // namespace appmem::test
