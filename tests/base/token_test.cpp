#include "appmem/base/token.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/temporary_directory.h"

namespace appmem {
namespace {

using testing::HasSubstr;

class TokenFileTest : public testing::Test {
 protected:
  void write(const std::string& text, mode_t mode = 0600) {
    ::unlink(path_.c_str());
    std::ofstream(path_) << text;
    ::chmod(path_.c_str(), mode);
  }
  std::string refusal(ErrorCode code) {
    const auto token = read_token_file(path_, uid_);
    if (token) return "it was read";
    EXPECT_EQ(token.error().code, code);
    EXPECT_THAT(token.error().message, HasSubstr(path_));
    return token.error().message;
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("token");
  std::uint32_t uid_ = ::geteuid();
};

TEST_F(TokenFileTest, ItsLineIsTheToken) {
  const std::string token(kTokenBytesMin, 'x');
  for (const char* end : {"", "\n", "\r\n"}) {
    write(token + end);
    EXPECT_EQ(read_token_file(path_, uid_), token);
  }
  write(token, 0400);
  EXPECT_EQ(read_token_file(path_, uid_), token);
}

TEST_F(TokenFileTest, ItsLengthHasBounds) {
  write(std::string(kTokenBytesMax, 'x') + "\r\n");
  EXPECT_EQ(read_token_file(path_, uid_), std::string(kTokenBytesMax, 'x'));
  for (const std::size_t size : {std::size_t{0}, kTokenBytesMin - 1, kTokenBytesMax + 1,
                                 kTokenBytesMax + 2, kTokenBytesMax + 3}) {
    write(std::string(size, 'x'));
    EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("16 to 512 bytes")) << size;
  }
}

TEST_F(TokenFileTest, ItHoldsOneLineOfPlainText) {
  for (const char* text : {"0123456789abcdef g", "0123456789abcdef\ng", "0123456789abcdef\n\n",
                           "0123456789abcdef\xC3\xA4", "0123456789abcdef\t"}) {
    write(text);
    EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("printable ASCII")) << text;
  }
}

TEST_F(TokenFileTest, NobodyElseMayUseIt) {
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U, 0666U}) {
    write("0123456789abcdef", mode);
    EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("chmod 600")) << mode;
  }
  write("0123456789abcdef");
  uid_ += 1;
  if (::geteuid() == 0) {
    EXPECT_TRUE(read_token_file(path_, uid_));  // root's may be used by all that can read it
    ASSERT_EQ(::chown(path_.c_str(), 12'345, static_cast<gid_t>(-1)), 0);
  }
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("belongs to user"));
}

TEST_F(TokenFileTest, ItHasToBeAFile) {
  EXPECT_THAT(refusal(ErrorCode::kNotFound), HasSubstr("No such file"));
  path_ = directory_.path().string();
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("not a regular file"));
  path_ = directory_.file("pipe");
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(refusal(ErrorCode::kInvalidRequest), HasSubstr("not a regular file"));
}

TEST(TokenTest, OnlyTheSameTokenIsTheSame) {
  EXPECT_TRUE(is_same_token("abcd", "abcd"));
  for (const char* other : {"", "abc", "abcde", "abcdabcd", "abce", "bbcd"}) {
    EXPECT_FALSE(is_same_token("abcd", other)) << other;
    EXPECT_FALSE(is_same_token(other, "abcd")) << other;
  }
  EXPECT_TRUE(is_same_token("", ""));
}

}  // namespace
}  // namespace appmem
