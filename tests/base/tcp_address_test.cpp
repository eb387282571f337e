#include "appmem/base/tcp_address.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace appmem {
namespace {

using testing::HasSubstr;

std::string read(const std::string& text) {
  const auto address = parse_tcp_address(text);
  return address ? address->to_string() : address.error().message;
}

TEST(TcpAddressTest, IsAnAddressOfThisHostAndAPort) {
  EXPECT_EQ(read("tcp://127.0.0.1:6379"), "tcp://127.0.0.1:6379");
  EXPECT_EQ(read("127.0.0.1:0"), "tcp://127.0.0.1:0");
  EXPECT_EQ(read("127.255.0.3:65535"), "tcp://127.255.0.3:65535");
  EXPECT_EQ(read("tcp://[::1]:1"), "tcp://[::1]:1");
  EXPECT_EQ(read("[0:0::1]:1"), "tcp://[::1]:1");
  EXPECT_EQ(read("localhost:7"), "tcp://127.0.0.1:7");
}

TEST(TcpAddressTest, AnyOtherHostIsRefusedWithTheReason) {
  for (const char* text : {"0.0.0.0:1", "*:1", "10.0.0.1:1", "128.0.0.1:1", "[::]:1", "[::2]:1",
                           "[::ffff:127.0.0.1]:1", "example.org:1", "127.0.0.1.example.org:1",
                           "127.1:1", "::1:1", "[::1:1", "tcp://tcp://x:1"}) {
    EXPECT_THAT(read(text), HasSubstr("nor tokens are encrypted")) << text;
  }
}

TEST(TcpAddressTest, APortIsANumberOfSixteenBits) {
  for (const char* text :
       {"", ":", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
        "127.0.0.1:1x", "127.0.0.1: 1", "[::1]"}) {
    EXPECT_THAT(read(text), HasSubstr("expected")) << text;
  }
}

}  // namespace
}  // namespace appmem
