#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "redis/resp_conformance.h"
#include "redis/server_pair.h"

/// tests/conformance/resp.jsonl against appmemd, and against redis-server, so that it stays true.
namespace appmem::test {
namespace {

void expect_reply(const RespCase& each, const std::string& expect, RespSocket& socket) {
  const std::string reply = socket.exchange(each.send, each.replies);
  if (each.matches.empty()) {
    EXPECT_EQ(reply, expect);
  } else {
    EXPECT_TRUE(std::regex_match(reply, std::regex(each.matches))) << reply;
  }
  if (each.closes) {
    EXPECT_TRUE(socket.at_end());
  }
}

class RespConformanceTest : public testing::TestWithParam<std::size_t> {};

TEST_P(RespConformanceTest, BothServersReplyAsTheFileSays) {
  const RespSection section = load_resp_conformance().at(GetParam());
  SCOPED_TRACE("section " + section.name);
  ServerPair servers;
  RespSocket appmem(servers.appmem_socket());
  RespSocket redis(servers.redis_socket());
  for (const RespCase& each : section.cases) {
    if (each.advance_ms != 0) {
      servers.pass(each.advance_ms);
      continue;
    }
    {
      SCOPED_TRACE("appmem: " + each.name);
      expect_reply(each, each.expect, appmem);
    }
    {
      SCOPED_TRACE("redis: " + each.name);
      expect_reply(each, each.redis.empty() ? each.expect : each.redis, redis);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sections, RespConformanceTest,
                         testing::Range(std::size_t{0}, load_resp_conformance().size()));

}  // namespace
}  // namespace appmem::test
