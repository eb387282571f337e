#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "appmem/base/token.h"
#include "server/line_client.h"
#include "support/environment.h"
#include "support/process.h"
#include "support/temporary_directory.h"

/// The real program on several listeners of several kinds.
namespace appmem::daemon::test {
namespace {

using appmem::server::test::LineClient;
using appmem::test::Daemon;
using nlohmann::json;
using testing::HasSubstr;

const std::string kToken = "a-token-of-the-tests-own";

class ListenersTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(token_file_) << kToken << '\n';
    ::chmod(token_file_.c_str(), 0600);
  }
  /// The addresses that a daemon says it listens at, in their order.
  static std::vector<std::string> addresses(Daemon& daemon) {
    EXPECT_TRUE(daemon.process().wait_for_error_text("\"started\""));
    std::vector<std::string> found;
    const std::string& log = daemon.process().errors();
    const std::string before = "\"listening\",\"message\":\"listening\",\"address\":\"";
    for (std::size_t at = 0; (at = log.find(before, at)) != std::string::npos;) {
      at += before.size();
      found.push_back(log.substr(at, log.find('"', at) - at));
    }
    return found;
  }
  static LineClient connect(const std::string& address) {
    return LineClient(*parse_tcp_address(address));
  }
  static json ask(LineClient& client, const std::string& request) {
    return json::parse(client.ask(request));
  }
  static appmem::test::Ran start(std::vector<std::string> arguments) {
    appmem::test::ProcessOptions options;
    options.arguments = std::move(arguments);
    options.arguments.insert(options.arguments.begin(), appmem::test::binary_dir() / "appmemd");
    return appmem::test::run(options);
  }

  appmem::test::TemporaryDirectory directory_;
  std::string token_file_ = directory_.file("token");
};

TEST_F(ListenersTest, OverTcpATokenComesFirst) {
  Daemon daemon({"--tcp", "127.0.0.1:0", "--tcp-token-file", token_file_});
  const auto where = addresses(daemon);
  ASSERT_EQ(where.size(), 2U);
  LineClient client = connect(where[1]);
  EXPECT_EQ(ask(client, R"({"op":"ping"})").at("pong"), true);
  EXPECT_EQ(ask(client, R"({"op":"get","key":"k"})").at("error").at("code"), "unauthenticated");
  EXPECT_EQ(ask(client, R"({"op":"auth","token":"not this one at all"})").at("error").at("code"),
            "unauthenticated");
  EXPECT_EQ(ask(client, R"({"op":"auth","token":")" + kToken + R"("})").at("role"), "operator");
  EXPECT_EQ(ask(client, R"({"op":"set","key":"k","value":7})").at("ok"), true);
  const json whoami = ask(client, R"({"op":"whoami"})");
  EXPECT_EQ(whoami.at("uid"), nullptr);
  EXPECT_EQ(whoami.at("role"), "operator");
  const json clients = ask(client, R"({"op":"clients"})");
  EXPECT_EQ(clients.at("clients").at(0).at("address"), where[1]);
  EXPECT_THAT(clients.at("clients").at(0).at("peer"), HasSubstr("127.0.0.1:"));
  LineClient local(daemon.socket());
  EXPECT_EQ(ask(local, R"({"op":"get","key":"k"})").at("value"), 7);
  EXPECT_EQ(ask(local, R"({"op":"auth","token":"x"})").at("error").at("code"), "unavailable");
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_THAT(daemon.process().errors(), HasSubstr("authentication_failed"));
  EXPECT_THAT(daemon.process().errors(), testing::Not(HasSubstr(kToken)));
}

TEST_F(ListenersTest, OverTcpRespTooAsksForTheToken) {
  Daemon daemon({"--tcp", "127.0.0.1:0", "--tcp-token-file", token_file_});
  LineClient client = connect(addresses(daemon).at(1));
  EXPECT_EQ(client.ask("GET k\r"), "-NOAUTH Authentication required.\r");
  EXPECT_EQ(client.ask("*11\r"), "-ERR Protocol error: unauthenticated multibulk length\r");
  EXPECT_EQ(client.line(), "<end>");
}

TEST_F(ListenersTest, InsecureIsSaidAndLogged) {
  Daemon daemon({"--tcp", "[::1]:0", "--tcp-insecure"});
  LineClient client = connect(addresses(daemon).at(1));
  EXPECT_EQ(ask(client, R"({"op":"whoami"})").at("role"), "operator");
  EXPECT_THAT(daemon.process().errors(), HasSubstr("listener_insecure"));
}

TEST_F(ListenersTest, EachHasItsOwnSettings) {
  const std::string json_only = directory_.file("json only");
  const std::string resp_only = directory_.file("resp");
  const Daemon daemon({"--listen", "unix:" + json_only + "?protocol=json&mode=0666", "--listen",
                       "unix:" + resp_only + "?protocol=resp&token-file=" + token_file_});
  struct stat status {};
  ASSERT_EQ(::stat(json_only.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0666U);
  LineClient json_client(json_only);
  EXPECT_EQ(ask(json_client, "PING").at("error").at("code"), "invalid_json");
  EXPECT_EQ(ask(json_client, R"({"op":"set","key":"k","value":"v"})").at("ok"), true);
  LineClient resp_client(resp_only);
  EXPECT_EQ(resp_client.ask("{}"), "-ERR unknown command '{}', with args beginning with: \r");
  LineClient either(daemon.socket());
  EXPECT_EQ(ask(either, R"({"op":"get","key":"k"})").at("value"), "v");
}

TEST_F(ListenersTest, WithListenThereIsNoDefaultSocket) {
  const std::string socket = directory_.file("s");
  const appmem::test::Ran shown = start({"--listen", "unix:" + socket, "--print-config"});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.output, HasSubstr("\nlisten = [\"unix:" + socket + "\"]\n"));
  EXPECT_THAT(shown.output, HasSubstr("\nsocket = \"\"\n"));
}

TEST_F(ListenersTest, WhatWouldOpenTheStoreIsRefused) {
  const struct {
    std::vector<std::string> arguments;
    std::string message;
    int exit_code;
  } cases[] = {
      {{"--tcp", "0.0.0.0:0", "--tcp-insecure"}, "an address of this host itself", 2},
      {{"--listen", "tcp://192.168.0.1:1?insecure=true"}, "an address of this host itself", 2},
      {{"--tcp", "127.0.0.1:0"}, "tcp needs tcp-token-file", 2},
      {{"--listen", "tcp://127.0.0.1:0"}, "token-file=FILE", 2},
      {{"--tcp", "127.0.0.1:0", "--tcp-insecure", "--tcp-token-file", token_file_}, "exclude", 2},
      {{"--tcp", "127.0.0.1:0", "--tcp-token-file", directory_.file("none")}, "cannot read", 1},
  };
  for (const auto& one : cases) {
    std::vector<std::string> arguments = one.arguments;
    arguments.insert(arguments.end(), {"--socket", directory_.file("x")});
    const appmem::test::Ran ran = start(std::move(arguments));
    EXPECT_EQ(ran.exit_code, one.exit_code) << one.message;
    EXPECT_THAT(ran.errors, HasSubstr(one.message));
  }
  ::chmod(token_file_.c_str(), 0644);
  const appmem::test::Ran ran = start(
      {"--socket", directory_.file("x"), "--tcp", "127.0.0.1:0", "--tcp-token-file", token_file_});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.errors, HasSubstr("chmod 600"));
}

TEST_F(ListenersTest, WhatAWebPageCouldSendEndsTheConnection) {
  Daemon daemon({"--listen", "tcp://127.0.0.1:0?insecure=true", "--listen",
                 "tcp://127.0.0.1:0?insecure=true&protocol=resp", "--listen",
                 "tcp://127.0.0.1:0?insecure=true&protocol=json"});
  const auto where = addresses(daemon);
  ASSERT_EQ(where.size(), 4U);
  const std::string post =
      "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\n\r\nSET k planted\r\n";
  LineClient choosing = connect(where[0]);
  choosing.send(post);
  EXPECT_EQ(choosing.line(), "HTTP/1.1 501 Not Implemented\r");
  EXPECT_THAT(choosing.rest(), HasSubstr("does not speak HTTP"));
  for (const std::string& request :
       {post, std::string("GET / HTTP/1.1\r\nhOST: x\r\nSET k planted\r\n"),
        std::string("*1\r\n$4\r\npost\r\nSET k planted\r\n"), std::string("POST\r\nSET k x\r\n")}) {
    LineClient resp = connect(where[1]);
    resp.send(request);
    EXPECT_THAT(resp.rest(), testing::Not(HasSubstr("OK")));
  }
  const std::string set = "{\"op\":\"set\",\"key\":\"k\",\"value\":\"planted\"}\n";
  for (const std::string& before :
       {std::string("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), std::string("GET /\r\n"),
        std::string("\r\n x\n"), std::string("[]\n"), std::string("{\"op\":\"ping\"}\nPOST\n"),
        std::string("\x16\x03\x01\n")}) {
    LineClient json_only = connect(where[2]);
    json_only.send(before + set);
    EXPECT_THAT(json_only.rest(), HasSubstr("invalid_json")) << before;
  }
  LineClient auto_json = connect(where[0]);
  auto_json.send("{\"op\":\"ping\"}\nPOST / HTTP/1.1\r\n" + set);
  EXPECT_THAT(auto_json.rest(), HasSubstr("invalid_json"));
  LineClient without_version = connect(where[0]);
  without_version.send("POST /\r\nSET k planted\r\n");
  EXPECT_EQ(without_version.rest(), "");
  LineClient local(daemon.socket());
  EXPECT_EQ(ask(local, R"({"op":"get","key":"k"})").at("found"), false);
  EXPECT_TRUE(daemon.process().wait_for_error_text("client_speaks_http"));
}

TEST_F(ListenersTest, APlaceThatIsGivenTwiceIsNamed) {
  const std::string path = directory_.file("s");
  for (const std::string& again : {path, "unix:" + path + "?mode=0660"}) {
    const auto ran = start({"--listen", path, "--listen", again});
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.errors, HasSubstr("unix:" + path + " is given twice as a place to listen"));
  }
  const auto ran = start({"--listen", path, "--socket", path});
  EXPECT_THAT(ran.errors, HasSubstr("unix:" + path + " is given twice"));
  const std::string tcp = "127.0.0.1:65123";
  const auto over_tcp =
      start({"--listen", "tcp://" + tcp + "?insecure=true", "--tcp", tcp, "--tcp-insecure"});
  EXPECT_THAT(over_tcp.errors, HasSubstr("tcp://" + tcp + " is given twice"));
}

}  // namespace
}  // namespace appmem::daemon::test
