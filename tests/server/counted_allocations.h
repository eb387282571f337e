#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <malloc.h>

/// Replaces the global operator new by one that counts, for a test program of one source.
namespace appmem::server::test {

/// Bytes that are allocated and not yet freed, with malloc's own header for each block.
inline std::atomic<std::size_t> live_bytes{0};
inline constexpr std::size_t kMallocHeaderBytes = 16;
/// How often something was allocated.
inline std::atomic<std::size_t> allocations{0};

inline void* allocate_counted(std::size_t bytes, std::size_t alignment) noexcept {
  void* const block =
      alignment <= alignof(std::max_align_t)
          ? std::malloc(bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) & ~(alignment - 1));
  ++allocations;
  if (block != nullptr) live_bytes += ::malloc_usable_size(block) + kMallocHeaderBytes;
  return block;
}

inline void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  void* const block = allocate_counted(bytes, alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

inline void free_counted(void* block) noexcept {
  if (block == nullptr) return;
  live_bytes -= ::malloc_usable_size(block) + kMallocHeaderBytes;
  std::free(block);
}

}  // namespace appmem::server::test

// NOLINTBEGIN(misc-definitions-in-headers): for one source, as said above
void* operator new(std::size_t bytes) {
  return appmem::server::test::allocate_or_throw(bytes, 1);
}
void* operator new[](std::size_t bytes) {
  return appmem::server::test::allocate_or_throw(bytes, 1);
}
void* operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return appmem::server::test::allocate_counted(bytes, 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  return appmem::server::test::allocate_counted(bytes, 1);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return appmem::server::test::allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return appmem::server::test::allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept {
  appmem::server::test::free_counted(block);
}
void operator delete[](void* block) noexcept {
  appmem::server::test::free_counted(block);
}
void operator delete(void* block, std::size_t /*bytes*/) noexcept {
  appmem::server::test::free_counted(block);
}
void operator delete[](void* block, std::size_t /*bytes*/) noexcept {
  appmem::server::test::free_counted(block);
}
void operator delete(void* block, std::align_val_t /*alignment*/) noexcept {
  appmem::server::test::free_counted(block);
}
void operator delete[](void* block, std::align_val_t /*alignment*/) noexcept {
  appmem::server::test::free_counted(block);
}
void operator delete(void* block, std::size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
  appmem::server::test::free_counted(block);
}
void operator delete[](void* block, std::size_t /*bytes*/,
                       std::align_val_t /*alignment*/) noexcept {
  appmem::server::test::free_counted(block);
}
// NOLINTEND(misc-definitions-in-headers)
