#include "appmem/base/shared_bytes.h"

#include <algorithm>
#include <cstdint>
#include <mutex>

#include <sys/mman.h>

#include "appmem/base/check.h"
#include "appmem/base/units.h"

namespace appmem {
namespace {

constexpr std::size_t kPageBytes = 4_KiB;
/// Memory goes back to the system in pieces of this size, each some 50 us of the kernel's time.
constexpr std::size_t kReclaimSliceBytes = 256_KiB;
/// Far above any value, and far from overflow when rounded up to pages.
constexpr std::size_t kBlobBytesMax = std::size_t{1} << 46U;

}  // namespace

/// Header of a large value, on the heap; its bytes are a mapping of their own, so that they are
/// aligned for a receive in place and can be given back piece by piece.
struct SharedBytes::Blob {
  std::atomic<std::uint32_t> references{1};
  BlobPool::State* pool = nullptr;
  char* bytes = nullptr;
  std::size_t size = 0;
  std::size_t mapped_bytes = 0;
  /// What of the mapping still has memory, from its start on. Only the dying lose any.
  std::size_t charged_bytes = 0;
  Blob* next_dead = nullptr;
};

struct BlobPool::State {
  using Blob = SharedBytes::Blob;

  explicit State(MemoryBudget& the_budget) : budget(the_budget) {}

  /// Called by whoever drops the last reference, from any thread: never waits.
  void bury(Blob* blob) {
    blob->next_dead = dead.load(std::memory_order_relaxed);
    while (!dead.compare_exchange_weak(blob->next_dead, blob, std::memory_order_release,
                                       std::memory_order_relaxed)) {
    }
  }

  /// The next blob to take apart. Needs `reclaiming`.
  Blob* next_dying() {
    // Taken as a whole, so that no blob can come back to the list while it is being read.
    if (dying == nullptr) dying = dead.exchange(nullptr, std::memory_order_acquire);
    return dying;
  }

  /// Gives the last slice of `blob` back. Needs `reclaiming`.
  std::size_t give_back_slice(Blob& blob) {
    const std::size_t slice = std::min(blob.charged_bytes, kReclaimSliceBytes);
    blob.charged_bytes -= slice;
    // Should the kernel refuse (locked memory), the memory goes back with the mapping.
    static_cast<void>(madvise(blob.bytes + blob.charged_bytes, slice, MADV_DONTNEED));
    if (blob.charged_bytes == 0) {
      APPMEM_CHECK(munmap(blob.bytes, blob.mapped_bytes) == 0);
    }
    budget.release(slice);
    return slice;
  }

  MemoryBudget& budget;
  std::atomic<std::size_t> alive{0};
  std::atomic<Blob*> dead{nullptr};
  std::mutex reclaiming;
  Blob* dying = nullptr;  // under `reclaiming`
};

SharedBytes::SharedBytes(const SharedBytes& other) : blob_(other.blob_) {
  if (blob_ != nullptr) blob_->references.fetch_add(1, std::memory_order_relaxed);
}

SharedBytes::~SharedBytes() {
  if (blob_ == nullptr) return;
  if (blob_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) blob_->pool->bury(blob_);
}

std::string_view SharedBytes::view() const {
  return blob_ == nullptr ? std::string_view{} : std::string_view{blob_->bytes, blob_->size};
}

std::span<char> SharedBytes::writable() {
  return blob_ == nullptr ? std::span<char>{} : std::span<char>{blob_->bytes, blob_->size};
}

std::size_t SharedBytes::memory_bytes() const {
  return blob_ == nullptr ? 0 : blob_->mapped_bytes;
}

std::size_t SharedBytes::memory_bytes_for(std::size_t bytes) {
  return std::max<std::size_t>(bytes + kPageBytes - 1, kPageBytes) / kPageBytes * kPageBytes;
}

bool SharedBytes::sole() const {
  // Acquires what those who let go of it have read.
  return blob_ != nullptr && blob_->references.load(std::memory_order_acquire) == 1;
}

bool SharedBytes::try_grow(std::size_t bytes) {
  APPMEM_CHECK(blob_ != nullptr && bytes >= blob_->size);
  if (!sole() || bytes > kBlobBytesMax) return false;
  const std::size_t mapped_bytes = memory_bytes_for(bytes);
  if (mapped_bytes > blob_->mapped_bytes) {
    const std::size_t more = mapped_bytes - blob_->mapped_bytes;
    MemoryBudget& budget = blob_->pool->budget;
    if (!budget.try_charge(more)) return false;
    // Moves page tables at the most, never bytes; new pages are zeros, as the end of the last one
    // is.
    void* const memory = mremap(blob_->bytes, blob_->mapped_bytes, mapped_bytes, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) {
      budget.release(more);
      return false;
    }
    blob_->bytes = static_cast<char*>(memory);
    blob_->mapped_bytes = mapped_bytes;
    blob_->charged_bytes = mapped_bytes;
  }
  blob_->size = bytes;
  return true;
}

BlobPool::BlobPool(MemoryBudget& budget) : state_(std::make_unique<State>(budget)) {
}

BlobPool::~BlobPool() {
  while (reclaim(kBlobBytesMax)) {
  }
  APPMEM_CHECK(state_->alive.load() == 0);
}

SharedBytes BlobPool::try_allocate(std::size_t bytes) {
  if (bytes > kBlobBytesMax) return {};
  const std::size_t mapped_bytes = SharedBytes::memory_bytes_for(bytes);
  if (!state_->budget.try_charge(mapped_bytes)) {
    // Work in proportion to what is asked for, and which its caller will spend again on filling it.
    reclaim(mapped_bytes);
    if (!state_->budget.try_charge(mapped_bytes)) return {};
  }
  void* const memory = mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    state_->budget.release(mapped_bytes);
    return {};
  }
  // A slice of a huge page would stay with the process.
  static_cast<void>(madvise(memory, mapped_bytes, MADV_NOHUGEPAGE));
  auto* const blob = new SharedBytes::Blob;
  blob->pool = state_.get();
  blob->bytes = static_cast<char*>(memory);
  blob->size = bytes;
  blob->mapped_bytes = mapped_bytes;
  blob->charged_bytes = mapped_bytes;
  state_->alive.fetch_add(1, std::memory_order_relaxed);
  return SharedBytes(blob);
}

bool BlobPool::reclaim(std::size_t bytes_max) {
  std::size_t done_bytes = 0;
  for (;;) {
    // Taken anew for each slice: whoever else needs memory waits for one at most.
    const std::lock_guard lock(state_->reclaiming);
    SharedBytes::Blob* const blob = state_->next_dying();
    if (blob == nullptr) return false;
    if (done_bytes != 0 && done_bytes >= bytes_max) return true;
    done_bytes += state_->give_back_slice(*blob);
    if (blob->charged_bytes == 0) {
      state_->dying = blob->next_dead;
      delete blob;
      state_->alive.fetch_sub(1, std::memory_order_relaxed);
    }
  }
}

}  // namespace appmem
