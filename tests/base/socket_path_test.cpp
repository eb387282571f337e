#include "appmem/base/socket_path.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/temporary_directory.h"

namespace appmem {
namespace {

TEST(SocketPathTest, RootListensWhereTheSystemDoes) {
  EXPECT_EQ(default_socket_path({0, "", ""}), "/run/appmem/appmem.sock");
  EXPECT_EQ(default_socket_path({0, "/run/user/0", ""}), kSystemSocketPath);
  EXPECT_FALSE(default_socket_in_temp({0, "", ""}));
}

TEST(SocketPathTest, AUserListensInTheRuntimeDirectory) {
  const SocketEnvironment environment{1000, "/run/user/1000", ""};
  EXPECT_EQ(default_socket_path(environment), "/run/user/1000/appmem/appmem.sock");
  EXPECT_FALSE(default_socket_in_temp(environment));
}

TEST(SocketPathTest, WithoutARuntimeDirectoryTheLastResortIsBelowTmp) {
  for (const char* const unusable : {"", "run/user/1000", "."}) {
    const SocketEnvironment environment{1000, unusable, ""};
    EXPECT_EQ(default_socket_path(environment), "/tmp/appmem-1000/appmem.sock");
    EXPECT_TRUE(default_socket_in_temp(environment));
  }
}

TEST(SocketPathTest, ATestMayPutAnotherRootBefore) {
  EXPECT_EQ(default_socket_path({0, "", "/x"}), "/x/run/appmem/appmem.sock");
  EXPECT_EQ(default_socket_path({7, "", "/x"}), "/x/tmp/appmem-7/appmem.sock");
}

TEST(SocketPathTest, TheProcessKnowsItsUser) {
  EXPECT_EQ(SocketEnvironment::of_process().uid, geteuid());
  EXPECT_EQ(SocketEnvironment::of_process().root, "");
}

TEST(SocketPathTest, ASchemeStandsBeforeAColonAndAnySlash) {
  EXPECT_EQ(address_scheme("unix:/run/a"), "unix:");
  EXPECT_EQ(address_scheme("tcp://127.0.0.1:1"), "tcp:");
  EXPECT_EQ(address_scheme("127.0.0.1:6379"), "127.0.0.1:");
  EXPECT_EQ(address_scheme("embedded:"), "embedded:");
  EXPECT_EQ(address_scheme(":"), ":");
  for (const char* const without : {"", "/run/a:b", "./a:b", "a.sock", "a/b:c"}) {
    EXPECT_EQ(address_scheme(without), "") << without;
  }
}

class PrivateDirectoryTest : public testing::Test {
 protected:
  std::string make(const std::string& name, mode_t mode) {
    std::string path = directory_.path() / name;
    EXPECT_EQ(mkdir(path.c_str(), 0700), 0);
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  test::TemporaryDirectory directory_;
};

TEST_F(PrivateDirectoryTest, OneThatOnlyItsOwnerEntersIsPrivate) {
  EXPECT_TRUE(private_directory(make("a", 0700), geteuid()));
}

TEST_F(PrivateDirectoryTest, OneThatOthersMayEnterReadOrWriteIsNot) {
  for (const mode_t mode : {0701U, 0702U, 0704U, 0710U, 0720U, 0740U, 0755U, 0777U, 01777U}) {
    EXPECT_FALSE(private_directory(make(std::to_string(mode), mode), geteuid())) << mode;
  }
}

TEST_F(PrivateDirectoryTest, SomebodyElsesIsNot) {
  EXPECT_FALSE(private_directory(make("a", 0700), geteuid() + 1));
}

TEST_F(PrivateDirectoryTest, ALinkAFileAndNothingAreNot) {
  const std::string target = make("a", 0700);
  const std::string link = directory_.path() / "link";
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  EXPECT_FALSE(private_directory(link, geteuid()));
  const std::string file = directory_.path() / "file";
  std::ofstream(file) << "x";
  ASSERT_EQ(chmod(file.c_str(), 0700), 0);
  EXPECT_FALSE(private_directory(file, geteuid()));
  EXPECT_FALSE(private_directory(directory_.path() / "missing", geteuid()));
}

}  // namespace
}  // namespace appmem
