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

void put_in_order(RespReply& reply) {
  std::sort(reply.items.begin(), reply.items.end(),
            [](const RespReply& a, const RespReply& b) { return a.text < b.text; });
}

constexpr Difference kDifferences[] = {
    {"The longest time to live",
     [](const Words& /*command*/, const RespReply& redis, const RespReply& appmem) {
       return redis.type != '-' && appmem.text.starts_with("ERR invalid expire time in");
     },
     true},
    {"Shared values",
     [](const Words& command, const RespReply& redis, const RespReply& appmem) {
       return is(command, "OBJECT") && redis.text == "2147483647" && appmem.text == "1";
     }},
    {"The size of a key",
     [](const Words& /*command*/, const RespReply& /*redis*/, const RespReply& appmem) {
       return appmem.text.ends_with("is over the limit of 65536");
     }},
    {"A watched key that came and went",
     [](const Words& command, const RespReply& redis, const RespReply& appmem) {
       return is(command, "EXEC") && redis.null && appmem.type == '*';
     },
     true},
    {"Cursors",
     [](const Words& command, const RespReply& /*redis*/, const RespReply& /*appmem*/) {
       return is(command, "SCAN") && command.size() > 1 && command[1] != "0";
     }},
    {"Namespaces have names",
     [](const Words& command, const RespReply& redis, const RespReply& appmem) {
       return is(command, "SELECT") && redis.type == '-' &&
              appmem.text.starts_with("ERR no such namespace");
     }},
    {"The time",
     [](const Words& command, const RespReply& redis, const RespReply& appmem) {
       return is(command, "TIME") && redis.items.size() == 2 && appmem.items.size() == 2 &&
              redis.items[0] == appmem.items[0] &&
              (appmem.items[1].text == "0" || appmem.items[1].text.ends_with("000"));
     }},
};

}  // namespace

bool agree(const Words& command, RespReply redis, RespReply appmem) {
  if (is(command, "KEYS")) {
    put_in_order(redis);
    put_in_order(appmem);
  } else if (is(command, "SCAN") && redis.items.size() == 2 && appmem.items.size() == 2) {
    put_in_order(redis.items[1]);
    put_in_order(appmem.items[1]);
  }
  return redis == appmem;
}

std::span<const Difference> differences() {
  return kDifferences;
}

}  // namespace appmem::test
