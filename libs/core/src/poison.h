#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define APPMEM_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define APPMEM_POISON 1
#endif
#endif

#ifdef APPMEM_POISON
#include <sanitizer/asan_interface.h>
#endif

namespace appmem::core {

/// Tells AddressSanitizer that nobody may touch these bytes, multiples of 8, until `unpoison`; so
/// that it finds a use after free within a region of our own. Does nothing in other builds.
inline void poison([[maybe_unused]] char* bytes, [[maybe_unused]] std::size_t count) {
#ifdef APPMEM_POISON
  __asan_poison_memory_region(bytes, count);
#endif
}

inline void unpoison([[maybe_unused]] char* bytes, [[maybe_unused]] std::size_t count) {
#ifdef APPMEM_POISON
  __asan_unpoison_memory_region(bytes, count);
#endif
}

}  // namespace appmem::core
