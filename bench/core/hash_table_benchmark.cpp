#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "hash_table.h"

/// What the shard's index costs by itself: no entry is touched.
/// Arguments: entries, and how full the table is in percent.

namespace appmem::core {
namespace {

constexpr auto kNoLimit = std::uint64_t{1} << 60U;

std::uint32_t any_hash(std::mt19937_64& random) {
  return static_cast<std::uint32_t>(random());
}

/// As many entries as fill the table to `percent` once it has more than `entries_min`.
struct FilledTable {
  FilledTable(std::size_t entries_min, std::size_t percent) {
    while (hashes.size() < entries_min || table.stretching() ||
           hashes.size() * 100 < table.slots() * percent) {
      hashes.push_back(any_hash(random));
      table.insert(hashes.back(), static_cast<Handle>(hashes.size()));
    }
  }

  std::mt19937_64 random{1};
  MemoryBudget budget{kNoLimit};
  HashTable table{budget};
  std::vector<std::uint32_t> hashes;
};

void fullness(benchmark::internal::Benchmark* benchmark) {
  for (const int entries : {1'000, 10'000, 100'000, 1'000'000, 10'000'000}) {
    benchmark->Args({entries, 75})->Args({entries, 87});
  }
}

void BM_FindPresent(benchmark::State& state) {
  FilledTable filled(static_cast<std::size_t>(state.range(0)),
                     static_cast<std::size_t>(state.range(1)));
  std::vector<std::uint32_t> order(filled.hashes);
  std::shuffle(order.begin(), order.end(), filled.random);
  order.resize(std::min<std::size_t>(order.size(), 4'000'000));
  std::size_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(filled.table.find(order[at], [](Handle) { return true; }));
    if (++at == order.size()) at = 0;
  }
  state.counters["bytes/entry"] =
      static_cast<double>(filled.table.memory_bytes()) / static_cast<double>(filled.table.size());
}
BENCHMARK(BM_FindPresent)->Apply(fullness);

void BM_FindAbsent(benchmark::State& state) {
  FilledTable filled(static_cast<std::size_t>(state.range(0)),
                     static_cast<std::size_t>(state.range(1)));
  std::uint32_t hash = 0;
  for ([[maybe_unused]] auto _ : state) {
    hash += 0x9e37'79b1U;
    benchmark::DoNotOptimize(filled.table.find(hash, [](Handle) { return true; }));
  }
}
BENCHMARK(BM_FindAbsent)->Apply(fullness);

/// A cache at its limit: each insertion removes an entry.
void BM_InsertAndErase(benchmark::State& state) {
  FilledTable filled(static_cast<std::size_t>(state.range(0)),
                     static_cast<std::size_t>(state.range(1)));
  std::size_t at = 0;
  for ([[maybe_unused]] auto _ : state) {
    const auto handle = static_cast<Handle>(at + 1);
    filled.table.erase(filled.hashes[at], handle);
    filled.hashes[at] = any_hash(filled.random);
    filled.table.insert(filled.hashes[at], handle);
    if (++at == filled.hashes.size()) at = 0;
  }
}
BENCHMARK(BM_InsertAndErase)->Apply(fullness);

/// From nothing, with every stretch that this takes; and the longest that one insertion took.
void BM_Fill(benchmark::State& state) {
  std::mt19937_64 random(1);
  const auto entries = static_cast<Handle>(state.range(0));
  std::chrono::nanoseconds longest{0};
  std::size_t most_slots = 0;
  for ([[maybe_unused]] auto _ : state) {
    MemoryBudget budget(kNoLimit);
    HashTable table(budget);
    for (Handle handle = 1; handle <= entries; ++handle) {
      const auto before = std::chrono::steady_clock::now();
      table.insert(any_hash(random), handle);
      longest =
          std::max<std::chrono::nanoseconds>(longest, std::chrono::steady_clock::now() - before);
      most_slots = std::max(most_slots, table.last_work());
    }
  }
  state.SetItemsProcessed(state.iterations() * entries);
  state.counters["longest_us"] = static_cast<double>(longest.count()) / 1000;
  state.counters["most_slots"] = static_cast<double>(most_slots);
}
BENCHMARK(BM_Fill)->Arg(1'000)->Arg(100'000)->Arg(10'000'000)->Unit(benchmark::kMillisecond);

/// The window of 2,048 slots that eviction looks at.
void BM_Walk(benchmark::State& state) {
  FilledTable filled(static_cast<std::size_t>(state.range(0)), 80);
  std::uint32_t from = 0;
  for ([[maybe_unused]] auto _ : state) {
    std::uint32_t sum = 0;
    from = filled.table
               .walk(from, 2048,
                     [&](std::uint32_t, Handle handle) {
                       sum += handle;
                       return true;
                     })
               .next;
    benchmark::DoNotOptimize(sum);
  }
}
BENCHMARK(BM_Walk)->Arg(10'000)->Arg(10'000'000);

}  // namespace
}  // namespace appmem::core
