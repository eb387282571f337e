#pragma once

namespace appmem {

/// Prints the broken invariant on standard error and aborts.
[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace appmem

/// Asserts an invariant, in release builds too. A failure is a bug of ours, never bad input.
#define APPMEM_CHECK(expression)                               \
  do {                                                         \
    if (!(expression)) [[unlikely]] {                          \
      ::appmem::check_failed(#expression, __FILE__, __LINE__); \
    }                                                          \
  } while (false)
