#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>

#include "appmem/base/error.h"

namespace appmem::server {

/// One asio::io_context that one thread runs: signals, listening sockets, and what is posted to it.
/// Connections have loops of their own (decision 0016). Asio is included in reactor.cpp alone.
/// Callbacks run on the thread in run(), and none after it returned. Thread safety: post and stop
/// from any thread; the rest from the thread that runs it, or before.
class Reactor {
 public:
  using Task = std::function<void()>;

  /// Errors: kInternal (no descriptors left).
  static Result<std::unique_ptr<Reactor>> create();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor();

  /// Runs callbacks until stop().
  void run();
  void stop();
  void post(Task task);
  /// Calls `task` once, after `delay`.
  void after(std::chrono::milliseconds delay, Task task);
  /// From here on the process no longer dies of `signals`: `task` is called with their number.
  void on_signals(std::initializer_list<int> signals, std::function<void(int)> task);

  /// Waits for a descriptor to be readable; borrows it.
  class Watch {
   public:
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    /// Stops waiting; the callback is not called again.
    ~Watch();
    /// Calls the callback once, as soon as the descriptor is readable. Does nothing when armed.
    void arm();

   private:
    friend class Reactor;
    struct State;
    explicit Watch(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
  };
  /// Errors: kInternal (a descriptor that cannot be waited for).
  Result<std::unique_ptr<Watch>> watch(int fd, Task ready);

 private:
  struct State;
  explicit Reactor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace appmem::server
