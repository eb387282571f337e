#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "appmem/core/store.h"

/// What an atomic step of many writes costs in a store that is full, where every write evicts, and
/// compacts, under the hands of the step. Argument: writes in one step. The time of one write
/// should be the same whatever that is.

namespace appmem::core {
namespace {

constexpr std::uint64_t kMemoryBytes = 256_MiB;
const Instant kNow{TimePoint{milliseconds{1'000'000}}, WallTime{milliseconds{1'700'000'000'000}}};

/// A size between 16 bytes and 2 KiB, so that spans of many classes are partly free.
std::string_view value_of(std::uint64_t number) {
  static const std::string kBytes(2'048, 'v');
  return std::string_view(kBytes).substr(0, 16 + (number * 2'654'435'761U >> 7U) % 2'032);
}

struct FullStore {
  FullStore() : store({.max_memory_bytes = kMemoryBytes, .shards = 1, .seed = 1}, kNow) {
    while (full_for < 100'000) {
      write(store);
      if (store.memory().used() + 1_MiB > kMemoryBytes) ++full_for;
    }
  }
  std::string next_key() { return "key:" + std::to_string(next++); }
  void write(Keyspace& keys) { write(keys, next_key()); }
  void write(Keyspace& keys, std::string_view key) {
    const auto value = ValueView::from_bytes(value_of(values++));
    if (!keys.set(kDefaultNamespace, key, value, {}, kNow)) std::abort();
  }

  Store store;
  std::uint64_t next = 0;
  std::uint64_t values = 0;
  std::size_t full_for = 0;
};

void BM_WritesOneByOne(benchmark::State& state) {
  FullStore full;
  for ([[maybe_unused]] auto _ : state)
    full.write(full.store);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_WritesOneByOne);

/// Writes `state.range(0)` keys in one step; the newest, or new ones.
void one_step(benchmark::State& state, bool new_keys) {
  FullStore full;
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<std::string> names(count);
  std::vector<KeyRef> keys(count);
  const auto name_keys = [&] {
    for (std::size_t i = 0; i < count; ++i) {
      names[i] = full.next_key();
      keys[i] = {kDefaultNamespace, names[i]};
    }
  };
  const auto step = [&] {
    const auto done = full.store.atomically(keys, kNow, [&](Batch& batch) -> Result<void> {
      for (const std::string& name : names)
        full.write(batch, name);
      return {};
    });
    if (!done) state.SkipWithError("refused");
  };
  name_keys();
  step();
  for ([[maybe_unused]] auto _ : state) {
    if (new_keys) {
      state.PauseTiming();
      name_keys();
      state.ResumeTiming();
    }
    step();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_NewKeysInOneStep(benchmark::State& state) {
  one_step(state, true);
}
void BM_OverwritesInOneStep(benchmark::State& state) {
  one_step(state, false);
}
void counts(benchmark::internal::Benchmark* benchmark) {
  for (const int count : {100, 1'000, 10'000, 100'000})
    benchmark->Arg(count);
  benchmark->Unit(benchmark::kMillisecond);
}
BENCHMARK(BM_NewKeysInOneStep)->Apply(counts);
BENCHMARK(BM_OverwritesInOneStep)->Apply(counts);

}  // namespace
}  // namespace appmem::core
