#include "appmem/base/time.h"

#include <cstdint>
#include <ctime>
#include <limits>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/manual_clock.h"
#include "support/random.h"

namespace appmem {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

Instant instant(std::int64_t mono, std::int64_t wall) {
  return {TimePoint{milliseconds{mono}}, WallTime{milliseconds{wall}}};
}
std::int64_t at_wall(const Instant& now, std::int64_t wall) {
  return now.at_wall(WallTime{milliseconds{wall}}).time_since_epoch().count();
}
std::int64_t wall_of(const Instant& now, std::int64_t mono) {
  return now.wall_of(TimePoint{milliseconds{mono}}).time_since_epoch().count();
}

TEST(InstantTest, ConvertsBetweenTheClocks) {
  const Instant now = instant(1000, 1'700'000'000'000);
  EXPECT_EQ(at_wall(now, 1'700'000'000'000), 1000);
  EXPECT_EQ(at_wall(now, 1'700'000'005'000), 6000);
  EXPECT_EQ(at_wall(now, 0), 1000 - 1'700'000'000'000);
  EXPECT_EQ(wall_of(now, 1000), 1'700'000'000'000);
  EXPECT_EQ(wall_of(now, 0), 1'699'999'999'000);
}

TEST(InstantTest, SaturatesInsteadOfOverflowing) {
  EXPECT_EQ(at_wall(instant(1, 0), kMax), kMax);
  EXPECT_EQ(at_wall(instant(0, 0), kMax), kMax);
  EXPECT_EQ(at_wall(instant(-1, 0), kMin), kMin);
  EXPECT_EQ(at_wall(instant(0, kMin), kMax), kMax);
  EXPECT_EQ(at_wall(instant(kMin, kMin), kMax), kMax);
  EXPECT_EQ(at_wall(instant(kMax, kMax), kMin), kMin);
  EXPECT_EQ(at_wall(instant(-5, -1), kMax), kMax - 4);
  EXPECT_EQ(wall_of(instant(kMin, kMax), kMax), kMax);
  EXPECT_EQ(wall_of(instant(kMax, kMin), kMin), kMin);
}

TEST(InstantTest, ThereAndBackIsTheSame) {
  test::Random random(4);
  for (int i = 0; i < 100'000; ++i) {
    const Instant now = instant(static_cast<std::int64_t>(random() >> 20U),
                                static_cast<std::int64_t>(random() >> 20U));
    const auto when = static_cast<std::int64_t>(random() >> 20U);
    ASSERT_EQ(wall_of(now, at_wall(now, when)), when);
  }
}

TEST(SystemClockTest, ShowsTheMachinesClocks) {
  SystemClock clock;
  timespec boot{};
  timespec real{};
  ASSERT_EQ(clock_gettime(CLOCK_BOOTTIME, &boot), 0);
  ASSERT_EQ(clock_gettime(CLOCK_REALTIME, &real), 0);
  const Instant now = clock.now();
  const std::int64_t mono_ms = now.mono.time_since_epoch().count();
  const std::int64_t wall_ms = now.wall.time_since_epoch().count();
  // A minute is far more than any machine needs between these lines.
  EXPECT_GE(mono_ms, std::int64_t{boot.tv_sec} * 1000);
  EXPECT_LT(mono_ms, std::int64_t{boot.tv_sec} * 1000 + 60'000);
  EXPECT_GE(wall_ms, std::int64_t{real.tv_sec} * 1000 - 1000);
  EXPECT_LT(wall_ms, std::int64_t{real.tv_sec} * 1000 + 60'000);
}

TEST(SystemClockTest, AnAbsoluteDeadlineStaysAtOneWallTime) {
  SystemClock clock;
  const Instant first = clock.now();
  const TimePoint deadline = first.mono + std::chrono::hours{1};
  const WallTime shown = first.wall_of(deadline);
  TimePoint before = first.mono;
  for (int i = 0; i < 200'000; ++i) {
    const Instant now = clock.now();
    ASSERT_GE(now.mono, before);
    before = now.mono;
    ASSERT_EQ(now.wall_of(deadline), shown);
  }
}

TEST(SystemClockTest, ManyThreadsReadOneOffset) {
  SystemClock clock;
  const WallTime shown = clock.now().wall_of(TimePoint{});
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&clock, shown] {
      for (int n = 0; n < 20'000; ++n)
        EXPECT_EQ(clock.now().wall_of(TimePoint{}), shown);
    });
  }
  for (std::thread& thread : threads)
    thread.join();
}

TEST(ManualClockTest, MovesOnlyWhenTold) {
  test::ManualClock clock;
  EXPECT_EQ(clock.now().mono, test::ManualClock::kStartMono);
  EXPECT_EQ(clock.now().wall, test::ManualClock::kStartWall);
  clock.advance(std::chrono::seconds{5});
  EXPECT_EQ(clock.now().mono, test::ManualClock::kStartMono + std::chrono::seconds{5});
  EXPECT_EQ(clock.now().wall, test::ManualClock::kStartWall + std::chrono::seconds{5});
  clock.set_wall(WallTime{});
  EXPECT_EQ(clock.now().mono, test::ManualClock::kStartMono + std::chrono::seconds{5});
  EXPECT_EQ(clock.now().wall, WallTime{});
}

}  // namespace
}  // namespace appmem
