#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>

#include "appmem/base/limits.h"
#include "appmem/base/memory_budget.h"
#include "appmem/base/observer.h"
#include "appmem/base/time.h"
#include "appmem/server/request_handler.h"
#include "worker.h"

namespace appmem::server {

/// What all loops of a server share. The references are borrowed from whoever made the server.
struct ServerContext {
  Limits limits;
  std::size_t loops = 1;
  RequestHandler& handler;
  Clock& clock;
  MemoryBudget& memory;
  Observer& observer;
  /// See ServerOptions.
  std::function<std::chrono::nanoseconds()> stopwatch;
  /// Set before the first loop runs.
  Worker* worker = nullptr;
  /// Called on a loop's thread when it drains and its last connection has ended.
  std::function<void()> loop_drained;

  std::atomic<std::size_t> connections{0};
  /// What requests that are half-sent take, of all loops.
  std::atomic<std::uint64_t> half_sent_bytes{0};
  /// How often a request has been refused for lack of memory.
  std::atomic<std::uint64_t> memory_refusals{0};
  /// Connections that had not ended by themselves when the time was over.
  std::atomic<std::size_t> connections_cut{0};
};

}  // namespace appmem::server
