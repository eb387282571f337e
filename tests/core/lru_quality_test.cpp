#include <cstdint>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "support/environment.h"
#include "trace_fixture.h"

namespace appmem::core {
namespace {

constexpr double kPointsMax = 1;

class LruQualityTest : public TraceTest {
 protected:
  /// What an exact LRU of the same memory is charged for: everything, or only what the store's live
  /// blocks and tables have taken in the end, so that its choice of victims alone is compared. In a
  /// small store with many sizes, half-empty pages of each size class take a notable share.
  enum class Charged { kAll, kLive };

  /// At most one percentage point of hits fewer than an exact LRU.
  void compare(const Trace& trace, std::size_t max_memory_bytes, Charged charged = Charged::kAll) {
    const std::size_t hits = store_hits(trace, max_memory_bytes);
    const StoreStats stats = store_->store_stats(now());
    const std::uint64_t live_bytes = stats.entries_live_bytes + stats.table_bytes;
    const std::size_t exact_hits =
        exact_lru_hits(trace, charged == Charged::kAll ? max_memory_bytes : live_bytes);
    const auto percent = [&](std::size_t count) {
      return 100 * static_cast<double>(count) / static_cast<double>(trace.size());
    };
    const std::string outcome = std::to_string(percent(hits)) + " % hits, exact LRU " +
                                std::to_string(percent(exact_hits)) + " %, " +
                                std::to_string(stats.keys) + " keys, " +
                                std::to_string(live_bytes / 1024) + " KiB live of " +
                                std::to_string(max_memory_bytes / 1024);
    RecordProperty(std::to_string(max_memory_bytes), outcome);
    EXPECT_GE(percent(hits), percent(exact_hits) - kPointsMax) << outcome;
    EXPECT_GT(info().counters.evictions, 0U) << outcome;
  }
};

TEST_F(LruQualityTest, RealTraceOfAWebShop) {
  const Trace trace = read_trace(test::source_dir() / "tests/data/web12.csv.gz");
  ASSERT_EQ(trace.size(), 95'607U);
  for (const std::size_t memory : {256_KiB, 512_KiB, 1_MiB}) {
    compare(trace, memory);
  }
}

TEST_F(LruQualityTest, PopularKeysOfOneSize) {
  const Trace trace = zipf_trace(1, 50'000, 0.9, 300'000, 100, 100);
  for (const std::size_t memory : {512_KiB, 2_MiB, 4_MiB}) {
    compare(trace, memory);
  }
}

TEST_F(LruQualityTest, PopularKeysOfManySizes) {
  const Trace trace = zipf_trace(2, 100'000, 0.8, 300'000, 1, 2'000);
  for (const std::size_t memory : {2_MiB, 8_MiB, 16_MiB}) {
    compare(trace, memory, Charged::kLive);
  }
  compare(trace, 32_MiB);
}

TEST_F(LruQualityTest, SizesThatDrift) {
  Trace trace;
  for (std::size_t phase = 0; phase < 4; ++phase) {
    const std::size_t bytes = std::size_t{50} << phase;
    for (Request& request : zipf_trace(10 + phase, 20'000, 0.8, 100'000, bytes, 2 * bytes)) {
      request.key += '/' + std::to_string(phase);
      trace.push_back(std::move(request));
    }
  }
  compare(trace, 4_MiB);
}

TEST_F(LruQualityTest, AScanOfOtherKeysNowAndThen) {
  Trace trace = zipf_trace(3, 5'000, 1.0, 200'000, 150, 150);
  for (std::size_t at = 0; at < trace.size(); ++at) {
    if (at % 20'000 < 2'000) trace[at].key = "scan:" + std::to_string(at);
  }
  compare(trace, 512_KiB);
}

}  // namespace
}  // namespace appmem::core
