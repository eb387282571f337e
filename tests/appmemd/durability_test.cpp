// Namespaces that survive, with the real daemon and its files.

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/mount.h>

#include "support/line_socket.h"
#include "support/process.h"
#include "support/temporary_directory.h"

namespace appmem::daemon::test {
namespace {

using appmem::test::Daemon;
using appmem::test::LineSocket;
using nlohmann::json;
using testing::HasSubstr;

json ask(LineSocket& client, const std::string& line) {
  return json::parse(client.ask(line));
}

class DurabilityTest : public testing::Test {
 protected:
  std::vector<std::string> options(std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--data-dir", data_});
    return more;
  }
  const appmem::test::TemporaryDirectory directory_;
  const std::string data_ = directory_.file("data");
};

TEST_F(DurabilityTest, WhatWasAnsweredIsThereAfterACrash) {
  for (const char* sync : {"always", "interval", "os"}) {
    const std::string name = std::string("n-") + sync;
    {
      Daemon daemon(options({"--sync", sync}));
      LineSocket client(daemon.socket());
      EXPECT_EQ(ask(client, R"({"op":"ns.create","name":")" + name + R"(","persist":"wal"})")
                    .at("created"),
                true);
      ask(client, R"({"op":"use","name":")" + name + "\"}");
      for (int i = 0; i < 50; ++i)
        EXPECT_EQ(ask(client, R"({"op":"incr","key":"n"})").at("value"), i + 1);
      daemon.kill();
    }
    Daemon daemon(options({"--sync", sync}));
    LineSocket client(daemon.socket());
    EXPECT_EQ(ask(client, R"({"op":"get","ns":")" + name + R"(","key":"n"})").at("value"), 50)
        << sync;
  }
}

/// In every mode, as loops write in two of them, and across a large value, which is referred to.
TEST_F(DurabilityTest, CompressedValuesAreThereAfterACrashWhateverTheNextStartSays) {
  const std::string text(3'000, 't');
  const std::string large(1'000'000, 'l');
  for (const char* sync : {"always", "interval", "os"}) {
    const std::string name = std::string("c-") + sync;
    {
      Daemon daemon(options({"--sync", sync, "--compress-above", "1KiB"}));
      LineSocket client(daemon.socket());
      ask(client, R"({"op":"ns.create","name":")" + name + R"(","persist":"wal"})");
      ask(client, R"({"op":"use","name":")" + name + "\"}");
      for (const auto& [key, value] : {std::pair("text", text), std::pair("large", large)}) {
        ask(client, json{{"op", "set"}, {"key", key}, {"value", value}}.dump());
        ask(client, R"({"op":"set","key":"last","value":1})");
      }
      const json stored = ask(client, R"({"op":"stats"})").at("storage");
      EXPECT_LT(stored.at("log_bytes"), 50'000) << stored;
      daemon.kill();
    }
    Daemon daemon(options({"--sync", sync}));
    LineSocket client(daemon.socket());
    ask(client, R"({"op":"use","name":")" + name + "\"}");
    EXPECT_EQ(ask(client, R"({"op":"get","key":"text"})").at("value"), text) << sync;
    EXPECT_EQ(ask(client, R"({"op":"get","key":"large"})").at("value"), large) << sync;
    EXPECT_EQ(ask(client, R"({"op":"get","key":"last"})").at("value"), 1) << sync;
  }
}

TEST_F(DurabilityTest, ThereIsNoDirectoryWithoutADurableNamespace) {
  Daemon daemon(options());
  LineSocket client(daemon.socket());
  ask(client, R"({"op":"set","key":"k","value":1})");
  EXPECT_FALSE(ask(client, R"({"op":"stats"})").contains("storage"));
  EXPECT_EQ(daemon.stop(), 0);
  EXPECT_FALSE(std::filesystem::exists(data_));
}

TEST_F(DurabilityTest, TheDirectoryIsForOneDaemonAndItsUserOnly) {
  Daemon daemon(options());
  LineSocket client(daemon.socket());
  ask(client, R"({"op":"ns.create","name":"w","persist":"wal"})");
  const auto mode = std::filesystem::status(data_).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_all);
  appmem::test::ProcessOptions second;
  second.arguments = {appmem::test::binary_dir() / "appmemd", "--socket", directory_.file("other"),
                      "--data-dir", data_};
  const auto refused = appmem::test::run(second);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, HasSubstr(data_ + "/LOCK"));
  EXPECT_THAT(refused.errors, HasSubstr(std::to_string(daemon.process().pid())));
  EXPECT_FALSE(std::filesystem::exists(directory_.file("other")));
}

TEST_F(DurabilityTest, DamageStopsTheStartBeforeItListens) {
  {
    Daemon daemon(options());
    LineSocket client(daemon.socket());
    ask(client, R"({"op":"ns.create","name":"w","persist":"wal"})");
    ask(client, R"({"op":"set","ns":"w","key":"a key that is found again","value":1})");
    EXPECT_EQ(daemon.stop(), 0);
  }
  std::string damaged;
  for (const auto& entry : std::filesystem::directory_iterator(data_)) {
    if (entry.path().extension() != ".log") continue;
    damaged = entry.path();
    std::fstream file(damaged, std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    file.seekp(static_cast<std::streamoff>(bytes.find("a key that")));
    file.put('A');
  }
  ASSERT_FALSE(damaged.empty());
  appmem::test::ProcessOptions start;
  start.arguments = {appmem::test::binary_dir() / "appmemd", "--socket", directory_.file("s"),
                     "--data-dir", data_};
  const auto refused = appmem::test::run(start);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, HasSubstr(damaged + " is damaged at byte"));
  EXPECT_FALSE(std::filesystem::exists(directory_.file("s")));
}

TEST_F(DurabilityTest, SaveAndAlterAnswerWhenItIsOnTheDisk) {
  {
    Daemon daemon(options());
    LineSocket client(daemon.socket());
    ask(client, R"({"op":"set","key":"before","value":1})");
    EXPECT_EQ(ask(client, R"({"op":"ns.alter","name":"default","persist":"wal"})").at("ok"), true);
    ask(client, R"({"op":"set","key":"after","value":2})");
    ask(client, R"({"op":"ns.create","name":"shots","persist":"snapshot"})");
    ask(client, R"({"op":"set","ns":"shots","key":"k","value":3})");
    LineSocket redis(daemon.socket());
    EXPECT_EQ(redis.ask("SAVE\r"), "+OK\r");
    ask(client, R"({"op":"set","ns":"shots","key":"lost","value":4})");
    daemon.kill();
  }
  Daemon daemon(options());
  LineSocket client(daemon.socket());
  EXPECT_EQ(ask(client, R"({"op":"get","key":"before"})").at("value"), 1);
  EXPECT_EQ(ask(client, R"({"op":"get","key":"after"})").at("value"), 2);
  EXPECT_EQ(ask(client, R"({"op":"get","ns":"shots","key":"k"})").at("value"), 3);
  EXPECT_EQ(ask(client, R"({"op":"get","ns":"shots","key":"lost"})").at("found"), false);
}

/// A file system of its own, so small that it fills.
class SmallDisk {
 public:
  SmallDisk(std::string where, const char* size) : where_(std::move(where)) {
    std::filesystem::create_directory(where_);
    is_mounted = mount_with(size, 0);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (is_mounted) ::umount2(where_.c_str(), MNT_DETACH);
  }
  void grow(const char* size) const { EXPECT_TRUE(mount_with(size, MS_REMOUNT)); }

  bool is_mounted = false;

 private:
  bool mount_with(const char* size, unsigned long flags) const {
    const std::string options = std::string("mode=0700,size=") + size;
    return ::mount("tmpfs", where_.c_str(), "tmpfs", flags, options.c_str()) == 0;
  }
  const std::string where_;
};

TEST_F(DurabilityTest, AFullDiskMakesReadOnlyAndLosesNothing) {
  SmallDisk disk(directory_.file("disk"), "1m");
  if (!disk.is_mounted) GTEST_SKIP() << "nothing can be mounted here";
  const std::vector<std::string> on_disk = {"--data-dir", directory_.file("disk/data"),
                                            "--segment-size", "64KiB"};
  std::map<std::string, std::string> acknowledged;
  {
    Daemon daemon(on_disk);
    LineSocket client(daemon.socket());
    ask(client, R"({"op":"ns.create","name":"w","persist":"wal"})");
    bool lost = false;
    for (int i = 0; i < 1000 && !lost; ++i) {
      const std::string key = "k" + std::to_string(i);
      const std::string value(8000, static_cast<char>('a' + i % 26));
      try {
        const json request = {{"op", "set"}, {"ns", "w"}, {"key", key}, {"value", value}};
        const json answer = ask(client, request.dump());
        ASSERT_EQ(answer.at("ok"), true) << answer;
        acknowledged[key] = value;
      } catch (const std::runtime_error&) {
        lost = true;  // no answer: nobody knows
      }
    }
    ASSERT_TRUE(lost);
    EXPECT_GT(acknowledged.size(), 20U);
    LineSocket again(daemon.socket());
    const json refused = ask(again, R"({"op":"set","ns":"w","key":"k0","value":1})");
    EXPECT_EQ(refused.at("error").at("code"), "read_only");
    EXPECT_THAT(std::string(refused.at("error").at("message")),
                HasSubstr("No space left on device"));
    const std::string unsafe = "k" + std::to_string(acknowledged.size());
    EXPECT_EQ(ask(again, R"({"op":"get","ns":"w","key":")" + unsafe + "\"}").at("error").at("code"),
              "unavailable");
    EXPECT_EQ(ask(again, R"({"op":"get","ns":"w","key":"k0"})").at("value"), acknowledged["k0"]);
    EXPECT_EQ(ask(again, R"({"op":"set","key":"k","value":1})").at("ok"), true);
    EXPECT_EQ(ask(again, R"({"op":"health"})").at("status"), "read_only");
    EXPECT_EQ(ask(again, R"({"op":"storage.resume"})").at("ok"), false);

    disk.grow("16m");
    EXPECT_EQ(ask(again, R"({"op":"storage.resume"})").at("ok"), true);
    EXPECT_EQ(ask(again, R"({"op":"health"})").at("status"), "ok");
    EXPECT_EQ(ask(again, R"({"op":"set","ns":"w","key":"resumed","value":"x"})").at("ok"), true);
    acknowledged["resumed"] = "x";
    daemon.kill();
  }
  Daemon daemon(on_disk);
  LineSocket client(daemon.socket());
  for (const auto& [key, value] : acknowledged) {
    EXPECT_EQ(ask(client, R"({"op":"get","ns":"w","key":")" + key + "\"}").at("value"), value);
  }
}

}  // namespace
}  // namespace appmem::daemon::test
