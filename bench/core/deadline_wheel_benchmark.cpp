#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "deadline_wheel.h"

/// What deadlines cost besides the entries that have them.

namespace appmem::core {
namespace {

constexpr TimePoint kStart{std::chrono::hours{24}};
constexpr auto kNoLimit = std::uint64_t{1} << 60U;

/// Files `state.range(0)` deadlines within an hour and reaps them all, second by second.
void BM_FileAndReap(benchmark::State& state) {
  std::mt19937_64 random(1);
  const auto entries = static_cast<Handle>(state.range(0));
  std::vector<TimePoint> deadlines(entries + 1);
  std::size_t judged = 0;
  for ([[maybe_unused]] auto _ : state) {
    MemoryBudget budget(kNoLimit);
    DeadlineWheel wheel(budget, kStart);
    for (Handle handle = 1; handle <= entries; ++handle) {
      deadlines[handle] = kStart + milliseconds{random() % 3'600'000};
      benchmark::DoNotOptimize(wheel.file(handle, deadlines[handle]));
    }
    for (TimePoint now = kStart; wheel.filings() > 0; now += std::chrono::seconds{1}) {
      judged += wheel.advance(
          now, SIZE_MAX,
          [&](Handle handle, DeadlineWheel::BucketId) {
            return deadlines[handle] <= now ? DeadlineWheel::Verdict::due()
                                            : DeadlineWheel::Verdict::later(deadlines[handle]);
          },
          [](Handle, DeadlineWheel::BucketId) {});
    }
  }
  state.SetItemsProcessed(state.iterations() * entries);
  state.counters["judged/entry"] =
      static_cast<double>(judged) / static_cast<double>(state.iterations() * entries);
}
BENCHMARK(BM_FileAndReap)->Arg(1'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace appmem::core
