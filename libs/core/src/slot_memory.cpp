#include "slot_memory.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/mman.h>

#include "appmem/base/check.h"

namespace appmem::core {
namespace {

constexpr std::size_t kPageBytes = 4_KiB;
/// Addresses that a mapping reserves, in sizes of what it needs now.
constexpr std::size_t kReserveFactor = 8;
/// A mapping whose address is a multiple of this moves by whole tables of page table entries:
/// 256 MiB in 70 us instead of 800 us.
constexpr std::size_t kMoveBytes = 2_MiB;
/// What malloc keeps in front of a block, and rounds to.
constexpr std::size_t kHeapOverhead = 8;
constexpr std::size_t kHeapGranule = 16;

constexpr std::size_t round_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// What of a block that was charged with `charged_bytes` the caller may use.
constexpr std::size_t heap_usable(std::size_t charged_bytes) {
  return charged_bytes == 0 ? 0 : charged_bytes - kHeapOverhead;
}

/// Addresses for `bytes`, or null; aligned to kMoveBytes where that many are asked for.
char* map(std::size_t bytes) {
  const std::size_t slack = bytes >= kMoveBytes ? kMoveBytes : 0;
  void* const mapping = ::mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(mapping);
  const std::size_t before = slack == 0 ? 0 : (kMoveBytes - address % kMoveBytes) % kMoveBytes;
  char* const begin = static_cast<char*>(mapping) + before;
  if (before > 0) ::munmap(mapping, before);
  if (before < slack) ::munmap(begin + bytes, slack - before);
  // Huge pages would take memory beyond what is charged.
  ::madvise(begin, bytes, MADV_NOHUGEPAGE);
  return begin;
}

}  // namespace

SlotMemory::SlotMemory(SlotMemory&& other) noexcept
    : budget_(other.budget_),
      data_(std::exchange(other.data_, nullptr)),
      reserved_bytes_(std::exchange(other.reserved_bytes_, 0)),
      charged_bytes_(std::exchange(other.charged_bytes_, 0)) {
}

SlotMemory& SlotMemory::operator=(SlotMemory&& other) noexcept {
  if (this != &other) {
    release();
    budget_ = other.budget_;
    data_ = std::exchange(other.data_, nullptr);
    reserved_bytes_ = std::exchange(other.reserved_bytes_, 0);
    charged_bytes_ = std::exchange(other.charged_bytes_, 0);
  }
  return *this;
}

bool SlotMemory::take_charge(std::size_t bytes, Charge charge) {
  if (charge == Charge::kIfItFits) return budget_->try_charge(bytes);
  budget_->charge(bytes);
  return true;
}

bool SlotMemory::extend(std::size_t bytes, Charge charge) {
  if (reserved_bytes_ == 0 && bytes < kMapBytesMin) return extend_heap(bytes, charge);
  return extend_mapping(round_up(bytes, kPageBytes), charge);
}

bool SlotMemory::extend_heap(std::size_t bytes, Charge charge) {
  const std::size_t wanted = round_up(bytes + kHeapOverhead, kHeapGranule);
  if (wanted <= charged_bytes_) return true;
  const std::size_t more = wanted - charged_bytes_;
  if (!take_charge(more, charge)) return false;
  void* const moved = std::realloc(data_, wanted - kHeapOverhead);
  if (moved == nullptr) {
    budget_->release(more);
    return false;
  }
  std::memset(static_cast<char*>(moved) + heap_usable(charged_bytes_), 0,
              heap_usable(wanted) - heap_usable(charged_bytes_));
  data_ = moved;
  charged_bytes_ = wanted;
  return true;
}

bool SlotMemory::extend_mapping(std::size_t bytes, Charge charge) {
  const std::size_t more = bytes > charged_bytes_ ? bytes - charged_bytes_ : 0;
  if (!take_charge(more, charge)) return false;
  if (bytes > reserved_bytes_ && !move_to_mapping(bytes)) {
    budget_->release(more);
    return false;
  }
  charged_bytes_ += more;
  return true;
}

bool SlotMemory::move_to_mapping(std::size_t bytes) {
  std::size_t reserve = bytes * kReserveFactor;
  char* target = map(reserve);
  if (target == nullptr) {
    // Where the system is short of addresses, without any in reserve.
    reserve = bytes;
    target = map(reserve);
  }
  if (target == nullptr) return false;
  if (reserved_bytes_ == 0) {
    if (data_ != nullptr) std::memcpy(target, data_, heap_usable(charged_bytes_));
    std::free(data_);
  } else if (::mremap(data_, reserved_bytes_, reserve, MREMAP_MAYMOVE | MREMAP_FIXED, target) ==
             MAP_FAILED) {
    ::munmap(target, reserve);
    return false;
  }
  data_ = target;
  reserved_bytes_ = reserve;
  return true;
}

bool SlotMemory::cut(std::size_t bytes, std::size_t slice_bytes) {
  if (reserved_bytes_ == 0) {
    const std::size_t wanted = round_up(bytes + kHeapOverhead, kHeapGranule);
    if (wanted >= charged_bytes_) return false;
    void* const moved = std::realloc(data_, wanted - kHeapOverhead);
    if (moved == nullptr) return false;
    data_ = moved;
    budget_->release(charged_bytes_ - wanted);
    charged_bytes_ = wanted;
    return false;
  }
  const std::size_t wanted = round_up(bytes, kPageBytes);
  if (wanted < charged_bytes_) {
    const std::size_t slice = std::min(std::max(slice_bytes / kPageBytes * kPageBytes, kPageBytes),
                                       charged_bytes_ - wanted);
    const int failed =
        ::madvise(static_cast<char*>(data_) + charged_bytes_ - slice, slice, MADV_DONTNEED);
    APPMEM_CHECK(failed == 0);
    charged_bytes_ -= slice;
    budget_->release(slice);
  }
  if (wanted < charged_bytes_) return true;
  if (wanted <= kMapBytesKept) move_to_heap(bytes);
  return false;
}

void SlotMemory::move_to_heap(std::size_t bytes) {
  const std::size_t wanted = round_up(bytes + kHeapOverhead, kHeapGranule);
  void* const moved = std::malloc(wanted - kHeapOverhead);
  if (moved == nullptr) return;
  // The mapping is 0 from `bytes` on.
  std::memcpy(moved, data_, std::min(heap_usable(wanted), charged_bytes_));
  if (heap_usable(wanted) > charged_bytes_) {
    std::memset(static_cast<char*>(moved) + charged_bytes_, 0,
                heap_usable(wanted) - charged_bytes_);
  }
  ::munmap(data_, reserved_bytes_);
  data_ = moved;
  reserved_bytes_ = 0;
  budget_->charge(wanted);
  budget_->release(charged_bytes_);
  charged_bytes_ = wanted;
}

void SlotMemory::release() {
  if (reserved_bytes_ != 0) {
    ::munmap(data_, reserved_bytes_);
  } else {
    std::free(data_);
  }
  budget_->release(charged_bytes_);
  data_ = nullptr;
  reserved_bytes_ = 0;
  charged_bytes_ = 0;
}

}  // namespace appmem::core
