#pragma once

#include <chrono>
#include <cstdint>

namespace appmem {

using std::chrono::milliseconds;

/// A clock that only ever advances and also counts the time a machine sleeps (CLOCK_BOOTTIME).
/// It exists to give TimePoint a type of its own: it cannot be read, see Clock.
struct MonotonicTag {
  using rep = std::int64_t;
  using period = std::milli;
  using duration = milliseconds;
  using time_point = std::chrono::time_point<MonotonicTag>;
  static constexpr bool is_steady = true;
};

/// A moment on the monotonic clock, in milliseconds. Deadlines and ages are kept in it, so that
/// setting the wall clock moves none of them.
using TimePoint = MonotonicTag::time_point;

/// A moment on the wall clock, in milliseconds since 1970 (UTC).
using WallTime = std::chrono::time_point<std::chrono::system_clock, milliseconds>;

/// One reading of both clocks. One serves a whole turn of an event loop.
struct Instant {
  TimePoint mono;
  WallTime wall;

  /// The monotonic moment at which the wall clock will show (or showed) `when`.
  /// Saturates instead of overflowing.
  [[nodiscard]] TimePoint at_wall(WallTime when) const;
  /// What the wall clock shows (or showed) at `when`. Saturates instead of overflowing.
  [[nodiscard]] WallTime wall_of(TimePoint when) const;
};

/// Where time comes from. Thread safety: `now` may be called from any thread.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  /// Reads both clocks. The offset between them is stable until somebody sets the wall clock, so
  /// that an absolute deadline converts to the same wall time each time it is asked for.
  virtual Instant now() = 0;
};

/// The machine's clocks (CLOCK_BOOTTIME and CLOCK_REALTIME).
class SystemClock final : public Clock {
 public:
  Instant now() override;

 private:
  /// Wall minus monotonic, in milliseconds; taken anew when it is off by more than
  /// kWallStepTolerance, that is when the wall clock was set.
  static constexpr milliseconds kWallStepTolerance{20};
  static constexpr std::int64_t kUnknownOffset = INT64_MIN;
  std::int64_t load_offset(std::int64_t mono_ms, std::int64_t wall_ms);
  // Written by whichever thread notices a step; a torn pair cannot arise from one number.
  std::int64_t offset_ms_ = kUnknownOffset;  // accessed through std::atomic_ref
};

}  // namespace appmem
