// What s3fifo is for: fewer misses than an exact LRU of the same memory on real traces, and no more
// to speak of on any other.

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "support/environment.h"
#include "trace_fixture.h"

namespace appmem::core {
namespace {

class S3FifoQualityTest : public TraceTest {
 protected:
  /// In a namespace with room for a tenth of what the trace asks for: at most `ratio_max` times the
  /// misses of an exact LRU with as much.
  void compare(const Trace& trace, double ratio_max) {
    AccountedBytes accounted;
    std::map<std::string_view, std::size_t> keys;
    std::size_t all = 0;
    for (const Request& request : trace) {
      if (keys.emplace(request.key, 0).second) all += accounted.of(request);
    }
    const std::size_t capacity = all / 10;
    const std::size_t hits =
        store_hits(trace, 64_MiB, {.eviction = Eviction::kS3Fifo, .max_bytes = capacity});
    const auto misses = static_cast<double>(trace.size() - hits);
    const auto exact = static_cast<double>(trace.size() - exact_lru_hits(trace, capacity));
    const std::string outcome = std::to_string(misses / exact) +
                                " of the misses of an exact LRU, " +
                                std::to_string(exact / static_cast<double>(trace.size()));
    RecordProperty(std::to_string(capacity), outcome);
    EXPECT_LE(misses, ratio_max * exact) << outcome;
    EXPECT_LE(info().memory, capacity);
    EXPECT_GT(info().counters.evictions, 0U);
  }
};

TEST_F(S3FifoQualityTest, RealTraceOfAWebShop) {
  const Trace trace = read_trace(test::source_dir() / "tests/data/web12.csv.gz");
  ASSERT_EQ(trace.size(), 95'607U);
  compare(trace, 0.9);
}

TEST_F(S3FifoQualityTest, PopularKeys) {
  compare(zipf_trace(1, 100'000, 0.8, 150'000, 100, 100), 1.03);
  compare(zipf_trace(2, 100'000, 1.0, 150'000, 100, 100), 1.03);
  compare(zipf_trace(3, 100'000, 1.2, 150'000, 100, 100), 1.03);
}

TEST_F(S3FifoQualityTest, AScanOfOtherKeysNowAndThen) {
  Trace trace = zipf_trace(4, 50'000, 1.0, 150'000, 100, 100);
  for (std::size_t at = 0; at < trace.size(); ++at) {
    if (at % 20'000 < 4'000) trace[at].key = "scan:" + std::to_string(at);
  }
  compare(trace, 1.03);
}

TEST_F(S3FifoQualityTest, PopularKeysOfManySizes) {
  compare(zipf_trace(5, 50'000, 0.9, 150'000, 1, 2'000), 1.03);
}

}  // namespace
}  // namespace appmem::core
