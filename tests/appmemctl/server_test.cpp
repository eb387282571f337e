#include "ctl_fixture.h"

namespace appmem::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

using ServerTest = CtlTest;

TEST_F(ServerTest, NamespacesFromCreationToEnd) {
  EXPECT_THAT(ctl({"ns", "create", "s", "--type", "string", "--max-bytes", "64MiB", "--max-keys",
                   "100", "--default-ttl", "1h", "--eviction", "none"}),
              Prints("OK\n"));
  EXPECT_THAT(ctl({"ns", "create", "s"}), Fails(1, "s"));
  EXPECT_THAT(ctl({"ns", "create", "s", "--if-absent"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"-n", "s", "set", "k", "v"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "k", "-n", "s"}), Prints("v"));
  EXPECT_THAT(ctl({"ttl", "k", "--namespace", "s"}), Prints("1h\n"));
  EXPECT_THAT(ctl({"get", "k"}), Exits(1, ""));
  const Ran info = ctl({"ns", "info", "s"});
  EXPECT_THAT(info.output, StartsWith("name: s\ntype: string\npersist: none\neviction: none\n"
                                      "max_bytes: 67108864 (64 MiB)\n"));
  EXPECT_THAT(info.output, HasSubstr("\nkeys: 1\n"));
  EXPECT_THAT(info.output, HasSubstr("\ndefault_ttl_ms: 3600000 (1h)\n"));
  EXPECT_THAT(ctl({"ns", "alter", "s", "--max-keys", "none", "--default-ttl", "never"}),
              Prints("OK\n"));
  EXPECT_THAT(ctl({"ns", "info", "s"}).output, HasSubstr("\nmax_keys: -\n"));
  const Ran list = ctl({"ns", "list"});
  EXPECT_THAT(list.output, MatchesRegex("name +type +eviction +keys .*\ndefault +any +lru +0 .*\n"
                                        "s +string +none +1 .*\n"));
  EXPECT_THAT(ctl({"ns", "clear", "s"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"count", "-n", "s"}), Prints("0\n"));
  EXPECT_THAT(ctl({"ns", "drop", "s"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"ns", "info", "s"}), Fails(1, "s"));
  EXPECT_THAT(ctl({"get", "k", "-n", "s"}), Fails(1, "s"));
}

TEST_F(ServerTest, SettingsWithoutSenseAreUsageErrors) {
  EXPECT_THAT(ctl({"ns", "create", "s", "--type", "float"}), Fails(2, "any string int json"));
  EXPECT_THAT(ctl({"ns", "create", "s", "--max-bytes", "lots"}), Fails(2, "--max-bytes"));
  EXPECT_THAT(ctl({"ns", "create", "s", "--max-keys", "-1"}), Fails(2, "--max-keys"));
  EXPECT_THAT(ctl({"ns", "create", "a/b"}), Fails(2, "1 to 64"));
  EXPECT_THAT(ctl({"ns", "drop", "default"}), Fails(4, "default"));
}

TEST_F(ServerTest, AJsonNamespaceParsesWhatTheCommandLineStores) {
  EXPECT_THAT(ctl({"ns", "create", "j", "--type", "json"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"-n", "j", "set", "ada", R"({"cart":[3,4]})"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"-n", "j", "get", "ada"}), Prints(R"({"cart":[3,4]})"));
  EXPECT_THAT(ctl({"-n", "j", "get", "ada", "--json"}).output,
              HasSubstr(R"("value":{"cart":[3,4]})"));
  EXPECT_THAT(ctl({"-n", "j", "set", "ada", "no json"}), Fails(4, ""));
}

TEST_F(ServerTest, AnIntNamespaceTakesDigits) {
  EXPECT_THAT(ctl({"ns", "create", "i", "--type", "int"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"-n", "i", "set", "a", "41"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"-n", "i", "get", "a", "--json"}).output, HasSubstr("\"value\":41"));
  EXPECT_THAT(ctl({"-n", "i", "set", "a", "x"}), Fails(4, ""));
}

TEST_F(ServerTest, PingWhoamiHealthStatsConfig) {
  EXPECT_THAT(ctl({"ping"}), Prints("PONG\n"));
  EXPECT_THAT(ctl({"whoami"}).output, StartsWith("uid: " + std::to_string(::geteuid()) + "\n"));
  EXPECT_THAT(ctl({"whoami"}).output, HasSubstr("\nrole: operator\n"));
  EXPECT_THAT(ctl({"health"}).output, StartsWith("status: ok\nserver_version: "));
  EXPECT_THAT(ctl({"stats"}).output, HasSubstr("\nmemory_limit: "));
  EXPECT_THAT(ctl({"config"}).output, HasSubstr("socket: " + daemon_.socket() + "\n"));
}

TEST_F(ServerTest, ClientsAreListedAndKilled) {
  const Ran list = ctl({"clients"});
  EXPECT_THAT(list.output, StartsWith("client "));
  EXPECT_EQ(std::count(list.output.begin(), list.output.end(), '\n'), 2);
  EXPECT_THAT(ctl({"client", "kill", "999999"}), Fails(1, "999999"));
  EXPECT_THAT(ctl({"client", "kill", "x"}), Fails(2, "appmemctl clients"));
  // A shell that is connected.
  ProcessOptions options;
  options.arguments = {binary_dir() / "appmemctl", "repl"};
  options.environment["APPMEM_SOCKET"] = daemon_.socket();
  options.keep_input_open = true;
  Process shell(options);
  ASSERT_TRUE(shell.wait_for_output_text("> "));
  const Ran both = ctl({"clients", "--json"});
  const std::size_t at = both.output.find("\"client\":") + 9;
  const std::string number = both.output.substr(at, both.output.find(',', at) - at);
  EXPECT_THAT(ctl({"client", "kill", number}), Prints("OK\n"));
  EXPECT_THAT(ctl({"clients"}).output, testing::Not(HasSubstr("\n" + number + " ")));
}

}  // namespace
}  // namespace appmem::test
