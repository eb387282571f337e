// What a block costs: in a full arena with random victims, as a cache at its limit does it.

#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "appmem/base/memory_budget.h"
#include "arena.h"

namespace appmem::core {
namespace {

/// Cheap enough not to be what is measured (Marsaglia's xorshift).
class Sequence {
 public:
  std::uint64_t below(std::uint64_t bound) {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return ((state_ >> 32U) * bound) >> 32U;
  }

 private:
  std::uint64_t state_ = 0x9e3779b97f4a7c15ULL;
};

std::vector<Handle> fill(Arena& arena, std::size_t count, std::size_t bytes_min,
                         std::size_t bytes_max, Sequence& sequence) {
  std::vector<Handle> blocks(count);
  for (Handle& block : blocks) {
    block = arena.try_allocate(bytes_min + sequence.below(bytes_max - bytes_min + 1));
  }
  return blocks;
}

/// One block is freed and one of the same size is taken; range(0) blocks of 64 bytes are live.
void BM_FreeAndAllocateOneSize(benchmark::State& state) {
  MemoryBudget budget(8_GiB);
  Arena arena(budget, Arena::region_bytes_for(1_GiB));
  Sequence sequence;
  std::vector<Handle> blocks =
      fill(arena, static_cast<std::size_t>(state.range(0)), 64, 64, sequence);
  for ([[maybe_unused]] auto _ : state) {
    Handle& block = blocks[sequence.below(blocks.size())];
    arena.free(block);
    block = arena.try_allocate(64);
  }
}
BENCHMARK(BM_FreeAndAllocateOneSize)->Arg(1000)->Arg(100'000)->Arg(4'000'000);

/// The same with sizes from 32 to range(1) bytes.
void BM_FreeAndAllocateMixedSizes(benchmark::State& state) {
  const auto bytes_max = static_cast<std::uint64_t>(state.range(1));
  MemoryBudget budget(8_GiB);
  Arena arena(budget, Arena::region_bytes_for(1_GiB));
  Sequence sequence;
  std::vector<Handle> blocks =
      fill(arena, static_cast<std::size_t>(state.range(0)), 32, bytes_max, sequence);
  for ([[maybe_unused]] auto _ : state) {
    Handle& block = blocks[sequence.below(blocks.size())];
    arena.free(block);
    block = arena.try_allocate(32 + sequence.below(bytes_max - 31));
  }
  state.counters["live_share"] =
      static_cast<double>(arena.live_bytes()) / static_cast<double>(arena.committed_bytes());
}
BENCHMARK(BM_FreeAndAllocateMixedSizes)
    ->Args({100'000, 512})
    ->Args({1'000'000, 512})
    ->Args({100'000, 4096});

/// The bare path, without cache misses: the same few blocks.
void BM_AllocateThenFree(benchmark::State& state) {
  MemoryBudget budget(8_GiB);
  Arena arena(budget, Arena::region_bytes_for(1_GiB));
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const Handle keeps_the_span = arena.try_allocate(bytes);
  benchmark::DoNotOptimize(keeps_the_span);
  for ([[maybe_unused]] auto _ : state)
    arena.free(arena.try_allocate(bytes));
}
BENCHMARK(BM_AllocateThenFree)->Arg(64)->Arg(1000)->Arg(8000)->Arg(100'000);

void BM_IsLiveBlock(benchmark::State& state) {
  MemoryBudget budget(8_GiB);
  Arena arena(budget, Arena::region_bytes_for(1_GiB));
  Sequence sequence;
  const std::vector<Handle> blocks = fill(arena, 100'000, 32, 512, sequence);
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(arena.is_live_block(blocks[sequence.below(blocks.size())]));
  }
}
BENCHMARK(BM_IsLiveBlock);

/// A span of half-empty blocks moved into others; an iteration is one span.
void BM_CompactOneSpan(benchmark::State& state) {
  MemoryBudget budget(8_GiB);
  Arena arena(budget, Arena::region_bytes_for(1_GiB));
  Sequence sequence;
  const auto bytes = static_cast<std::size_t>(state.range(0));
  std::uint64_t moves = 0;
  const auto refill = [&] {
    std::vector<Handle> blocks = fill(arena, 200'000, bytes, bytes, sequence);
    for (std::size_t i = 0; i < blocks.size(); i += 2)
      arena.free(blocks[i]);
  };
  refill();
  for ([[maybe_unused]] auto _ : state) {
    if (!arena.compact_one_span([&moves](Handle, Handle) { ++moves; })) {
      state.PauseTiming();
      refill();
      state.ResumeTiming();
    }
  }
  state.counters["moves"] =
      benchmark::Counter(static_cast<double>(moves), benchmark::Counter::kAvgIterations);
}
BENCHMARK(BM_CompactOneSpan)->Arg(24)->Arg(64)->Arg(512)->Iterations(2000);

}  // namespace
}  // namespace appmem::core
