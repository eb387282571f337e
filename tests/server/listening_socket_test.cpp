#include "listening_socket.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "line_client.h"
#include "support/temporary_directory.h"

namespace appmem::server::test {
namespace {

using testing::HasSubstr;

class ListeningSocketTest : public testing::Test {
 protected:
  void SetUp() override { spec_.socket_path = directory_.file("s"); }

  static mode_t mode_of(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
  }
  /// The message of the error with which opening fails.
  std::string refusal(ErrorCode code) {
    auto opened = ListeningSocket::open(spec_);
    if (opened) return "it was opened";
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    return opened.error().message;
  }

  appmem::test::TemporaryDirectory directory_;
  ListenerSpec spec_;
};

TEST_F(ListeningSocketTest, ListensUntilItIsClosedAndLeavesNothing) {
  {
    auto socket = ListeningSocket::open(spec_);
    ASSERT_TRUE(socket) << socket.error().message;
    EXPECT_EQ(socket->address(), "unix:" + spec_.socket_path);
    EXPECT_FALSE(socket->replaced_stale());
    LineClient client(spec_.socket_path);
    socket->close();
    EXPECT_FALSE(std::filesystem::exists(spec_.socket_path));
    EXPECT_TRUE(std::filesystem::exists(spec_.socket_path + ".lock"));  // still ours
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(ListeningSocketTest, ItsModeIsRightWhateverTheUmask) {
  for (const mode_t umask : {0000U, 0022U, 0077U, 0777U}) {
    for (const std::uint32_t mode : {0600U, 0660U, 0666U, 0700U}) {
      const mode_t before = ::umask(umask);
      spec_.socket_mode = mode;
      auto socket = ListeningSocket::open(spec_);
      ::umask(before);
      ASSERT_TRUE(socket) << socket.error().message;
      EXPECT_EQ(mode_of(spec_.socket_path), mode);
      EXPECT_EQ(mode_of(spec_.socket_path + ".lock") & 0077U, 0U);
    }
  }
}

TEST_F(ListeningSocketTest, BelongsToItsGroup) {
  // Root may give it to any group, everyone else to their own.
  spec_.socket_gid = ::geteuid() == 0 ? 12'345 : ::getegid();
  spec_.socket_mode = 0660;
  auto socket = ListeningSocket::open(spec_);
  ASSERT_TRUE(socket) << socket.error().message;
  struct stat status {};
  ASSERT_EQ(::stat(spec_.socket_path.c_str(), &status), 0);
  EXPECT_EQ(status.st_gid, *spec_.socket_gid);
  EXPECT_EQ(status.st_mode & 07777U, 0660U);
}

TEST_F(ListeningSocketTest, APathOf107BytesIsTheLongest) {
  const std::string folder = directory_.path().string() + "/";
  spec_.socket_path = folder + std::string(kSocketPathBytesMax - folder.size(), 's');
  {
    auto socket = ListeningSocket::open(spec_);
    ASSERT_TRUE(socket) << socket.error().message;
    LineClient client(spec_.socket_path);
  }
  spec_.socket_path += "s";
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest),
              HasSubstr("has 108 bytes; the system allows 107"));
  spec_.socket_path = "";
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("--socket PATH"));
}

TEST_F(ListeningSocketTest, CreatesTheFolderForThoseWhoMayConnect) {
  const struct {
    std::uint32_t socket_mode;
    bool with_group;
    mode_t expected;
  } cases[] = {{0600, false, 0700}, {0660, false, 0700}, {0660, true, 0750}, {0666, false, 0755}};
  int i = 0;
  for (const auto& one : cases) {
    const std::string folder = directory_.file("folder" + std::to_string(i++));
    spec_.socket_path = folder + "/s";
    spec_.socket_mode = one.socket_mode;
    spec_.socket_gid = one.with_group ? std::optional<std::uint32_t>(::getegid()) : std::nullopt;
    auto socket = ListeningSocket::open(spec_);
    ASSERT_TRUE(socket) << socket.error().message;
    EXPECT_EQ(mode_of(folder), one.expected);
  }
  spec_.socket_path = directory_.file("missing/folder/s");
  EXPECT_THAT(refusal(ErrorCode::kInternal), HasSubstr("cannot create the socket's directory"));
}

TEST_F(ListeningSocketTest, AFolderThatItMadeGoesWithItUnlessItIsKept) {
  const std::string folder = directory_.file("folder");
  spec_.socket_path = folder + "/s";
  {
    auto socket = ListeningSocket::open(spec_);
    ASSERT_TRUE(socket) << socket.error().message;
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
  {
    auto socket = ListeningSocket::open(spec_);
    ASSERT_TRUE(socket) << socket.error().message;
    std::ofstream(folder + "/another's");
  }
  EXPECT_TRUE(std::filesystem::exists(folder + "/another's"));
  std::filesystem::remove_all(folder);
  {
    auto socket = ListeningSocket::open(spec_);
    ASSERT_TRUE(socket) << socket.error().message;
    socket->keep_directory();
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  ASSERT_TRUE(ListeningSocket::open(spec_));
  EXPECT_TRUE(std::filesystem::exists(folder));  // it was there
}

TEST_F(ListeningSocketTest, RefusesAFolderInWhichOthersCouldReplaceIt) {
  const std::string folder = directory_.file("folder");
  std::filesystem::create_directory(folder);
  spec_.socket_path = folder + "/s";
  for (const mode_t mode : {0777U, 0775U, 0702U}) {
    ASSERT_EQ(::chmod(folder.c_str(), mode), 0);
    EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("run `chmod go-w " + folder + "`"));
    EXPECT_TRUE(std::filesystem::is_empty(folder));
  }
  ASSERT_EQ(::chmod(folder.c_str(), 01777), 0);  // as /tmp
  EXPECT_TRUE(ListeningSocket::open(spec_));
}

TEST_F(ListeningSocketTest, RefusesAnothersFolderAndAnothersLink) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make another's folder";
  const std::string folder = directory_.file("folder");
  const std::string link = directory_.file("link");
  std::filesystem::create_directory(folder);
  std::filesystem::create_directory_symlink(folder, link);
  spec_.socket_path = link + "/s";
  EXPECT_TRUE(ListeningSocket::open(spec_));  // our own link to our own folder
  ASSERT_EQ(::lchown(link.c_str(), 12'345, 12'345), 0);
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("a link that user 12345 made"));
  ASSERT_EQ(::chown(folder.c_str(), 12'345, 12'345), 0);
  spec_.socket_path = folder + "/s";
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("belongs to user 12345"));
}

TEST_F(ListeningSocketTest, RefusesAWayOnWhichOthersCouldReplaceADirectory) {
  std::filesystem::create_directories(directory_.file("above/folder"));
  const std::string above = directory_.file("above");
  ASSERT_EQ(::chmod(directory_.file("above/folder").c_str(), 0700), 0);
  const std::string ways[] = {above + "/folder/s", above + "/new/s", above + "/folder/../folder/s",
                              directory_.file("link/s")};
  std::filesystem::create_directory_symlink("above/folder", directory_.file("link"));
  for (const std::string& way : ways) {
    spec_.socket_path = way;
    for (const mode_t mode : {0777U, 0775U, 0702U}) {
      ASSERT_EQ(::chmod(above.c_str(), mode), 0);
      EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("run `chmod go-w " + above + "`"));
      EXPECT_FALSE(std::filesystem::exists(above + "/new"));
      EXPECT_TRUE(std::filesystem::is_empty(above + "/folder"));
    }
    for (const mode_t mode : {01777U, 0755U, 0700U}) {
      ASSERT_EQ(::chmod(above.c_str(), mode), 0);
      EXPECT_TRUE(ListeningSocket::open(spec_)) << way;
      std::filesystem::remove(above + "/new");
    }
  }
}

TEST_F(ListeningSocketTest, RefusesAWayThroughAnothersDirectoryOrLink) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make another's folder";
  std::filesystem::create_directories(directory_.file("above/folder"));
  std::filesystem::create_directory_symlink("above", directory_.file("link"));
  spec_.socket_path = directory_.file("link/folder/s");
  EXPECT_TRUE(ListeningSocket::open(spec_));
  ASSERT_EQ(::lchown(directory_.file("link").c_str(), 12'345, 12'345), 0);
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("a link that user 12345 made"));
  spec_.socket_path = directory_.file("above/folder/s");
  EXPECT_TRUE(ListeningSocket::open(spec_));
  ASSERT_EQ(::chown(directory_.file("above").c_str(), 12'345, 12'345), 0);
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("belongs to user 12345"));
}

TEST_F(ListeningSocketTest, ALinkThatLeadsToItselfIsRefused) {
  std::filesystem::create_directory_symlink("loop", directory_.file("loop"));
  spec_.socket_path = directory_.file("loop/s");
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("too many links"));
}

TEST_F(ListeningSocketTest, RefusesASecondDaemonAndSaysWhoHoldsIt) {
  auto first = ListeningSocket::open(spec_);
  ASSERT_TRUE(first);
  EXPECT_EQ(refusal(ErrorCode::kBusy), "process " + std::to_string(::getpid()) +
                                           " already serves " + spec_.socket_path +
                                           "; stop it or choose another --socket");
  LineClient client(spec_.socket_path);  // the first one is unharmed
}

TEST_F(ListeningSocketTest, ReplacesTheSocketOfADaemonThatDied) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto socket = ListeningSocket::open(spec_);
    ::_exit(socket ? 0 : 1);  // without any tidying up
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  ASSERT_TRUE(std::filesystem::exists(spec_.socket_path));
  auto socket = ListeningSocket::open(spec_);
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_TRUE(socket->replaced_stale());
  LineClient client(spec_.socket_path);
}

TEST_F(ListeningSocketTest, NeverStealsALiveSocket) {
  const int other = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  spec_.socket_path.copy(address.sun_path, sizeof address.sun_path);
  ASSERT_EQ(::bind(other, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(other, 0), 0);
  EXPECT_THAT(refusal(ErrorCode::kBusy), HasSubstr("another program already listens"));
  // Also when it is too busy to take another connection: our first one fills its queue.
  EXPECT_THAT(refusal(ErrorCode::kBusy), HasSubstr("another program already listens"));
  EXPECT_FALSE(std::filesystem::exists(spec_.socket_path + ".lock"));
  ::close(other);
  EXPECT_TRUE(ListeningSocket::open(spec_));
}

TEST_F(ListeningSocketTest, NeverReplacesWhatIsNoSocket) {
  std::ofstream(spec_.socket_path) << "precious";
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("exists and is not a socket"));
  EXPECT_EQ(std::filesystem::file_size(spec_.socket_path), 8U);
}

TEST_F(ListeningSocketTest, NeverFollowsALinkToALockFile) {
  std::ofstream(directory_.file("precious")) << "precious";
  std::filesystem::create_symlink(directory_.file("precious"), spec_.socket_path + ".lock");
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("is a link"));
  EXPECT_EQ(std::filesystem::file_size(directory_.file("precious")), 8U);
}

TEST_F(ListeningSocketTest, RemovesOnlyTheSocketThatItMade) {
  auto socket = ListeningSocket::open(spec_);
  ASSERT_TRUE(socket);
  std::filesystem::remove(spec_.socket_path);
  std::ofstream(spec_.socket_path) << "somebody else's";
  socket->close();
  EXPECT_TRUE(std::filesystem::exists(spec_.socket_path));
}

TEST_F(ListeningSocketTest, UsesAnInheritedSocketAndLeavesItsFile) {
  const int handed_over = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  spec_.socket_path.copy(address.sun_path, sizeof address.sun_path);
  ASSERT_EQ(::bind(handed_over, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const std::string path = std::exchange(spec_.socket_path, "");
  spec_.inherited_fd = handed_over;
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest),
              HasSubstr("not a Unix stream socket that listens"));
  ASSERT_EQ(::listen(handed_over, 5), 0);
  {
    auto socket = ListeningSocket::open(spec_);
    ASSERT_TRUE(socket) << socket.error().message;
    EXPECT_TRUE(socket->inherited());
    EXPECT_EQ(socket->address(), "unix:" + path);
    LineClient client(path);
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  spec_.inherited_fd = 0'777;
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("descriptor 511"));
}

TEST(SocketLockTest, OnlyOneHoldsItHoweverManyComeAndGo) {
  const appmem::test::TemporaryDirectory directory;
  const std::string path = directory.file("s");
  std::atomic<int> holders{0};
  std::atomic<int> held{0};
  constexpr std::size_t kThreads = 8;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  while (threads.size() < kThreads) {
    threads.emplace_back([&] {
      for (int round = 0; round < 300; ++round) {
        const auto lock = SocketLock::acquire(path);
        if (!lock) continue;
        EXPECT_EQ(++holders, 1);
        ++held;
        --holders;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_GT(held, 0);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

}  // namespace
}  // namespace appmem::server::test
