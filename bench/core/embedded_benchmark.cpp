#include <cstdint>
#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>

#include "appmem/base/check.h"
#include "appmem/client/client.h"
#include "appmem/core/store.h"

/// A store inside the process beside what people write for that: 1,000,000 entries, keys of 16
/// bytes in an order of no pattern, values of 32 bytes that are copied out. The end of the output
/// has the ratios of the medians of CPU time, and how much more several threads do.

namespace appmem::bench {
namespace {

constexpr std::size_t kEntries = 1'000'000;
constexpr std::size_t kValueBytes = 32;
constexpr std::uint64_t kMemory = 1_GiB;

/// Steele, Lea and Flood's SplitMix64, brought below kEntries by multiplication (Lemire).
class KeyNumbers {
 public:
  explicit KeyNumbers(int thread) : state_(static_cast<std::uint64_t>(thread) << 32U) {}
  std::size_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    z ^= z >> 31U;
    return static_cast<std::size_t>((static_cast<__uint128_t>(z) * kEntries) >> 64U);
  }

 private:
  std::uint64_t state_;
};

/// The key of a number: 16 hexadecimal digits without a pattern, made in place, so that no memory
/// but the cache's is read for it.
class Key {
 public:
  const std::string& of(std::size_t number) {
    std::uint64_t bits = (number + 1) * 0x9E3779B97F4A7C15U;
    for (std::size_t i = 0; i < kBytes; ++i, bits >>= 4U)
      text_[i] = "0123456789abcdef"[bits & 0xFU];
    return text_;
  }

 private:
  static constexpr std::size_t kBytes = 16;
  std::string text_ = std::string(kBytes, '0');
};

/// What a program has without a store: a map, a list of the order of use, one lock.
class LruMap {
 public:
  explicit LruMap(std::size_t entries_max) : entries_max_(entries_max) {}

  bool get(const std::string& key, std::string& value) {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end()) return false;
    order_.splice(order_.begin(), order_, found->second.place);
    value = found->second.value;
    return true;
  }

  void set(const std::string& key, const std::string& value) {
    const std::scoped_lock lock(mutex_);
    const auto [entry, created] = entries_.try_emplace(key);
    entry->second.value = value;
    if (!created) {
      order_.splice(order_.begin(), order_, entry->second.place);
      return;
    }
    order_.push_front(&entry->first);
    entry->second.place = order_.begin();
    if (entries_.size() <= entries_max_) return;
    entries_.erase(*order_.back());
    order_.pop_back();
  }

 private:
  using Order = std::list<const std::string*>;
  struct Entry {
    std::string value;
    Order::iterator place;
  };

  const std::size_t entries_max_;
  std::mutex mutex_;
  Order order_;  // of use, the last one first
  std::unordered_map<std::string, Entry> entries_;
};

/// The store itself; whoever calls it has read the clock, as an event loop does once a turn.
class CoreStore {
 public:
  CoreStore() : store_(options(), now_) {}

  bool get(const std::string& key, std::string& value) {
    const auto copy = [&](const core::EntryView& entry) {
      value.assign(entry.value.bytes);
    };
    const auto outcome = store_.get(core::kDefaultNamespace, key, {}, now_, copy);
    return outcome && outcome->found;
  }
  void set(const std::string& key, const std::string& value) {
    const auto outcome =
        store_.set(core::kDefaultNamespace, key, ValueView::from_bytes(value), {}, now_);
    APPMEM_CHECK(outcome.has_value());
  }
  void settle() {
    while (store_.maintain(0, 1, now_, core::WorkBudget{})) {
    }
  }

 private:
  static core::StoreOptions options() {
    core::StoreOptions options;
    options.max_memory_bytes = kMemory;
    options.threads = std::max(1U, std::thread::hardware_concurrency());
    options.seed = 7;
    return options;
  }

  const Instant now_{TimePoint{std::chrono::hours{24}},
                     WallTime{std::chrono::seconds{1'704'067'200}}};
  core::Store store_;
};

/// The store as a program embeds it: client::Client, which reads the clock and returns a value of
/// its own.
class EmbeddedClient {
 public:
  EmbeddedClient() : client_(open()) {}

  bool get(const std::string& key, std::string& value) {
    auto got = client_.get(key);
    if (!got || !*got) return false;
    value = std::move((*got)->bytes);
    return true;
  }
  void set(const std::string& key, const std::string& value) {
    APPMEM_CHECK(client_.set(key, value).has_value());
  }
  void settle() {}

 private:
  static client::Client open() {
    client::ClientOptions options;
    options.addresses = {"embedded:"};
    options.embedded_max_memory_bytes = kMemory;
    auto client = client::Client::open(options);
    APPMEM_CHECK(client.has_value());
    return *std::move(client);
  }

  client::Client client_;
};

class Map : public LruMap {
 public:
  Map() : LruMap(kEntries) {}
  void settle() {}
};

/// One filled with all keys, made when it is first asked for and kept for all benchmarks.
template <typename Cache>
Cache& filled() {
  static const std::unique_ptr<Cache> kFilled = [] {
    auto made = std::make_unique<Cache>();
    const std::string value(kValueBytes, 'v');
    Key key;
    for (std::size_t i = 0; i < kEntries; ++i)
      made->set(key.of(i), value);
    made->settle();
    return made;
  }();
  return *kFilled;
}

template <typename Cache>
void BM_GetHit(benchmark::State& state) {
  Cache& cache = filled<Cache>();
  KeyNumbers numbers(state.thread_index());
  Key key;
  std::string value;
  for ([[maybe_unused]] auto _ : state) {
    APPMEM_CHECK(cache.get(key.of(numbers.next()), value));
    benchmark::DoNotOptimize(value.data());
  }
  APPMEM_CHECK(value.size() == kValueBytes);
  state.SetItemsProcessed(state.iterations());
}

template <typename Cache>
void BM_Set(benchmark::State& state) {
  Cache& cache = filled<Cache>();
  KeyNumbers numbers(state.thread_index());
  Key key;
  const std::string value(kValueBytes, 'w');
  for ([[maybe_unused]] auto _ : state)
    cache.set(key.of(numbers.next()), value);
  state.SetItemsProcessed(state.iterations());
}

constexpr int kRepetitions = 7;

void one_thread(benchmark::internal::Benchmark* benchmark) {
  benchmark->Repetitions(kRepetitions)->ReportAggregatesOnly();
}
void more_threads(benchmark::internal::Benchmark* benchmark) {
  benchmark->Repetitions(kRepetitions)->ReportAggregatesOnly()->UseRealTime();
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  for (int threads = 1; threads < cores; threads *= 2)
    benchmark->Threads(threads);
  benchmark->Threads(cores);
}

BENCHMARK(BM_GetHit<Map>)->Apply(one_thread);
BENCHMARK(BM_GetHit<CoreStore>)->Apply(one_thread);
BENCHMARK(BM_GetHit<EmbeddedClient>)->Apply(one_thread);
BENCHMARK(BM_Set<Map>)->Apply(one_thread);
BENCHMARK(BM_Set<CoreStore>)->Apply(one_thread);
BENCHMARK(BM_Set<EmbeddedClient>)->Apply(one_thread);
BENCHMARK(BM_GetHit<CoreStore>)->Name("BM_GetHitInThreads<CoreStore>")->Apply(more_threads);
BENCHMARK(BM_GetHit<EmbeddedClient>)
    ->Name("BM_GetHitInThreads<EmbeddedClient>")
    ->Apply(more_threads);

/// Prints what everybody prints, and remembers the medians.
class MedianReporter final : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.aggregate_name != "median") continue;
      cpu_ns_[run.run_name.function_name] = run.GetAdjustedCPUTime();
      const auto rate = run.counters.find("items_per_second");
      if (rate != run.counters.end())
        rates_[run.run_name.function_name][run.threads] = rate->second.value;
    }
    ConsoleReporter::ReportRuns(runs);
  }

  void print_ratios() const {
    std::printf("\nCPU time of a call, medians of %d, and their ratio to the map's\n",
                kRepetitions);
    for (const char* const operation : {"BM_GetHit", "BM_Set"}) {
      for (const char* const cache : {"CoreStore", "EmbeddedClient"}) {
        const auto mine = cpu_ns_.find(std::string(operation) + '<' + cache + '>');
        const auto map = cpu_ns_.find(std::string(operation) + "<Map>");
        if (mine == cpu_ns_.end() || map == cpu_ns_.end()) continue;
        std::printf("%-28s %7.1f ns / %7.1f ns = %.3f\n", mine->first.c_str(), mine->second,
                    map->second, mine->second / map->second);
      }
    }
    for (const auto& [name, by_threads] : rates_) {
      for (const auto& [threads, rate] : by_threads) {
        if (threads == 1) continue;
        std::printf("%-28s %lld threads do %.2f times what one does\n", name.c_str(),
                    static_cast<long long>(threads), rate / by_threads.begin()->second);
      }
    }
  }

 private:
  std::map<std::string, double> cpu_ns_;
  std::map<std::string, std::map<std::int64_t, double>> rates_;
};

}  // namespace
}  // namespace appmem::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  appmem::bench::MedianReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  reporter.print_ratios();
}
