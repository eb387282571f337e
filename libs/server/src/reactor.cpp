#include "reactor.h"

#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>

namespace appmem::server {
namespace {

struct Signals {
  Signals(asio::io_context& context, std::function<void(int)> callback)
      : set(context), task(std::move(callback)) {}

  asio::signal_set set;
  std::function<void(int)> task;

  void wait() {
    set.async_wait([this](const asio::error_code& error, int signal) {
      if (error) return;
      wait();
      task(signal);
    });
  }
};

}  // namespace

struct Reactor::State {
  asio::io_context context{1};  // one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::vector<std::unique_ptr<Signals>> signals;
};

Reactor::Reactor(std::unique_ptr<State> state) : state_(std::move(state)) {
}
Reactor::~Reactor() = default;

Result<std::unique_ptr<Reactor>> Reactor::create() {
  try {
    return std::unique_ptr<Reactor>(new Reactor(std::make_unique<State>()));
  } catch (const std::system_error& error) {
    return fail(ErrorCode::kInternal, std::string("cannot create an event loop: ") + error.what());
  }
}

void Reactor::run() {
  state_->context.run();
}

void Reactor::stop() {
  state_->context.stop();
}

void Reactor::post(Task task) {
  asio::post(state_->context, std::move(task));
}

void Reactor::after(std::chrono::milliseconds delay, Task task) {
  auto timer = std::make_shared<asio::steady_timer>(state_->context, delay);
  timer->async_wait([timer, task = std::move(task)](const asio::error_code& error) {
    if (!error) task();
  });
}

void Reactor::on_signals(std::initializer_list<int> signals, std::function<void(int)> task) {
  state_->signals.push_back(std::make_unique<Signals>(state_->context, std::move(task)));
  for (const int signal : signals)
    state_->signals.back()->set.add(signal);
  state_->signals.back()->wait();
}

/// Shared with the wait that is on its way, which may outlive the watch.
struct Reactor::Watch::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, int fd, Task callback)
      : descriptor(context, fd), ready(std::move(callback)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { descriptor.release(); }

  asio::posix::stream_descriptor descriptor;
  Task ready;
  bool armed = false;
  bool closed = false;
};

Reactor::Watch::Watch(std::shared_ptr<State> state) : state_(std::move(state)) {
}

Reactor::Watch::~Watch() {
  state_->closed = true;
  state_->descriptor.release();  // the descriptor is the owner's
}

void Reactor::Watch::arm() {
  if (state_->armed) return;
  state_->armed = true;
  state_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                [state = state_](const asio::error_code& error) {
                                  state->armed = false;
                                  if (!error && !state->closed) state->ready();
                                });
}

Result<std::unique_ptr<Reactor::Watch>> Reactor::watch(int fd, Task ready) {
  try {
    return std::unique_ptr<Watch>(
        new Watch(std::make_shared<Watch::State>(state_->context, fd, std::move(ready))));
  } catch (const std::system_error& error) {
    return fail(ErrorCode::kInternal, std::string("cannot wait for a descriptor: ") + error.what());
  }
}

}  // namespace appmem::server
