#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "server/line_client.h"
#include "support/environment.h"
#include "support/process.h"
#include "support/temporary_directory.h"

/// The real program, as its operator and its clients see it.
namespace appmem::daemon::test {
namespace {

using appmem::server::test::LineClient;
using appmem::test::Daemon;
using appmem::test::Process;
using appmem::test::ProcessOptions;
using appmem::test::Ran;
using appmem::test::TemporaryDirectory;
using nlohmann::json;
using testing::HasSubstr;

ProcessOptions appmemd(std::vector<std::string> arguments) {
  ProcessOptions options;
  options.arguments = std::move(arguments);
  options.arguments.insert(options.arguments.begin(), appmem::test::binary_dir() / "appmemd");
  options.environment["NOTIFY_SOCKET"] = std::nullopt;
  return options;
}

Ran run_appmemd(std::vector<std::string> arguments) {
  return appmem::test::run(appmemd(std::move(arguments)));
}

std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string content(const std::string& path) {
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

/// A process that is not our child.
class Stranger {
 public:
  explicit Stranger(const std::string& pid_file)
      : pid_(std::stoi(content(pid_file))),
        fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))) {}
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;
  ~Stranger() {
    ::kill(pid_, SIGKILL);
    wait();
    ::close(fd_);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  void wait() const {
    pollfd ended{fd_, POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, appmem::test::kProcessPatienceMs), 1);
  }

 private:
  pid_t pid_;
  int fd_;
};

json ask(LineClient& client, const json& request) {
  return json::parse(client.ask(request.dump()));
}

TEST(DaemonTest, ServesFromReadyToTheEndAndLeavesNothing) {
  std::string socket;
  {
    Daemon daemon;
    socket = daemon.socket();
    EXPECT_EQ(mode_of(socket), 0600U);
    LineClient client(socket);
    EXPECT_EQ(ask(client, {{"op", "set"}, {"key", "k"}, {"value", 7}}).at("ok"), true);
    EXPECT_EQ(ask(client, {{"op", "get"}, {"key", "k"}}).at("value"), 7);
    daemon.process().signal(SIGTERM);
    EXPECT_EQ(client.line(), "<end>");
    EXPECT_EQ(daemon.process().wait(), 0);
    EXPECT_EQ(daemon.process().output(), "");
    EXPECT_FALSE(std::filesystem::exists(socket));
    EXPECT_FALSE(std::filesystem::exists(socket + ".lock"));
  }
}

TEST(DaemonTest, SigintAndTheOpEndItToo) {
  Daemon by_signal;
  by_signal.process().signal(SIGINT);
  EXPECT_EQ(by_signal.process().wait(), 0);
  Daemon by_op;
  LineClient client(by_op.socket());
  EXPECT_EQ(ask(client, {{"op", "shutdown"}}).at("ok"), true);
  EXPECT_EQ(by_op.process().wait(), 0);
}

TEST(DaemonTest, SighupIsLoggedAndItGoesOn) {
  Daemon daemon;
  daemon.process().signal(SIGHUP);
  EXPECT_TRUE(daemon.process().wait_for_error_text("SIGHUP"));
  LineClient client(daemon.socket());
  EXPECT_EQ(ask(client, {{"op", "ping"}}).at("ok"), true);
}

TEST(DaemonTest, ASecondSignalEndsItAtOnce) {
  Daemon daemon({"--shutdown-timeout", "1h"});
  LineClient client(daemon.socket());
  const std::string large(8'000'000, 'x');
  EXPECT_EQ(ask(client, {{"op", "set"}, {"key", "k"}, {"value", large}}).at("ok"), true);
  client.send("{\"op\":\"get\",\"key\":\"k\"}\n");
  LineClient other(daemon.socket());
  EXPECT_EQ(ask(other, {{"op", "ping"}}).at("ok"), true);
  daemon.process().signal(SIGTERM);  // the answer is not read, so this alone ends nothing
  EXPECT_TRUE(daemon.process().wait_for_error_text("stopping"));
  daemon.process().signal(SIGTERM);
  EXPECT_EQ(daemon.process().wait(), 0);
  EXPECT_THAT(daemon.process().errors(), HasSubstr("a second signal"));
  EXPECT_THAT(daemon.process().errors(), testing::Not(HasSubstr("\"connections_cut\":0")));
}

TEST(DaemonTest, ASecondDaemonIsRefusedAndToldWhoServes) {
  Daemon daemon;
  const Ran second = run_appmemd({"--socket", daemon.socket()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, HasSubstr("process " + std::to_string(daemon.process().pid()) +
                                       " already serves " + daemon.socket()));
  EXPECT_EQ(line_count(second.errors), 1U);
  LineClient client(daemon.socket());
  EXPECT_EQ(ask(client, {{"op", "ping"}}).at("ok"), true);
}

TEST(DaemonTest, InTheBackgroundItReturnsWhenTheSocketAnswers) {
  const TemporaryDirectory directory;
  const std::string socket = directory.file("s");
  const Ran start =
      run_appmemd({"--socket", socket, "--background", "--pid-file", directory.file("pid")});
  ASSERT_EQ(start.exit_code, 0) << start.errors;
  EXPECT_EQ(start.output, "");
  const Stranger daemon(directory.file("pid"));
  LineClient client(socket);
  const json whoami = ask(client, {{"op", "ping"}});
  EXPECT_EQ(whoami.at("ok"), true);
  EXPECT_EQ(content(socket + ".lock"), std::to_string(daemon.pid()) + "\n");
  EXPECT_NE(::getsid(daemon.pid()), ::getsid(0));
  daemon.signal(SIGTERM);
  daemon.wait();
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(DaemonTest, InTheBackgroundItHoldsNothingOfTheCallers) {
  const TemporaryDirectory directory;
  ProcessOptions options = appmemd(
      {"--socket", directory.file("s"), "--background", "--pid-file", directory.file("pid")});
  options.before_exec = [] {
    ::dup2(STDERR_FILENO, 99);
  };
  const Ran start = run(options);
  ASSERT_EQ(start.exit_code, 0) << start.errors;
  const Stranger daemon(directory.file("pid"));
  const std::filesystem::path fds = "/proc/" + std::to_string(daemon.pid()) + "/fd";
  EXPECT_TRUE(std::filesystem::exists(fds / "1"));
  EXPECT_FALSE(std::filesystem::is_symlink(fds / "99"));
  daemon.signal(SIGTERM);
  daemon.wait();
}

TEST(DaemonTest, TheEnvironmentSendsItToTheBackgroundToo) {
  const TemporaryDirectory directory;
  ProcessOptions options = appmemd({});
  options.environment["APPMEM_BACKGROUND"] = "1";
  options.environment["APPMEM_SOCKET"] = directory.file("s");
  options.environment["APPMEM_PID_FILE"] = directory.file("pid");
  const Ran start = appmem::test::run(options);
  ASSERT_EQ(start.exit_code, 0) << start.errors;
  const Stranger daemon(directory.file("pid"));
  LineClient client(directory.file("s"));
  EXPECT_EQ(ask(client, {{"op", "ping"}}).at("ok"), true);
}

int broken_pipe = -1;

TEST(DaemonTest, GoesOnWhenNobodyReadsItsLogAnyMore) {
  const TemporaryDirectory directory;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ::close(ends[0]);
  broken_pipe = ends[1];
  ProcessOptions options = appmemd(
      {"--socket", directory.file("s"), "--background", "--pid-file", directory.file("pid")});
  options.before_exec = [] {
    ::dup2(broken_pipe, 2);
  };
  const Ran start = appmem::test::run(options);
  ::close(broken_pipe);
  ASSERT_EQ(start.exit_code, 0);
  const Stranger daemon(directory.file("pid"));
  LineClient client(directory.file("s"));
  EXPECT_EQ(ask(client, {{"op", "ping"}}).at("ok"), true);
}

/// An event of the daemon's: that it has been told, or dropped, is seen by the end of the client.
void kill_a_client(LineClient& client, const std::string& socket) {
  LineClient killed(socket);
  const json id = ask(killed, {{"op", "hello"}}).at("client");
  EXPECT_EQ(ask(client, {{"op", "client.kill"}, {"client", id}}).at("ok"), true);
  EXPECT_EQ(killed.line(), "<end>");
}

TEST(DaemonTest, GoesOnWhenTheReaderOfItsLogStalls) {
  Daemon daemon({"--threads", "1"});
  LineClient client(daemon.socket());
  EXPECT_EQ(ask(client, {{"op", "ping"}}).at("ok"), true);
  // The pipe that its log goes to, filled up.
  const std::string pipe = "/proc/" + std::to_string(daemon.process().pid()) + "/fd/2";
  const int log = ::open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(log, 0);
  const auto line = [](int number) {
    return std::to_string(number) + std::string(200, 'x') + "\n";
  };
  int lines = 0;
  while (::write(log, line(lines).data(), line(lines).size()) > 0)
    ++lines;
  ::close(log);
  for (int i = 0; i < 3; ++i)
    kill_a_client(client, daemon.socket());
  // There is room again once the last one has been read.
  EXPECT_TRUE(daemon.process().wait_for_error_text("\n" + line(lines - 1)));
  kill_a_client(client, daemon.socket());
  EXPECT_TRUE(daemon.process().wait_for_error_text("\"event\":\"client_killed\""));
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_THAT(daemon.process().errors(), HasSubstr("\"event\":\"log_lines_dropped\""));
  EXPECT_THAT(daemon.process().errors(), HasSubstr("\"count\":3"));
}

TEST(DaemonTest, NeverLogsToAClientWhoseSocketTookAClosedStreamsPlace) {
  const TemporaryDirectory directory;
  ProcessOptions options = appmemd(
      {"--socket", directory.file("s"), "--background", "--pid-file", directory.file("pid")});
  options.arguments.insert(options.arguments.begin(),
                           {"/bin/sh", "-c", "exec \"$@\" 0<&- 1>&- 2>&-", "sh"});
  ASSERT_EQ(appmem::test::run(options).exit_code, 0);
  const Stranger daemon(directory.file("pid"));
  LineClient client(directory.file("s"));
  EXPECT_EQ(ask(client, {{"op", "ping"}}).at("ok"), true);
  daemon.signal(SIGTERM);
  EXPECT_EQ(client.rest(), "");
}

TEST(DaemonTest, TakesAsManyConnectionsAsTheSystemLetsItOpenFiles) {
  const TemporaryDirectory directory;
  ProcessOptions options = appmemd(
      {"--socket", directory.file("s"), "--background", "--pid-file", directory.file("pid")});
  options.before_exec = [] {
    const rlimit files{200, 200};
    ::setrlimit(RLIMIT_NOFILE, &files);
  };
  const Ran start = appmem::test::run(options);
  ASSERT_EQ(start.exit_code, 0) << start.errors;
  EXPECT_THAT(start.errors, HasSubstr("connections_limited"));
  const Stranger daemon(directory.file("pid"));
  std::vector<LineClient> clients;
  clients.reserve(136);  // 200 less those that it keeps for itself
  while (clients.size() < 136) {
    clients.emplace_back(directory.file("s"));
    ASSERT_EQ(ask(clients.back(), {{"op", "ping"}}).at("ok"), true) << clients.size();
  }
  LineClient refused(directory.file("s"));
  EXPECT_EQ(json::parse(refused.line()).at("error").at("code"), "busy");
}

TEST(DaemonTest, AStartInTheBackgroundThatFailsSaysSo) {
  const TemporaryDirectory directory;
  const Ran start = run_appmemd({"--socket", directory.file("missing/folder/s"), "--background"});
  EXPECT_EQ(start.exit_code, 1);
  EXPECT_THAT(start.errors, HasSubstr("cannot create the socket's directory"));
  EXPECT_EQ(line_count(start.errors), 1U);
}

TEST(DaemonTest, TheSocketOfADaemonThatDiedIsReplaced) {
  const TemporaryDirectory directory;
  const std::string socket = directory.file("s");
  const std::vector<std::string> arguments = {"--socket", socket, "--background", "--pid-file",
                                              directory.file("pid")};
  ASSERT_EQ(run_appmemd(arguments).exit_code, 0);
  {
    const Stranger daemon(directory.file("pid"));
    daemon.signal(SIGKILL);
    daemon.wait();
  }
  EXPECT_TRUE(std::filesystem::exists(socket));
  const Ran again = run_appmemd(arguments);
  ASSERT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_THAT(again.errors, HasSubstr("in place of a daemon that is gone"));
  const Stranger daemon(directory.file("pid"));
  LineClient client(socket);
  EXPECT_EQ(ask(client, {{"op", "ping"}}).at("ok"), true);
}

TEST(DaemonTest, ThePidFileLivesAsLongAsTheDaemon) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("pid");
  {
    Daemon daemon({"--pid-file", file});
    EXPECT_EQ(content(file), std::to_string(daemon.process().pid()) + "\n");
    EXPECT_EQ(mode_of(file), 0644U);
    EXPECT_EQ(daemon.stop(), 0);
    EXPECT_FALSE(std::filesystem::exists(file));
  }
  Daemon daemon({"--pid-file", file});
  std::ofstream(file) << "1\n";  // somebody else's by now
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_EQ(content(file), "1\n");
}

TEST(DaemonTest, ThePidFileOfADaemonThatLivesIsNotTaken) {
  const TemporaryDirectory directory;
  const std::string file = directory.file("pid");
  Daemon daemon({"--pid-file", file});
  const Ran second = run_appmemd({"--socket", directory.file("other"), "--pid-file", file});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, HasSubstr(std::to_string(daemon.process().pid())));
  EXPECT_EQ(content(file), std::to_string(daemon.process().pid()) + "\n");
  EXPECT_EQ(line_count(second.errors), 1U) << "it listened before it was refused";
  EXPECT_FALSE(std::filesystem::exists(directory.file("other.lock")));
}

TEST(DaemonTest, AStartThatFailsBehindThePidFileRemovesIt) {
  const TemporaryDirectory directory;
  const Daemon daemon;
  const Ran second =
      run_appmemd({"--socket", daemon.socket(), "--pid-file", directory.file("pid")});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.errors, HasSubstr("already serves"));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(DaemonTest, AStartThatFailsRemovesTheDirectoriesThatItMade) {
  const TemporaryDirectory directory;
  const Daemon other;
  const auto fails = [&](std::vector<std::string> arguments) {
    const Ran ran = run_appmemd(std::move(arguments));
    EXPECT_EQ(ran.exit_code, 1);
    return ran.errors;
  };
  const std::string mistyped = directory.file("mistyped");
  // The third place is taken, so the folder that the first one made has to go again.
  EXPECT_THAT(
      fails({"--listen", mistyped + "/s", "--listen", mistyped + "/t", "--listen", other.socket()}),
      HasSubstr("already serves"));
  EXPECT_FALSE(std::filesystem::exists(mistyped));
  EXPECT_THAT(fails({"--socket", mistyped + "/s", "--pid-file", directory.file("no/pid")}),
              HasSubstr("pid file"));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
  // What was there before stays, and so does what serves.
  std::filesystem::create_directory(mistyped);
  std::filesystem::permissions(mistyped, std::filesystem::perms::owner_all);
  EXPECT_THAT(fails({"--listen", mistyped + "/s", "--listen", other.socket()}),
              HasSubstr("already serves"));
  EXPECT_TRUE(std::filesystem::is_empty(mistyped));
}

TEST(DaemonTest, APidFileThatCannotBeWrittenIsAFailedStart) {
  const TemporaryDirectory directory;
  const Ran ran = run_appmemd(
      {"--socket", directory.file("s"), "--pid-file", directory.file("missing/folder/pid")});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.errors, HasSubstr("pid file"));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(DaemonTest, TheSocketHasTheGroupAndModeThatWereAskedFor) {
  const std::string group = std::to_string(::geteuid() == 0 ? 12'345 : ::getegid());
  Daemon daemon({"--socket-group", group});
  struct stat status {};
  ASSERT_EQ(::stat(daemon.socket().c_str(), &status), 0);
  EXPECT_EQ(std::to_string(status.st_gid), group);
  EXPECT_EQ(status.st_mode & 07777U, 0660U);
  const Daemon open({"--socket-mode", "0666"});
  EXPECT_EQ(mode_of(open.socket()), 0666U);
}

TEST(DaemonTest, AGroupThatDoesNotExistIsAFailedStart) {
  const TemporaryDirectory directory;
  const Ran ran =
      run_appmemd({"--socket", directory.file("s"), "--socket-group", "no-such-group-here"});
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.errors, HasSubstr("there is no group \\\"no-such-group-here\\\""));
}

TEST(DaemonTest, WrongOptionsAreOneLineAndExitWith2) {
  const TemporaryDirectory directory;
  std::ofstream(directory.file("c.toml")) << "threads = 1\nmax-memry = \"1GiB\"\n";
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--unknown"},
                                                    {"--threads", "none"},
                                                    {"word"},
                                                    {"--socket", "/" + std::string(107, 's')},
                                                    {"--config", directory.file("c.toml")}}) {
    const Ran ran = run_appmemd(arguments);
    EXPECT_EQ(ran.exit_code, 2) << arguments.front();
    EXPECT_EQ(line_count(ran.errors), 1U) << ran.errors;
    EXPECT_TRUE(ran.errors.starts_with("appmemd: ")) << ran.errors;
    EXPECT_EQ(ran.output, "");
  }
  EXPECT_THAT(run_appmemd({"--config", directory.file("c.toml")}).errors,
              HasSubstr("c.toml:2:1: unknown option \"max-memry\"; did you mean max-memory?"));
}

TEST(DaemonTest, PrintsWhatWasAskedForOnStandardOutput) {
  EXPECT_EQ(run_appmemd({"--version"}).output, "appmemd " APPMEM_VERSION "\n");
  EXPECT_THAT(run_appmemd({"--help"}).output, HasSubstr("Examples:"));
  ProcessOptions options = appmemd({"--print-config", "--max-memory", "300MiB"});
  options.environment["APPMEM_THREADS"] = "3";
  options.environment["APPMEM_MAX_MEMORY"] = "200MiB";
  const Ran printed = appmem::test::run(options);
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_EQ(printed.errors, "");
  EXPECT_THAT(printed.output, HasSubstr("\nthreads = 3\n"));
  EXPECT_THAT(printed.output, HasSubstr("\nmax-memory = \"300MiB\"\n"));
  // What it prints, it reads.
  const TemporaryDirectory directory;
  std::ofstream(directory.file("c.toml")) << printed.output;
  const Ran again = run_appmemd({"--config", directory.file("c.toml"), "--print-config"});
  EXPECT_EQ(again.output, printed.output);
}

TEST(DaemonTest, WhatCannotBePrintedIsAnError) {
  for (const std::string what : {"--version", "--help", "--print-config"}) {
    ProcessOptions options;
    options.arguments = {"/bin/sh", "-c", "exec \"$0\" \"$1\" >/dev/full",
                         appmem::test::binary_dir() / "appmemd", what};
    const Ran ran = appmem::test::run(options);
    EXPECT_EQ(ran.exit_code, 1) << what;
    EXPECT_EQ(ran.errors, "appmemd: cannot write to standard output: No space left on device\n")
        << what;
  }
}

TEST(DaemonTest, ARunningDaemonTellsItsConfiguration) {
  const Daemon daemon({"--max-memory", "123MiB", "--threads", "3"});
  LineClient client(daemon.socket());
  const json config = ask(client, {{"op", "config.get"}}).at("config");
  EXPECT_EQ(config.at("max-memory"), "123MiB");
  EXPECT_EQ(config.at("threads"), "3");
  EXPECT_EQ(config.at("socket"), daemon.socket());
}

TEST(DaemonTest, EvictionIsThatOfTheDefaultNamespace) {
  const Daemon daemon({"--eviction", "s3fifo"});
  LineClient client(daemon.socket());
  EXPECT_EQ(ask(client, {{"op", "ns.info"}, {"name", "default"}}).at("eviction"), "s3fifo");
  EXPECT_EQ(ask(client, {{"op", "ns.create"}, {"name", "other"}}).at("ok"), true);
  EXPECT_EQ(ask(client, {{"op", "ns.info"}, {"name", "other"}}).at("eviction"), "lru");
}

TEST(DaemonTest, ARequestForWhichThereIsNoMemoryIsLoggedWithoutItsKey) {
  Daemon daemon;
  LineClient client(daemon.socket());
  EXPECT_EQ(
      ask(client, {{"op", "ns.create"}, {"name", "full"}, {"eviction", "none"}, {"max_keys", 1}})
          .at("ok"),
      true);
  EXPECT_EQ(ask(client, {{"op", "use"}, {"name", "full"}}).at("ok"), true);
  EXPECT_EQ(ask(client, {{"op", "set"}, {"key", "k"}, {"value", 1}}).at("ok"), true);
  EXPECT_EQ(ask(client, {{"op", "set"}, {"key", "secret"}, {"value", "private"}}).at("ok"), false);
  EXPECT_TRUE(daemon.process().wait_for_error_text(
      "\"event\":\"out_of_memory\",\"message\":\"a request was refused for lack of memory\","
      "\"client\":1,\"op\":\"set\",\"reason\":\"the namespace is at its max_bytes or max_keys\""));
  EXPECT_THAT(daemon.process().errors(), testing::Not(HasSubstr("secret")));
  EXPECT_THAT(daemon.process().errors(), testing::Not(HasSubstr("private")));
}

TEST(DaemonTest, EveryLineOfItsLogIsAnObject) {
  Daemon daemon({"--max-connections", "1", "--log-level", "debug"});
  LineClient client(daemon.socket());
  EXPECT_EQ(ask(client, {{"op", "ping"}}).at("ok"), true);
  for (int i = 0; i < 20; ++i) {
    LineClient refused(daemon.socket());
    const json answer = json::parse(refused.line());
    EXPECT_EQ(answer.at("error").at("code"), "busy");
    EXPECT_EQ(refused.line(), "<end>");
  }
  EXPECT_EQ(daemon.stop(), 0);
  std::istringstream log(daemon.process().errors());
  std::vector<std::string> events;
  std::size_t refused = 0;
  for (std::string line; std::getline(log, line);) {
    const json object = json::parse(line);
    EXPECT_EQ(object.at("time").get<std::string>().size(), 24U);
    EXPECT_TRUE(object.contains("level"));
    EXPECT_TRUE(object.contains("message"));
    if (object.at("event") == "client_refused") ++refused;
    events.push_back(object.at("event"));
  }
  EXPECT_THAT(events, testing::IsSupersetOf({"listening", "started", "stopping", "stopped"}));
  EXPECT_GE(refused, 1U);
  EXPECT_LT(refused, 20U);  // the others are counted
}

TEST(DaemonTest, AMisspeltVariableIsLogged) {
  Daemon daemon({}, {{"APPMEM_MAX_MEMRY", "1GiB"}});
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_THAT(
      daemon.process().errors(),
      HasSubstr("\"level\":\"warning\",\"event\":\"variable_misspelt\",\"message\":"
                "\"APPMEM_MAX_MEMRY is no option of appmemd: did you mean APPMEM_MAX_MEMORY?"));
}

TEST(DaemonTest, TheLogIsTextWhenAskedFor) {
  Daemon daemon({"--log-format", "text"});
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_THAT(daemon.process().errors(),
              testing::ContainsRegex("info +listening  address=unix:" + daemon.socket()));
}

TEST(DaemonTest, NeverLogsWhatClientsSend) {
  Daemon daemon({"--log-level", "debug", "--request-timeout", "100ms"});
  LineClient client(daemon.socket());
  client.send("{\"op\":\"set\",\"key\":\"secretkey\",\"value\":\"secretvalue\"}\n");
  client.send("{\"op\":\"secretop\"}\nsecretgarbage\n{\"op\":\"set\",\"key\":\"secrethalf");
  EXPECT_THAT(client.rest(), HasSubstr("timeout"));
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_THAT(daemon.process().errors(), HasSubstr("request_timeout"));
  EXPECT_THAT(daemon.process().errors(), testing::Not(HasSubstr("secret")));
}

TEST(DaemonTest, SaysReadyAndStoppingToAnAbstractSocketToo) {
  const std::string name = "appmem-test-" + std::to_string(::getpid());
  const int manager = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(::bind(manager, reinterpret_cast<const sockaddr*>(&address), size), 0);
  const auto receive = [manager] {
    pollfd wait{manager, POLLIN, 0};
    if (::poll(&wait, 1, appmem::test::kProcessPatienceMs) != 1) return std::string("nothing");
    char message[256];
    const ssize_t n = ::recv(manager, message, sizeof message, 0);
    return std::string(message, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  };
  const TemporaryDirectory directory;
  ProcessOptions options = appmemd({"--socket", directory.file("s")});
  options.environment["NOTIFY_SOCKET"] = "@" + name;
  Process daemon(options);
  EXPECT_EQ(receive(), "READY=1");
  daemon.signal(SIGTERM);
  EXPECT_EQ(receive(), "STOPPING=1");
  EXPECT_EQ(daemon.wait(), 0);
  ::close(manager);
}

int handed_over = -1;

TEST(DaemonTest, ServesASocketThatIsHandedOverAndLeavesIt) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("s");
  handed_over = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(handed_over, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  ASSERT_EQ(::listen(handed_over, 10), 0);
  LineClient early(path);  // connects before anybody serves
  ProcessOptions options = appmemd({});
  options.arguments.insert(options.arguments.begin(),
                           {"/bin/sh", "-c", "LISTEN_PID=$$ exec \"$@\"", "sh"});
  options.environment["LISTEN_FDS"] = "1";
  options.environment["LISTEN_FDNAMES"] = "appmemd.socket";
  options.before_exec = [] {
    ::dup2(handed_over, 3);
  };
  Process daemon(options);
  EXPECT_EQ(ask(early, {{"op", "ping"}}).at("ok"), true);
  const json config = ask(early, {{"op", "config.get"}}).at("config");
  EXPECT_EQ(config.at("socket"), path);
  EXPECT_EQ(config.at("socket-mode"), "0640");
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
  EXPECT_THAT(daemon.errors(), HasSubstr("\"address\":\"unix:" + path + "\""));
  EXPECT_TRUE(std::filesystem::exists(path));
  // In the background it is another process than the one that it was handed to.
  options.arguments.insert(options.arguments.end(),
                           {"--background", "--pid-file", directory.file("pid")});
  const Ran start = appmem::test::run(options);
  ASSERT_EQ(start.exit_code, 0) << start.errors;
  const Stranger background(directory.file("pid"));
  LineClient client(path);
  EXPECT_EQ(ask(client, {{"op", "ping"}}).at("ok"), true);
  LineClient next(path);  // waits for the next daemon
  ::close(handed_over);
}

TEST(DaemonTest, WhatIsHandedOverMustListen) {
  ProcessOptions options = appmemd({});
  options.arguments.insert(options.arguments.begin(),
                           {"/bin/sh", "-c", "LISTEN_PID=$$ exec \"$@\" 3</dev/null", "sh"});
  options.environment["LISTEN_FDS"] = "1";
  Ran ran = appmem::test::run(options);
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.errors, HasSubstr("descriptor 3 from LISTEN_FDS"));
  options.environment["LISTEN_FDS"] = "many";
  ran = appmem::test::run(options);
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.errors, HasSubstr("LISTEN_FDS is many"));
}

TEST(DaemonTest, TheFirstBytesOfAConnectionChooseItsFormat) {
  const Daemon daemon;
  LineClient json_client(daemon.socket());
  EXPECT_EQ(ask(json_client, {{"op", "ping"}}).at("pong"), true);
  LineClient resp_client(daemon.socket());
  EXPECT_EQ(resp_client.ask("NOSUCH"),
            "-ERR unknown command 'NOSUCH', with args beginning with: \r");
  LineClient blank(daemon.socket());
  blank.send("\r\n \t\n{\"op\":\"ping\"}\n");
  EXPECT_EQ(json::parse(blank.line()).at("ok"), true);
  LineClient http_client(daemon.socket());
  http_client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(http_client.rest(), HasSubstr("does not speak HTTP"));
}

TEST(DaemonTest, ClientsSeeThemselves) {
  const Daemon daemon;
  LineClient client(daemon.socket());
  EXPECT_EQ(ask(client, {{"op", "hello"}, {"client_name", "tester"}}).at("ok"), true);
  json clients = ask(client, {{"op", "clients"}}).at("clients");
  ASSERT_EQ(clients.size(), 1U);
  EXPECT_EQ(clients[0].at("client_name"), "tester");
  EXPECT_EQ(clients[0].at("pid"), ::getpid());
  EXPECT_EQ(clients[0].at("uid"), ::geteuid());
  LineClient other(daemon.socket());
  const json id = ask(other, {{"op", "hello"}}).at("client");
  EXPECT_EQ(ask(client, {{"op", "client.kill"}, {"client", id}}).at("ok"), true);
  EXPECT_EQ(other.line(), "<end>");
}

TEST(DaemonTest, LargeValuesComeAndGo) {
  const Daemon daemon;
  LineClient client(daemon.socket());
  for (const std::size_t size : {200'000U, 262'144U, 300'000U, 2'000'000U, 16U << 20U}) {
    const std::string value(size, 'v');
    EXPECT_EQ(ask(client, {{"op", "set"}, {"key", "k"}, {"value", value}}).at("ok"), true);
    EXPECT_EQ(ask(client, {{"op", "get"}, {"key", "k"}}).at("value"), value);
  }
  const std::string too_large((16U << 20U) + 1, 'v');
  const json answer = ask(client, {{"op", "set"}, {"key", "k"}, {"value", too_large}});
  EXPECT_EQ(answer.at("error").at("code"), "too_large");
}

}  // namespace
}  // namespace appmem::daemon::test
