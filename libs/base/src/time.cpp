#include "appmem/base/time.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <ctime>
#include <limits>

#include "appmem/base/check.h"

namespace appmem {
namespace {

__extension__ using Wide = __int128;

/// base + (to - from), cut to what 64 bits hold.
std::int64_t shift_saturating(std::int64_t base, std::int64_t from, std::int64_t to) {
  constexpr Wide kMin = std::numeric_limits<std::int64_t>::min();
  constexpr Wide kMax = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::clamp(Wide{base} + to - from, kMin, kMax));
}

std::int64_t read_ms(clockid_t clock) {
  timespec time{};
  APPMEM_CHECK(clock_gettime(clock, &time) == 0);
  return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace

TimePoint Instant::at_wall(WallTime when) const {
  return TimePoint{milliseconds{shift_saturating(mono.time_since_epoch().count(),
                                                 wall.time_since_epoch().count(),
                                                 when.time_since_epoch().count())}};
}

WallTime Instant::wall_of(TimePoint when) const {
  return WallTime{milliseconds{shift_saturating(wall.time_since_epoch().count(),
                                                mono.time_since_epoch().count(),
                                                when.time_since_epoch().count())}};
}

Instant SystemClock::now() {
  const std::int64_t wall_ms = read_ms(CLOCK_REALTIME);
  const std::int64_t mono_ms = read_ms(CLOCK_BOOTTIME);
  const std::int64_t offset_ms = load_offset(mono_ms, wall_ms);
  return {TimePoint{milliseconds{mono_ms}}, WallTime{milliseconds{mono_ms + offset_ms}}};
}

std::int64_t SystemClock::load_offset(std::int64_t mono_ms, std::int64_t wall_ms) {
  const std::atomic_ref<std::int64_t> offset_ms(offset_ms_);
  const std::int64_t known = offset_ms.load(std::memory_order_relaxed);
  const std::int64_t seen = wall_ms - mono_ms;
  const auto near = [](std::int64_t a, std::int64_t b) {
    return a - b <= kWallStepTolerance.count() && b - a <= kWallStepTolerance.count();
  };
  if (known != kUnknownOffset && near(known, seen)) return known;

  // The wall clock was set, or this thread lost its processor between the two readings. The
  // reading between two close ones of the other clock is the one to trust.
  constexpr int kAttemptsMax = 8;
  std::int64_t best_offset = seen;
  std::int64_t best_width = std::numeric_limits<std::int64_t>::max();
  for (int attempt = 0; attempt < kAttemptsMax && best_width > 1; ++attempt) {
    const std::int64_t before_ms = read_ms(CLOCK_BOOTTIME);
    const std::int64_t between_ms = read_ms(CLOCK_REALTIME);
    const std::int64_t width = read_ms(CLOCK_BOOTTIME) - before_ms;
    if (width < best_width) {
      best_width = width;
      best_offset = between_ms - before_ms;
    }
  }
  if (known != kUnknownOffset && near(known, best_offset)) return known;
  offset_ms.store(best_offset, std::memory_order_relaxed);
  return best_offset;
}

}  // namespace appmem
