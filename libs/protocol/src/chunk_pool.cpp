#include "appmem/protocol/chunk_pool.h"

#include <new>

#include <sys/mman.h>

namespace appmem::protocol {

ChunkPool::~ChunkPool() {
  for (char* const chunk : small_kept_)
    delete[] chunk;
  for (char* const block : kept_)
    ::munmap(block, kBlockBytes);
  budget_.release(small_kept_.size() * kSmallBytes + kept_.size() * kBlockBytes);
}

char* ChunkPool::take_kept(std::vector<char*>& kept, std::size_t bytes) {
  char* const data = kept.back();
  kept.pop_back();
  budget_.release(bytes);
  return data;
}

bool ChunkPool::keep(std::vector<char*>& kept, char* data, std::size_t bytes) {
  if (kept.size() >= budget_.free_blocks_max(bytes)) return false;
  kept.push_back(data);
  budget_.charge(bytes);
  return true;
}

char* ChunkPool::take(std::size_t bytes) {
  if (bytes == kSmallBytes) {
    return small_kept_.empty() ? new char[kSmallBytes] : take_kept(small_kept_, kSmallBytes);
  }
  if (bytes == kBlockBytes && !kept_.empty()) return take_kept(kept_, kBlockBytes);
  void* const data =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return static_cast<char*>(data);
}

void ChunkPool::give_back(char* data, std::size_t bytes) {
  if (bytes == kSmallBytes) {
    if (!keep(small_kept_, data, kSmallBytes)) delete[] data;
  } else if (bytes != kBlockBytes || !keep(kept_, data, kBlockBytes)) {
    ::munmap(data, bytes);
  }
}

}  // namespace appmem::protocol
