#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include <malloc.h>

#include "appmem/server/server_limits.h"
#include "server_fixture.h"

namespace {

std::atomic<std::size_t> live_bytes{0};

void* counted(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  live_bytes += ::malloc_usable_size(block) + 16;  // with malloc's own header
  return block;
}

void uncounted(void* block) {
  if (block == nullptr) return;
  live_bytes -= ::malloc_usable_size(block) + 16;
  std::free(block);
}

}  // namespace

// Every allocation of the server is C++'s: Asio's too.
void* operator new(std::size_t bytes) {
  return counted(std::malloc(bytes));
}
void* operator new[](std::size_t bytes) {
  return counted(std::malloc(bytes));
}
void operator delete(void* block) noexcept {
  uncounted(block);
}
void operator delete[](void* block) noexcept {
  uncounted(block);
}
void operator delete(void* block, std::size_t /*bytes*/) noexcept {
  uncounted(block);
}
void operator delete[](void* block, std::size_t /*bytes*/) noexcept {
  uncounted(block);
}

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
