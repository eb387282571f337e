#include <array>
#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appmem/storage/file_system.h"
#include "support/random.h"
#include "support/temporary_directory.h"

namespace appmem::storage {
namespace {

using test::Random;
using test::TemporaryDirectory;
using testing::ElementsAre;
using testing::HasSubstr;

class SystemFilesTest : public testing::Test {
 protected:
  std::unique_ptr<File> make(const std::string& path) {
    return opened(path, FileSystem::Open::kMake);
  }

  std::unique_ptr<File> opened(const std::string& path, FileSystem::Open how) {
    Result<std::unique_ptr<File>> file = files_->open(path, how);
    EXPECT_TRUE(file.has_value()) << file.error().message;
    return file ? std::move(*file) : nullptr;
  }

  static void write(File& file, std::uint64_t offset, const std::vector<std::string_view>& pieces) {
    const Result<void> written = file.write_at(offset, pieces);
    EXPECT_TRUE(written.has_value()) << written.error().message;
  }

  static std::string read(File& file, std::uint64_t offset, std::size_t bytes) {
    std::string text(bytes, '\0');
    const Result<std::size_t> n = file.read_at(offset, text);
    EXPECT_TRUE(n.has_value()) << n.error().message;
    text.resize(n.value_or(0));
    return text;
  }

  template <typename T>
  static std::string message_of(const Result<T>& result, ErrorCode code = ErrorCode::kUnavailable) {
    if (result) {
      ADD_FAILURE() << "no error";
      return {};
    }
    EXPECT_EQ(result.error().code, code);
    return result.error().message;
  }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_.file(name); }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_ = make_system_files();
};

TEST_F(SystemFilesTest, PiecesAreWrittenOneBehindTheOther) {
  const auto file = make(path("a"));
  write(*file, 0, {"one ", "", "two ", "three"});
  write(*file, 4, {"TWO"});
  EXPECT_EQ(read(*file, 0, 100), "one TWO three");
  EXPECT_EQ(read(*file, 8, 3), "thr");
  EXPECT_EQ(read(*file, 13, 10), "");
  EXPECT_EQ(file->size(), 13U);
  write(*file, 15, {"far"});
  EXPECT_EQ(read(*file, 13, 10), std::string("\0\0far", 5));
  write(*file, 0, {});
  write(*file, 0, {"", ""});
  EXPECT_TRUE(file->sync().has_value());
}

TEST_F(SystemFilesTest, MorePiecesThanOneCallTakesAreWritten) {
  Random random(1);
  std::vector<std::string> texts;
  std::string whole;
  for (int i = 0; i < 5'000; ++i) {
    texts.push_back(random.bytes(random.below(40)));
    whole += texts.back();
  }
  const std::vector<std::string_view> pieces(texts.begin(), texts.end());
  const auto file = make(path("a"));
  write(*file, 3, pieces);
  EXPECT_EQ(read(*file, 3, whole.size() + 1), whole);
}

TEST_F(SystemFilesTest, AWriteThatTheSystemTakesInPartGoesOnWithTheRest) {
  const std::string big(300'000, 'x');
  const auto file = make(path("a"));
  // A limit makes the system take a part and refuse the rest; in a child, since it is the
  // process's.
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit limit{200'000, 200'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, SIG_IGN);
    const std::array<std::string_view, 2> pieces{std::string_view(big).substr(0, 150'000),
                                                 std::string_view(big).substr(150'000)};
    const Result<void> written = file->write_at(0, pieces);
    const bool fits = !written && written.error().message.ends_with(": File too large") &&
                      file->size() == 200'000U;
    ::_exit(fits ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(SystemFilesTest, AFileIsMadeOnceAndForItsOwnerOnly) {
  const auto file = make(path("a"));
  struct stat status {};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_EQ(message_of(files_->open(path("a"), FileSystem::Open::kMake)),
            "make " + path("a") + ": File exists");
}

TEST_F(SystemFilesTest, OnlyAFileThatIsThereIsOpened) {
  for (const auto how : {FileSystem::Open::kRead, FileSystem::Open::kWrite}) {
    EXPECT_EQ(message_of(files_->open(path("a"), how)),
              "open " + path("a") + ": No such file or directory");
  }
}

TEST_F(SystemFilesTest, AFileOpenedForReadingCannotBeChanged) {
  write(*make(path("a")), 0, {"text"});
  const auto file = opened(path("a"), FileSystem::Open::kRead);
  EXPECT_EQ(read(*file, 0, 10), "text");
  const std::array<std::string_view, 1> pieces{"more"};
  EXPECT_EQ(message_of(file->write_at(0, pieces)),
            "write to " + path("a") + ": Bad file descriptor");
  EXPECT_EQ(message_of(file->truncate(0)), "truncate " + path("a") + ": Invalid argument");
  EXPECT_EQ(message_of(file->reserve(100)), "reserve " + path("a") + ": Bad file descriptor");
  const auto again = opened(path("a"), FileSystem::Open::kWrite);
  write(*again, 4, {"more"});
  EXPECT_EQ(read(*file, 0, 10), "textmore");
}

TEST_F(SystemFilesTest, TruncatingCutsAndLengthens) {
  const auto file = make(path("a"));
  write(*file, 0, {"text"});
  ASSERT_TRUE(file->truncate(2).has_value());
  EXPECT_EQ(read(*file, 0, 10), "te");
  ASSERT_TRUE(file->truncate(4).has_value());
  EXPECT_EQ(read(*file, 0, 10), std::string("te\0\0", 4));
}

TEST_F(SystemFilesTest, ReservingLengthensWithZerosAndNeverShortens) {
  const auto file = make(path("a"));
  write(*file, 0, {"text"});
  ASSERT_TRUE(file->reserve(100'000).has_value());
  EXPECT_EQ(file->size(), 100'000U);
  EXPECT_EQ(read(*file, 0, 200'000), "text" + std::string(99'996, '\0'));
  ASSERT_TRUE(file->reserve(10).has_value());
  ASSERT_TRUE(file->reserve(0).has_value());
  EXPECT_EQ(file->size(), 100'000U);
}

TEST_F(SystemFilesTest, ZerosAreWrittenBesideTheRest) {
  constexpr std::uint64_t kBytes = 1'000 * File::kBlockBytes;
  const auto file = make(path("a"));
  ASSERT_TRUE(file->reserve(kBytes).has_value());
  write(*file, 0, {"before"});
  write(*file, kBytes - 6, {"behind"});
  const auto written = file->write_zeros(File::kBlockBytes, kBytes - 2 * File::kBlockBytes);
  if (written) {
    // The file system knows of them.
    const int descriptor = ::open(path("a").c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(::lseek(descriptor, File::kBlockBytes, SEEK_DATA),
              static_cast<off_t>(File::kBlockBytes));
    ::close(descriptor);
  } else {
    EXPECT_EQ(message_of(written), "write zeros to " + path("a") + ": Operation not supported");
  }
  EXPECT_EQ(read(*file, 0, kBytes), "before" + std::string(kBytes - 12, '\0') + "behind");
}

TEST_F(SystemFilesTest, AFullDiskIsNamed) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
  const auto file = opened("/dev/full", FileSystem::Open::kWrite);
  const std::array<std::string_view, 1> pieces{"text"};
  EXPECT_EQ(message_of(file->write_at(0, pieces)), "write to /dev/full: No space left on device");
}

TEST_F(SystemFilesTest, ADirectoryIsListedSorted) {
  for (const char* const name : {"b", "a", "c"})
    make(path(name));
  ASSERT_TRUE(files_->make_directory(path("d")).has_value());
  EXPECT_THAT(files_->list(directory_.path()).value(), ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(files_->list(path("none")).value(), ElementsAre());
  EXPECT_EQ(message_of(files_->list(path("a"))), "list " + path("a") + ": Not a directory");
}

TEST_F(SystemFilesTest, ADirectoryIsMadeWithThoseAboveIt) {
  ASSERT_TRUE(files_->make_directory(path("a/b/c")).has_value());
  ASSERT_TRUE(files_->make_directory(path("a/b/c")).has_value());
  ASSERT_TRUE(files_->make_directory(path("a/b/d/")).has_value());
  EXPECT_THAT(files_->list(path("a/b")).value(), ElementsAre("c", "d"));
  struct stat status {};
  ASSERT_EQ(::stat(path("a/b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(SystemFilesTest, AFileInTheWayOfADirectoryIsAnError) {
  make(path("a"));
  EXPECT_EQ(message_of(files_->make_directory(path("a"))),
            "make the directory " + path("a") + ": File exists");
  EXPECT_THAT(message_of(files_->make_directory(path("a/b"))), HasSubstr(path("a")));
}

TEST_F(SystemFilesTest, RenamingReplacesAndRemovingRemoves) {
  write(*make(path("a")), 0, {"new"});
  write(*make(path("b")), 0, {"old"});
  ASSERT_TRUE(files_->rename(path("a"), path("b")).has_value());
  EXPECT_THAT(files_->list(directory_.path()).value(), ElementsAre("b"));
  EXPECT_EQ(read(*opened(path("b"), FileSystem::Open::kRead), 0, 10), "new");
  EXPECT_EQ(message_of(files_->rename(path("a"), path("b"))),
            "rename " + path("a") + " to " + path("b") + ": No such file or directory");
  ASSERT_TRUE(files_->remove(path("b")).has_value());
  EXPECT_EQ(message_of(files_->remove(path("b"))),
            "remove " + path("b") + ": No such file or directory");
}

TEST_F(SystemFilesTest, ADirectoryIsSynced) {
  EXPECT_TRUE(files_->sync_directory(directory_.path()).has_value());
  EXPECT_EQ(message_of(files_->sync_directory(path("none"))),
            "open the directory " + path("none") + ": No such file or directory");
}

TEST_F(SystemFilesTest, ALockIsHeldOnceAlsoInOneProcess) {
  {
    const auto lock = files_->lock(path("LOCK"));
    ASSERT_TRUE(lock.has_value()) << lock.error().message;
    EXPECT_EQ(message_of(make_system_files()->lock(path("LOCK")), ErrorCode::kBusy),
              path("LOCK") + " is held by process " + std::to_string(::getpid()));
  }
  EXPECT_TRUE(files_->lock(path("LOCK")).has_value());
}

TEST_F(SystemFilesTest, ALockEndsWithItsProcess) {
  int ready[2];
  int done[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  ASSERT_EQ(::pipe2(done, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(done[1]);
    const auto lock = files_->lock(path("LOCK"));
    char byte = lock ? 'y' : 'n';
    static_cast<void>(::write(ready[1], &byte, 1));
    static_cast<void>(::read(done[0], &byte, 1));  // until the other end is closed
    ::_exit(0);                                    // with the lock in hand
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_EQ(message_of(files_->lock(path("LOCK")), ErrorCode::kBusy),
            path("LOCK") + " is held by process " + std::to_string(child));
  ::close(done[1]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(files_->lock(path("LOCK")).has_value());
  for (const int end : {ready[0], ready[1], done[0]})
    ::close(end);
}

TEST_F(SystemFilesTest, AHolderThatDoesNotSayWhoItIsIsAnotherProcess) {
  const auto lock = files_->lock(path("LOCK"));
  ASSERT_TRUE(lock.has_value());
  std::ofstream(path("LOCK")) << "nonsense";
  EXPECT_EQ(message_of(files_->lock(path("LOCK")), ErrorCode::kBusy),
            path("LOCK") + " is held by another process");
}

}  // namespace
}  // namespace appmem::storage
