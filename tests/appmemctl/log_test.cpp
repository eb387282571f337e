// The data directory of a real daemon, looked at from the command line, and mended.

#include <filesystem>
#include <fstream>

#include "ctl_fixture.h"
#include "support/temporary_directory.h"

namespace appmem::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

class LogTest : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  LogTest() : data_(directory_.file("data")) {
    daemon_.emplace(Words{"--data-dir", data_});
    EXPECT_THAT(ctl({"ns", "create", "ledger", "--persist", "wal"}), Prints("OK\n"));
    EXPECT_THAT(ctl({"-n", "ledger", "set", "first", "1"}), Prints("OK\n"));
    EXPECT_THAT(ctl({"-n", "ledger", "set", "second", "two\x1b[31m"}), Prints("OK\n"));
  }
  Ran ctl(const Words& arguments) const {
    return appmemctl(daemon_ ? daemon_->socket() : "/nowhere", arguments);
  }
  Ran log(Words arguments) const {
    arguments.insert(arguments.begin(), "log");
    arguments.insert(arguments.end(), {"--data-dir", data_});
    return ctl(arguments);
  }
  Ran repair() const {
    ProcessOptions options;
    options.arguments = {binary_dir() / "appmemd", "--data-dir", data_, "--repair"};
    return run(options);
  }
  void stop() {
    EXPECT_EQ(daemon_->stop(), 0);
    daemon_.reset();
  }
  /// Flips the byte where `text` begins, in any file.
  void damage(const std::string& text) const {
    for (const auto& entry : std::filesystem::directory_iterator(data_)) {
      std::fstream file(entry.path(), std::ios::binary | std::ios::in | std::ios::out);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      const std::size_t at = bytes.find(text);
      if (at == std::string::npos) continue;
      file.clear();
      file.seekp(static_cast<std::streamoff>(at));
      file.put('X');
      return;
    }
    ADD_FAILURE() << text << " is in no file";
  }

  TemporaryDirectory directory_;
  const std::string data_;
  std::optional<Daemon> daemon_;
};

TEST_F(LogTest, ADaemonWritesCheckpointsWhenItIsAsked) {
  EXPECT_THAT(ctl({"checkpoint"}), Prints("OK\n"));
  EXPECT_THAT(log({"dump"}).output, HasSubstr("checkpoint-"));
  EXPECT_THAT(ctl({"compact"}), Prints("OK\n"));
  EXPECT_THAT(ctl({"storage", "resume"}), Prints("OK\n"));
  EXPECT_THAT(appmemctl(daemon_->socket(), {"repl"}, "COMPACT\nCOMPACT now\n").output,
              HasSubstr("> OK\n> usage: COMPACT\n"));
}

TEST_F(LogTest, VerifyLooksAtTheFilesBesideADaemonAndWithoutOne) {
  const Ran running = log({"verify"});
  EXPECT_EQ(running.exit_code, 0) << running.errors;
  EXPECT_THAT(running.output, MatchesRegex("file +kind +state +records .*\n"
                                           "segment-0+1[.]log +segment +whole +3 +2 +1 +3 .*\n"
                                           "whole: 1 files, 3 records, [0-9]+ bytes\n"));
  stop();
  const Ran json = log({"verify", "--json"});
  EXPECT_EQ(json.exit_code, 0);
  EXPECT_THAT(json.output, StartsWith("{\"bytes\":"));
  EXPECT_THAT(json.output, HasSubstr("\"whole\":true"));
  ProcessOptions options;
  options.arguments = {binary_dir() / "appmemctl", "log", "verify"};
  options.environment["APPMEM_DATA_DIR"] = data_;
  EXPECT_EQ(run(options).exit_code, 0);
  options.environment["APPMEM_DATA_DIR"] = "/nowhere/at/all";
  EXPECT_THAT(run(options), Fails(7, "there is no data directory /nowhere/at/all"));
}

TEST_F(LogTest, DumpPrintsWhatIsInThem) {
  stop();
  const Ran text = log({"dump"});
  EXPECT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_THAT(text.output,
              HasSubstr(" create \"ledger\" (1): type any, persist wal, eviction none"));
  EXPECT_THAT(text.output, HasSubstr(" set \"ledger\" (1) \"second\": bytes of 8, version "));
  EXPECT_THAT(text.output, Not(HasSubstr("two")));
  EXPECT_THAT(log({"dump", "--values"}).output, HasSubstr(R"( = "two\x1b[31m")"));
  EXPECT_THAT(log({"dump", "--values", "--json"}).output, HasSubstr(R"("value":"two\u001b[31m"})"));
}

TEST_F(LogTest, DamageIsFoundAndRepaired) {
  EXPECT_EQ(repair().exit_code, 1);
  EXPECT_THAT(repair().errors, HasSubstr("LOCK is held by process "));
  stop();
  EXPECT_EQ(repair().output, data_ + " is whole: there is nothing to repair\n");
  damage("first");
  const Ran verified = log({"verify"});
  EXPECT_EQ(verified.exit_code, 7);
  EXPECT_THAT(verified.output, HasSubstr(": the checksum of a record is wrong\n"));
  EXPECT_THAT(verified.errors, HasSubstr("appmemd --repair keeps what is whole"));
  ProcessOptions start;
  start.arguments = {binary_dir() / "appmemd", "--data-dir", data_, "--socket",
                     directory_.file("s")};
  const Ran refused = run(start);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, HasSubstr("is damaged at byte "));
  const Ran repaired = repair();
  EXPECT_EQ(repaired.exit_code, 0) << repaired.errors;
  EXPECT_THAT(repaired.output, StartsWith("repaired " + data_ + ": 2 records of the log kept"));
  EXPECT_THAT(repaired.output, HasSubstr("\nlost: segment-0000000000000001.log, bytes "));
  EXPECT_THAT(repaired.output, HasSubstr("; record 2 is missing\n"));
  EXPECT_THAT(repaired.output,
              HasSubstr("\nthe files as they were are in " + data_ + "/damaged-2"));
  EXPECT_EQ(log({"verify"}).exit_code, 0);
  daemon_.emplace(Words{"--data-dir", data_});
  EXPECT_THAT(ctl({"-n", "ledger", "get", "first"}), Exits(1, ""));
  EXPECT_THAT(ctl({"-n", "ledger", "get", "second"}), Prints("two\x1b[31m"));
}

}  // namespace
}  // namespace appmem::test
