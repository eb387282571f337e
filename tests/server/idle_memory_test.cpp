#include <iostream>
#include <vector>

#include "appmem/server/server_limits.h"
#include "counted_allocations.h"
#include "server_fixture.h"

namespace appmem::server::test {
namespace {

class IdleMemoryTest : public ServerTest {};

TEST_F(IdleMemoryTest, AnIdleConnectionTakesAtMostFourKiB) {
  constexpr std::size_t kConnections = 400;
  start();
  std::vector<LineClient> clients;
  clients.reserve(kConnections);
  std::string answer;
  answer.reserve(1'000);
  const auto connect_one = [&] {
    clients.push_back(connect());
    EXPECT_EQ(clients.back().ask("echo hello"), "hello");
  };
  connect_one();
  const std::size_t before = live_bytes;
  while (clients.size() < kConnections)
    connect_one();
  const std::size_t each = (live_bytes - before) / (kConnections - 1);
  RecordProperty("bytes", static_cast<int>(each));
  EXPECT_LE(each, kConnectionMemoryBytes);
  std::cout << "an idle connection takes " << each << " bytes\n";
}

}  // namespace
}  // namespace appmem::server::test
