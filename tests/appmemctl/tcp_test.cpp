#include <fstream>

#include <sys/stat.h>

#include "ctl_fixture.h"
#include "support/temporary_directory.h"

namespace appmem::test {
namespace {

class TcpTest : public testing::Test {
 protected:
  void SetUp() override {
    write(token_file_, "a-token-of-the-tests-own");
    daemon_.emplace(
        std::vector<std::string>{"--tcp", "127.0.0.1:0", "--tcp-token-file", token_file_});
    ASSERT_TRUE(daemon_->process().wait_for_error_text("\"started\""));
    const std::string& log = daemon_->process().errors();
    const std::size_t begin = log.find("tcp://");
    address_ = log.substr(begin, log.find('"', begin) - begin);
  }
  static void write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text << '\n';
    ::chmod(path.c_str(), 0600);
  }
  [[nodiscard]] Ran ctl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"-a", address_});
    return appmemctl("/elsewhere", std::move(arguments));
  }

  TemporaryDirectory directory_;
  std::string token_file_ = directory_.file("token");
  std::optional<Daemon> daemon_;
  std::string address_;
};

TEST_F(TcpTest, TheTokenComesFromAFile) {
  EXPECT_THAT(ctl({"--token-file", token_file_, "set", "k", "v"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"get", "k", "--token-file", token_file_}), Prints("v"));
  ProcessOptions options;
  options.arguments = {binary_dir() / "appmemctl", "get", "k"};
  options.environment["APPMEM_SOCKET"] = address_;
  options.environment["APPMEM_TOKEN_FILE"] = token_file_;
  EXPECT_THAT(run(options), Prints("v"));
  EXPECT_THAT(appmemctl(daemon_->socket(), {"--token-file", token_file_, "get", "k"}), Prints("v"));
  EXPECT_EQ(ctl({"--token-file", token_file_, "bench", "--requests", "100"}).exit_code, 0);
}

TEST_F(TcpTest, WithoutItTheErrorSaysWhatToDo) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"get", "k"}, {"-n", "other", "get", "k"}, {"list"}}) {
    const Ran ran = ctl(words);
    EXPECT_THAT(ran, Fails(5,
                           "a token is needed first (name the file with the token: --token-file "
                           "FILE, or APPMEM_TOKEN_FILE)"));
    EXPECT_EQ(ran.errors.find('{'), std::string::npos) << ran.errors;
  }
  const std::string other = directory_.file("other");
  write(other, "another-token-altogether");
  EXPECT_THAT(ctl({"get", "k", "--token-file", other}), Fails(5, "refuses the token"));
  EXPECT_THAT(ctl({"get", "k", "--token-file", directory_.file("none")}), Fails(7, "cannot read"));
  ::chmod(other.c_str(), 0644);
  EXPECT_THAT(ctl({"get", "k", "--token-file", other}), Fails(7, "chmod 600"));
}

}  // namespace
}  // namespace appmem::test
