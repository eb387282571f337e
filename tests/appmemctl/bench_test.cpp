#include <fstream>

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "ctl_fixture.h"
#include "support/line_socket.h"

namespace appmem::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using Words = std::vector<std::string>;

/// A server of somebody else's on a Unix socket, which says `ready` (on either output) when it
/// listens.
class ForeignServer {
 public:
  ForeignServer(const Words& command, const std::string& ready) {
    ProcessOptions options;
    options.arguments = command;
    options.arguments.push_back(socket());
    process_.emplace(options);
    const bool listens = command.front() == "memcached" ? process_->wait_for_error_text(ready)
                                                        : process_->wait_for_output_text(ready);
    if (!listens) throw std::runtime_error(process_->output() + process_->errors());
  }
  ~ForeignServer() {
    process_->signal(SIGTERM);
    process_->wait();
  }
  ForeignServer(const ForeignServer&) = delete;
  ForeignServer& operator=(const ForeignServer&) = delete;

  [[nodiscard]] std::string socket() const { return directory_.file("s"); }

 private:
  TemporaryDirectory directory_;
  std::optional<Process> process_;
};

/// Runs the load and gives back its report; fails the test where a request was not answered well.
nlohmann::json bench(const std::string& socket, Words flags, const std::string& requests = "200") {
  flags.insert(flags.begin(), {"bench", "--json", "--connections", "3", "--pipeline", "4", "--keys",
                               "50", "--requests", requests});
  const Ran ran = appmemctl(socket, flags);
  EXPECT_EQ(ran.exit_code, 0) << ran.errors << ran.output;
  return nlohmann::json::parse(ran.output, nullptr, false);
}

/// Every key is there once it was loaded, and half of the requests are gets.
void expect_hits(const nlohmann::json& report, const std::string& protocol) {
  EXPECT_EQ(report["protocol"], protocol);
  EXPECT_EQ(report["requests"], 200);
  EXPECT_EQ(report["errors"], 0);
  EXPECT_GT(report["gets"], 50);
  EXPECT_LT(report["gets"], 150);
  EXPECT_EQ(report["hits"], report["gets"]);
}

using BenchTest = CtlTest;

TEST_F(BenchTest, SpeaksJsonAndRespToAppmemd) {
  for (const char* const protocol : {"json", "resp"}) {
    EXPECT_THAT(ctl({"ns", "clear", "default"}), Prints("OK\n"));
    expect_hits(bench(daemon_.socket(), {"--protocol", protocol, "--load", "--key-bytes", "20",
                                         "--value-bytes", "5", "--ttl", "90s"}),
                protocol);
    EXPECT_THAT(ctl({"count"}), Prints("50\n"));
    EXPECT_THAT(ctl({"get", "key:0000000000000049"}), Prints("xxxxx"));
    EXPECT_THAT(ctl({"ttl", "key:0000000000000000"}).output, StartsWith("1m"));
  }
}

TEST_F(BenchTest, TheDefaultIsJsonWithKeysOf16Bytes) {
  const auto report = bench(daemon_.socket(), {"--load"});
  EXPECT_EQ(report["protocol"], "json");
  EXPECT_EQ(report["key_bytes"], 16);
  EXPECT_EQ(report["value_bytes"], 32);
  EXPECT_THAT(ctl({"ttl", "key:000000000049"}), Prints("never\n"));
  EXPECT_THAT(ctl({"get", "key:000000000049"}), Prints(std::string(32, 'x')));
}

TEST_F(BenchTest, TheNamespaceIsEnteredInEachFormat) {
  EXPECT_THAT(ctl({"ns", "create", "other"}), Prints("OK\n"));
  for (const char* const protocol : {"json", "resp"}) {
    EXPECT_THAT(ctl({"ns", "clear", "other"}), Prints("OK\n"));
    expect_hits(bench(daemon_.socket(), {"-n", "other", "--protocol", protocol, "--load"}),
                protocol);
    EXPECT_THAT(ctl({"count"}), Prints("0\n"));
    EXPECT_THAT(ctl({"-n", "other", "count"}), Prints("50\n"));
  }
  EXPECT_THAT(ctl({"-n", "none", "bench"}), Fails(1, "no namespace named \"none\""));
  EXPECT_THAT(ctl({"-n", "none", "bench", "--protocol", "resp"}),
              Fails(5, "the server refuses: -ERR no such namespace"));
}

TEST_F(BenchTest, ErrorsAreCountedAndTheFirstIsShown) {
  EXPECT_THAT(ctl({"ns", "create", "numbers", "--type", "int"}), Prints("OK\n"));
  for (const auto& [protocol, error] :
       {std::pair("json", "{\"ok\":false,\"error\":{\"code\":"), std::pair("resp", "-WRONGTYPE")}) {
    const Ran ran =
        ctl({"-n", "numbers", "bench", "--protocol", protocol, "--reads", "0", "--requests", "10"});
    EXPECT_EQ(ran.exit_code, 4);
    EXPECT_THAT(ran.output, HasSubstr("\nfirst error: " + std::string(error)));
    EXPECT_THAT(ran.output, testing::ContainsRegex("\nerrors +10\n"));
  }
}

TEST_F(BenchTest, AnotherFormatThanTheServersIsReported) {
  const Ran ran = ctl({"bench", "--protocol", "memcached", "--connections", "1"});
  EXPECT_NE(ran.exit_code, 0);
}

TEST(BenchOfAFullDaemon, SaysWhatTheServerSays) {
  const TemporaryDirectory directory;
  std::ofstream(directory.file("trace.csv")) << "key,size\na,1\nb,2\n";
  Daemon daemon({"--max-connections", "1"});
  const LineSocket holder(daemon.socket());
  holder.send("{\"op\":\"ping\"}\n");
  const std::string busy = "all 1 connections are taken";
  EXPECT_THAT(appmemctl(daemon.socket(), {"get", "k"}), Fails(4, busy));
  // Where each connection was refused as the answer to its one request, the report has it as an
  // error.
  const auto expect_busy = [&](const Words& words) {
    const Ran ran = appmemctl(daemon.socket(), words);
    EXPECT_EQ(ran.exit_code, 4) << ran.errors;
    EXPECT_THAT(ran.output + ran.errors, HasSubstr(busy)) << words.back();
  };
  for (int i = 0; i < 10; ++i)
    expect_busy({"bench", "--requests", "10"});
  for (const Words& flags : {Words{"--pipeline", "16"},
                             {"--connections", "1"},
                             {"--requests", "1", "--load"},
                             {"--protocol", "resp"},
                             {"-n", "other", "--protocol", "resp"},
                             {"-n", "other"},
                             {"--trace", directory.file("trace.csv")}}) {
    Words words{"bench"};
    words.insert(words.end(), flags.begin(), flags.end());
    expect_busy(words);
  }
}

TEST(BenchUsage, AnEmbeddedStoreCannotBeMeasured) {
  EXPECT_THAT(appmemctl("/nowhere/s", {"-a", "embedded:", "bench"}),
              Fails(2, "start one with `appmemd --background`"));
  EXPECT_THAT(appmemctl("embedded:", {"bench", "--trace", "x"}), Fails(2, "embedded: has none"));
}

TEST_F(BenchTest, ATraceThatCannotBeReadIsAllThatIsSaid) {
  EXPECT_THAT(ctl({"set", "k", "v"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"bench", "--trace", "/nowhere/nofile.csv"}),
              Fails(7, "cannot read the trace /nowhere/nofile.csv"));
}

TEST(BenchOverTcp, TheTokenIsShownInEachFormat) {
  const TemporaryDirectory directory;
  const std::string token_file = directory.file("token");
  std::ofstream(token_file) << "a-token-of-the-tests-own\n";
  ::chmod(token_file.c_str(), 0600);
  const std::string other_file = directory.file("other");
  std::ofstream(other_file) << "another-token-altogether\n";
  ::chmod(other_file.c_str(), 0600);
  Daemon daemon({"--tcp", "127.0.0.1:0", "--tcp-token-file", token_file});
  ASSERT_TRUE(daemon.process().wait_for_error_text("\"started\""));
  const std::string& log = daemon.process().errors();
  const std::size_t begin = log.find("tcp://");
  const std::string address = log.substr(begin, log.find('"', begin) - begin);
  for (const char* const protocol : {"json", "resp"}) {
    expect_hits(bench(address, {"--token-file", token_file, "--protocol", protocol, "--load"}),
                protocol);
    EXPECT_THAT(appmemctl(address, {"--token-file", other_file, "bench", "--protocol", protocol}),
                Fails(5, "refuses"));
  }
}

TEST(BenchOfOthers, SpeaksRespToRedis) {
  const ForeignServer redis({"redis-server", "--port", "0", "--save", "", "--unixsocket"},
                            "ready to accept connections");
  expect_hits(bench(redis.socket(), {"--protocol", "resp", "--load", "--ttl", "90s"}), "resp");
  expect_hits(bench("unix:" + redis.socket(), {"--protocol", "resp", "--load"}), "resp");
}

TEST(BenchOfOthers, SpeaksTheTextProtocolToMemcached) {
  // It says that it listens only where it also logs every request, which nobody reads: so, few.
  const ForeignServer memcached({"memcached", "-u", "root", "-vv", "-s"}, "server listening");
  expect_hits(bench(memcached.socket(), {"--protocol", "memcached", "--load", "--ttl", "90s"}),
              "memcached");
  const auto report =
      bench(memcached.socket(), {"--protocol", "memcached", "--reads", "100", "--key-bytes", "250"},
            "10");
  EXPECT_EQ(report["gets"], 10);
  EXPECT_EQ(report["hits"], 0);
}

TEST(BenchUsage, WhatAFormatCannotSayIsRefused) {
  const auto ctl = [](Words flags) {
    flags.insert(flags.begin(), "bench");
    return appmemctl("/nowhere/s", flags);
  };
  EXPECT_THAT(ctl({"--protocol", "http"}),
              Fails(2, "--protocol: expected json, resp or memcached"));
  EXPECT_THAT(ctl({"--key-bytes", "4"}), Fails(2, "--key-bytes: expected a size from 5 to 64KiB"));
  EXPECT_THAT(ctl({"--key-bytes", "6", "--keys", "101"}), Fails(2, "need --key-bytes 7 at least"));
  EXPECT_THAT(ctl({"--ttl", "0s"}), Fails(2, "--ttl: expected a duration of at least 1ms"));
  EXPECT_THAT(
      ctl({"--duration", "0s"}),
      Fails(2, "--duration: expected a duration of at least 1ms with its unit, such as 10s"));
  EXPECT_THAT(ctl({"--trace", "x", "--protocol", "resp"}), Fails(2, "takes no --protocol"));
  const auto memcached = [&](Words flags) {
    flags.insert(flags.begin(), {"--protocol", "memcached"});
    return ctl(flags);
  };
  EXPECT_THAT(memcached({"--key-bytes", "251"}), Fails(2, "at most 250"));
  EXPECT_THAT(memcached({"--ttl", "1500ms"}), Fails(2, "whole seconds"));
  EXPECT_THAT(memcached({"--ttl", "31d"}), Fails(2, "--ttl"));
  EXPECT_THAT(memcached({"-n", "other"}), Fails(2, "memcached has no namespaces"));
}

}  // namespace
}  // namespace appmem::test
