#include "tick_clock.h"

#include <algorithm>

namespace appmem::core {
namespace {

/// Checkpoints that are left when they have been thinned out.
constexpr std::size_t kKept = TickClock::kCheckpointsMax * 3 / 4;
/// The least gap that is tried, in 1/1024 of an age; it grows by a quarter until few enough are
/// left.
constexpr std::int64_t kGapMin = 8;
constexpr std::int64_t kGapUnit = 1024;
/// Younger ages count as this: nobody asks for a few percent of a millisecond.
constexpr milliseconds kAgeMin{256};
/// Ticks that are this old cannot be told from future ones.
constexpr std::uint32_t kTickAgeMax = UINT32_C(1) << 31U;

}  // namespace

void TickClock::add_checkpoint(TimePoint now) {
  const auto too_old = [&](const Checkpoint& it) {
    return age(it.tick) >= kTickAgeMax;
  };
  if (!checkpoints_.empty() && too_old(checkpoints_.front())) {
    checkpoints_.erase(checkpoints_.begin(),
                       std::find_if_not(checkpoints_.begin(), checkpoints_.end(), too_old));
  }
  if (checkpoints_.size() == kCheckpointsMax) thin_out(now);
  if (checkpoints_.size() == checkpoints_.capacity()) {
    checkpoints_.reserve(std::max<std::size_t>(4, 2 * checkpoints_.size()));
  }
  checkpoints_.push_back({now, tick_, true});
}

/// Keeps, from the oldest on, each that is further from the last one kept than a share of its age.
void TickClock::thin_out(TimePoint now) {
  const auto gap_max = [&](const Checkpoint& it, std::int64_t gap) {
    return std::max(now - it.time, kAgeMin) * gap / kGapUnit;
  };
  std::int64_t gap = kGapMin;
  for (;; gap += gap / 4 + 1) {
    std::size_t kept = 0;
    const Checkpoint* last = nullptr;
    for (const Checkpoint& it : checkpoints_) {
      if (last != nullptr && it.time - last->time <= gap_max(it, gap)) continue;
      last = &it;
      ++kept;
    }
    if (kept <= kKept) break;
  }
  std::size_t kept = 0;
  for (const Checkpoint& it : checkpoints_) {
    if (kept > 0 && it.time - checkpoints_[kept - 1].time <= gap_max(it, gap)) {
      checkpoints_[kept - 1].exact = false;
    } else {
      checkpoints_[kept++] = it;
    }
  }
  checkpoints_.resize(kept);
}

TimePoint TickClock::time_at(std::uint32_t tick) const {
  if (checkpoints_.empty()) return {};
  // The first that is younger than the tick.
  const auto after =
      std::partition_point(checkpoints_.begin(), checkpoints_.end(),
                           [&](const Checkpoint& it) { return age(it.tick) >= age(tick); });
  if (after == checkpoints_.begin()) return checkpoints_.front().time;
  const Checkpoint& from = *(after - 1);
  if (from.exact) return from.time;
  if (after == checkpoints_.end()) return from.time;
  // Somewhere between the two; accesses came evenly, for all that is known.
  const std::int64_t ticks = std::int64_t{after->tick - from.tick};
  const std::int64_t part = std::int64_t{tick - from.tick};
  const auto span = static_cast<double>((after->time - from.time).count());
  const double share = static_cast<double>(part) / static_cast<double>(ticks);
  return from.time + milliseconds{static_cast<std::int64_t>(span * share)};
}

}  // namespace appmem::core
