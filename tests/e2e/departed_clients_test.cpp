#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/line_socket.h"
#include "support/process.h"

/// `printf '...' | nc -U -q0 appmem.sock`: requests of clients that do not wait for their answers.
namespace appmem {
namespace {

constexpr int kIncrements = 5'000;  // some 120 KB: less than a socket holds

std::string repeated(const std::string& line, int count) {
  std::string all;
  for (int i = 0; i < count; ++i)
    all += line + "\n";
  return all;
}

class DepartedClientsTest : public testing::Test {
 protected:
  /// Sends and closes without reading. Returns the number in `hits` when the daemon has ended with
  /// this client.
  int hits_after(const std::string& requests) {
    { test::LineSocket(daemon_.socket()).send(requests); }
    test::LineSocket socket(daemon_.socket());
    while (ask(socket, R"({"op":"clients"})")["clients"].size() > 1) {
    }
    return ask(socket, R"({"op":"get","key":"hits"})")["value"].get<int>();
  }
  static nlohmann::json ask(test::LineSocket& socket, const std::string& request) {
    return nlohmann::json::parse(socket.ask(request));
  }

  const std::string increments_ = repeated(R"({"op":"incr","key":"hits"})", kIncrements);
  test::Daemon daemon_{{"--threads", "1"}};
};

TEST_F(DepartedClientsTest, EveryRequestIsExecuted) {
  EXPECT_EQ(hits_after(increments_), kIncrements);
}

TEST_F(DepartedClientsTest, AlsoBehindALargeRequest) {
  const std::string large = R"({"op":"set","key":"large","value":")" + std::string(4'000'000, 'x');
  EXPECT_EQ(hits_after(large + "\"}\n" + increments_), kIncrements);
  test::LineSocket socket(daemon_.socket());
  EXPECT_EQ(ask(socket, R"({"op":"count","prefix":"large"})")["count"], 1);
}

TEST_F(DepartedClientsTest, AlsoBehindALongAnswer) {
  std::string keys;
  for (int i = 0; i < 10'000; ++i)
    keys += R"({"op":"set","value":1,"key":"k)" + std::to_string(i) + "\"}\n";
  test::LineSocket(daemon_.socket()).send(keys);
  const std::string scan = R"({"op":"scan","limit":10000})";
  const std::string count = R"({"op":"count"})";
  EXPECT_EQ(hits_after(scan + "\n" + count + "\n" + increments_), kIncrements);
}

}  // namespace
}  // namespace appmem
