#include <sys/stat.h>

#include "client/fake_daemon.h"
#include "ctl_fixture.h"

namespace appmem::test {
namespace {

TEST_F(CtlTest, AClosedStandardOutputIsNotTheSocket) {
  ASSERT_THAT(
      ctl({"set", "--key", "evil", "--value", "{\"op\":\"ns.clear\",\"name\":\"default\"}\n"}),
      Prints("OK\n"));
  ProcessOptions get;
  get.arguments = {binary_dir() / "appmemctl", "get", "evil"};
  get.environment["APPMEM_SOCKET"] = daemon_.socket();
  get.before_exec = [] {
    ::close(STDOUT_FILENO);
  };
  EXPECT_EQ(run(get).exit_code, 7);
  EXPECT_THAT(ctl({"count"}), Prints("1\n"));
}

TEST(ExitCodes, UsageIsTwoAndSaysWhatToDo) {
  const auto ctl = [](const std::vector<std::string>& arguments) {
    return appmemctl("/nowhere/s", arguments);
  };
  EXPECT_THAT(ctl({}), Fails(2, "appmemctl --help"));
  EXPECT_THAT(ctl({}), Fails(2, "`appmemctl repl` reads commands from standard input"));
  EXPECT_THAT(ctl({"frob"}), Fails(2, "unknown command \"frob\": `appmemctl --help` lists all"));
  EXPECT_THAT(
      ctl({"gett", "k"}),
      Fails(2, "unknown command \"gett\": did you mean `get`? `appmemctl --help` lists all"));
  EXPECT_THAT(ctl({"GET", "k"}), Fails(2, "did you mean `get`?"));
  EXPECT_THAT(ctl({"ns", "crate", "x"}), Fails(2, "did you mean `ns create`?"));
  EXPECT_THAT(ctl({"ns"}), Fails(2, "appmemctl ns --help"));
  EXPECT_THAT(ctl({"ns", "frob"}), Fails(2, "\"ns frob\""));
  EXPECT_THAT(ctl({"ns"}),
              Fails(2, "ns needs a command: `appmemctl ns --help` lists create, alter"));
  EXPECT_THAT(ctl({"config", "get"}),
              Fails(2, "config takes no arguments: write `appmemctl config`"));
  EXPECT_THAT(ctl({"expire", "k", "--ttl", "5m"}),
              Fails(2, "unknown option --ttl: write `appmemctl expire KEY 5m`"));
  EXPECT_THAT(ctl({"ns", "alter", "s"}),
              Fails(2, "for example `appmemctl ns alter sessions --max-bytes 256MiB`"));
  EXPECT_THAT(ctl({"repl", "--embedded"}), Exits(0, "appmem CLI\nType HELP for commands\n> bye\n"));
  EXPECT_THAT(ctl({"repl", "--embedded", "-a", "/nowhere/s"}),
              Fails(2, "--embedded and --address exclude each other"));
  EXPECT_THAT(ctl({"bench", "--requests", "1", "--duration", "1s"}),
              Fails(2, "exclude each other"));
  EXPECT_THAT(ctl({"get", "a", "--json", "--raw"}), Fails(2, "exclude each other"));
  EXPECT_THAT(ctl({"get"}), Fails(2, "appmemctl get KEY..."));
  EXPECT_THAT(ctl({"incr", "a", "b"}), Fails(2, "takes fewer"));
  EXPECT_THAT(ctl({"get", "a", "--frob"}), Fails(2, "--frob"));
  EXPECT_THAT(ctl({"--frob", "get", "a"}), Fails(2, "--frob"));
  EXPECT_THAT(ctl({"--frob"}), Fails(2, "--frob"));
  EXPECT_THAT(ctl({"get", "a", "--timeout", "5"}), Fails(2, "--timeout"));
  EXPECT_THAT(ctl({"get", "a", "-a"}), Fails(2, "--address"));
  EXPECT_THAT(ctl({"completion", "fish"}), Fails(2, "bash"));
}

TEST(ExitCodes, WhatCanBeToldWithoutTheServerIsTwoAndNamesTheFlag) {
  const auto ctl = [](const std::vector<std::string>& arguments) {
    return appmemctl("/nowhere/s", arguments);
  };
  EXPECT_THAT(ctl({"incr", "k", "--min", "5", "--max", "1"}),
              Fails(2, "--min 5 is greater than --max 1"));
  for (const char* const limit : {"0", "10001", "-1", "x", "99999999999999999999"}) {
    EXPECT_THAT(ctl({"scan", "--limit", limit}),
                Fails(2, "--limit takes a number from 1 to 10000, not \"" + std::string(limit)));
  }
  EXPECT_THAT(ctl({"ns", "create", "x", "--max-keys", "0"}),
              Fails(2, "--max-keys takes a number of at least 1, or `none` or `never`"));
  EXPECT_THAT(ctl({"set", "k", "v", "--ttl", "0s"}),
              Fails(2, ", or `never` or `none`, not \"0s\""));
  EXPECT_THAT(ctl({"set", "k", "v", "--ttl", "no"}), Fails(2, "; `never` or `none` is no end"));
  EXPECT_THAT(ctl({"ns", "create", "x", "--max-bytes", "0"}),
              Fails(2, "--max-bytes takes a size of at least 1 byte, or `none`"));
  EXPECT_THAT(ctl({"set", "k", "v", "--if-version", "9223372036854775808"}),
              Fails(2, "--if-version takes a number from 0 to 9223372036854775807"));
}

TEST(ExitCodes, ANamespaceThatCannotBeIsTwo) {
  const auto ctl = [](const std::vector<std::string>& arguments) {
    return appmemctl("/nowhere/s", arguments);
  };
  for (const std::vector<std::string>& empty :
       {std::vector<std::string>{"-n", ""}, {"--namespace", ""}, {"--namespace="}}) {
    std::vector<std::string> words = empty;
    words.insert(words.end(), {"get", "k"});
    EXPECT_THAT(ctl(words), Fails(2, "--namespace is empty: name one, or leave it out"));
  }
  EXPECT_THAT(ctl({"-n", "a b", "get", "k"}), Fails(2, "--namespace \"a b\": a namespace name is"));
  EXPECT_THAT(ctl({"-n", "7", "get", "k"}), Fails(2, "may not be a number"));
  for (const char* const command : {"create", "alter", "drop", "clear", "info"}) {
    EXPECT_THAT(ctl({"ns", command, "a b"}), Fails(2, "a namespace name is 1 to 64 of"));
    EXPECT_THAT(ctl({"ns", command, ""}), Fails(2, "a namespace name is 1 to 64 of"));
  }
}

TEST(ExitCodes, EveryComplaintAboutFlagsSaysWhatToDo) {
  const auto ctl = [](const std::vector<std::string>& arguments) {
    return appmemctl("/nowhere/s", arguments);
  };
  EXPECT_THAT(ctl({"ping", "--timeout"}), Fails(2, "needs a value: write --timeout DURATION"));
  EXPECT_THAT(ctl({"-n"}), Fails(2, "needs a value: write --namespace NAME"));
  EXPECT_THAT(ctl({"get", "k", "--touch-ttl"}), Fails(2, "write --touch-ttl DURATION"));
  EXPECT_THAT(ctl({"set", "k", "v", "--ttl", "1s", "--ttl", "2s"}),
              Fails(2, "--ttl is given more than once: write it once"));
  EXPECT_THAT(ctl({"set", "k", "-v"}), Fails(2, "unknown option -v: `appmemctl set --help`"));
  EXPECT_THAT(ctl({"get", "--frob=3", "k"}), Fails(2, "unknown option --frob: "));
  EXPECT_THAT(ctl({"set", "k", "v", "--if-absent=yes"}),
              Fails(2, "--if-absent takes no value: write --if-absent alone"));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--json=3", "ping"}, {"ping", "--json=3"}, {"--json=3"}}) {
    EXPECT_THAT(ctl(words), Fails(2, "--json takes no value"));
  }
  EXPECT_THAT(ctl({"help", "frob"}), Fails(2, "unknown command \"frob\""));
  EXPECT_THAT(ctl({"ns", "frob", "--help"}), Fails(2, "\"ns frob\" is no command"));
}

TEST_F(CtlTest, WhatTheServerRefusesIsNamedAsItWasTyped) {
  for (const Words& words :
       {Words{"scan", "--cursor", "bogus"}, {"scan", "--from", "a", "--cursor", "bogus"}})
    EXPECT_THAT(ctl(words), Fails(4, "--cursor is none that an earlier answer"));
  EXPECT_THAT(ctl({"decr", "k", "--by", "-9223372036854775808"}), Fails(4, ": --by has no"));
  EXPECT_THAT(ctl({"set", "k", "v", "--expires-at", "2500-01-01"}), Fails(4, ": --expires-at is"));
  EXPECT_THAT(ctl({"ns", "create", "x", "--reserved-bytes", "2MiB", "--max-bytes", "1MiB"}),
              Fails(4, ": --reserved-bytes is over --max-bytes"));
  const std::string long_key(65'537, 'k');
  EXPECT_THAT(ctl({"del", "a", long_key}), Fails(4, ": argument 2: the key is over its limit"));
  EXPECT_THAT(ctl({"set", "cake", "sweet"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"mset", "x=1", "cake=2", "--if-absent"}),
              Fails(1, ": argument 2 (cake): the key exists"));
  EXPECT_THAT(ctl({"incr", "cake"}), Fails(4, "`appmemctl set KEY 0` makes a counter of it"));
  EXPECT_THAT(ctl({"set", "n", "5"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"incr", "n", "--max", "5"}), Fails(4, ": the sum, 6, is above max, 5"));
  EXPECT_THAT(ctl({"decr", "n", "--by", "9", "--min", "0"}),
              Fails(4, ": the sum, -4, is below min, 0"));
  EXPECT_THAT(ctl({"scan", "--prefix", long_key}), Fails(4, ": --prefix is over its limit"));
  EXPECT_THAT(ctl({"ns", "create", "json", "--type", "json"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"-n", "json", "set", "k", "text"}), Fails(4, "a text has quotes"));
  EXPECT_THAT(ctl({"batch"}, "set k 1\n\nset s x\nincr s\n"), Fails(4, ": line 4: the value is"));
}

TEST(ExitCodes, NoConnectionIsThreeAndSaysHowToGetOne) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("s");
  EXPECT_THAT(
      appmemctl(path, {"get", "a"}),
      Fails(3, "no appmemd at " + path + ": start it with appmemd --background --socket " + path));
  EXPECT_THAT(appmemctl(path, {"repl"}), Fails(3, "no appmemd"));
  EXPECT_THAT(appmemctl("/elsewhere", {"-a", "unix:" + path + ",embedded:", "ping"}),
              Prints("PONG\n"));
  EXPECT_THAT(appmemctl(path, {"-a", "tcp://127.0.0.1:1", "ping"}),
              Fails(3,
                    "no appmemd at tcp://127.0.0.1:1: start it with appmemd --background --tcp "
                    "127.0.0.1:1 --tcp-token-file FILE"));
  EXPECT_THAT(appmemctl(path, {"-a", "tcp://10.0.0.1:1", "ping"}),
              Fails(2, "an address of this host itself"));
  EXPECT_THAT(appmemctl(path, {"-a", "nonsense", "ping"}), Fails(2, "unix:PATH"));
}

TEST_F(CtlTest, AFullNamespaceIsFourAndSaysWhatMakesRoom) {
  EXPECT_THAT(ctl({"ns", "create", "full", "--eviction", "none", "--max-keys", "1"}),
              Prints("OK\n"));
  EXPECT_THAT(ctl({"-n", "full", "set", "a", "1"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"-n", "full", "set", "b", "1"}),
              Fails(4, "where its eviction is none, --eviction lru makes room"));
}

TEST_F(CtlTest, AnEmptyAddressIsNotTheDefault) {
  for (const Words& given : {Words{"-a", ""}, Words{"--address", ""}, Words{"--address="}}) {
    Words words = given;
    words.emplace_back("ping");
    EXPECT_THAT(ctl(words), Fails(2, "--address is empty: write unix:PATH"));
  }
  for (const char* const list : {",", "/tmp/a,,/tmp/b", ",/tmp/a", "/tmp/a,"}) {
    EXPECT_THAT(ctl({"-a", list, "ping"}),
                Fails(2, "one of \"" + std::string(list) + "\" is empty"));
  }
  EXPECT_THAT(ctl({"ping"}), Prints("PONG\n"));
}

TEST(ExitCodes, TheDefaultSocketIsTheUsers) {
  const TemporaryDirectory directory;
  ProcessOptions options;
  options.arguments = {binary_dir() / "appmemctl", "ping"};
  options.environment["APPMEM_SOCKET"] = std::nullopt;
  options.environment["XDG_RUNTIME_DIR"] = directory.path();
  const Ran ran = run(options);
  const std::string path =
      ::geteuid() == 0 ? "/run/appmem/appmem.sock" : directory.file("appmem/appmem.sock");
  if (ran.exit_code == 0) GTEST_SKIP() << "a daemon of this machine listens on " << path;
  EXPECT_THAT(ran, Fails(3, path));
}

TEST(ExitCodes, NoPermissionIsFive) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  const Daemon daemon({"--socket-mode", "0666"});
  // The daemon's own folder is private: let others reach the socket.
  ASSERT_EQ(::chmod(std::filesystem::path(daemon.socket()).parent_path().c_str(), 0755), 0);
  ProcessOptions options;
  options.arguments = {binary_dir() / "appmemctl", "get", "a"};
  options.environment["APPMEM_SOCKET"] = daemon.socket();
  options.before_exec = [] {
    if (::setgid(65'534) != 0 || ::setuid(65'534) != 0) ::_exit(126);
  };
  EXPECT_THAT(run(options), Fails(5, ""));
}

TEST(ExitCodes, ASocketThatOneMayNotOpenIsThree) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  const Daemon daemon;
  ASSERT_EQ(::chmod(std::filesystem::path(daemon.socket()).parent_path().c_str(), 0755), 0);
  ProcessOptions options;
  options.arguments = {binary_dir() / "appmemctl", "get", "a"};
  options.environment["APPMEM_SOCKET"] = daemon.socket();
  options.before_exec = [] {
    if (::setgid(65'534) != 0 || ::setuid(65'534) != 0) ::_exit(126);
  };
  EXPECT_THAT(run(options), Fails(3, "no permission"));
}

TEST(ExitCodes, ADaemonThatDoesNotAnswerIsSix) {
  const TemporaryDirectory directory;
  client::FakeDaemon silent(directory.file("s"), [](client::FakeConnection& connection) {
    for (std::string line; connection.read_line(line);) {
    }
  });
  EXPECT_THAT(appmemctl(directory.file("s"), {"get", "a", "--timeout", "30ms"}),
              Fails(6, "did not answer within 30ms"));
}

TEST(ExitCodes, InterruptedIs130) {
  const TemporaryDirectory directory;
  std::atomic<bool> received{false};
  client::FakeDaemon silent(directory.file("s"), [&](client::FakeConnection& connection) {
    std::string line;
    connection.read_line(line);
    received = true;
    received.notify_all();
    connection.read_line(line);
  });
  ProcessOptions options;
  options.arguments = {binary_dir() / "appmemctl", "get", "a"};
  options.environment["APPMEM_SOCKET"] = directory.file("s");
  Process process(options);
  received.wait(false);
  process.signal(SIGINT);
  EXPECT_EQ(process.wait(), 130);
}

TEST(ExitCodes, ALostConnectionIsThree) {
  const TemporaryDirectory directory;
  client::FakeDaemon rude(directory.file("s"), [](client::FakeConnection& connection) {
    std::string line;
    connection.read_line(line);
  });
  EXPECT_THAT(appmemctl(directory.file("s"), {"incr", "a"}), Fails(3, "may have taken effect"));
}

class PipeTest : public CtlTest {
 protected:
  /// Runs a script in which "$CTL" is appmemctl.
  Ran shell(const std::string& script) const {
    ProcessOptions options;
    options.arguments = {"bash", "-c", "set -o pipefail; " + script};
    options.environment["CTL"] = (binary_dir() / "appmemctl").string();
    options.environment["APPMEM_SOCKET"] = daemon_.socket();
    options.environment["FILE"] = directory_.file("file");
    return run(options);
  }

  TemporaryDirectory directory_;
};

TEST_F(PipeTest, AClosedPipeIsNoError) {
  EXPECT_THAT(ctl({"set", "big", "-"}, std::string(4'000'000, 'x')), Prints("OK\n"));
  EXPECT_THAT(shell("$CTL get big | head -c 3"), Prints("xxx"));
  EXPECT_THAT(shell("$CTL list | head -c 3"), Prints("big"));
}

TEST_F(PipeTest, APipelineIsExecutedToItsEndWhoeverReads) {
  EXPECT_THAT(shell("printf 'incr n\\n%.0s' {1..30000} | $CTL batch --pipeline | head -n 1"),
              Prints("1\n"));
  EXPECT_THAT(ctl({"get", "n"}), Prints("30000"));
}

TEST_F(PipeTest, AFullDiskIsSeven) {
  EXPECT_THAT(ctl({"set", "k", "v"}), Prints("OK\n"));
  EXPECT_THAT(shell("$CTL get k >/dev/full"), Fails(7, "No space left"));
}

TEST_F(PipeTest, ValuesGoThroughPipesAsTheyAre) {
  EXPECT_THAT(shell("head -c 3000000 /dev/urandom >\"$FILE\"; $CTL set k - <\"$FILE\" && "
                    "$CTL get k | cmp - \"$FILE\""),
              Prints("OK\n"));
}

}  // namespace
}  // namespace appmem::test
