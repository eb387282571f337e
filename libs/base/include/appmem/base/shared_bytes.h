#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "appmem/base/memory_budget.h"

namespace appmem {

class BlobPool;

/// A large value: contiguous bytes, counted by reference, immutable while shared. A session holds
/// one while it sends it, after the store has let go of it. Copying costs one atomic increment.
/// Thread safety: as std::shared_ptr's.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(const SharedBytes& other);
  SharedBytes(SharedBytes&& other) noexcept : blob_(std::exchange(other.blob_, nullptr)) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(blob_, other.blob_);
    return *this;
  }
  ~SharedBytes();

  [[nodiscard]] std::string_view view() const;
  /// For whoever fills it before it is shared: a receive in place.
  [[nodiscard]] std::span<char> writable();
  explicit operator bool() const { return blob_ != nullptr; }
  /// Makes it `bytes` long without copying it: what is added is zeros. False, and nothing has
  /// changed, when others share it or neither the budget nor the system has room. Preconditions: it
  /// is not empty-handed, and no shorter than it was; nobody uses a view of it.
  [[nodiscard]] bool try_grow(std::size_t bytes);
  /// Whether nobody else holds it; so it stays while nobody can copy this object.
  [[nodiscard]] bool sole() const;
  /// What it takes from the memory budget, in bytes; and what one of `bytes` bytes would.
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] static std::size_t memory_bytes_for(std::size_t bytes);

 private:
  friend class BlobPool;
  struct Blob;
  explicit SharedBytes(Blob* blob) : blob_(blob) {}
  Blob* blob_ = nullptr;
};

/// Makes large values and takes their memory back in slices, so that nobody waits for the kernel
/// to unmap 512 MiB. Must outlive all its SharedBytes. Thread safety: all.
class BlobPool {
 public:
  explicit BlobPool(MemoryBudget& budget);
  BlobPool(const BlobPool&) = delete;
  BlobPool& operator=(const BlobPool&) = delete;
  ~BlobPool();

  /// A blob of `bytes` uninitialised bytes, charged to the budget; an empty one when the budget has
  /// no room, so that the caller can evict and try again.
  [[nodiscard]] SharedBytes try_allocate(std::size_t bytes);

  /// Gives memory of dead blobs back to the system, at most about `bytes_max` of it.
  /// Returns true while there is more to do.
  bool reclaim(std::size_t bytes_max);

 private:
  friend class SharedBytes;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace appmem
