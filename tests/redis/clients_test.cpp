#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/process.h"
#include "support/temporary_directory.h"

/// The clients that people have, as they come from Debian and npm, against a real daemon.
namespace appmem::test {
namespace {

using testing::HasSubstr;

class RedisClientsTest : public testing::Test {
 protected:
  RedisClientsTest() { start(); }

  void start() { daemon_.emplace(std::vector<std::string>{}, Environment{}, socket_); }

  /// Runs a script of tests/redis/clients, which asks for one restart of the daemon.
  void expect_to_pass(const std::string& interpreter, const std::string& script) {
    ProcessOptions options;
    options.arguments = {interpreter, source_dir() / "tests/redis/clients" / script, socket_};
    if (interpreter == "node") {
      const std::filesystem::path packages = source_dir() / "build/npm";
      if (!std::filesystem::exists(packages / "installed.json")) {
        GTEST_SKIP() << "no packages in build/npm: see scripts/install-npm";
      }
      options.environment["NODE_PATH"] = (packages / "node_modules").string();
    }
    options.keep_input_open = true;
    Process client(options);
    if (client.wait_for_output_text("restart")) {
      daemon_.reset();
      start();
      client.write("go\n");
    }
    EXPECT_EQ(client.wait(), 0) << client.errors();
    EXPECT_THAT(client.output(), HasSubstr("passed")) << client.errors();
  }

  Ran redis_cli(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.begin(), {"redis-cli", "-s", socket_});
    ProcessOptions options;
    options.arguments = std::move(arguments);
    options.input = input;
    return run(options);
  }

  using Environment = std::map<std::string, std::optional<std::string>>;
  TemporaryDirectory directory_;
  const std::string socket_ = directory_.file("s");
  std::optional<Daemon> daemon_;
};

TEST_F(RedisClientsTest, RedisPy) {
  expect_to_pass("/usr/bin/python3", "redis_py.py");
}

TEST_F(RedisClientsTest, Ioredis) {
  expect_to_pass("node", "ioredis.js");
}

TEST_F(RedisClientsTest, NodeRedis) {
  expect_to_pass("node", "node_redis.js");
}

TEST_F(RedisClientsTest, RedisCliAndAppmemctlSeeTheSameData) {
  EXPECT_EQ(redis_cli({"SET", "name", "Shanil"}).output, "OK\n");
  EXPECT_EQ(appmemctl(socket_, {"get", "name"}).output, "Shanil");
  EXPECT_EQ(appmemctl(socket_, {"incr", "hits", "--by", "41"}).exit_code, 0);
  EXPECT_EQ(redis_cli({"INCR", "hits"}).output, "42\n");
  EXPECT_EQ(redis_cli({"-3", "GET", "nobody"}).output, "\n");
  EXPECT_EQ(redis_cli({"-n", "3", "SET", "a", "1"}).output, "OK\n");
  EXPECT_EQ(appmemctl(socket_, {"-n", "db3", "get", "a"}).output, "1");
}

TEST_F(RedisClientsTest, RedisCliTakesCommandsFromItsInput) {
  const Ran ran = redis_cli({}, "SET a 1\nINCR a\nGET a\n");
  EXPECT_EQ(ran.output, "OK\n2\n2\n");
}

TEST_F(RedisClientsTest, RedisCliInsertsInMass) {
  std::string commands;
  for (int i = 0; i < 20'000; ++i) {
    const std::string number = std::to_string(i);
    commands += "*3\r\n$3\r\nSET\r\n$" + std::to_string(number.size()) + "\r\n" + number +
                "\r\n$1\r\nx\r\n";
  }
  const Ran ran = redis_cli({"--pipe"}, commands);
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.output, HasSubstr("errors: 0, replies: 20000"));
  EXPECT_EQ(redis_cli({"DBSIZE"}).output, "20000\n");
}

TEST_F(RedisClientsTest, RedisCliScansAndWatchesStatistics) {
  redis_cli({"MSET", "user:1", "a", "user:2", "b", "other", "c"});
  const Ran ran = redis_cli({"--scan", "--pattern", "user:*"});
  EXPECT_THAT(ran.output, testing::AllOf(HasSubstr("user:1\n"), HasSubstr("user:2\n"),
                                         testing::Not(HasSubstr("other"))));
}

TEST_F(RedisClientsTest, RedisCliTalksOnATerminal) {
  // `script` gives it a pseudo-terminal.
  ProcessOptions options;
  const std::string command = "stty cols 80 rows 24; exec redis-cli -s " + socket_;
  options.arguments = {"script", "-qec", command, "/dev/null"};
  options.environment["TERM"] = "xterm";
  options.keep_input_open = true;
  Process terminal(options);
  // It throws away what is typed before it prompts.
  const std::string prompt = "redis " + socket_ + "> ";
  ASSERT_TRUE(terminal.wait_for_output_text(prompt));
  terminal.write("SET greeting hello\r");
  ASSERT_TRUE(terminal.wait_for_output_text("OK\r\n" + prompt));
  terminal.write("HELLO 3\r");
  ASSERT_TRUE(terminal.wait_for_output_text("(empty array)\r\n" + prompt));
  terminal.write("GET greeting\r");
  ASSERT_TRUE(terminal.wait_for_output_text("\"hello\"\r\n" + prompt));
  // Its own table does not have this one: what it shows comes from COMMAND DOCS.
  terminal.write("CREATE ");
  ASSERT_TRUE(terminal.wait_for_output_text("PARTITION name type persistence"));
  terminal.write(
      "\x15"
      "exit\r");  // Control-U takes the line away
  terminal.wait();
}

TEST_F(RedisClientsTest, RedisBenchmarkRuns) {
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, std::vector<std::string>{"-P", "16", "-r", "1000"}}) {
    ProcessOptions options;
    options.arguments = {"redis-benchmark",
                         "-s",
                         socket_,
                         "-n",
                         "3000",
                         "-q",
                         "-t",
                         "ping_inline,ping_mbulk,set,get,incr,mset"};
    options.arguments.insert(options.arguments.end(), more.begin(), more.end());
    const Ran ran = run(options);
    EXPECT_EQ(ran.exit_code, 0) << ran.errors;
    EXPECT_THAT(ran.output, HasSubstr("MSET (10 keys)"));
    EXPECT_THAT(ran.output + ran.errors, testing::Not(HasSubstr("ERR")));
  }
}

}  // namespace
}  // namespace appmem::test
