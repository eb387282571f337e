#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "appmem/base/units.h"
#include "support/process.h"

/// A real access trace (tests/data/README.md) through the real programs.
namespace appmem {
namespace {

constexpr std::uint64_t kRequests = 95'607;
constexpr std::uint64_t kKeys = 13'756;

nlohmann::json replay(const test::Daemon& daemon) {
  const auto ran = test::appmemctl(
      daemon.socket(),
      {"bench", "--json", "--trace", test::source_dir() / "tests/data/web12.csv.gz"});
  EXPECT_EQ(ran.exit_code, 0) << ran.errors;
  return nlohmann::json::parse(ran.output);
}

TEST(TraceTest, WithRoomForAllEachKeyMissesOnce) {
  const test::Daemon daemon({"--max-memory", "64MiB"});
  const auto report = replay(daemon);
  EXPECT_EQ(report["requests"], kRequests);
  EXPECT_EQ(report["errors"], 0);
  EXPECT_EQ(report["misses"], kKeys);
  const auto counted = test::appmemctl(daemon.socket(), {"count"});
  EXPECT_EQ(counted.output, std::to_string(kKeys) + "\n");
}

TEST(TraceTest, AtTheMemoryLimitEverythingIsAnsweredAndTheWarmKeysStay) {
  const test::Daemon daemon({"--max-memory", "1MiB", "--threads", "2"});
  const auto report = replay(daemon);
  EXPECT_EQ(report["requests"], kRequests);
  EXPECT_EQ(report["errors"], 0);
  // An exact LRU of 1 MiB, charged with the accounted bytes, has .837 here (docs/performance.md):
  // at most one point less.
  EXPECT_GE(report["hit_ratio"].get<double>(), 0.827);
  const auto stats =
      nlohmann::json::parse(test::appmemctl(daemon.socket(), {"stats", "--json"}).output);
  EXPECT_LE(stats["memory_used"].get<std::uint64_t>(), 1_MiB);
}

}  // namespace
}  // namespace appmem
