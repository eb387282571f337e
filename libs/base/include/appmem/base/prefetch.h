#pragma once

#include <cstddef>

namespace appmem {

/// What the processor fetches at once.
inline constexpr std::size_t kCacheLineBytes = 64;

/// Asks the processor for the cache line at `address`, which need not be valid, and does not wait.
inline void prefetch(const void* address) {
  __builtin_prefetch(address);
  // Without a side effect g++ takes a function that does nothing else for one that does nothing,
  // and leaves out its calls.
  asm volatile("");
}

/// The same for the line behind it as well.
inline void prefetch_two_lines(const void* address) {
  prefetch(address);
  prefetch(static_cast<const char*>(address) + kCacheLineBytes);
}

}  // namespace appmem
