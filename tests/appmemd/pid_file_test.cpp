#include "pid_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/temporary_directory.h"

namespace appmem::daemon::test {
namespace {

class PidFileTest : public testing::Test {
 protected:
  static std::string content(const std::string& path) {
    std::ifstream stream(path);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  appmem::test::TemporaryDirectory directory_;
  const std::string path_ = directory_.file("pid");
  /// Where it is written before it gets its name.
  const std::string temporary_ = path_ + "." + std::to_string(::getpid());
  const std::string ours_ = std::to_string(::getpid()) + "\n";
};

TEST_F(PidFileTest, HoldsTheNumberWhileItLives) {
  {
    PidFile file;
    ASSERT_TRUE(file.write(path_));
    EXPECT_EQ(content(path_), ours_);
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0644U);
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(PidFileTest, ReplacesAFileThatIsLeftOverButNotOneThatIsHeld) {
  std::ofstream(path_) << "4711\n";
  PidFile first;
  ASSERT_TRUE(first.write(path_));
  EXPECT_EQ(content(path_), ours_);
  PidFile second;
  const auto refused = second.write(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
}

TEST_F(PidFileTest, NeverWritesThroughALinkInItsPlace) {
  const std::string precious = directory_.file("precious");
  std::ofstream(precious) << "precious";
  std::filesystem::create_symlink(precious, temporary_);
  std::filesystem::create_symlink(precious, path_);
  PidFile file;
  ASSERT_TRUE(file.write(path_));
  EXPECT_EQ(content(precious), "precious");
  EXPECT_EQ(content(path_), ours_);
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
}

TEST_F(PidFileTest, RefusesAPlaceThatItCannotTake) {
  std::filesystem::create_directory(temporary_);
  PidFile file;
  const auto refused = file.write(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInternal);
  EXPECT_NE(refused.error().message.find("cannot create the pid file " + path_), std::string::npos);
}

TEST_F(PidFileTest, RemovesOnlyItsOwn) {
  {
    PidFile file;
    ASSERT_TRUE(file.write(path_));
    std::filesystem::remove(path_);
    std::ofstream(path_) << ours_;  // of another, whatever it says
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace appmem::daemon::test
