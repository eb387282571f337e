#include "bench_wire.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace appmem::ctl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

LoadOptions options_for(BenchProtocol protocol) {
  LoadOptions options;
  options.protocol = protocol;
  options.key_bytes = 6;
  options.value_bytes = 3;
  return options;
}

std::string get_of(const BenchWire& wire) {
  return wire.get_frame().before_key + "key:12" + wire.get_frame().after_key;
}
std::string set_of(const BenchWire& wire) {
  return wire.set_frame().before_key + "key:12" + wire.set_frame().after_key;
}

struct Case {
  std::string text;
  ReplyKind kind = ReplyKind::kError;
};

/// Each reply is found as soon as its last byte is there and no sooner, whatever stands behind it.
void expect_found(BenchProtocol protocol, const std::vector<Case>& cases) {
  const auto wire = make_bench_wire(options_for(protocol));
  for (const auto& [text, kind] : cases) {
    std::size_t seen = 0;
    for (std::size_t bytes = 1; bytes < text.size(); ++bytes) {
      EXPECT_EQ(wire->find_reply(text.substr(0, bytes), 0).bytes, 0U) << text << " at " << bytes;
      EXPECT_EQ(wire->find_reply(text.substr(0, bytes), seen).bytes, 0U) << text << " at " << bytes;
      seen = bytes;
    }
    for (const std::string& behind : {std::string(), text, std::string("\r\n$5\r\n")}) {
      const FoundReply found = wire->find_reply(text + behind, seen);
      EXPECT_EQ(found.bytes, text.size()) << text << behind;
      EXPECT_EQ(found.kind, kind) << text << behind;
    }
  }
}

TEST(BenchWire, JsonRequests) {
  LoadOptions options = options_for(BenchProtocol::kJson);
  EXPECT_EQ(get_of(*make_bench_wire(options)), "{\"op\":\"get\",\"key\":\"key:12\"}\n");
  EXPECT_EQ(set_of(*make_bench_wire(options)),
            "{\"op\":\"set\",\"key\":\"key:12\",\"value\":\"xxx\"}\n");
  EXPECT_THAT(make_bench_wire(options)->greetings(), IsEmpty());
  options.ttl = std::chrono::seconds{5};
  options.ns = "carts";
  EXPECT_EQ(set_of(*make_bench_wire(options)),
            "{\"op\":\"set\",\"key\":\"key:12\",\"value\":\"xxx\",\"ttl_ms\":5000}\n");
  EXPECT_THAT(make_bench_wire(options)->greetings(),
              ElementsAre("{\"op\":\"use\",\"name\":\"carts\"}\n"));
}

TEST(BenchWire, RespRequests) {
  LoadOptions options = options_for(BenchProtocol::kResp);
  EXPECT_EQ(get_of(*make_bench_wire(options)), "*2\r\n$3\r\nGET\r\n$6\r\nkey:12\r\n");
  EXPECT_EQ(set_of(*make_bench_wire(options)), "*3\r\n$3\r\nSET\r\n$6\r\nkey:12\r\n$3\r\nxxx\r\n");
  EXPECT_THAT(make_bench_wire(options)->greetings(), IsEmpty());
  options.ttl = std::chrono::milliseconds{1500};
  options.ns = "3";
  options.token = "secret";
  EXPECT_EQ(set_of(*make_bench_wire(options)),
            "*5\r\n$3\r\nSET\r\n$6\r\nkey:12\r\n$3\r\nxxx\r\n$2\r\nPX\r\n$4\r\n1500\r\n");
  EXPECT_THAT(
      make_bench_wire(options)->greetings(),
      ElementsAre("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n", "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"));
}

TEST(BenchWire, MemcachedRequests) {
  LoadOptions options = options_for(BenchProtocol::kMemcached);
  EXPECT_EQ(get_of(*make_bench_wire(options)), "get key:12\r\n");
  EXPECT_EQ(set_of(*make_bench_wire(options)), "set key:12 0 0 3\r\nxxx\r\n");
  EXPECT_THAT(make_bench_wire(options)->greetings(), IsEmpty());
  options.ttl = std::chrono::seconds{5};
  EXPECT_EQ(set_of(*make_bench_wire(options)), "set key:12 0 5 3\r\nxxx\r\n");
}

TEST(BenchWire, JsonRepliesEndWithTheirLine) {
  expect_found(
      BenchProtocol::kJson,
      {{"{\"ok\":true,\"found\":true,\"value\":\"x\\n$\",\"version\":1}\n", ReplyKind::kHit},
       {"{\"ok\":true,\"found\":false}\n", ReplyKind::kMiss},
       {"{\"ok\":true,\"version\":7}\n", ReplyKind::kDone},
       {"{\"ok\":false,\"error\":{\"code\":\"busy\",\"message\":\"\"}}\n", ReplyKind::kError},
       {"\n", ReplyKind::kError}});
}

TEST(BenchWire, RespRepliesHaveTheirLength) {
  expect_found(BenchProtocol::kResp, {{"$3\r\n\r\n$\r\n", ReplyKind::kHit},
                                      {"$0\r\n\r\n", ReplyKind::kHit},
                                      {"$-1\r\n", ReplyKind::kMiss},
                                      {"+OK\r\n", ReplyKind::kDone},
                                      {"-OOM no room\r\n", ReplyKind::kError},
                                      {"*2\r\n", ReplyKind::kError},
                                      {"$x\r\n", ReplyKind::kError},
                                      {"\r\n", ReplyKind::kError}});
}

TEST(BenchWire, MemcachedRepliesHaveTheirLength) {
  expect_found(BenchProtocol::kMemcached,
               {{"VALUE key:12 0 5\r\nEND\r\n\r\nEND\r\n", ReplyKind::kHit},
                {"VALUE key:12 0 0\r\n\r\nEND\r\n", ReplyKind::kHit},
                {"END\r\n", ReplyKind::kMiss},
                {"STORED\r\n", ReplyKind::kDone},
                {"ERROR\r\n", ReplyKind::kError},
                {"SERVER_ERROR object too large for cache\r\n", ReplyKind::kError},
                {"VALUE key:12 0 x\r\n", ReplyKind::kError},
                {"\r\n", ReplyKind::kError}});
}

}  // namespace
}  // namespace appmem::ctl
