// Executes fixed workloads under callgrind, which counts the instructions of each apart:
// scripts/check-instructions runs it. Prints nothing to standard output but a line for each
// workload, `NAME REQUESTS`, in the order of callgrind's dumps.

#include <cstdio>
#include <cstdlib>
#include <vector>

#include <valgrind/callgrind.h>

#include "appmem/base/check.h"
#include "request_path.h"
#include "workloads.h"

namespace appmem::bench {
namespace {

constexpr std::size_t kEntries = 100'000;
constexpr std::size_t kPipelines = 1'000;
/// Pipelines before the counting begins: a connection's buffers have their size then.
constexpr std::size_t kWarmUp = 20;

void measure(RequestPath& path, const Workload& workload) {
  PathConnection connection(path);
  for (Input& input : inputs_of(workload, kEntries, kWarmUp)) {
    connection.keep_answers(true);
    connection.execute(input.text, input.bytes);
    APPMEM_CHECK(connection.last_answers().starts_with(workload.answer));
  }
  connection.keep_answers(false);
  std::vector<Input> inputs = inputs_of(workload, kEntries, kPipelines);
  CALLGRIND_TOGGLE_COLLECT;
  for (Input& input : inputs)
    connection.execute(input.text, input.bytes);
  CALLGRIND_TOGGLE_COLLECT;
  CALLGRIND_DUMP_STATS_AT(workload.name);
  std::printf("%s %zu\n", workload.name, kPipelines * kPipeline);
}

}  // namespace
}  // namespace appmem::bench

int main() {
  appmem::bench::RequestPath path;
  appmem::bench::fill(path, appmem::bench::kEntries);
  CALLGRIND_START_INSTRUMENTATION;  // what came before need not be slow
  for (const auto& workload : appmem::bench::workloads())
    appmem::bench::measure(path, workload);
  return EXIT_SUCCESS;
}
