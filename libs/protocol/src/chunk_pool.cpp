#include "appmem/protocol/chunk_pool.h"

#include <new>

#include <sys/mman.h>

namespace appmem::protocol {

ChunkPool::~ChunkPool() {
  for (char* const block : kept_)
    ::munmap(block, kBlockBytes);
  budget_.release(kept_.size() * kBlockBytes);
}

char* ChunkPool::take(std::size_t bytes) {
  if (bytes == kBlockBytes && !kept_.empty()) {
    char* const block = kept_.back();
    kept_.pop_back();
    budget_.release(kBlockBytes);
    return block;
  }
  void* const data =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return static_cast<char*>(data);
}

void ChunkPool::give_back(char* data, std::size_t bytes) {
  if (bytes == kBlockBytes && kept_.size() < budget_.free_blocks_max(kBlockBytes)) {
    kept_.push_back(data);
    budget_.charge(kBlockBytes);
  } else {
    ::munmap(data, bytes);
  }
}

}  // namespace appmem::protocol
