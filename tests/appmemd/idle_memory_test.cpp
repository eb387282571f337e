#include <atomic>
#include <cstdlib>
#include <iostream>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include "appmem/base/units.h"
#include "appmem/server/server_limits.h"
#include "log.h"
#include "server/line_client.h"
#include "service.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace {

std::atomic<std::size_t> live_bytes{0};
constexpr std::size_t kMallocHeaderBytes = 16;

void* counted(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  live_bytes += ::malloc_usable_size(block) + kMallocHeaderBytes;
  return block;
}

void uncounted(void* block) {
  if (block == nullptr) return;
  live_bytes -= ::malloc_usable_size(block) + kMallocHeaderBytes;
  std::free(block);
}

}  // namespace

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

namespace appmem::daemon::test {
namespace {

/// The whole way, from the socket to the store: everything that the daemon keeps for a connection.
TEST(IdleMemoryTest, AnIdleConnectionOfTheDaemonTakesAtMostFourKiB) {
  constexpr std::size_t kConnections = 400;
  const appmem::test::TemporaryDirectory directory;
  appmem::test::ManualClock clock;
  const auto log = make_log(LogFormat::kText, LogLevel::kError, clock);
  core::Store store({.max_memory_bytes = 64_MiB, .seed = 1}, clock.now());
  ServiceOptions about;
  about.access.daemon_uid = ::geteuid();
  Service service(about, store, clock.now());
  server::ServerOptions options;
  options.listeners.emplace_back().socket_path = directory.file("s");
  server::Server server(options, service, clock, store.memory(), *log);
  service.attach(server);
  ASSERT_TRUE(server.open());
  std::thread thread([&server] { server.run(); });

  std::vector<server::test::LineClient> clients;
  clients.reserve(kConnections);
  const auto connect_one = [&] {
    clients.emplace_back(directory.file("s"));
    EXPECT_TRUE(clients.back()
                    .ask(R"({"id":1,"op":"set","key":"k","value":"a value of some length"})")
                    .starts_with(R"({"id":1,"ok":true)"));
  };
  connect_one();
  const std::size_t before = live_bytes;
  while (clients.size() < kConnections)
    connect_one();
  const std::size_t each = (live_bytes - before) / (kConnections - 1);
  std::cout << "an idle connection takes " << each << " bytes\n";
  EXPECT_LE(each, server::kConnectionMemoryBytes);
  clients.clear();
  server.stop();
  thread.join();
}

}  // namespace
}  // namespace appmem::daemon::test
