#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace appmem::server {

/// One thread that does what would hold up a loop: it decodes large requests and gives large memory
/// back. Thread safety: all.
class Worker {
 public:
  using Task = std::function<void()>;

  Worker() : thread_([this] { run(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Ends after the task it is at; those that wait are dropped.
  ~Worker();

  void submit(Task task);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;  // guarded by mutex_
  bool stop_ = false;       // guarded by mutex_
  std::thread thread_;      // last: it uses the others
};

}  // namespace appmem::server
