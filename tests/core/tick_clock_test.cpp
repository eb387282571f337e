#include "tick_clock.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/random.h"

namespace appmem::core {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr TimePoint kStart{hours{24}};

TEST(TickClockTest, TicksCountAccesses) {
  TickClock clock;
  EXPECT_EQ(clock.current(), 0U);
  EXPECT_EQ(clock.time_at(0), TimePoint{});
  EXPECT_EQ(clock.advance(kStart), 1U);
  EXPECT_EQ(clock.advance(kStart), 2U);
  EXPECT_EQ(clock.current(), 2U);
  EXPECT_EQ(clock.age(1), 1U);
  EXPECT_EQ(clock.time_at(1), kStart);
  EXPECT_EQ(clock.time_at(2), kStart);
}

TEST(TickClockTest, AnswersAreExactWhileCheckpointsSuffice) {
  TickClock clock;
  std::vector<TimePoint> times{TimePoint{}};
  test::Random random(1);
  TimePoint now = kStart;
  for (std::size_t i = 0; i < TickClock::kCheckpointsMax; ++i) {
    for (std::uint64_t n = random.between(1, 5); n > 0; --n) {
      clock.advance(now);
      times.push_back(now);
    }
    now += milliseconds{random.between(1, 100'000)};
  }
  for (std::uint32_t tick = 1; tick < times.size(); ++tick) {
    EXPECT_EQ(clock.time_at(tick), times[tick]) << tick;
  }
}

TEST(TickClockTest, AClockThatGoesBackALittleDoesNoHarm) {
  TickClock clock;
  clock.advance(kStart);
  const auto tick = clock.advance(kStart - seconds{1});
  EXPECT_EQ(clock.time_at(tick), kStart);
  const auto next = clock.advance(kStart + seconds{1});
  EXPECT_EQ(clock.time_at(next), kStart + seconds{1});
}

TEST(TickClockTest, TicksWrapAround) {
  TickClock clock(UINT32_MAX - 10);
  std::vector<std::pair<std::uint32_t, TimePoint>> all;
  TimePoint now = kStart;
  for (int i = 0; i < 30; ++i) {
    all.emplace_back(clock.advance(now), now);
    now += seconds{1};
  }
  EXPECT_LT(clock.current(), 30U);
  for (const auto& [tick, time] : all)
    EXPECT_EQ(clock.time_at(tick), time);
}

TEST(TickClockTest, TicksOfLongAgoHaveTheTimeOfTheOldestCheckpoint) {
  TickClock clock(UINT32_C(1) << 31U);
  clock.advance(kStart);
  clock.advance(kStart + seconds{1});
  EXPECT_EQ(clock.time_at(5), kStart);
}

/// What share of its age the time of a tick is off, at most and on average.
struct Error {
  double worst = 0;
  double mean = 0;
};

/// Accesses for about 30 days; the gaps between them come from `gap`.
template <class Gap>
Error error_of(Gap gap, std::size_t accesses) {
  TickClock clock;
  std::vector<TimePoint> times{TimePoint{}};
  TimePoint now = kStart;
  for (std::size_t i = 0; i < accesses; ++i) {
    clock.advance(now);
    times.push_back(now);
    now += gap(i);
  }
  EXPECT_LE(clock.memory_bytes(), 1024U);
  Error error;
  std::size_t count = 0;
  // Ages in steps of a few percent.
  for (std::size_t back = 1; back < accesses; back += back / 50 + 1) {
    const auto tick = static_cast<std::uint32_t>(accesses - back);
    const double age = static_cast<double>((now - times[tick]).count());
    if (age < 1000) continue;
    const double off = static_cast<double>((clock.time_at(tick) - times[tick]).count());
    const double relative = std::abs(off) / age;
    error.worst = std::max(error.worst, relative);
    error.mean += relative;
    ++count;
  }
  error.mean /= static_cast<double>(count);
  return error;
}

TEST(TickClockTest, AnEvenRateIsExactToAPercent) {
  const Error error = error_of([](std::size_t) { return milliseconds{1000}; }, 500'000);
  EXPECT_LT(error.worst, 0.01);
}

TEST(TickClockTest, AChangingRateIsKnownToAFewPercentOfTheAge) {
  test::Random random(2);
  // Bursts and silences: minutes at 1,000 a second, hours at one in ten seconds.
  const Error bursts = error_of(
      [&](std::size_t i) {
        return i / 100'000 % 2 == 0 ? milliseconds{1} : milliseconds{random.between(1, 2'000)};
      },
      1'000'000);
  EXPECT_LT(bursts.worst, 0.25);
  EXPECT_LT(bursts.mean, 0.05);
  // Many accesses a millisecond.
  const Error busy =
      error_of([&](std::size_t) { return milliseconds{random.one_in(50) ? 1 : 0}; }, 1'000'000);
  EXPECT_LT(busy.worst, 0.05);
  EXPECT_LT(busy.mean, 0.01);
}

TEST(TickClockTest, OlderTicksAreNeverYounger) {
  test::Random random(3);
  TickClock clock;
  TimePoint now = kStart;
  for (int i = 0; i < 200'000; ++i) {
    now += milliseconds{random.below(random.one_in(1000) ? 10'000'000 : 10)};
    clock.advance(now);
  }
  TimePoint last{};
  for (std::uint32_t tick = 1; tick <= clock.current(); ++tick) {
    const TimePoint time = clock.time_at(tick);
    ASSERT_GE(time, last);
    ASSERT_LE(time, now);
    last = time;
  }
}

}  // namespace
}  // namespace appmem::core
