#pragma once

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "appmem/base/memory_budget.h"
#include "appmem/base/observer.h"
#include "appmem/server/server.h"
#include "appmem/server/server_limits.h"
#include "line_client.h"
#include "line_protocol.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace appmem::server::test {

/// Remembers the names of events. Thread safety: all.
class EventList final : public Observer {
 public:
  void event(Severity /*severity*/, std::string_view name, std::string_view /*message*/,
             const EventField* /*fields*/, std::size_t /*field_count*/) override {
    const std::lock_guard lock(mutex_);
    names_.emplace_back(name);
    changed_.notify_all();
  }
  void wait_for(const std::string& name) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return seen(name); });
  }
  bool has(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return seen(name);
  }

 private:
  [[nodiscard]] bool seen(const std::string& name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> names_;
};

/// A server on a thread of its own, in a fresh folder.
class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.listeners.emplace_back().socket_path = directory_.file("s");
    options_.limits.value_bytes_max = 1'024;
    options_.stopwatch = [this] {
      return clock_.now().mono.time_since_epoch();
    };
    options_.limits.request_bytes_max = kLineBytesMax;
  }
  void TearDown() override { finish(); }

  /// With the options as they are now.
  void start() {
    server_.emplace(options_, handler_, clock_, memory_, events_);
    const auto opened = server_->open();
    ASSERT_TRUE(opened) << opened.error().message;
    thread_ = std::thread([this] { cut_ = server_->run(); });
  }
  /// Stops in good order, and waits for it. Returns how many connections had to be cut.
  std::size_t finish() {
    if (thread_.joinable()) {
      server_->stop();
      thread_.join();
    }
    return cut_;
  }
  LineClient connect() { return LineClient(directory_.file("s")); }
  /// Waits until a condition holds that the server brings about by itself.
  static void eventually(const std::function<bool()>& holds) {
    while (!holds())
      std::this_thread::yield();
  }
  /// What the buffers of a connection take; they are numbered from 1 in the order of their coming.
  std::uint64_t buffer_bytes_of(std::uint64_t connection) {
    for (const ConnectionInfo& info : server_->connections(clock_.now())) {
      if (info.id == connection) return info.memory_bytes - kConnectionMemoryBytes;
    }
    return 0;
  }
  ConnectionInfo only_connection() {
    const auto all = server_->connections(clock_.now());
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? ConnectionInfo{} : all.front();
  }

  appmem::test::TemporaryDirectory directory_;
  MemoryBudget memory_{1_GiB};
  EventList events_;
  LineWorld world_;
  appmem::test::ManualClock& clock_ = world_.clock;
  LineHandler handler_{world_};
  ServerOptions options_;
  std::optional<Server> server_;
  std::thread thread_;
  std::size_t cut_ = 0;
};

}  // namespace appmem::server::test
