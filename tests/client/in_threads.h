#pragma once

#include <cstddef>
#include <thread>
#include <vector>

namespace appmem::client {

/// Runs `body(number)` in `count` threads at once, numbers from 0 on, and waits for all of them.
template <typename Body>
void in_threads(std::size_t count, Body body) {
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads)
    thread.join();
}

}  // namespace appmem::client
