#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "appmem/base/units.h"
#include "appmem/server/server_limits.h"
#include "appmem/storage/file_system.h"
#include "appmem/storage/storage.h"
#include "log.h"
#include "server/counted_allocations.h"
#include "server/line_client.h"
#include "service.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

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
  about.listeners.emplace_back().access.daemon_uid = ::geteuid();
  const auto files = storage::make_system_files();
  storage::Storage storage({.directory = directory.file("data")}, *files, clock, *log);
  Service service(about, store, storage, clock);
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
  const std::size_t before = server::test::live_bytes;
  while (clients.size() < kConnections)
    connect_one();
  const std::size_t each = (server::test::live_bytes - before) / (kConnections - 1);
  std::cout << "an idle connection takes " << each << " bytes\n";
  EXPECT_LE(each, server::kConnectionMemoryBytes);
  clients.clear();
  server.stop();
  thread.join();
}

}  // namespace
}  // namespace appmem::daemon::test
