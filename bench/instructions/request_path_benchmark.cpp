#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "request_path.h"
#include "workloads.h"

/// The time of one request on its way through codec, dispatcher and store, in pipelines of
/// kPipeline. Argument: entries, of which the keys are chosen at random; with few of them all lies
/// in the processor's caches, and the difference is what the memory costs.

namespace appmem::bench {
namespace {

/// So that no pipeline comes again before the caches have forgotten it.
constexpr std::size_t kPipelines = 20'000;

void run(benchmark::State& state, const Workload& workload) {
  const auto entries = static_cast<std::size_t>(state.range(0));
  const auto path = std::make_unique<RequestPath>();
  fill(*path, entries);
  PathConnection connection(*path);
  // They are decoded in place more than once: nothing in them is changed by that.
  std::vector<Input> inputs = inputs_of(workload, entries, kPipelines);
  std::size_t next = 0;
  while (state.KeepRunning()) {
    connection.execute(inputs[next].text, inputs[next].bytes);
    next = (next + 1) % kPipelines;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kPipeline));
}

[[maybe_unused]] const bool kRegistered = [] {
  for (const Workload& workload : workloads()) {
    benchmark::RegisterBenchmark(workload.name, run, workload)->Arg(10'000)->Arg(1'000'000);
  }
  return true;
}();

}  // namespace
}  // namespace appmem::bench
