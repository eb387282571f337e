#include "listen_address.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appmem/base/limits.h"

namespace appmem::daemon {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(const std::string& text) {
  const auto address = parse_listen_address(text);
  return address ? "accepted as " + address->to_string() : address.error().message;
}

std::string shown(const std::string& text) {
  const auto address = parse_listen_address(text);
  return address ? address->to_string() : address.error().message;
}

TEST(ListenAddressTest, HasAPlaceAndSettings) {
  const auto socket =
      parse_listen_address("unix:/run/x?protocol=resp&mode=0666&group=staff&token-file=/etc/t");
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_EQ(socket->socket, "/run/x");
  EXPECT_FALSE(socket->tcp);
  EXPECT_EQ(socket->protocol, ListenerProtocol::kResp);
  EXPECT_EQ(socket->mode, 0666U);
  EXPECT_EQ(socket->group, "staff");
  EXPECT_EQ(socket->token_file, "/etc/t");
  const auto tcp = parse_listen_address("tcp://[::1]:6379?protocol=json&insecure=true");
  ASSERT_TRUE(tcp) << tcp.error().message;
  EXPECT_EQ(tcp->tcp->to_string(), "tcp://[::1]:6379");
  EXPECT_EQ(tcp->protocol, ListenerProtocol::kJson);
  EXPECT_TRUE(tcp->insecure);
}

TEST(ListenAddressTest, ReadsWhatItShows) {
  for (const char* text :
       {"unix:/run/x", "unix:relative", "unix:/a%20b%3Fc%26d%25e?mode=0640&group=a%26b",
        "unix:/x?protocol=json", "tcp://127.0.0.1:0?token-file=/a%20b",
        "tcp://127.0.0.1:1?protocol=resp&insecure=true"}) {
    EXPECT_EQ(shown(text), text);
  }
  EXPECT_EQ(shown("/run/x?"), "unix:/run/x");
  EXPECT_EQ(shown("/run/x?protocol=auto&insecure=false"), "unix:/run/x");
  EXPECT_EQ(shown("unix:/a b"), "unix:/a%20b");
}

TEST(ListenAddressTest, SaysWhatIsExpected) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {"", "expected an address"},
      {"run/x", "expected an address"},
      {"http://127.0.0.1:1", "expected an address"},
      {"unix:", "expected a path"},
      {"unix:/a%00b", "expected a path"},
      {"unix:/a%", "expected two hexadecimal digits"},
      {"unix:/a%2", "expected two hexadecimal digits"},
      {"unix:/a%g0", "expected two hexadecimal digits"},
      {"unix:/a?mode", "expected NAME=VALUE"},
      {"unix:/a?&", "expected NAME=VALUE"},
      {"unix:/a?mode=8", "expected permissions"},
      {"unix:/a?mode=1000", "expected permissions"},
      {"unix:/a?mode=0600&mode=0600", "expected each setting of an address once"},
      {"unix:/a?protocol=http", "expected protocol to be auto, json or resp"},
      {"unix:/a?token-file=", "expected token-file to name a file"},
      {"unix:/a?insecure=true", "expected insecure for tcp://"},
      {"unix:/a?insecure=1", "expected insecure to be true or false"},
      {"unix:/a?color=red", "expected protocol, mode, group, token-file or insecure"},
      {"tcp://127.0.0.1:1", "expected token-file=FILE (or insecure=true)"},
      {"tcp://127.0.0.1:1?insecure=false", "expected token-file=FILE (or insecure=true)"},
      {"tcp://127.0.0.1:1?insecure=true&token-file=/t", "expected either"},
      {"tcp://127.0.0.1:1?insecure=true&mode=0600",
       "expected mode and group for Unix sockets only"},
      {"tcp://0.0.0.0:1?insecure=true", "expected an address of this host itself"},
      {"tcp://127.0.0.1?insecure=true", "expected HOST:PORT"},
  };
  for (const auto& one : cases)
    EXPECT_THAT(refusal(one.text), StartsWith(one.message)) << one.text;
  EXPECT_THAT(refusal("unix:/" + std::string(kSocketPathBytesMax, 'x')),
              HasSubstr("at most 107 bytes"));
}

TEST(ListenAddressTest, SeveralStandBehindEachOther) {
  const auto two = parse_listen_addresses("  /a\n\tunix:/b?mode=0600 ");
  ASSERT_TRUE(two);
  EXPECT_EQ(show_listen_addresses(*two), "unix:/a unix:/b?mode=0600");
  EXPECT_TRUE(parse_listen_addresses("")->empty());
  EXPECT_FALSE(parse_listen_addresses("/a b"));
  std::string many;
  for (std::size_t i = 0; i < kListenersMax; ++i)
    many += "/a ";
  EXPECT_TRUE(parse_listen_addresses(many));
  EXPECT_EQ(parse_listen_addresses(many + "/a").error().message, "expected at most 64 addresses");
}

}  // namespace
}  // namespace appmem::daemon
