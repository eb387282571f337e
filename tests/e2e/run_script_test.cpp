#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/environment.h"
#include "support/process.h"
#include "support/temporary_directory.h"

/// scripts/run, which `make run` ends with, over the programs of this build.
namespace appmem::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kSuggestion = "In another terminal, try:";

class RunScriptTest : public testing::Test {
 protected:
  void SetUp() override {
    namespace fs = std::filesystem;
    fs::create_directories(directory_.file("scripts"));
    fs::create_directories(directory_.file("build/release"));
    fs::copy(source_dir() / "scripts/run", directory_.file("scripts/run"));
    fs::create_directory_symlink(binary_dir(), directory_.file("build/release/bin"));
  }
  [[nodiscard]] ProcessOptions script(const std::string& socket) const {
    ProcessOptions options;
    options.arguments = {directory_.file("scripts/run")};
    options.environment["APPMEM_SOCKET"] = socket;
    options.environment["NOTIFY_SOCKET"] = std::nullopt;
    return options;
  }

  TemporaryDirectory directory_;
};

TEST_F(RunScriptTest, SuggestsWhatToTryOnceTheDaemonAnswers) {
  const std::string socket = directory_.file("s");
  Process process(script(socket));
  ASSERT_TRUE(process.wait_for_error_text("Ctrl-C stops appmemd"));
  EXPECT_THAT(process.errors(), HasSubstr(kSuggestion));
  EXPECT_EQ(appmemctl(socket, {"ping"}).output, "PONG\n");
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(), 0) << process.errors();
}

TEST_F(RunScriptTest, BesideADaemonOnTheSameSocketThereIsTheErrorAlone) {
  const Daemon daemon;
  const Ran ran = run(script(daemon.socket()));
  EXPECT_NE(ran.exit_code, 0);
  EXPECT_THAT(ran.errors, HasSubstr("start_failed"));
  EXPECT_THAT(ran.errors, Not(HasSubstr(kSuggestion)));
}

}  // namespace
}  // namespace appmem::test
