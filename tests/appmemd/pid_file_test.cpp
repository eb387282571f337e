#include "pid_file.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

TEST_F(PidFileTest, OneOfManyThatStartAtTheSameMomentGetsIt) {
  std::ofstream(path_) << "4711\n";
  constexpr int kProcesses = 16;
  int gate[2];
  int taken[2];
  ASSERT_EQ(::pipe(gate), 0);
  ASSERT_EQ(::pipe(taken), 0);
  std::vector<pid_t> processes;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(gate[1]);
      char byte = 0;
      (void)!::read(gate[0], &byte, 1);  // until all are there
      PidFile file;
      const char got = file.write(path_) ? 'y' : 'n';
      (void)!::write(taken[1], &got, 1);
      ::pause();
    }
    processes.push_back(child);
  }
  ::close(gate[1]);
  int winners = 0;
  for (int i = 0; i < kProcesses; ++i) {
    char got = 0;
    ASSERT_EQ(::read(taken[0], &got, 1), 1);
    winners += got == 'y' ? 1 : 0;
  }
  EXPECT_EQ(winners, 1);
  const pid_t named = std::stoi(content(path_));
  EXPECT_NE(std::find(processes.begin(), processes.end(), named), processes.end());
  for (const pid_t process : processes) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
  for (const int fd : {gate[0], taken[0], taken[1]})
    ::close(fd);
}

TEST_F(PidFileTest, ALinkThatLeadsNowhereIsReplaced) {
  std::filesystem::create_symlink(directory_.file("nothing"), path_);
  PidFile file;
  ASSERT_TRUE(file.write(path_));
  EXPECT_EQ(content(path_), ours_);
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
