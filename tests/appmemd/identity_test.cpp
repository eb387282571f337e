#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/wait.h>

#include "server/line_client.h"
#include "support/process.h"

/// The program among users other than its own. Only root can be several, so only root runs these.
namespace appmem::daemon::test {
namespace {

using appmem::server::test::LineClient;
using appmem::test::Daemon;
using appmem::test::Process;
using appmem::test::ProcessOptions;
using nlohmann::json;
using testing::HasSubstr;

constexpr gid_t kGroup = 54'321;
/// A user that nobody else has: paths below /tmp are named after it.
uid_t user = 0;

void become_user() {
  if (::setgroups(0, nullptr) != 0 || ::setgid(user) != 0 || ::setuid(user) != 0) ::_exit(126);
}

class IdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become others";
    user = static_cast<uid_t>(1'000'000 + ::getpid());
  }

  /// Asks as another user, in a process of its own; the code of the error, "ok", or "no
  /// connection".
  static std::string ask_as(uid_t uid, gid_t group, const std::string& socket,
                            const json& request) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const gid_t groups[] = {99'999, group};
      if (::setgroups(2, groups) != 0 || ::setgid(uid) != 0 || ::setuid(uid) != 0) ::_exit(126);
      std::string said;
      try {
        LineClient client(socket);
        const json answer = json::parse(client.ask(request.dump()));
        said = answer.at("ok") == true ? "ok" : answer.at("error").at("code").get<std::string>();
      } catch (const std::runtime_error&) {
        said = "no connection";
      }
      (void)!::write(ends[1], said.data(), said.size());
      ::_exit(0);
    }
    ::close(ends[1]);
    char buffer[256];
    const ssize_t n = ::read(ends[0], buffer, sizeof buffer);
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
  }
};

const json kSet = {{"op", "set"}, {"key", "k"}, {"value", 1}};
const json kGet = {{"op", "get"}, {"key", "k"}};
const json kClients = {{"op", "clients"}};
const json kPing = {{"op", "ping"}};

TEST_F(IdentityTest, RightsFollowTheUserAndTheGroupThatTheKernelNames) {
  Daemon daemon({"--socket-mode", "0666", "--socket-group", std::to_string(kGroup)});
  std::filesystem::permissions(std::filesystem::path(daemon.socket()).parent_path(),
                               std::filesystem::perms(0755));
  EXPECT_EQ(ask_as(user, kGroup, daemon.socket(), kSet), "ok");
  EXPECT_EQ(ask_as(user, kGroup, daemon.socket(), kGet), "ok");
  EXPECT_EQ(ask_as(user, kGroup, daemon.socket(), kClients), "forbidden");
  EXPECT_EQ(ask_as(user, user, daemon.socket(), kPing), "ok");
  EXPECT_EQ(ask_as(user, user, daemon.socket(), kSet), "forbidden");
  EXPECT_EQ(ask_as(user, user, daemon.socket(), kGet), "forbidden");
  EXPECT_EQ(ask_as(0, 0, daemon.socket(), kClients), "ok");
}

TEST_F(IdentityTest, OnlyThoseWhomTheModeLetsConnect) {
  Daemon daemon({"--socket-group", std::to_string(kGroup)});
  std::filesystem::permissions(std::filesystem::path(daemon.socket()).parent_path(),
                               std::filesystem::perms(0755));
  EXPECT_EQ(ask_as(user, kGroup, daemon.socket(), kPing), "ok");
  EXPECT_EQ(ask_as(user, user, daemon.socket(), kPing), "no connection");
}

/// An appmemd of `user` without --socket.
ProcessOptions as_user(const std::string& runtime_dir) {
  ProcessOptions options;
  options.arguments = {appmem::test::binary_dir() / "appmemd"};
  options.environment["NOTIFY_SOCKET"] = std::nullopt;
  options.environment["APPMEM_SOCKET"] = std::nullopt;
  options.environment["XDG_RUNTIME_DIR"] = std::nullopt;
  if (!runtime_dir.empty()) options.environment["XDG_RUNTIME_DIR"] = runtime_dir;
  options.before_exec = become_user;
  return options;
}

TEST_F(IdentityTest, AUsersDefaultSocketIsInTheirRuntimeDirectory) {
  const appmem::test::TemporaryDirectory directory;
  ASSERT_EQ(::chown(directory.path().c_str(), user, user), 0);
  const std::string socket = directory.file("appmem/appmem.sock");
  Process daemon(as_user(directory.path()));
  ASSERT_TRUE(daemon.wait_for_error_text("started")) << daemon.errors();
  struct stat status {};
  ASSERT_EQ(::stat(directory.file("appmem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  EXPECT_EQ(ask_as(user, user, socket, kSet), "ok");  // the daemon's own user
  EXPECT_EQ(ask_as(0, 0, socket, kSet), "ok");
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
}

TEST_F(IdentityTest, TheLastResortIsAFolderOfTheUserAlone) {
  const std::string folder = "/tmp/appmem-" + std::to_string(user);
  const std::string socket = folder + "/appmem.sock";
  ASSERT_FALSE(std::filesystem::exists(folder));
  {
    Process daemon(as_user(""));
    ASSERT_TRUE(daemon.wait_for_error_text("started")) << daemon.errors();
    struct stat status {};
    ASSERT_EQ(::lstat(folder.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0700U);
    EXPECT_EQ(status.st_uid, user);
    EXPECT_EQ(ask_as(user, user, socket, kPing), "ok");
    daemon.signal(SIGTERM);
    EXPECT_EQ(daemon.wait(), 0);
  }
  const auto refusal = [&] {
    const auto ran = appmem::test::run(as_user(""));
    EXPECT_EQ(ran.exit_code, 1);
    return ran.errors;
  };
  EXPECT_EQ(::chmod(folder.c_str(), 0755), 0);  // others may enter
  EXPECT_THAT(refusal(), HasSubstr(folder + " is not a directory that only you may enter"));
  EXPECT_EQ(::chmod(folder.c_str(), 0700), 0);
  EXPECT_EQ(::chown(folder.c_str(), user + 1, user), 0);  // another's
  EXPECT_THAT(refusal(), HasSubstr(folder + " is not a directory that only you may enter"));
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory_symlink("/tmp", folder);  // a trap
  EXPECT_THAT(refusal(), HasSubstr(folder + " is not a directory that only you may enter"));
  std::filesystem::remove(folder);
}

}  // namespace
}  // namespace appmem::daemon::test
