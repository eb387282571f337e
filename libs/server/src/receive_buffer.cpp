#include "receive_buffer.h"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>

#include "appmem/protocol/codec.h"

namespace appmem::server {
namespace {

constexpr std::size_t kBlockMemoryBytes = kReceiveBlockBytes + protocol::kInputPadding;
// Less room than this is not worth a call of the system.
constexpr std::size_t kRoomBytesMin = kReceiveBlockBytes / 4;
// Unmapping this much is quick enough to be done at once.
constexpr std::size_t kUnmapAtOnceBytesMax = 1_MiB;

std::unique_ptr<char[]> allocate(std::size_t bytes) {
  return std::unique_ptr<char[]>(new char[bytes]);
}

}  // namespace

BufferPool::~BufferPool() {
  memory_.release(free_.size() * kBlockMemoryBytes);
}

std::unique_ptr<char[]> BufferPool::take() {
  if (free_.empty()) {
    memory_.charge(kBlockMemoryBytes);
    return allocate(kBlockMemoryBytes);
  }
  std::unique_ptr<char[]> block = std::move(free_.back());
  free_.pop_back();
  return block;
}

void BufferPool::give_back(std::unique_ptr<char[]> block) {
  if (free_.size() < memory_.free_blocks_max(kReceiveBlockBytes)) {
    free_.push_back(std::move(block));
  } else {
    memory_.release(kBlockMemoryBytes);
  }
}

LargeMapping LargeMapping::of(std::size_t bytes) {
  LargeMapping mapping;
  void* const data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data != MAP_FAILED) {
    mapping.data_ = static_cast<char*>(data);
    mapping.bytes_ = bytes;
  }
  return mapping;
}

LargeMapping& LargeMapping::operator=(LargeMapping&& other) noexcept {
  unmap();
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

bool LargeMapping::try_grow(std::size_t bytes) {
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer does not know of mremap, and takes whoever gets the old addresses for a racer.
  LargeMapping larger = of(bytes);
  if (!larger) return false;
  std::memcpy(larger.data_, data_, bytes_);
  *this = std::move(larger);
#else
  void* const data = ::mremap(data_, bytes_, bytes, MREMAP_MAYMOVE);
  if (data == MAP_FAILED) return false;
  data_ = static_cast<char*>(data);
  bytes_ = bytes;
#endif
  return true;
}

void LargeMapping::unmap() {
  if (data_ != nullptr) ::munmap(std::exchange(data_, nullptr), std::exchange(bytes_, 0));
}

void ReceiveBuffer::charge(std::size_t bytes) {
  if (bytes > charged_) {
    memory_.charge(bytes - charged_);
  } else {
    memory_.release(charged_ - bytes);
  }
  charged_ = bytes;
}

void ReceiveBuffer::move_to_front() {
  if (begin_ == 0) return;
  std::memmove(data_, data_ + begin_, size());
  end_ -= begin_;
  begin_ = 0;
}

/// Leaves begin_ and end_ alone.
void ReceiveBuffer::drop_storage() {
  if (kind_ == Kind::kBlock) {
    // The pool answers for the charge from here on.
    pool_.give_back(std::move(owned_));
    charged_ = 0;
  } else {
    charge(0);
    if (kind_ == Kind::kLarge && large_.bytes() > kUnmapAtOnceBytesMax) {
      retired_ = std::move(large_);
    }
  }
  owned_.reset();
  large_ = LargeMapping{};
  kind_ = Kind::kNone;
  data_ = nullptr;
  capacity_ = 0;
}

/// Moves what is held into a block.
void ReceiveBuffer::take_block() {
  std::unique_ptr<char[]> block = pool_.take();
  const std::size_t held = size();
  if (held != 0) std::memcpy(block.get(), data_ + begin_, held);
  drop_storage();
  owned_ = std::move(block);
  kind_ = Kind::kBlock;
  data_ = owned_.get();
  capacity_ = kReceiveBlockBytes;
  charged_ = kBlockMemoryBytes;
  begin_ = 0;
  end_ = held;
}

void ReceiveBuffer::grow() {
  const std::size_t capacity = std::min(capacity_ * 2, bytes_max_ + kReadBytesPerTurnMax);
  if (capacity <= capacity_) return;
  const std::size_t mapped = capacity + protocol::kInputPadding;
  if (kind_ == Kind::kLarge) {
    if (!large_.try_grow(mapped)) return;
  } else {
    LargeMapping mapping = LargeMapping::of(mapped);
    if (!mapping) return;
    std::memcpy(mapping.data(), data_ + begin_, size());
    end_ = size();
    begin_ = 0;
    drop_storage();
    large_ = std::move(mapping);
    kind_ = Kind::kLarge;
  }
  data_ = large_.data();
  capacity_ = capacity;
  charge(mapped);
}

std::span<char> ReceiveBuffer::prepare() {
  if (kind_ == Kind::kNone || kind_ == Kind::kTail) take_block();
  if (empty()) begin_ = end_ = 0;
  if (capacity_ - end_ < kRoomBytesMin) {
    if (size() <= capacity_ / 2) {
      move_to_front();
    } else {
      grow();
    }
  }
  return {data_ + end_, capacity_ - end_};
}

void ReceiveBuffer::settle() {
  const std::size_t held = size();
  if (held == 0) {
    begin_ = end_ = 0;
    drop_storage();
  } else if (held <= kReceiveTailBytesMax && kind_ > Kind::kTail) {
    const std::size_t bytes = held + protocol::kInputPadding;
    std::unique_ptr<char[]> tail = allocate(bytes);
    std::memcpy(tail.get(), data_ + begin_, held);
    drop_storage();
    owned_ = std::move(tail);
    kind_ = Kind::kTail;
    data_ = owned_.get();
    capacity_ = held;
    begin_ = 0;
    end_ = held;
    charge(bytes);
  } else if (held <= kReceiveBlockBytes / 2 && kind_ == Kind::kLarge) {
    take_block();
  }
}

void ReceiveBuffer::release() {
  begin_ = end_ = 0;
  drop_storage();
}

}  // namespace appmem::server
