#pragma once

#include <cstddef>
#include <vector>

#include "appmem/base/memory_budget.h"
#include "appmem/base/units.h"

namespace appmem::protocol {

/// Memory for chunks of the output buffers of one thread, in two sizes. The larger ones are pages
/// of their own rather than the heap's, so that what a connection gives back goes back to the
/// system, whatever has been allocated around it meanwhile; the small ones, of which nearly every
/// answer takes one, spare the heap's work. As many of each as the budget allows (free_blocks_max)
/// are kept for the next answers, the last one given back being the next one taken. Only those that
/// are kept are charged to the budget: whoever has taken one answers for it. Thread safety: none.
class ChunkPool {
 public:
  static constexpr std::size_t kSmallBytes = 4_KiB;
  static constexpr std::size_t kBlockBytes = 64_KiB;

  /// `budget` is borrowed.
  explicit ChunkPool(MemoryBudget& budget) : budget_(budget) {}
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;
  ~ChunkPool();

  /// What `bytes` are rounded up to: whole blocks.
  static constexpr std::size_t rounded(std::size_t bytes) {
    return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  }
  /// `bytes`: kSmallBytes, or whole blocks. Throws std::bad_alloc when the system has no more.
  char* take(std::size_t bytes);
  void give_back(char* data, std::size_t bytes);

  [[nodiscard]] std::size_t small_kept() const { return small_kept_.size(); }
  [[nodiscard]] std::size_t blocks_kept() const { return kept_.size(); }

 private:
  char* take_kept(std::vector<char*>& kept, std::size_t bytes);
  /// False when there are enough.
  bool keep(std::vector<char*>& kept, char* data, std::size_t bytes);

  MemoryBudget& budget_;
  std::vector<char*> small_kept_;
  std::vector<char*> kept_;
};

}  // namespace appmem::protocol
