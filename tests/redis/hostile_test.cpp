#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "appmem/base/units.h"
#include "support/line_socket.h"
#include "support/process.h"

/// Requests in RESP that are meant to hurt, or are cut off: a clear answer where one can be sent,
/// bounded memory, and nobody else notices.
namespace appmem::test {
namespace {

class RedisHostileTest : public testing::Test {
 protected:
  /// The most resident memory that the daemon has had, in bytes.
  std::uint64_t peak_memory() {
    std::ifstream status("/proc/" + std::to_string(daemon_.process().pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6)) * 1_KiB;
    }
    ADD_FAILURE() << "no VmHWM";
    return 0;
  }

  /// Sends it, and what is left of a large one as long as the daemon takes it. Returns the first
  /// line that comes back.
  std::string first_answer(const std::string& bytes, std::size_t times = 1) {
    LineSocket client(daemon_.socket());
    try {
      for (std::size_t i = 0; i < times; ++i)
        client.send(bytes);
    } catch (const std::runtime_error&) {
      // Closed meanwhile, as it should be.
    }
    return client.read_line();
  }

  void expect_bystander_served() {
    EXPECT_EQ(bystander_.ask("PING\r"), "+PONG\r");
    EXPECT_EQ(bystander_.ask("INCR served\r"), ":" + std::to_string(++served_) + "\r");
  }

  /// AddressSanitizer gives back what has been freed, so that it is not counted.
  Daemon daemon_{{"--max-memory", "64MiB"}, {{"ASAN_OPTIONS", "quarantine_size_mb=1"}}};
  LineSocket bystander_{daemon_.socket()};
  int served_ = 0;
};

TEST_F(RedisHostileTest, WhatBreaksTheFormatIsAnsweredAndClosed) {
  const std::pair<std::string, std::string> cases[] = {
      {"*2147483648\r\n", "invalid multibulk length"},
      {"*1\r\n$1099511627776\r\n", "invalid bulk length"},
      {"*1\r\n$-5\r\n", "invalid bulk length"},
      {"*2\r\n$3\r\nGET\r\n:1\r\n", "expected '$', got ':'"},
      {"GET \"a\r\n", "unbalanced quotes in request"},
  };
  for (const auto& [request, problem] : cases) {
    LineSocket client(daemon_.socket());
    client.send("*1\r\n$4\r\nPING\r\n" + request);
    EXPECT_EQ(client.read_line(), "+PONG\r");
    EXPECT_EQ(client.read_line(), "-ERR Protocol error: " + problem + "\r");
    EXPECT_TRUE(client.at_end());
    expect_bystander_served();
  }
}

TEST_F(RedisHostileTest, ALineOfAGigabyteTakesNoMemory) {
  const std::uint64_t before = peak_memory();
  EXPECT_EQ(first_answer(std::string(1_MiB, 'x'), 1024),
            "-ERR Protocol error: too big inline request\r");
  EXPECT_LT(peak_memory(), before + 32_MiB);
  expect_bystander_served();
}

TEST_F(RedisHostileTest, ArraysThatAnnounceMuchAndSendLittleTakeLittle) {
  const std::uint64_t before = peak_memory();
  std::vector<std::unique_ptr<LineSocket>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<LineSocket>(daemon_.socket()));
    clients.back()->send("*1048576\r\n$60000000\r\nhalf");
  }
  expect_bystander_served();
  EXPECT_LT(peak_memory(), before + 32_MiB);
}

TEST_F(RedisHostileTest, AResetInTheMiddleOfAPipelineIsNobodyElsesConcern) {
  for (int i = 0; i < 50; ++i) {
    LineSocket client(daemon_.socket());
    std::string pipeline;
    for (int n = 0; n < 200; ++n)
      pipeline += "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n";
    client.send(pipeline.substr(0, pipeline.size() - static_cast<std::size_t>(i)));
    // Closed with answers unread.
  }
  expect_bystander_served();
}

TEST_F(RedisHostileTest, AWebPageIsClosed) {
  for (const char* request : {"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n",
                              "GET x\r\nHost: localhost\r\nSET a 1\r\n"}) {
    LineSocket client(daemon_.socket());
    client.send(request);
    while (!client.at_end())
      client.read_line();
    EXPECT_EQ(bystander_.ask("EXISTS a\r"), ":0\r");
    expect_bystander_served();
  }
}

TEST_F(RedisHostileTest, AHundredThousandKeysAreOneCommandAndOneMoreIsRefused) {
  const auto mget = [](std::size_t keys) {
    std::string text = '*' + std::to_string(keys + 1) + "\r\n$6\r\nEXISTS\r\n";
    for (std::size_t i = 0; i < keys; ++i)
      text += "$1\r\nk\r\n";
    return text;
  };
  EXPECT_EQ(first_answer(mget(100'000)), ":0\r");
  EXPECT_EQ(first_answer(mget(100'001)), "-ERR a command names at most 100000 keys\r");
}

TEST_F(RedisHostileTest, WordsThatAreNoKeysAreAThousandAtMost) {
  const auto list = [](const std::string& name, const std::string& word, std::size_t words) {
    std::string text = '*' + std::to_string(words) + "\r\n" + name;
    const auto first = static_cast<std::size_t>(std::count(name.begin(), name.end(), '$'));
    for (std::size_t i = first; i < words; ++i)
      text += '$' + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    return text;
  };
  const std::string client_list = "$6\r\nCLIENT\r\n$4\r\nLIST\r\n$2\r\nID\r\n";
  EXPECT_EQ(first_answer(list(client_list, "1", 1'024)).front(), '$');
  EXPECT_EQ(first_answer(list(client_list, "1", 1'025)),
            "-ERR 'client|list' has at most 1024 words\r");
  for (const auto& [name, word] : {std::pair<std::string, std::string>{client_list, "1"},
                                   {"$6\r\nCONFIG\r\n$3\r\nGET\r\n", "z?z"},
                                   {"$7\r\nCOMMAND\r\n$4\r\nDOCS\r\n", "set"},
                                   {"$4\r\nINFO\r\n", "zz"}}) {
    const std::uint64_t before = peak_memory();
    EXPECT_THAT(first_answer(list(name, word, 200'000)), testing::EndsWith("1024 words\r"));
    EXPECT_LT(peak_memory(), before + 32_MiB);
  }
}

TEST_F(RedisHostileTest, AMillionWordsFromManyClientsAtOnceStayWithinWhatIsAllowed) {
  std::string request = "*1048576\r\n";
  for (int i = 0; i < 1'048'576; ++i)
    request += "$0\r\n\r\n";
  // A sanitizer's own memory is there from the start.
  const std::uint64_t before = peak_memory();
  constexpr std::size_t kClients = 14;
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  std::atomic<int> answered = 0;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.emplace_back([&] {
      try {
        LineSocket client(daemon_.socket());
        client.send(request);
        if (client.read_line().starts_with("-")) ++answered;
      } catch (const std::runtime_error&) {
        // Closed meanwhile: it held most.
      }
    });
  }
  for (std::thread& client : clients)
    client.join();
  EXPECT_GT(answered.load(), 0);
  EXPECT_LT(peak_memory(), before + 64_MiB / 100 * 105 + 16_MiB);
  expect_bystander_served();
}

std::string in_resp(const std::vector<std::string>& words) {
  std::string text = '*' + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words)
    text += '$' + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return text;
}

TEST_F(RedisHostileTest, HalfSentRequestsDoNotKeepMemoryFromOthers) {
  Daemon daemon({"--max-memory", "64MiB", "--eviction", "none"});
  std::string half = "*3\r\n$3\r\nSET\r\n$1\r\nh\r\n$12000000\r\n";
  half.append(11'900'000, 'x');
  LineSocket first(daemon.socket());
  LineSocket second(daemon.socket());
  first.send(half);
  second.send(half);
  LineSocket writer(daemon.socket());
  bool refused = false;
  for (int i = 0;; ++i) {
    writer.send(in_resp({"SET", "k" + std::to_string(i), std::string(10'000, 'y')}));
    const std::string reply = writer.read_line();
    if (refused && reply == "+OK\r") break;
    refused = refused || reply != "+OK\r";
    ASSERT_THAT(reply, testing::AnyOf("+OK\r", testing::StartsWith("-OOM ")));
  }
  writer.send("INFO stats\r\n");
  std::string line;
  while (!line.starts_with("evicted_clients:"))
    line = writer.read_line();
  EXPECT_NE(line, "evicted_clients:0\r") << "closed, and not only when their time was over";
}

TEST_F(RedisHostileTest, HoardersOfQueuedCommandsLeaveOthersTheirKeys) {
  constexpr int kKeys = 20'000;
  for (int i = 0; i < kKeys; ++i)
    bystander_.send(in_resp({"SET", "k" + std::to_string(i), std::string(500, 'v')}));
  for (int i = 0; i < kKeys; ++i)
    ASSERT_EQ(bystander_.read_line(), "+OK\r");
  std::vector<std::unique_ptr<LineSocket>> hoarders;
  constexpr int kCommands = 25'000;  // less than a share
  std::string some;
  for (int i = 0; i < 1'000; ++i)
    some += in_resp({"SET", "q", std::string(100, 'x')});
  for (int n = 0; n < 10; ++n) {
    hoarders.push_back(std::make_unique<LineSocket>(daemon_.socket()));
    LineSocket& hoarder = *hoarders.back();
    ASSERT_EQ(hoarder.ask("MULTI\r"), "+OK\r");
    for (int i = 0; i < kCommands; i += 1'000) {
      hoarder.send(some);
      for (int k = 0; k < 1'000; ++k) {
        const std::string reply = hoarder.read_line();
        if (reply == "+QUEUED\r") continue;
        // All together have a share as well.
        ASSERT_THAT(reply, testing::StartsWith("-OOM "));
        ASSERT_GE(n, 4);
      }
    }
  }
  EXPECT_EQ(bystander_.ask("DBSIZE\r"), ":" + std::to_string(kKeys) + "\r");
  expect_bystander_served();
}

}  // namespace
}  // namespace appmem::test
